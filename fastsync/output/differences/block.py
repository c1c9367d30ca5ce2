"""The block of one difference: verdict, slave and key, and under them what a repair would change, path by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastsync.model.difference import Difference, Effect, Item, Verdict
from fastsync.model.items.changes import MOST_PATHS, Change, find_changes, split_members
from fastsync.model.items.paths import format_path
from fastsync.output.console.color import Colors
from fastsync.output.differences.characters import ARROW, escape
from fastsync.output.differences.values import describe_key, describe_value, describe_values

PLAIN = Colors(enabled=False)


@dataclass(frozen=True)
class ShownDifference:
    """A difference as it is shown, from a run or from a line of a report.

    action: what became of it, in words; "none" where nothing was done.
    master, slave_item: the differing attributes, or the whole item; None where it is absent or not known.
    paths: the only paths that are shown, None for all.
    """

    slave: str
    verdict: Verdict
    key: Item
    attributes: tuple[str, ...] = ()
    action: str = Effect.NONE.value
    error: str | None = None
    master: Item | None = None
    slave_item: Item | None = None
    paths: frozenset[str] | None = None

    @classmethod
    def of(cls, difference: Difference, words: Mapping[Effect, str]) -> ShownDifference:
        """Return a difference of a run, with what was done in other `words` where given."""
        return cls(
            slave=difference.slave,
            verdict=difference.verdict,
            key=difference.key,
            attributes=difference.attributes,
            action=words.get(difference.action, difference.action.value),
            error=difference.error,
            master=difference.master,
            slave_item=difference.slave_item,
            paths=frozenset(difference.paths) if difference.paths else None,
        )

    @property
    def lacks_values(self) -> bool:
        """Return whether what differs is not known."""
        return self.verdict is Verdict.DIFFERING and (self.master is None or self.slave_item is None)

    def list_changes(self, *, full: bool = False) -> Iterator[Change]:
        """Yield what a repair would change; of a `missing` or `extra` item nothing, unless it is shown in `full`."""
        if self.verdict is not Verdict.DIFFERING:
            if full:
                yield from find_changes(self.slave_item or {}, self.master or {})
        elif self.master is not None and self.slave_item is not None:
            for change in find_changes(self.slave_item, self.master, self.attributes):
                if self.paths is None or format_path(change.path) in self.paths:
                    yield change

    @property
    def may_have_more(self) -> bool:
        """Return whether more paths may differ than are shown: a report names the first ones only."""
        return self.paths is not None and len(self.paths) >= MOST_PATHS


@dataclass(frozen=True)
class ShownChange:
    """A path with what a repair takes from it and gives to it, as text; None for nothing.

    member: whether that is a member of a set.
    """

    path: str
    removed: str | None
    added: str | None
    member: bool = False


def describe_change(change: Change, *, full: bool = False) -> Iterator[ShownChange]:
    """Yield a change as text: one for each member of a set that comes or goes, else one for the path."""
    path = escape(format_path(change.path))
    if change.are_sets:
        lost, gained = split_members(change)
        yield from (ShownChange(path, describe_value(each, full=full), None, member=True) for each in lost)
        yield from (ShownChange(path, None, describe_value(each, full=full), member=True) for each in gained)
    elif change.slave is None:
        yield ShownChange(path, None, describe_value(change.master, full=full))
    elif change.master is None:
        yield ShownChange(path, describe_value(change.slave, full=full), None)
    else:
        yield ShownChange(path, *describe_values(change.slave, change.master, full=full))


def format_header(shown: ShownDifference, colors: Colors = PLAIN) -> str:
    """Return the first line of a block: verdict, slave and key, then what became of it."""
    verdict = _paint_verdict(shown.verdict, colors)
    parts = [verdict, escape(shown.slave), colors.bold(describe_key(shown.key))]
    if shown.lacks_values and shown.attributes:
        parts.append(name_attributes(shown))
    if shown.action != Effect.NONE.value:
        parts.append(escape(shown.action))
    if shown.error:
        parts.append(f"({escape(shown.error)})")
    return " ".join(parts)


def name_attributes(shown: ShownDifference) -> str:
    """Return which attributes differ, in words and in the notation of paths."""
    return f"in {', '.join(escape(format_path((name,))) for name in shown.attributes)}"


def format_changes(shown: ShownDifference, colors: Colors = PLAIN, *, full: bool = False) -> Iterator[str]:
    """Yield the other lines of a block, one for each path or member of a set."""
    for change in shown.list_changes(full=full):
        for described in describe_change(change, full=full):
            yield _format_change(described, colors)
    if shown.may_have_more:
        yield f"    (the report names the first {MOST_PATHS} paths only)"


def format_block(shown: ShownDifference, colors: Colors = PLAIN, *, full: bool = False) -> Iterator[str]:
    """Yield the lines of a block, as plain text or in colours. Only their arrows may need more than ASCII."""
    yield format_header(shown, colors)
    yield from format_changes(shown, colors, full=full)


def _paint_verdict(verdict: Verdict, colors: Colors) -> str:
    text = f"{verdict.sign} {verdict.value}"
    if verdict is Verdict.MISSING:
        return colors.good(text)
    if verdict is Verdict.EXTRA:
        return colors.bad(text)
    return colors.warning(text)


def _format_change(change: ShownChange, colors: Colors) -> str:
    if change.removed is not None and change.added is not None:
        return f"    {change.path}  {colors.bad(change.removed)} {ARROW} {colors.good(change.added)}"
    if change.added is not None:
        sign, value = colors.good("+"), colors.good(change.added)
    else:
        sign, value = colors.bad("-"), colors.bad(str(change.removed))
    if change.member:
        return f"    {change.path}  {sign} {value}"
    return f"  {sign} {change.path}  {value}"


def as_item(value: Any) -> Item | None:
    """Return a value of a report as an item, None where it is none."""
    return value if isinstance(value, dict) else None
