"""The folder of a fleet: `fastsync show` shows the reports of all its pairs, and as Markdown a table of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastsync.errors import ConfigError
from fastsync.model.wording import count_nouns

SUMMARY = "fleet.json"
HEAD = ("pair", "items", "missing", "differing", "extra", "repaired", "seconds", "exit code")
MOST_ROWS = 200
"""Pairs in a table: a summary of CI has room for little more beside differences."""
NOT_KNOWN = "-"


def expand_fleets(paths: Sequence[str]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the reports that paths stand for, and a row for each pair of the fleets among them.

    The folder of a fleet stands for the reports of its pairs, in their order. Raises ConfigError where it is damaged.
    """
    reports: list[str] = []
    rows: list[tuple[str, ...]] = []
    for path in paths:
        summary = Path(path) / SUMMARY
        if path == "-" or not summary.is_file():
            reports.append(path)
            continue
        for pair in _read_pairs(summary):
            report = Path(path) / f"{pair['name']}.report.jsonl"
            if report.is_file():
                reports.append(str(report))
            rows.append(_make_row(pair))
    return reports, rows


def _read_pairs(summary: Path) -> list[Mapping[str, Any]]:
    try:
        pairs: list[Mapping[str, Any]] = json.loads(summary.read_bytes())["tables"]
        for pair in pairs:
            _make_row(pair)
    except OSError as error:
        raise ConfigError(f"{summary} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{summary} is not what a fleet has written") from None
    return pairs


def _make_row(pair: Mapping[str, Any]) -> tuple[str, ...]:
    name, seconds, code = str(pair["name"]), f"{pair['seconds']:,.1f}", str(pair["exit_code"])
    stats = pair["stats"]
    if stats is None:
        return (name, *[NOT_KNOWN] * 5, seconds, code)
    slaves = list(stats["slaves"].values())
    looked = [slave["extra"] for slave in slaves if slave["extra"] is not None]
    numbers = (
        stats["master"]["scanned"],
        sum(slave["missing"] for slave in slaves),
        sum(slave["differing"] for slave in slaves),
        sum(looked) if looked else None,
        sum(slave["written"] + slave["deleted"] for slave in slaves),
    )
    return (name, *(NOT_KNOWN if number is None else f"{number:,}" for number in numbers), seconds, code)


def format_pairs(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield the rows of pairs as a table of Markdown, those with a high exit code first; nothing where there are none.

    A pair's name has letters, digits, `_`, `-` and `.` only.
    """
    if not rows:
        return
    yield f"| {' | '.join(HEAD)} |"
    yield f"|---|{'---:|' * (len(HEAD) - 1)}"
    for name, *cells in sorted(rows, key=lambda row: -int(row[-1]))[:MOST_ROWS]:
        yield f"| <code>{name}</code> | {' | '.join(cells)} |"
    yield ""
    if len(rows) > MOST_ROWS:
        yield f"{count_nouns(len(rows) - MOST_ROWS, 'more pair')}"
        yield ""
