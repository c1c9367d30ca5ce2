"""Reports as text for a terminal: the counts, then a block for each difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastsync.model.difference import DIFFERENCES
from fastsync.model.wording import choose_form
from fastsync.output.console.color import Colors
from fastsync.output.differences.block import ShownDifference, format_block
from fastsync.output.differences.characters import ARROW, escape
from fastsync.reports.show.selection import Counts, Filters, describe_count, list_counts

DIRECTION = f"slave {ARROW} master"
"""Which side is which: what a slave holds, and what a repair would make of it."""
HOW_TO_GET_VALUES = "what differs is not in the report: a run with --report-values puts both sides' values into it"


def format_text(
    counts: Counts,
    differences: Iterable[ShownDifference],
    filters: Filters,
    limit: int | None,
    colors: Colors,
    *,
    full: bool,
) -> Iterator[str]:
    """Yield the lines of reports as text: of `differences`, which the filters let through, at most `limit`."""
    yield f"{DIRECTION}: what a repair would change on the slave"
    yield from _format_counts(counts, filters, colors)
    shown = 0
    for difference in differences:
        if shown == limit:
            break
        if shown == 0:
            yield ""
        yield from format_block(difference, colors, full=full)
        shown += 1
    if shown < counts.admitted:
        yield ""
        yield describe_left_out(counts.admitted - shown)


def describe_total(counts: Counts, filters: Filters) -> str:
    """Return how many differences there are, in words."""
    number = describe_count(counts.admitted, counts.found, filters)
    total = f"{number} {choose_form(counts.found, 'difference', 'differences')}"
    return f"{total}, perhaps more" if counts.warnings else total


def describe_left_out(number: int) -> str:
    """Return how many differences are not shown, in words."""
    return f"{number:,} more {choose_form(number, 'difference is', 'differences are')} not shown; --limit shows more"


def _format_counts(counts: Counts, filters: Filters, colors: Colors) -> Iterator[str]:
    yield colors.bold(describe_total(counts, filters))
    for slave, found in counts.slaves.items():
        numbers = zip(list_counts(found, filters), DIFFERENCES, strict=True)
        yield f"{escape(slave)}: {', '.join(f'{number} {verdict}' for number, verdict in numbers)}"
        actions = counts.list_actions(slave)
        if actions:
            yield f"  of these {', '.join(f'{number:,} {escape(action)}' for action, number in actions)}"
    if counts.lacks_values:
        yield f"({HOW_TO_GET_VALUES})"
