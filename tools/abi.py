#!/usr/bin/env python3
"""Keeps the lists of what the shared libraries export: test/packaging/abi/NAME.txt.

`tools/abi.py LIBRARY` checks that LIBRARY exports just what its list says: a line that went breaks programs that are linked
already, a line that came is a promise. `tools/abi.py --accept LIBRARY` takes what is there as meant.

A list has names of namespace coroexec as one reads them. What weak symbols of the standard library and Boost are exported
beside them depends on compiler, optimisation and version, and is nobody's promise.
"""
import pathlib
import re
import subprocess
import sys

lists = pathlib.Path(__file__).resolve().parent.parent / "test" / "packaging" / "abi"

# Spellings that differ between compilers and versions of nm, and long ones that everybody knows by a short name.
spellings = [
    (r" >", ">"),
    (r"\[abi:\w+\]", ""),
    (r"std::__cxx11::", "std::"),
    (r"std::__exception_ptr::", "std::"),
    (r"std::chrono::_V2::", "std::chrono::"),
    (r"std::basic_(\w+)<char, std::char_traits<char>(, std::allocator<char>)?>", r"std::\1"),
    (r"std::chrono::duration<long, std::ratio<1l, 1000000000l>>", "std::chrono::nanoseconds"),
    (r"std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>", "std::chrono::steady_clock::time_point"),
    (r"boost::asio::io_context::basic_executor_type<std::allocator<void>, 0ul>", "boost::asio::io_context::executor_type"),
    (r"(?<=<)([\w:<>* ]+), std::(allocator|default_delete)<\1>>", r"\1>"),
    (r"\bunsigned long\b", "std::size_t"),
]


def is_ours(name):
    """Not a template of others, which nm shows with the type it returns in front."""
    name, count = name.removeprefix("vtable for ").removeprefix("typeinfo for "), 1
    while count:
        name, count = re.subn(r"<[^<>]*>", "", name)
    name = name.split("(")[0]
    return name.startswith("coroexec::") and (" " not in name or "operator" in name)


def exported(library):
    command = ["nm", "--dynamic", "--demangle", "--defined-only", library]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = set()
    for line in text.splitlines():
        _, kind, name = line.split(maxsplit=2)
        if kind == "u" and name.endswith(">"):  # a variable template, which GCC exports and Clang does not
            continue
        for pattern, replacement in spellings:
            name = re.sub(pattern, replacement, name)
        if is_ours(name):
            names.add(name)
    return sorted(names)


library = sys.argv[-1]
listing = lists / (pathlib.Path(library).name.removeprefix("lib").split(".")[0] + ".txt")
names = exported(library)
if "--accept" in sys.argv:
    listing.write_text("\n".join(names) + "\n")
else:
    listed = listing.read_text().splitlines()
    gone, new = [n for n in listed if n not in names], [n for n in names if n not in listed]
    for sign, changed in ("-", gone), ("+", new):
        for name in changed:
            print(sign, name)
    if gone or new:
        sys.exit(f"{len(gone)} names went, {len(new)} came. If that is meant: tools/abi.py --accept {library}")
print(f"{library}: {len(names)} exported names are as {listing.name} says")
