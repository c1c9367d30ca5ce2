"""How pairs have ended, in words: a line for each as it ends, and a table of all at the end, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastsync.fleet.folder import Ended
from fastsync.model.capacity import LIST_PRICES
from fastsync.model.wording import count_nouns, escape_unprintable, format_price, format_seconds, shorten

HEAD = ("pair", "items", "missing", "differing", "extra", "repaired", "time", "list price", "exit code")
ORDER = (130, 143, 3, 2, 4, 5, 1, 0)
"""Exit codes, the worst first."""
NOT_KNOWN = "-"
LONGEST_ERROR = 300


def count_differences(ended: Ended) -> int:
    """Return how many differences a pair has, over all its slaves."""
    if ended.statistics is None:
        return 0
    return sum(each.missing + each.differing + (each.extra or 0) for each in ended.statistics.slaves.values())


def sort_worst_first(ended: Sequence[Ended]) -> list[Ended]:
    """Return pairs by exit code, then by the number of differences, then by name."""
    return sorted(ended, key=lambda each: (_rank(each.exit_code), -count_differences(each), each.pair.name))


def _rank(code: int) -> int:
    return ORDER.index(code) if code in ORDER else 0


def describe_end(ended: Ended) -> str:
    """Return the line that is written when a pair has ended."""
    name = ended.pair.name
    if ended.statistics is None:
        return f"{name}: exit code {ended.exit_code}: {shorten(ended.error or '', LONGEST_ERROR)}"
    parts = [count_nouns(ended.statistics.master.scanned, "item"), count_nouns(count_differences(ended), "difference")]
    parts += [format_seconds(ended.seconds), f"exit code {ended.exit_code}"]
    told = f": {shorten(ended.error, LONGEST_ERROR)}" if ended.error else ""
    return f"{name}: {', '.join(parts)}{told}"


def format_table(ended: Sequence[Ended]) -> Iterator[str]:
    """Yield the lines of the table at the end."""
    yield from align_cells([HEAD, *(make_row(each) for each in sort_worst_first(ended))], left=1)


def align_cells(rows: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    """Yield rows as lines. The first `left` columns begin at their left ends, the others end at their right ones."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield escape_unprintable("  ".join(cells).rstrip())


def make_row(ended: Ended) -> tuple[str, ...]:
    """Return the cells of a pair, under HEAD; of what is not known there is a dash."""
    statistics, name = ended.statistics, ended.pair.name
    end = (format_seconds(ended.seconds), str(ended.exit_code))
    if statistics is None:
        return (name, *[NOT_KNOWN] * 5, end[0], NOT_KNOWN, end[1])
    slaves = statistics.slaves.values()
    looked = [each.extra for each in slaves if each.extra is not None]
    numbers = (
        statistics.master.scanned,
        sum(each.missing for each in slaves),
        sum(each.differing for each in slaves),
        sum(looked) if looked else None,
        sum(each.written + each.deleted for each in slaves),
    )
    shown = [NOT_KNOWN if number is None else f"{number:,}" for number in numbers]
    return (name, *shown, end[0], format_price(measure_cost(ended)), end[1])


def measure_cost(ended: Ended) -> float:
    """Return what a pair's run has consumed, in USD at list price."""
    if ended.statistics is None:
        return 0.0
    slaves = ended.statistics.slaves.values()
    read = ended.statistics.master.read_units + sum(each.read_units for each in slaves)
    return LIST_PRICES.money(read, sum(each.write_units for each in slaves))
