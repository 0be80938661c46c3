"""A horizontal bar chart as SVG, readable in light and dark. Each group is drawn to a scale of its own, its
longest bar over the whole width: what counts is how its bars compare; the numbers say how long each is.
"""
from xml.sax.saxutils import escape

width, label_width, value_width = 760, 150, 90
bar_height, bar_gap, group_gap, title_height, margin = 16, 4, 16, 22, 18

style = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 13px; }
  .note { fill: #59636e; }
  .value { font-variant-numeric: tabular-nums; }
  .page { fill: #ffffff; }
  .hand { fill: #a7b0ba; }
  .ours { fill: #1a7f64; }
  .floor { fill: none; stroke: #a7b0ba; stroke-dasharray: 3 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .page { fill: #0d1117; }
    .hand { fill: #57606a; }
    .ours { fill: #3fb68b; }
    .floor { stroke: #6e7681; }
  }
"""
kinds = {"libcoroexec": "ours", "the jobs alone": "floor"}


def draw(groups, note):
    """groups: (title, [(label, value in ns)])."""
    shapes, y = [], margin
    full = width - 2 * margin - label_width - value_width
    for title, bars in groups:
        shapes.append(f'<text class="title" x="{margin}" y="{y + 13}">{escape(title)}</text>')
        y += title_height
        longest = max(value for _, value in bars)
        for label, value in bars:
            x, length = margin + label_width, max(2, full * value / longest)
            middle = y + bar_height / 2 + 4
            shapes.append(f'<text x="{x - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>')
            shapes.append(f'<rect class="{kinds.get(label, "hand")}" x="{x + .5}" y="{y + .5}" '
                          f'width="{length:.1f}" height="{bar_height - 1}" rx="2"/>')
            shapes.append(f'<text class="value" x="{x + length + 8:.1f}" y="{middle}">{value:,.0f} ns</text>')
            y += bar_height + bar_gap
        y += group_gap
    shapes.append(f'<text class="note" x="{margin}" y="{y + 8}">{escape(note)}</text>')
    height = y + 8 + margin
    body = "\n".join(shapes)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-label="{escape(note)}">\n<style>{style}</style>\n'
            f'<rect class="page" width="{width}" height="{height}" rx="6"/>\n{body}\n</svg>\n')
