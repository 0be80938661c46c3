"""What was measured (bench/results.json), and the pages made of it: the tables of doc/performance.md, the
chart doc/performance.svg and the README's short table. `python3 bench/results.py` makes the pages again.
"""
import json
import pathlib
import re
import statistics

import chart

root = pathlib.Path(__file__).resolve().parent.parent
results_file = root / "bench" / "results.json"

# What each program measures, in the order of the page.
programs = {
    "submit": "Jobs handed in one by one",
    "queue": "A million jobs queued at once",
    "streams": "Streams of results",
    "timers": "Timers and deadlines",
    "threads": "Several threads",
    "scaling": "Scaling",
    "memory": "Memory and allocator calls",
}

# The README's rows, and with their scenarios the chart's bars: program, row, title, bars.
by_hand_and_floor = [("typical", "by hand, typical"), ("skilled", "by hand, skilled"), ("ours", "libcoroexec"),
                     ("floor", "the jobs alone")]
headlines = [
    ("submit", "submit, one yield, W = 1000", "submit, each job yields once, 1000 at once", "_yield_w1000"),
    ("submit", "submit, one yield, W = 10", "the same, 10 at once", "_yield_w10"),
    ("submit", "submit, no yield, W = 1000", "the same without the yield, 1000 at once", "_plain_w1000"),
    ("submit", "submit, one yield, W = 1000, concrete executor", "one yield, on a concrete executor type",
     "_yield_w1000_concrete"),
    ("queue", "spawn_n, a million, no yield, W = 1000", "spawn_n, a million queued, then run", "_plain"),
    ("streams", "map, ordered, one yield", "ordered map, its reader takes all", "_yield"),
]


def load():
    return json.loads(results_file.read_text()) if results_file.exists() else {"toolchains": {}}


