"""Settle how many processes a run has that was given --parallel auto, once its tables are described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fastsync.config.config import Config
from fastsync.config.flags.flag import AUTO
from fastsync.config.keys.given import GivenKeys
from fastsync.model.parallel import Bound, Room
from fastsync.plan.parallel import Parallel, bound_by_segments, choose_for_keys, choose_parallel
from fastsync.plan.segments import Plan
from fastsync.plan.survey import Survey
from fastsync.run.checkpoints.form import Checkpoint


def settle_parallel(
    config: Config,
    found: Survey,
    find_room: Callable[[], Room],
    announce: Callable[[str], object],
    *,
    given: GivenKeys | None = None,
    resumed: Checkpoint | None = None,
) -> Config:
    """Return the configuration with a number of processes; where that was to be chosen, announce which, and why.

    `given` are the keys that are compared, `resumed` is the earlier part of the job, whose segments stay as they are.
    """
    if config.parallel != AUTO:
        return config
    chosen = _choose(config, found, find_room, given, resumed)
    announce(str(chosen))
    return replace(config, parallel=chosen.number)


def _choose(
    config: Config, found: Survey, find_room: Callable[[], Room], given: GivenKeys | None, resumed: Checkpoint | None
) -> Parallel:
    if config.executor == "inline":
        return Parallel(1, "--executor inline works in this process alone")
    if config.starting_key is not None:
        return Parallel(1, "a scan from --starting-key on is one segment")
    if given is not None:
        return choose_for_keys(config, found, find_room(), given.store.count)
    return choose_parallel(config, found, find_room(), _bound_by_tasks(config, found, resumed))


def _bound_by_tasks(config: Config, found: Survey, resumed: Checkpoint | None) -> Bound | None:
    """Return the bound that the number of segments sets where it is given, or an earlier run has chosen it."""
    if resumed is not None:
        slicing = replace(config.slicing, segments=resumed.total)
        plan = Plan.of_chunks(slicing, resumed.total) if found.exports else Plan.of(slicing)
        left = resumed.left.count_segments(frozenset(map(str, found.slaves)), plan)
        return bound_by_segments(max(1, left), " left to compare")
    if config.segments is not None and not found.exports:
        return bound_by_segments(len(Plan.of(config.slicing).numbers), " to compare")
    return None
