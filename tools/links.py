#!/usr/bin/env python3
"""Checks that every relative link of README.md, CONTRIBUTING.md, CHANGELOG.md and doc/**/*.md leads to something.

Files and folders have to exist, and an anchor has to be a heading of the page it points into. Links of the web are
left alone.
"""
import pathlib
import re
import sys

import headings

root = pathlib.Path(__file__).resolve().parent.parent
link = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)|(?:src|href)=\"([^\"]+)\"|^\[[^\]]+\]:\s*(\S+)", re.M)


def without_blocks(text):
    return re.sub(r"^(```+).*?^\1", "", text, flags=re.S | re.M)


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", without_blocks(text))


def anchors(page):
    """The anchors GitHub makes of a page's headings."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*?)\s*$", without_blocks(page.read_text()), flags=re.M):
        name = headings.anchor(re.sub(r"\s*\{#[\w-]+\}$", "", heading))
        count = 0
        while (unique := f"{name}-{count}" if count else name) in found:
            count += 1
        found.add(unique)
    return found


pages = [root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted((root / "doc").rglob("*.md"))
wrong = []
count = 0
for page in pages:
    for found in link.finditer(without_code(page.read_text())):
        target = next(filter(None, found.groups()))
        if re.match(r"[a-z][a-z0-9+.-]*:|//", target):
            continue
        count += 1
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        where = f"{page.relative_to(root)}: {target}"
        if not to.is_relative_to(root):
            wrong.append(f"{where} leads out of the repository")
        elif not to.exists():
            wrong.append(f"{where} does not exist")
        elif anchor and to.suffix == ".md" and anchor not in anchors(to):
            wrong.append(f"{where}: no such heading")
if wrong:
    sys.exit("\n".join(wrong))
print(f"{count} links in {len(pages)} pages lead to something")
