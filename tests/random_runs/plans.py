"""The plan of one run, all of it drawn from its seed: tables, flags, weather, kills, changes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.random_runs import failures, worlds
from tests.random_runs.failures import Failure
from tests.random_runs.trouble import Weather
from tests.random_runs.worlds import VERSION, World

MODES = ("plain", "disturbed", "killed", "worker-killed", "failing", "moving")
WEIGHTS = (2, 3, 4, 2, 2, 2)
DISTURBED = 0.3
"""Share of the requests that are in trouble in a disturbed run."""
SLOW = (0.05, 0.3)
"""Seconds that a slow write takes to take effect, from and to."""
ITEMS, SLOW_ITEMS = 60, 25
PATIENCE, IMPATIENCE = 40, 3
"""Retries of one request: where 30 % of them are in trouble none may be so for ever; where one is, it is soon told."""

Flags = dict[str, Any]
PATIENT: Flags = {"max_retries": PATIENCE, "retry_delay_base": 1}
"""Of an undo."""


@dataclass(frozen=True)
class Stroke:
    """A kill at a request of an attempt: of the whole group, of the first process alone, or of the asking worker."""

    victim: str
    signal: str
    at: int
    write: bool
    made: bool


@dataclass(frozen=True)
class Plan:
    """All of a run that its seed decides."""

    seed: int
    mode: str
    slow: bool
    world: World
    flags: Flags
    weather: Weather
    strokes: Sequence[Stroke] = ()
    failure: Failure | None = None
    undo: bool = False

    @property
    def writes(self) -> bool:
        """Whether the run may write at all."""
        return any(self.flags.get(flag) for flag in ("write_missing", "write_differing", "delete_extra"))

    @property
    def finds_extras(self) -> bool:
        """Whether extras are looked for."""
        return bool(self.flags.get("scan_for_extra") or self.flags.get("delete_extra"))

    @property
    def ended_hard(self) -> bool:
        """Whether the run may end with nobody left who knows what was written: SIGKILL, or SIGTERM after a worker died.

        In the second case the run may end before another worker has taken up the task of the dead one.
        """
        killed = [each for each in self.strokes if each.signal == "KILL"]
        return any(each.victim != "worker" for each in killed) or (bool(killed) and len(self.strokes) > len(killed))

    def __str__(self) -> str:
        given = " ".join(arguments(self.flags))
        weather = f"{self.weather.rate:.0%} disturbed" + (", slow writes" if self.slow else "")
        kills = "".join(f"; {stroke}" for stroke in self.strokes)
        fails = "" if self.failure is None else f"; {self.failure}"
        return f"seed {self.seed}: {self.mode}, {weather}; flags: {given or 'none'}{kills}{fails}"


def make(seed: int, modes: Sequence[str] = MODES, slow: bool | None = None) -> Plan:
    """Draw a run of one of the modes; half of them have slow writes unless `slow` says."""
    chance = random.Random(seed)
    weights = dict(zip(MODES, WEIGHTS, strict=True))
    mode = chance.choices(modes, [weights[each] for each in modes])[0]
    slow = chance.random() < 0.5 if slow is None else slow
    world = worlds.make(chance, SLOW_ITEMS if slow else ITEMS, mode == "moving")
    flags = _flags(chance, world, mode)
    victims = (
        _VICTIMS[mode] if flags["executor"] == "processes" else [each for each in _VICTIMS[mode] if each != "worker"]
    )
    strokes = [_stroke(chance, victims) for _ in range(_kills(chance, mode))]
    disturbed = mode == "disturbed" or (mode not in ("plain", "failing") and chance.random() < 0.3)
    weather = Weather(
        DISTURBED if disturbed else 0.0,
        SLOW if slow else None,
        0.0 if mode == "failing" else chance.choice((0.0, 0.1, 0.4)),
        chance.choice((0.0, 0.0, 0.2)),
        chance.choice((0.0, 0.0, 0.0, 0.5)),
    )
    failure = failures.make(chance, world) if mode == "failing" else None
    return Plan(seed, mode, slow, world, flags, weather, strokes, failure, chance.random() < 0.7)


def arguments(flags: Flags) -> list[str]:
    """Write flags as the command line takes them."""
    given: list[str] = []
    for name, value in flags.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, list | tuple):
            given += [word for each in value for word in (flag, each)]
        elif value is True:
            given.append(flag)
        elif value is not None and value is not False:
            given += [flag, str(value)]
    return given


def _flags(chance: random.Random, world: World, mode: str) -> Flags:
    writing = mode in ("worker-killed", "moving") or chance.random() < 0.85
    flags: Flags = {
        "strategy": chance.choice(("lookup", "lookup", "merge", "merge", "auto")),
        "executor": "processes" if mode == "worker-killed" or chance.random() < 0.25 else "inline",
        "parallel": chance.choice((1, 1, 2, 3)),
        "segments": chance.choice((None, None, 1, 2, 5)),
        "scan_limit": chance.choice((None, None, None, 1, 3, 7)),
        "batch_read_limit": chance.choice((None, None, 1, 3, 10, 20)),
        "consistent_read": chance.random() < 0.2,
        "write_missing": writing and chance.random() < 0.8,
        "write_differing": writing and chance.random() < 0.8,
        "scan_for_extra": chance.random() < 0.4,
        "delete_extra": writing and chance.random() < 0.65,
        "allow_empty_master": chance.random() < 0.3,
        "report_values": chance.random() < 0.4,
        "compress": chance.random() < 0.15,
        "max_retries": IMPATIENCE if mode == "failing" else PATIENCE,
        "retry_delay_base": 1,
        **_judging(chance, world, mode),
    }
    if flags["delete_extra"] and chance.random() < 0.5:
        flags["max_deletes"] = chance.choice((0, 1, 5, 60, "0%", "10%", "33.3%", "50%", "100%"))
    writes = flags["write_missing"] or flags["write_differing"] or flags["delete_extra"]
    flags["undo_log"] = chance.random() < (0.65 if writes else 0.2)
    # batches are unconditional and a versioned write is not: they exclude each other
    if mode != "moving" and "version_attribute" not in flags and chance.random() < 0.2:
        flags["writes"] = "batch"
    if mode in ("killed", "failing", "moving") or chance.random() < 0.3:
        flags |= {"checkpoint": True, "resume": True}
    return flags


def _judging(chance: random.Random, world: World, mode: str) -> Flags:
    flags: Flags = {}
    if chance.random() < 0.4:
        key = chance.choice(world.key_names)  # which is compared all the same
        flags["ignore"] = chance.choice((["note"], ["note", "a"], ["x.y", "ä"], ["note", key]))
    flags["keep_ignored"] = chance.random() < (0.5 if "ignore" in flags else 0.1)
    if chance.random() < (0.5 if mode == "moving" else 0.25):
        flags["version_attribute"] = VERSION
    if any(world.ttl) and chance.random() < 0.8:
        flags["ignore_expired"] = True
    if mode != "moving" and chance.random() < 0.15:
        flags["no_recheck"] = True
    elif chance.random() < 0.1:
        flags["recheck_delay"] = 0.01
    return flags


_VICTIMS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(MODES, ()),
    "killed": ("group", "group", "group", "first", "worker"),
    "worker-killed": ("worker",),
    "moving": ("group", "first", "worker"),
}
"""Whom the kills of a run may strike, by its mode; where tasks run in the first process, there are no workers."""


def _kills(chance: random.Random, mode: str) -> int:
    if mode == "moving":
        return chance.choice((0, 0, 1, 2))
    return {"killed": chance.randint(1, 4), "worker-killed": chance.randint(1, 2)}.get(mode, 0)


def _stroke(chance: random.Random, victims: Sequence[str]) -> Stroke:
    victim = chance.choice(victims)
    signal = "KILL" if victim == "worker" else chance.choice(("KILL", "KILL", "TERM"))
    write = chance.random() < 0.5
    at = int(2 ** chance.uniform(0, 4 if write else 7))
    return Stroke(victim, signal, at, write, chance.random() < 0.5)
