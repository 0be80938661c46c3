#!/usr/bin/env python3
"""Makes doc/facts.md: each fact of the behaviours this library re-creates, and the tests that cover it.

The facts are in doc/facts*.txt, one a line, and indented below it how the C++ form differs where it does.
A test names its facts in the comment above it (`// CE-2`), a static_assert likewise. TRAP is where the
original's documentation and its code differ. Without arguments it checks that every fact
has a test and that the page is up to date; with --write it writes the page.
"""
import collections
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
page = root / "doc" / "facts.md"
sections = {}  # a file's first line: its facts
differs = {}
for source in sorted((root / "doc").glob("facts*.txt")):
    text = source.read_text()
    sections[text.splitlines()[0]] = dict(re.findall(r"^([A-Z]+-\d+) (.*)$", text, flags=re.M))
    differs |= re.findall(r"^  ([A-Z]+-\d+): (.*)$", text, flags=re.M)
facts = {fact: text for section in sections.values() for fact, text in section.items()}
named = re.compile(rf"\b(?:{'|'.join(sorted({fact.split('-')[0] for fact in facts}))})-\d+\b")

tests = collections.defaultdict(list)
macro = re.compile(r"^(?:TYPED_TEST|TEST(?:_[FP])?|CORO_TEST\w*)\(\s*(\w+),\s*(\w+)")
for source in sorted((root / "test").rglob("*_test.cpp")):
    comment = []
    for line in source.read_text().splitlines():
        if line.lstrip().startswith("//"):
            comment.append(line)
            continue
        test = None
        if match := macro.match(line):
            test = f"{match[1]}.{match[2]}"
        elif line.startswith("static_assert"):
            test = f"{source.name}: static_assert"
        if test:
            for fact in dict.fromkeys(named.findall(" ".join(comment))):
                tests[fact].append(test)
        comment = []

missing = [fact for fact in facts if not tests[fact] and not differs.get(fact, "").endswith("no test")]
unknown = [fact for fact in tests if fact not in facts and not fact.startswith("TRAP")]
if missing or unknown:
    sys.exit(f"facts without a test: {missing}; tests of unknown facts: {unknown}")

lines = [
    "# Facts and tests",
    "",
    "What the library re-creates of four Python systems, fact by fact, with the tests that fail if it does not hold.",
    "Made by `tools/facts.py --write`.",
]
for about, section in sections.items():
    lines += ["", f"## {about}", "", "| fact | what | tests | the C++ form differs |", "|---|---|---|---|"]
    for fact, text in section.items():
        names = "<br>".join(f"`{name}`" for name in tests[fact])
        lines.append(f"| {fact} | {text} | {names} | {differs.get(fact, '')} |")
text = "\n".join(lines) + "\n"
if "--write" in sys.argv:
    page.write_text(text)
elif not page.exists() or page.read_text() != text:
    sys.exit("doc/facts.md is not up to date: run tools/facts.py --write")
print(f"doc/facts.md: {len(facts)} facts, {sum(len(tests[f]) for f in facts)} tests")
