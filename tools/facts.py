#!/usr/bin/env python3
"""Makes doc/facts.md: each fact of the behaviours this library re-creates, and the tests that cover it.

A test names its facts in the comment above it (`// CE-2`). Without arguments it checks that every fact
has a test and that the page is up to date; with --write it writes the page.
"""
import collections
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
page = root / "doc" / "facts.md"
facts = dict(re.findall(r"^(\w\w-\d+) (.*)$", (root / "doc" / "facts.txt").read_text(), flags=re.M))
differs = dict(re.findall(r"^  (\w\w-\d+): (.*)$", (root / "doc" / "facts.txt").read_text(), flags=re.M))

tests = collections.defaultdict(list)
macro = re.compile(r"^(?:TYPED_TEST|TEST(?:_[FP])?|CORO_TEST\w*)\(\s*(\w+),\s*(\w+)")
for source in sorted((root / "test").rglob("*_test.cpp")):
    comment = []
    for line in source.read_text().splitlines():
        if line.lstrip().startswith("//"):
            comment.append(line)
        elif match := macro.match(line):
            for fact in dict.fromkeys(re.findall(r"\b(?:CE|AP|CC)-\d+\b", " ".join(comment))):
                tests[fact].append(f"{match[1]}.{match[2]}")
            comment = []
        else:
            comment = []

missing = [fact for fact in facts if not tests[fact]]
unknown = [fact for fact in tests if fact not in facts]
if missing or unknown:
    sys.exit(f"facts without a test: {missing}; tests of unknown facts: {unknown}")

lines = [
    "# Facts and tests",
    "",
    "What the library re-creates of three Python systems (CE: coroexecutor, AP: asyncio-pool, CC: aio.tasks'",
    "`concurrent`), fact by fact, with the tests that fail if it does not hold. Made by `tools/facts.py --write`.",
    "",
    "| fact | what | tests | the C++ form differs |",
    "|---|---|---|---|",
]
for fact, text in facts.items():
    names = "<br>".join(f"`{name}`" for name in tests[fact])
    lines.append(f"| {fact} | {text} | {names} | {differs.get(fact, '')} |")
text = "\n".join(lines) + "\n"
if "--write" in sys.argv:
    page.write_text(text)
elif not page.exists() or page.read_text() != text:
    sys.exit("doc/facts.md is not up to date: run tools/facts.py --write")
print(f"doc/facts.md: {len(facts)} facts, {sum(len(tests[f]) for f in facts)} tests")
