"""Reports as Markdown for $GITHUB_STEP_SUMMARY: a table of counts, then a foldable block for each difference.

Item data is whatever its writers put there. It stands in HTML only, where no character but `<`, `>` and `&` means
anything, and in the table, where every mark of Markdown is written as a character reference (CommonMark, 2.5).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from fastsync.model.difference import DIFFERENCES, Effect, Verdict
from fastsync.output.differences.block import ShownDifference, format_changes, name_attributes
from fastsync.output.differences.characters import escape
from fastsync.output.differences.values import describe_key
from fastsync.reports.show.selection import Counts, Filters, list_counts
from fastsync.reports.show.text import DIRECTION, HOW_TO_GET_VALUES, describe_left_out, describe_total

MOST_BLOCKS = 100
"""Differences that are shown where no limit is given."""
MOST_BYTES = 1_000_000
"""Bytes of the whole; GitHub shows nothing of a summary that has more than 1 MiB (documentation, job summaries)."""
LINE_END = "\n"
ROOM = 1_000
"""Bytes that are kept for the last line."""
MOST_SLAVES = 1_000
"""Rows of the table of counts."""
_MARKS = re.compile(r"[\\`*_~$|\[\]<>&!#]")
WHOLE_ITEMS = {Verdict.MISSING: "the slave lacks the item", Verdict.EXTRA: "only the slave has the item"}


def format_markdown(
    counts: Counts, differences: Iterable[ShownDifference], filters: Filters, limit: int | None, *, full: bool
) -> Iterator[str]:
    """Yield the lines of reports as Markdown: at most `limit` or MOST_BLOCKS differences, and MOST_BYTES."""
    limit = MOST_BLOCKS if limit is None else limit
    written = 0
    for line in _format_counts(counts, filters):
        written += _count_bytes(line)
        yield line
    shown = 0
    for difference in differences:
        if shown == limit:
            break
        block = "\n".join(_format_block(difference, full))
        written += _count_bytes(block) + 1
        if written > MOST_BYTES - ROOM:
            break
        yield block
        yield ""
        shown += 1
    if shown < counts.admitted:
        yield describe_left_out(counts.admitted - shown)


def _format_counts(counts: Counts, filters: Filters) -> Iterator[str]:
    yield f"**{describe_total(counts, filters)}** ({DIRECTION}: what a repair would change on the slave)"
    yield ""
    yield f"| slave | {' | '.join(DIFFERENCES)} | done |"
    yield f"|---|{'---:|' * len(DIFFERENCES)}---|"
    for slave, found in list(counts.slaves.items())[:MOST_SLAVES]:
        done = ", ".join(f"{number:,} {_write_inline(action)}" for action, number in counts.list_actions(slave))
        yield f"| <code>{_write_inline(slave)}</code> | {' | '.join(list_counts(found, filters))} | {done} |"
    yield ""
    for warning in counts.warnings:
        yield f"**Warning:** {_write_inline(warning)}"
        yield ""
    if counts.lacks_values:
        yield HOW_TO_GET_VALUES.replace("--report-values", "`--report-values`").capitalize()
        yield ""


def _format_block(shown: ShownDifference, full: bool) -> Iterator[str]:
    """Yield the lines of one block. None is empty, since an empty line would end the HTML (CommonMark, 4.6)."""
    head = [shown.verdict.value, _write_code(escape(shown.slave)), _write_code(describe_key(shown.key))]
    if shown.action != Effect.NONE.value:
        head.append(_write_html(escape(shown.action)))
    yield f"<details><summary>{' '.join(head)}</summary>"
    yield f"<pre>{_write_code(LINE_END.join(_list_lines(shown, full)))}</pre>"
    yield "</details>"


def _list_lines(shown: ShownDifference, full: bool) -> Iterator[str]:
    if shown.error:
        yield escape(shown.error)
    if shown.verdict is not Verdict.DIFFERING:
        yield WHOLE_ITEMS[shown.verdict]
    elif shown.lacks_values:
        yield name_attributes(shown)
    yield from format_changes(shown, full=full)


def _write_code(text: str) -> str:
    return f"<code>{_write_html(text)}</code>"


def _write_html(text: str) -> str:
    return html.escape(text, quote=False)


def _write_inline(text: str) -> str:
    """Return a text in which Markdown finds no mark: each is a character reference, and cannot form structure."""
    return _MARKS.sub(lambda mark: f"&#{ord(mark[0])};", escape(text))


def _count_bytes(line: str) -> int:
    return len(line.encode()) + 1
