#!/usr/bin/env python3
"""Doxygen's input filter: makes of our pages and of our headers' plain comments what Doxygen reads. FILE to standard
output.

Of a header:

- The comment a header begins with is that file's, one directly above a declaration is that declaration's, and so is
  one behind it on its line, with the lines below that stand in the same column.
- Declarations that follow one another without a blank line have the comment of the first, if they are of one name or
  in no class, or if it says "the members of …".
- What is indented in a comment is code.
- `namespace detail` is left out; so are friends, special members without a comment, and what stands below
  "The library's own way in."

Of a page: it is called as its file is, in every version of Doxygen; its pictures are found wherever they are, and links
to headings are links in the site, too.
"""
import pathlib
import re
import sys

import headings

COMMON = {  # members that every class has, and that mean the same in all
    "value_type": "What it gives.",
    "executor_type": "The executor type of its coroutines.",
    "awaitable": "A coroutine of this executor type.",
    "task": "The handle of a job in here.",
    "stats": "The counts of this moment.",
    "get_executor": "The executor it was made with.",
}
PRIVATE = "/** @private */ "
OURS = "The library's own way in."


def escaped(text):
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<>@#\\]|__|\*)", r"\\\1", part).replace("\\__", "\\_\\_")
                   for part in parts)


def doc_lines(comment):
    """A comment's lines, without their slashes, as lines of a documentation comment."""
    result, code, item = [], False, False
    for number, line in enumerate(comment):
        indent = len(line) - len(line.lstrip())
        starts_code = indent >= 2 and not item and not line.lstrip().startswith("- ")
        if indent >= 2 and line.lstrip().startswith("- "):
            item = True
        elif indent == 0:
            if item and line:
                result.append("")
            item = False
        if code and indent < 2 and (line or not any(rest.startswith("  ") for rest in comment[number + 1:number + 2])):
            result.append("@endcode")
            code = False
        if not code and starts_code and line:
            result.append("@code{.cpp}")
            code = True
        result.append(line[2:] if code else escaped(line))
    if code:
        result.append("@endcode")
    return result


def without_strings(line):
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    return re.sub(r"'(\\.|[^'\\])'", "''", line)


def split_comment(line):
    """A line's code and the comment behind it, or None."""
    blank = re.sub(r'"(\\.|[^"\\])*"', lambda m: "x" * len(m[0]), line)
    at = blank.find("//")
    return (line, None, None) if at < 0 else (line[:at].rstrip(), line[at + 2:].strip(), at)


