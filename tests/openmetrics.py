"""A strict reader of OpenMetrics 1.0 text, as far as gauges go (the format's ABNF, and its rules for families)."""

from __future__ import annotations

import re
from collections.abc import Iterator

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL}(?:,{LABEL})*)?)\}})? (-?[0-9][0-9.eE+-]*)")
ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def parse(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield name, labels and value of every sample; AssertionError where the text breaks a rule."""
    assert text.endswith("# EOF\n")
    lines = text[: -len("# EOF\n")].split("\n")
    assert lines.pop() == ""
    families: list[str] = []
    seen: set[str] = set()
    for line in lines:
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind == "gauge"
            assert name not in families, f"{name} comes in two places"
            families.append(name)
        elif line.startswith("# HELP "):
            assert line.split(" ")[2] == families[-1]
        else:
            found = SAMPLE.fullmatch(line)
            assert found, f"no sample: {line!r}"
            assert found[1] == families[-1], f"{found[1]} outside its family"
            assert line.rpartition(" ")[0] not in seen, f"twice: {line}"
            seen.add(line.rpartition(" ")[0])
            labels = {
                name: re.sub(r'\\["\\n]', lambda each: ESCAPES[each[0]], value)
                for name, value in re.findall(LABEL, found[2] or "")
            }
            yield found[1], labels, float(found[7])