def save(results):
    results_file.write_text(json.dumps(results, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def spread(values):
    """Half of the distance between the extremes, as a share of the median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0


def compare(row, ours, other):
    return {"ratio": lambda: ours / other, "difference": lambda: ours - other,
            "speedup": lambda: other / ours}[row["compare"]]()


def reached(row):
    return row["value"] >= row["limit"] if row.get("compare") == "speedup" else row["value"] <= row["limit"]


def number(value):
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.01 or not value else 4
    return f"{value:,.{digits}f}"


def must_be(row):
    if not row["limit"] or row["limit"] < 0:
        return ""
    return ("≥ " if row.get("compare") == "speedup" else "≤ ") + f"{row['limit']:g}"


def compared_by_instructions(row, scenarios):
    """None where they were not counted."""
    counts = [scenarios.get(row[side], {}).get("instructions") for side in ("ours", "other")]
    return compare(row, *counts) if all(counts) else None


def row_cell(row, scenarios):
    """`0.67 ±0.02 (316 : 471 ns, instructions 0.68)`"""
    unit = " ns" if row["compare"] == "difference" else ""
    text = f"{number(row['value'])}{unit}"
    if row["limit"] and not reached(row):
        text = f"**{text}**"
    text += f" ±{row['error']:.2f} ({number(row['ours_ns'])} : {number(row['other_ns'])} ns"
    by_instructions = compared_by_instructions(row, scenarios)
    if by_instructions is not None:
        text += f", instructions {number(by_instructions)}"
    return text + ")"


def figure_cell(figure, _):
    text = number(figure["value"])
    return f"**{text}**" if figure["limit"] >= 0 and not reached(figure) else text


def table(names, rows):
    yield "| | must be | " + " | ".join(names) + " |"
    yield "|---|---|" + "---|" * len(names)
    for what, limit, cells in rows:
        yield f"| {what} | {limit} | " + " | ".join(cells) + " |"


def program_tables(results, program):
    """The rows and the figures of a program, a column for each toolchain."""
    columns = {name: data["programs"][program] for name, data in results["toolchains"].items()
               if program in data["programs"]}
    for kind, key, cell in (("rows", "work", row_cell), ("figures", "what", figure_cell)):
        order = dict.fromkeys(item[key] for data in columns.values() for item in data[kind])
        rows = []
        for what in order:
            found = [next((item for item in data[kind] if item[key] == what), None) for data in columns.values()]
            one = next(item for item in found if item)
            limited = next((item for item in found if item and must_be(item)), one)
            title = f"{what}, {one['unit']}" if kind == "figures" else what
            cells = [cell(item, data["scenarios"]) if item else "" for item, data in zip(found, columns.values())]
            rows.append((title, must_be(limited), cells))
        if rows:
            yield from table(columns, rows)
            yield ""


def scenario_table(results, program):
    """Every scenario's cost a job, for who wants more than the ratios."""
    columns = {name: data["programs"][program]["scenarios"] for name, data in results["toolchains"].items()
               if program in data["programs"]}
    order = dict.fromkeys(name for scenarios in columns.values() for name in scenarios)
    if not order:
        return
    yield "<details><summary>Every scenario: ns a job, spread, instructions a job</summary>"
    yield ""
    yield "| | " + " | ".join(columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for name in order:
        cells = []
        for scenarios in columns.values():
            one = scenarios.get(name)
            cells.append("" if "ns" not in (one or {}) else f"{number(one['ns'])} ±{one['spread']:.0%}" +
                         (f", {one['instructions']:,.0f}" if "instructions" in one else ""))
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield ""
    yield "</details>"
    yield ""


def fetch_table(results):
    fetch = results.get("fetch")
    if not fetch:
        return
    yield "### coroexec-fetch beside other programs"
    yield ""
    yield (f"nginx on loopback, {fetch['connections']} connections, a short page, median of {fetch['rounds']} rounds. "
           "Processor time is the client's own.")
    yield ""
    ours = fetch["programs"].get("coroexec-fetch")
    yield "| | requests/s | coroexec-fetch's share of that | processor time a request |"
    yield "|---|---|---|---|"
    for who, row in fetch["programs"].items():
        share = f"{ours['requests_per_second'] / row['requests_per_second']:.2f}" if ours else ""
        yield f"| {who} | {row['requests_per_second']:,} ±{row['spread']:.0%} | {share} | {row['cpu_us']} µs |"
    yield ""


def performance_tables(results):
    yield f"Measured on {results.get('machine', 'an unknown machine')}."
    yield ""
    for program, title in programs.items():
        lines = [*program_tables(results, program), *scenario_table(results, program)]
        if lines:
            yield from (f"### {title}", "", *lines)
    yield from fetch_table(results)


def headline_data(results):
    """Of the first toolchain that has them: title, row, {label: ns}."""
    for name, data in results["toolchains"].items():
        if "submit" not in data["programs"]:
            continue
        found = []
        for program, work, title, key in headlines:
            measured = data["programs"].get(program, {"rows": [], "scenarios": {}})
            row = next((row for row in measured["rows"] if row["work"] == work), None)
            if not row:
                continue
            bars = []
            for prefix, label in by_hand_and_floor:
                scenario = "map" if (program, prefix) == ("streams", "ours") else prefix
                if scenario + key in measured["scenarios"]:
                    bars.append((label, measured["scenarios"][scenario + key]["ns"]))
            found.append((title, row, bars))
        return name, found
    return None, []


def readme_table(results):
    toolchain, found = headline_data(results)
    yield f"![Time per job beside hand-written Asio](doc/performance.svg)"
    yield ""
    yield "| ns a job | by hand, typical | by hand, skilled | libcoroexec | the jobs alone |"
    yield "|---|---|---|---|---|"
    for title, _, bars in found:
        known = dict(bars)
        cells = [number(known[label]) if label in known else "–" for _, label in by_hand_and_floor]
        yield f"| {title} | " + " | ".join(cells) + " |"
    yield ""
    yield f"{toolchain}, one thread, on {results.get('machine', 'an unknown machine')}."


def replace_part(path, lines):
    """Writes what stands between the two marks of the page."""
    begin, end = "<!-- made by bench/compare.py -->\n", "<!-- end of what is made -->\n"
    text = path.read_text()
    if begin not in text:
        return print(f"{path.relative_to(root)}: has no line {begin.strip()}, left as it is")
    made = begin + "\n" + "\n".join(lines).strip("\n") + "\n\n" + end
    path.write_text(re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: made, text, flags=re.S))
    print(f"written: {path.relative_to(root)}")


def write_pages(results):
    replace_part(root / "doc" / "performance.md", performance_tables(results))
    toolchain, found = headline_data(results)
    if not found:
        return
    picture = root / "doc" / "performance.svg"
    picture.write_text(chart.draw([(title, bars) for title, _, bars in found],
                                  f"Time per job. {toolchain}, one thread. Shorter is better."))
    print(f"written: {picture.relative_to(root)}")
    replace_part(root / "README.md", readme_table(results))


if __name__ == "__main__":
    write_pages(load())
