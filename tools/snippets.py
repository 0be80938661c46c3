#!/usr/bin/env python3
"""Keeps the code in the README and under doc/ the same as the example programs it is taken from.

A block after `<!-- FILE [mark] -->` is what stands between the two `// [mark]` lines of FILE. Without arguments
it checks, with --write it fills the blocks in. Under doc/guide every block of C++ has to come from a program, and
every mark of a program in example/guide has to be shown.
"""
import pathlib
import re
import sys
import textwrap

root = pathlib.Path(__file__).resolve().parent.parent
pattern = re.compile(r"<!-- (?P<file>\S+) \[(?P<mark>\w+)\] -->\n```cpp\n.*?```", re.S)
used = set()
wrong = []
count = 0


def filled(page, text):
    def snippet(match):
        path, mark = match.group("file"), match.group("mark")
        used.add((path, mark))
        parts = re.split(rf"^\s*// \[{re.escape(mark)}\]\n", (root / path).read_text(), flags=re.M)
        if len(parts) != 3:
            sys.exit(f"{page}: {path} has no two lines // [{mark}]")
        # The marks of a snippet inside this one are not shown.
        code = re.sub(r"^\s*// \[\w+\]\n", "", parts[1], flags=re.M)
        code = textwrap.dedent(code).strip("\n")
        return f"<!-- {path} [{mark}] -->\n```cpp\n{code}\n```"

    return pattern.subn(snippet, text)


for page in [root / "README.md", *sorted((root / "doc").rglob("*.md"))]:
    name = page.relative_to(root)
    old = page.read_text()
    new, snippets = filled(name, old)
    count += snippets
    if name.parts[:2] == ("doc", "guide") and new.count("```cpp") != snippets:
        wrong.append(f"{name}: a block of C++ that is from no program")
    if "--write" in sys.argv:
        page.write_text(new)
    elif new != old:
        wrong.append(f"{name}: its code differs from the examples: run tools/snippets.py --write")

for program in sorted((root / "example" / "guide").glob("*.cpp")):
    path = str(program.relative_to(root))
    for mark in set(re.findall(r"^\s*// \[(\w+)\]$", program.read_text(), flags=re.M)):
        if (path, mark) not in used:
            wrong.append(f"{path}: no page shows [{mark}]")

if wrong:
    sys.exit("\n".join(wrong))
print(f"{count} snippets are the examples' own")
