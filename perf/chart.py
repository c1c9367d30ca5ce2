"""The chart of README: items per second and CPU per item of all programs, from a dated result.

python -m perf.chart perf/results/2026-11-24.json > perf/results/chart.svg
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Row = Mapping[str, Any]
WIDTH, LEFT, BAR, GAP, HEAD = 720, 150, 18, 8, 48
COLOURS = {"lookup": "#2a7f62", "merge": "#2a7f62", "floor_lookup": "#9aa5a1", "floor_merge": "#9aa5a1"}
NAMES = {
    "lookup": "fastsync lookup",
    "merge": "fastsync merge",
    "keys": "fastsync --keys",
    "partition": "fastsync partition",
    "boto": "boto3",
    "boto_copy": "boto3, unconditional copy",
    "dicts": "gzip, json and dicts",
    "original": "the original",
}
OTHERS = "#c98b54"


def svg(rows: Sequence[Row]) -> str:
    """Draw two panels of bars on logarithmic scales."""
    latency = [
        (row["contender"], row["items"] / row["wall"]) for row in rows if row["scenario"].startswith("latency 5")
    ]
    cpu = [(row["contender"], row["cpu_us_per_item"]) for row in rows if row["scenario"].startswith("cpu")]
    seen = {who for who, _ in cpu}
    cpu += [
        (row["contender"], row["cpu_us_per_item"])
        for row in rows
        if row["scenario"].startswith("latency 5") and row["contender"] not in seen
    ]
    panels = (
        ("items per second, 5 ms to the master, 40 ms to the slave (more is better)", latency, "{:,.0f}"),
        ("CPU µs per item of the whole process tree (less is better)", cpu, "{:,.1f}"),
    )
    parts: list[str] = []
    top = 0
    for title, bars, form in panels:
        parts += _panel(top, title, bars, form)
        top += HEAD + len(bars) * (BAR + GAP)
    box = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top + 16}" viewBox="0 0 {WIDTH} {top + 16}"'
    )
    style = ' font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/>'
    return "\n".join((box + style, *parts, "</svg>\n"))


def _panel(top: int, title: str, bars: Sequence[tuple[str, float]], form: str) -> Iterator[str]:
    yield f'<text x="12" y="{top + 30}" font-weight="bold">{escape(title)}</text>'
    least, most = (math.log10(pick(value for _, value in bars)) for pick in (min, max))
    for place, (who, value) in enumerate(bars):
        y = top + HEAD + place * (BAR + GAP)
        # the shortest bar is a sixth of the longest, else it would not be seen
        share = 1.0 if most == least else (math.log10(value) - least) / (most - least) * 5 / 6 + 1 / 6
        length = (WIDTH - LEFT - 110) * share
        name = escape(NAMES.get(who, who.replace("_", " ")))
        yield f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{name}</text>'
        yield f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR}" fill="{COLOURS.get(who, OTHERS)}"/>'
        yield f'<text x="{LEFT + length + 6:.0f}" y="{y + 14}">{form.format(value)}</text>'


if __name__ == "__main__":
    sys.stdout.write(svg(json.loads(Path(sys.argv[1]).read_text())["rows"]))
