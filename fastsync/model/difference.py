"""Differences: the verdicts of a comparison, what became of them, and counters of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields, make_dataclass, replace
from enum import Enum
from typing import Any, ClassVar

import msgspec

Item = dict[str, Any]
"""An item or a key in DynamoDB JSON: attribute name → {"type": value}."""


class Verdict(str, Enum):
    """The result of comparing one key; a difference is any verdict but SAME."""

    SAME = "same"
    MISSING = "missing"
    DIFFERING = "differing"
    EXTRA = "extra"

    @property
    def sign(self) -> str:
        """The one character that stands for the verdict in `--verbose` lines."""
        return _SIGNS[self]


_SIGNS = {Verdict.SAME: "=", Verdict.MISSING: "+", Verdict.DIFFERING: "*", Verdict.EXTRA: "-"}


DIFFERENCES = (Verdict.MISSING.value, Verdict.DIFFERING.value, Verdict.EXTRA.value)
"""The verdicts that are differences, in the order in which they are shown."""


class Effect(str, Enum):
    """What became of a difference: the `action` of a report line."""

    NONE = "none"
    WRITTEN = "written"
    DELETED = "deleted"
    CONTENDED = "contended"
    SLAVE_NEWER = "slave-newer"
    CHANGED = "changed"
    FAILED = "failed"
    REFUSED = "refused"


class Difference(msgspec.Struct, frozen=True):
    """One key on which a slave disagrees with the master.

    A frozen dataclass would cost five times as much to make and to send to the parent: 13 µs. All the same, programs
    may hand it to `dataclasses.asdict` and `replace`.

    attributes: the names of those that differ, sorted; empty for `missing` and `extra`.
    action: what became of the difference, an Effect. (An `Action` is what a policy decides.)
    error: why a repair failed, was refused or contended.
    master, slave_item: whole items, None where absent. Outside the workers only `--report-values`, `--verbose` and
        listeners keep them; for everybody else they are None.
    paths: where nested values differ, in the notation of --ignore-path, at most 100; () where no values are kept, and
        for `missing` and `extra`.
    master_version, slave_version: values of `--version-attribute` in DynamoDB JSON, None where that is not given or the
        item has none.
    """

    slave: str
    verdict: Verdict
    key: Item
    attributes: tuple[str, ...] = ()
    action: Effect = Effect.NONE
    error: str | None = None
    master: Item | None = None
    slave_item: Item | None = None
    master_version: Any = None
    slave_version: Any = None
    paths: tuple[str, ...] = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Difference.__dataclass_fields__ = {
    each.name: each for each in fields(make_dataclass("Fields", Difference.__struct_fields__))
}


@dataclass(slots=True)
class Tally:
    """The counters of one table over a page, a segment or a run: items, capacity units, and what became of requests.

    `compared` is the number of master items that a slave was compared with: `counted` is always the same number.
    `recheck_units` are the part of `read_units` that went into reading suspects again. `retried` counts the tries of
    requests after the first, whatever the earlier ones failed with. `withheld` counts the part of `refused` that was
    refused because something failed, and not by a safety limit. Of keys that a run was given, `absent` counts those
    that neither side holds, and `only_here` those that only the slave holds where extras are not looked for.
    `unevaluated` counts the part of `filtered` for which --where could not be evaluated.
    """

    compared: int = 0
    same: int = 0
    missing: int = 0
    differing: int = 0
    extra: int = 0
    settled: int = 0
    slave_newer: int = 0
    expired: int = 0
    filtered: int = 0
    contended: int = 0
    changed: int = 0
    refused: int = 0
    written: int = 0
    deleted: int = 0
    failed: int = 0
    scanned: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    absent: int = 0
    throttled: int = 0
    recheck_units: float = 0.0
    retried: int = 0
    withheld: int = 0
    only_here: int = 0
    unevaluated: int = 0

    def __iadd__(self, other: Tally) -> Tally:
        self.add(other)
        return self

    def add(self, other: Tally) -> None:
        """Add every counter of another tally."""
        for name in _COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def usage(self) -> Tally:
        """Return only the counters of what requests consumed, which hold whatever becomes of a page."""
        return Tally(**{name: getattr(self, name) for name in _CONSUMED})

    def findings(self) -> Tally:
        """Return all counters but those of what requests consumed."""
        return replace(self, **dict.fromkeys(_CONSUMED, 0))

    def count_difference(self, difference: Difference) -> None:
        """Add one difference: its verdict, and what became of it."""
        names = [difference.verdict.value]
        if difference.action is not Effect.NONE:
            names.append(_COUNTED_AS[difference.action])
        for name in names:
            setattr(self, name, getattr(self, name) + 1)

    @property
    def differences(self) -> int:
        """How many differences were found."""
        return self.missing + self.differing + self.extra

    @property
    def counted(self) -> int:
        """How many master items have a verdict, or a reason to have none."""
        return self.same + self.missing + self.differing + self.settled + self.expired + self.filtered

    @property
    def acted_on(self) -> int:
        """How many differences have an effect other than NONE."""
        return sum(getattr(self, name) for name in _COUNTED_AS.values())

    @property
    def remaining(self) -> int:
        """How many differences are left, as far as is known."""
        return self.differences - self.written - self.deleted

    def as_dict(self) -> Mapping[str, int | float]:
        """Return the counters of the statistics file, in its order; it has no fields for the others."""
        return {name: getattr(self, name) for name in _COUNTERS if name not in _NOT_IN_STATISTICS}


_COUNTERS = tuple(field.name for field in fields(Tally))
_CONSUMED = ("read_units", "write_units", "recheck_units", "throttled", "retried")
_NOT_IN_STATISTICS = ("throttled", "retried", "recheck_units", "withheld", "absent", "only_here", "unevaluated")
_COUNTED_AS: dict[Effect, str] = {
    effect: effect.value.replace("-", "_") for effect in Effect if effect is not Effect.NONE
}
