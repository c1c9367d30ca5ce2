"""Hold what a run left against what it had to leave; each function gives sentences about what is wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import canonical
from tests.random_runs.expectation import BruteForce, Expected, Line, exit_code
from tests.random_runs.plans import Plan
from tests.tables import Item

COUNTED = ("missing", "differing", "extra", "slave_newer", "expired", "contended", "refused", "written", "deleted")
SUMMED = ("same", "missing", "differing", "settled", "expired", "filtered")
"""The law of sums: these make up the items of the master that a slave was compared with."""

Tables = Sequence[Sequence[Item]]
"""Items of the master, then of each slave."""


@dataclass(frozen=True)
class Left:
    """What an attempt at a run left: exit code, stderr, and its report and statistics as text."""

    code: int
    stderr: str
    report: str
    stats: str

    @property
    def lines(self) -> list[Any]:
        """The parsed lines of the report, the last one included."""
        return [json.loads(line) for line in self.report.split("\n") if line]

    @property
    def counts(self) -> Any:
        """The parsed statistics."""
        return json.loads(self.stats)


@dataclass(frozen=True)
class Names:
    """The names of the tables as the run was given them."""

    master: str
    slaves: Sequence[str]


def is_complete(left: Left) -> bool:
    """Say whether a run calls itself complete."""
    return bool(left.stats and left.counts["complete"])


def form(left: Left, names: Names, complete: bool, whole: bool = True) -> Iterator[str]:
    """Check what holds at every end that a run comes to by itself; `whole`: no slave was lost on the way."""
    if "Traceback" in left.stderr:
        yield "there is a traceback on stderr"
    try:
        lines, stats = left.lines, left.counts
    except ValueError as error:
        yield f"report or statistics are not whole: {error}"
        return
    trailer = lines[-1] if lines else {}
    found = len(lines) - 1
    if trailer != {"complete": complete, "differences": found} or not left.report.endswith("\n"):
        yield f"the report ends with {trailer}, after {found} differences"
    if stats["complete"] is not complete or (complete and stats["errors"]):
        yield f"complete is {stats['complete']}, errors are {stats['errors']}"
    if set(stats["slaves"]) != set(names.slaves) or stats["master"]["table"] != names.master:
        yield f"the statistics name other tables: {list(stats['slaves'])}"
    for name, counters in stats["slaves"].items():
        mine = [line for line in lines[:-1] if line["slave"] == name]
        yield from sums(name, counters, stats["master"]["scanned"], mine, whole)


def sums(name: str, counters: Mapping[str, Any], scanned: int, lines: Sequence[Any], whole: bool) -> Iterator[str]:
    """Check that what is counted adds up, and is what the lines of the report say."""
    summed = sum(counters.get(each, 0) for each in SUMMED)
    compared = counters.get("compared", scanned if whole else summed)
    if summed != compared or compared > scanned or (whole and compared != scanned):
        yield f"{name}: {summed} items are counted, {compared} compared, {scanned} scanned: {dict(counters)}"
    told = Counter(line["verdict"] for line in lines)
    told += Counter(line["action"].replace("-", "_") for line in lines if line["action"] != "none")
    for what in (*COUNTED, "failed"):
        if what != "expired" and (counters[what] or 0) != told[what]:
            yield f"{name}: {what} is {counters[what]}, and {told[what]} in the report"


def at_rest(plan: Plan, before: Tables, after: Tables, left: Left, names: Names) -> Iterator[str]:
    """Check a run over tables that nobody else changed against brute force."""
    yield from form(left, names, complete=True)
    stats = left.counts
    expected = _expected(plan, before, stats, names)
    if left.code != exit_code(expected):
        yield f"the exit code is {left.code}, not {exit_code(expected)}"
    if stats["master"]["scanned"] != len(before[0]):
        yield f"{stats['master']['scanned']} items of the master were scanned, of {len(before[0])}"
    if sorted(map(_raw, after[0])) != sorted(map(_raw, before[0])):
        yield "the master has changed"
    for place, (name, each) in enumerate(zip(names.slaves, expected, strict=True), 1):
        lines = [line for line in left.lines[:-1] if line["slave"] == name]
        lost = yield from _lines(plan, name, each, lines)
        yield from _counters(plan, name, each, stats["slaves"][name], lost)
        yield from _scanned(plan, name, len(before[place]), each, stats["slaves"][name]["scanned"])
        yield from _table(name, each, after[place], plan.world.key_names)


def broken(plan: Plan, tables: tuple[Tables, Tables], left: Left, names: Names) -> Iterator[str]:
    """Check a run in which something failed for good: what it tells is right, and nothing else was written.

    `tables` are those at the beginning of the job, and those that it left.
    """
    before, after = tables
    if left.code == 3:
        if list(map(_by_value, before)) != list(map(_by_value, after)):
            yield "tables were changed by a run that could not compare them"
        return
    yield from form(left, names, complete=False, whole=False)
    if left.code not in (4, 5) or (left.code == 5 and not plan.flags["delete_extra"]):
        yield f"the exit code is {left.code}"
    if not left.counts["errors"]:
        yield "there are no errors"
    for place, (name, each) in enumerate(
        zip(names.slaves, _expected(plan, before, left.counts, names), strict=True), 1
    ):
        then, now = (canonical.by_key(each_side[place], plan.world.key_names) for each_side in tables)
        wanted = {line[:4]: line.action for line in each.lines}
        lines = [line for line in left.lines[:-1] if line["slave"] == name]
        told = Counter(_found(name, line) for line in lines)
        yield from (f"told {count} times: {line}" for line, count in told.items() if count > 1)
        written = set()
        for line in told:
            written |= {line.key} if line.action in REPAIRED else set()
            allowed = {wanted.get(line[:4]), "failed", *(("none", "refused") if line.verdict == "extra" else ())}
            if line[:4] not in wanted or line.action not in allowed:
                yield f"told, and not so: {line}"
        for key in now.keys() | then.keys() | written:
            right = each.after.get(key) if key in written else then.get(key)
            if (now.get(key) and _raw(now[key])) != (right and _raw(right)):
                yield f"{name}: it holds {now.get(key)}, not {right}; written: {key in written}"


def moving(left: Left, names: Names) -> Iterator[str]:
    """Check a run over tables that others changed meanwhile: what adds up, and that no difference is told twice."""
    yield from form(left, names, complete=True)
    told = Counter((line["slave"], line["verdict"], canonical.item(line["key"])) for line in left.lines[:-1])
    yield from (f"told {count} times: {what}" for what, count in told.items() if count > 1)
    counts = list(left.counts["slaves"].values())
    remaining = any(
        each["missing"] + each["differing"] + (each["extra"] or 0) > each["written"] + each["deleted"]
        for each in counts
    )
    code = 5 if any(each["refused"] for each in counts) else 1 if remaining else 0
    if left.code != code:
        yield f"the exit code is {left.code}, not {code}"


def undone(
    before: Tables, after: Tables, changed: Sequence[set[Any]], names: Names, key_names: Sequence[str]
) -> Iterator[str]:
    """Check that what an undo leaves of the keys that it is about, all others aside, is what was there before."""
    for place, name in enumerate(names.slaves, 1):
        then, now = canonical.by_key(before[place], key_names), canonical.by_key(after[place], key_names)
        for key in changed[place - 1] & (then.keys() | now.keys()):
            was, left = (_raw(canonical.replicable(each[key])) if key in each else None for each in (then, now))
            if was != left:
                yield f"{name}: after the undo there is {left}, not {was}"


def units(left: Left, told: Sequence[tuple[float, float]], names: Names) -> Iterator[str]:
    """Check the units in the statistics against those that the server has told of."""
    stats = left.counts
    for (read, written), name in zip(told, (None, *names.slaves), strict=True):
        counted = stats["master"] if name is None else stats["slaves"][name]
        if counted["read_units"] != read or counted.get("write_units", 0.0) != written:
            yield f"{name or names.master}: {counted} does not tell of {read} read and {written} write units"


def _expected(plan: Plan, before: Tables, stats: Any, names: Names) -> list[Expected]:
    brute = BruteForce(plan, before[0], plan.world.ttl)
    return [
        brute.slave(name, place, before[place], stats["slaves"][name]["scanned"])
        for place, name in enumerate(names.slaves, 1)
    ]


def _lines(plan: Plan, name: str, expected: Expected, lines: Sequence[Any]) -> Generator[str, None, Sequence[Line]]:
    """Check each line; give the differences that no line tells of, where a kill may have cost them."""
    found = [_found(name, line) for line in lines]
    wanted, told = Counter(expected.lines), Counter(found)
    yield from (f"told {count} times too often: {line}" for line, count in (told - wanted).items())
    lost = list((wanted - told).elements())
    # without an undo log nobody knows what a run that was ended by SIGKILL had written
    excused = [each for each in lost if plan.ended_hard and not plan.flags["undo_log"] and each.action in REPAIRED]
    yield from (f"not told: {line}" for line in lost if line not in excused)
    for line, told_line in zip(found, lines, strict=True):
        if line in expected.shown:
            yield from _values(plan, line, told_line, expected)
    return excused


REPAIRED = ("written", "deleted")


def _values(plan: Plan, line: Line, told: Mapping[str, Any], expected: Expected) -> Iterator[str]:
    if (told["error"] is None) is not (line.action in ("none", "written", "deleted", "slave-newer")):
        yield f"{line}: the error is {told['error']}"
    if (
        plan.flags.get("version_attribute")
        and (told["master_version"], told["slave_version"]) != expected.versions[line]
    ):
        yield f"{line}: versions are {told['master_version']}, {told['slave_version']}, not {expected.versions[line]}"
    if not plan.flags["report_values"]:
        return
    for side, item in zip(("master", "slave_item"), expected.shown[line], strict=True):
        wanted = _differing(item, line)
        shown = told[side]
        same = shown is wanted if wanted is None or shown is None else _value(shown) == _value(wanted)
        if not same:
            yield f"{line}: {side} is {shown}, not {wanted}"
    if line.verdict == "differing" and not told["paths"]:
        yield f"{line}: no path says where the values differ"


def _found(name: str, line: Mapping[str, Any]) -> Line:
    return Line(name, line["verdict"], canonical.item(line["key"]), tuple(line["attributes"]), line["action"])


def _by_value(table: Sequence[Item]) -> list[str]:
    return sorted(map(_raw, table))


def _differing(item: Item | None, line: Line) -> Item | None:
    """Give what a line shows of an item: all of it, but of one that differs the attributes that do."""
    if item is None or line.verdict != "differing":
        return item
    return {attribute: item[attribute] for attribute in line.attributes if attribute in item}


def _counters(
    plan: Plan, name: str, expected: Expected, counters: Mapping[str, Any], lost: Sequence[Line]
) -> Iterator[str]:
    wanted = Counter(expected.counts)
    for line in lost:
        wanted -= Counter((line.verdict, line.action))
    for what in COUNTED:
        if what == "extra" and not plan.finds_extras:
            if counters[what] is not None:
                yield f"{name}: extra is {counters[what]}, and extras were not looked for"
        elif counters[what] != wanted[what]:
            yield f"{name}: {what} is {counters[what]}, not {wanted[what]}"
    if not lost and (counters["same"] != wanted["same"] or counters["settled"] or counters["failed"]):
        yield f"{name}: {wanted['same']} items are the same, none settled, none failed; counted: {dict(counters)}"


def _scanned(plan: Plan, name: str, items: int, expected: Expected, scanned: int) -> Iterator[str]:
    """Check how much of a slave was scanned: all of it for extras; what was written meanwhile may be among it."""
    least = items if plan.finds_extras else 0
    most = items + expected.counts["written"]
    if not least <= scanned <= most:
        yield f"{name}: {scanned} items were scanned, of {items}"


def _table(name: str, expected: Expected, after: Sequence[Item], key_names: Sequence[str]) -> Iterator[str]:
    now = canonical.by_key(after, key_names)
    for key in now.keys() | expected.after.keys():
        there, wanted = now.get(key), expected.after.get(key)
        if (there is None) is not (wanted is None) or (
            there is not None and wanted is not None and _raw(there) != _raw(wanted)
        ):
            yield f"{name}: it holds {there}, not {wanted}"


def _value(item: Item) -> Any:
    return canonical.item(canonical.replicable(item))


def _raw(item: Item) -> str:
    return json.dumps(item, sort_keys=True)


def text_of(path: Path) -> str:
    """Read a file, which may not be there."""
    return path.read_text(encoding="utf-8") if path.exists() else ""