def balanced(text, opening, closing, at):
    """Where the bracket that opens at `at` has been closed."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] == opening:
            depth += 1
        elif text[i] == closing and text[i - 1] != "-" and text[i - 1] != "=":
            depth -= 1
            if depth == 0:
                return i + 1
    return len(text)


def plain(statement):
    """A declaration without its template head, requires clauses and macros."""
    text = statement.strip()
    while match := re.search(r"\btemplate\s*<", text):
        text = text[:match.start()] + " " + text[balanced(text, "<", ">", match.end() - 1):]
    while match := re.search(r"\brequires\s*\(", text):
        text = text[:match.start()] + " " + text[balanced(text, "(", ")", match.end() - 1):]
    return re.sub(r"\[\[\w+\]\]|COROEXEC_(?:NATS_)?DECL|COROEXEC_AWAITED", " ", text).strip()


def kind_of(statement):
    text = plain(statement)
    if re.match(r"(inline\s+)?namespace\b", text):
        return "namespace"
    if re.match(r"enum\b", text):
        return "enum"
    if re.match(r"(friend\s+)?(class|struct|union)\b", text) and "(" not in text.split(":")[0]:
        return "class"
    return "function"


def name_of(statement):
    text = plain(statement)
    if match := re.match(r"using\s+(\w+)\s*=", text):
        return match[1]
    match = re.search(r"(operator\s*[^\s\w(]+|operator\s*\(\)|~?\w+)\s*\(", text) or re.search(r"(\w+)\s*(=|$)", text)
    return match[1] if match else None


def statement_from(lines, number):
    """The declaration that begins in a line, up to its body or end."""
    text = ""
    for line in lines[number:number + 12]:
        text += " " + without_strings(split_comment(line)[0])
        if re.search(r"[;{}]", line):
            break
    return re.split(r"[;{]", text)[0].strip()


def is_special(statement, class_name):
    """A constructor, destructor or assignment that every class of its kind has, or that only we call."""
    text = plain(statement)
    if re.search(r"=\s*(default|delete)\s*$", text) or re.match(r"(virtual\s+)?~", text):
        return True
    if class_name and re.match(rf"(explicit\s+)?{class_name}\s*\(", text):
        return "detail::" in text or f"{class_name}&&" in text
    return bool(re.search(r"operator=\s*\(\s*\w+(<.*>)?\s*&&", text))


def page(path):
    file = pathlib.Path(path)
    stem = file.parent.name if file.stem == "README" and file.parent.name == "guide" else file.stem.lower()
    out, fence, seen = [], False, {stem}
    for line in open(path, encoding="utf-8"):
        if line.startswith("```"):
            fence = not fence
        elif not fence:
            line = re.sub(r"(!\[[^\]]*\]\()(?:[^)/]*/)+([^)/]+\))", r"\1\2", line)
            line = re.sub(r"\]\((?:[\w./-]*?([\w-]+)\.md)?#([\w-]+)\)", lambda m: f"](#{m[1] or stem}-{m[2]})", line)
            if line.startswith("# ") and stem != "readme":
                line = f"{line.rstrip()} {{#{stem}}}\n"
            elif heading := re.match(r"## (.*?)\s*$", line):
                name = headings.anchor(heading[1])
                if name not in seen:
                    line = f"{line.rstrip()} {{#{stem}-{name}}}\n"
                seen.add(name)
        out.append(line)
    print("".join(out), end="")


def header(path):
    lines = open(path, encoding="utf-8").read().splitlines()
    text = "\n".join(lines)
    # Left out, with its lines kept.
    text = re.sub(r"^namespace detail \{\n.*?^\}  // namespace detail$", lambda m: "\n" * m[0].count("\n"), text,
                  flags=re.S | re.M)
    # Doxygen makes functions of deduction guides, and does not find the namespace of a specialization of Boost's.
    for unwanted in (r"^template <[^\n]*>\n(?:  requires[^\n]*\n)?[A-Z]\w+\([^;{]*?\)\s*->[^;]*;$",
                     r"^template <>\nstruct boost::[^;]*;$", r"^#define COROEXEC_(?:(?:NATS_)?DECL|AWAITED)[^\n]*$", r"^namespace boost::[^\n]*$"):
        text = re.sub(unwanted, lambda m: "\n" * m[0].count("\n"), text, flags=re.M)
    lines = text.split("\n")
    out = []
    number = 0
    about = []
    while number < len(lines) and lines[number].startswith("//"):
        about.append(lines[number][3:])
        number += 1
    out += ["/// @file"] + ["/// " + line for line in doc_lines(about)]

    scopes = []  # (kind, name)
    statement = ""
    last = (None, None)  # name and comment of the declaration above
    comment = None
    hidden = False
    parentheses = 0
    friend = None  # how deep the friend stands that is being left out
    while number < len(lines):
        line = lines[number]
        inside = scopes[-1][0] if scopes else "namespace"
        begins = not statement.strip() and inside != "function" and parentheses == 0
        if line.lstrip().startswith("//"):
            block = []
            while number < len(lines) and lines[number].lstrip().startswith("//"):
                block.append(lines[number].lstrip()[3:])
                number += 1
            follows = lines[number] if number < len(lines) else ""
            if begins and follows.strip() and not block[0].startswith("----") and not re.match(r"\s*(\}|#(?!define))", follows):
                comment = block
                hidden = block[0] == OURS
                out += [""] * len(block)
            else:
                if block[0].startswith("---- "):
                    out += [""] * len(block)
                else:
                    out += ["//"] * len(block)
            continue

        code, behind, column = split_comment(line)
        if not code.strip():
            last, hidden = (None, None), False
            out.append(line)
            number += 1
            continue
        number += 1
        prefix = []
        if begins and not re.match(r"\s*(#(?!define)|public:|private:|protected:|\}|else\b)", code):
            if behind is not None and comment is None:
                comment = [behind]
                while number < len(lines) and (more := split_comment(lines[number]))[2] == column and not more[0].strip():
                    comment.append(more[1])
                    number += 1
                    out.append("")
            whole = statement_from(lines, number - 1 if comment is None or behind is None else number - len(comment))
            class_name = scopes[-1][1] if scopes else None
            name = name_of(whole)
            if comment is None and (
                    name == last[0] or inside == "namespace" or
                    last[1] and re.match(r"(As t|T)he members of ", last[1][0])):
                comment = last[1]
            if hidden or (comment is None and is_special(whole, class_name)):
                code = PRIVATE + code.lstrip()
            elif comment is None and name in COMMON:
                prefix = ["/// " + COMMON[name]]
            elif comment is not None and kind_of(whole) != "namespace" or (comment and "namespace" in whole):
                prefix = ["/// " + text for text in doc_lines(comment)]
            last = (name, comment)
            comment = None
            if plain(whole).startswith("friend"):
                friend = len(scopes)
        if friend is None:
            out += prefix
        out.append("" if friend is not None else code)

        if code.lstrip().startswith("#"):
            continue
        for char in without_strings(code):
            if char == "{" and parentheses == 0:
                kind = "function" if inside == "function" else kind_of(statement)
                found = re.match(r"(?:class|struct)\s+(\w+)", plain(statement))
                scopes.append((kind, found[1] if found else None))
                inside = kind
                statement = ""
            elif char == "}" and parentheses == 0:
                if scopes:
                    scopes.pop()
                inside = scopes[-1][0] if scopes else "namespace"
                statement = ""
            elif char == ";" and parentheses == 0 or char == "," and inside == "enum":
                statement = ""
            else:
                parentheses += (char == "(") - (char == ")")
                statement += char
        if re.match(r"\s*(public|private|protected):\s*$", code):
            statement = ""
        elif statement.strip():
            statement += " "
        if friend == len(scopes) and not statement.strip() and re.search(r"[;}]\s*$", code):
            friend = None
    print("\n".join(out))


page(sys.argv[1]) if sys.argv[1].endswith(".md") else header(sys.argv[1])
