"""Whether the extras of a slave may be deleted, from what is known of it once every segment was compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fastsync.config.config import Config
from fastsync.config.limits import DeleteLimit
from fastsync.model.wording import choose_form

MOVING_SHARE = 100
"""One in so many items may come or go between two reads of a table that is written to."""
Confirm = Callable[[Mapping[str, int], Callable[[], bool]], bool]
"""Return whether extras may be deleted: so many of each slave. It is to return soon once its second argument, called,
says that the run has been told to end; its answer does not matter then."""
LACKING = "not deleted: a part of the tables could not be compared, so it is not certain that it is an extra"


class Tables(Protocol):
    """The tables of the run, which can be described again; see `plan.identity`."""

    master: str

    def changes(self, stopped: Callable[[], bool], patient: bool = True) -> Mapping[str, str]:
        """Return one sentence for each table that is another now, by its name."""

    def find_any_item(self) -> tuple[bool, float]:
        """Return whether the master holds an item to compare, and the read units of asking; raise FastsyncError."""


@dataclass(frozen=True)
class Refusal:
    """Why the deletes of a slave are refused.

    `failed`: because something failed or is not known, which makes the run incomplete (4), and not because of a safety
    limit (5).
    """

    reason: str
    failed: bool = False


UNCONFIRMED = Refusal("not deleted: the answer was not yes (--yes deletes without asking)")


@dataclass(frozen=True)
class Found:
    """What is known of a slave before its first delete.

    `extras` were found among `scanned` items; a share is one of `held`, the slave's items but for those that --where
    leaves out. `lacking`: a segment that could have found their keys was not compared to its end. `changed` is a
    sentence where the master or the slave is another table now. `empty_master`: the master returned no item, with
    `filtering` none of which --where is true, and that was not allowed. `same` counts items that were the same on both
    sides, None where that count is not exact; `settled` those that looked different and agreed when read again. See
    `contradicts`.
    """

    extras: int
    scanned: int
    lacking: bool = False
    changed: str | None = None
    empty_master: bool = False
    same: int | None = None
    settled: int = 0
    held: int | None = None
    filtering: bool = False

    @property
    def contradicts(self) -> bool:
        """Return whether some item was the same on both sides, and then an extra.

        The two are different items of the slave, so its scan returned all of them. Where items have settled, tables are
        written to meanwhile, and some items come and go between two reads: these alone are no reason to refuse.
        """
        if self.same is None:
            return False
        allowed = 0
        if self.settled:
            allowed = max(self.settled, self.scanned // MOVING_SHARE)
        return self.same + self.extras - self.scanned > allowed


def has_exact_counts(config: Config, repeated: bool) -> bool:
    """Return whether the scan of a slave returns every item that was the same on both sides.

    Not where only some segments are compared, since a key may be in another segment of the slave than of the master,
    and not where keys were given.
    And not where a worker or a run that ended too early may have written missing items that only an undo log records:
    they look as if they had been there before, and the slave's scan may have passed their place. `repeated` says
    whether pages were compared again.
    """
    if config.shard is not None or config.sample is not None or config.of_keys:
        return False
    if not config.write_missing:
        return True
    return config.executor != "spark" and (config.undo_log is not None or not repeated)


def explain_refusal(found: Found, limit: DeleteLimit | None) -> Refusal | None:
    """Return why the deletes of a slave are refused; return None where they may begin."""
    if found.changed is not None:
        return Refusal(f"not deleted: {found.changed}", failed=True)
    if found.lacking:
        return Refusal(LACKING, failed=True)
    if found.empty_master:
        item = "item of which --where is true" if found.filtering else "item at all"
        return Refusal(f"not deleted: the master returned no {item}; --allow-empty-master if that is right")
    if found.contradicts:
        same = choose_form(found.same or 0, "item was", "items were")
        return Refusal(
            f"not deleted: {found.same:,} {same} the same on both sides and {found.extras:,} only on the slave, "
            f"but its scan returned {found.scanned:,}: a table changed meanwhile, or its answers cannot be trusted; "
            "run again"
        )
    if limit is None:
        return None
    allowed = limit.allowed_for(found.scanned if found.held is None else found.held)
    if found.extras > allowed:
        extras = choose_form(found.extras, "extra is", "extras are")
        return Refusal(f"not deleted: {found.extras:,} {extras} more than --max-deletes allows ({allowed:,})")
    return None
