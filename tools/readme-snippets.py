#!/usr/bin/env python3
"""Keeps the README's code the same as the example programs it is taken from.

A block after `<!-- FILE [mark] -->` is what stands between the two `// [mark]` lines of FILE.
Without arguments it checks, with --write it fills the blocks in.
"""
import pathlib
import re
import sys
import textwrap

root = pathlib.Path(__file__).resolve().parent.parent
readme = root / "README.md"
text = readme.read_text()


def snippet(match):
    path, mark = match.group("file"), match.group("mark")
    parts = re.split(r"^\s*// \[" + re.escape(mark) + r"\]\n", (root / path).read_text(), flags=re.M)
    if len(parts) != 3:
        sys.exit(f"README.md: {path} has no two lines // [{mark}]")
    code = textwrap.dedent(parts[1]).strip("\n")
    return f"<!-- {path} [{mark}] -->\n```cpp\n{code}\n```"


pattern = re.compile(r"<!-- (?P<file>\S+) \[(?P<mark>\w+)\] -->\n```cpp\n.*?```", re.S)
filled, count = pattern.subn(snippet, text)
if "--write" in sys.argv:
    readme.write_text(filled)
elif filled != text:
    sys.exit("README.md: its code differs from the examples: run tools/readme-snippets.py --write")
print(f"README.md: {count} snippets are the examples' own")
