"""Every case, by every strategy, on every executor and server: one promise, many machines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync import Difference, Synchronizer
from tests.e2e import canonical, policies
from tests.e2e.cases import Case, Line, Slave
from tests.e2e.cases_flags import FLAGS
from tests.e2e.cases_repair import REPAIR
from tests.e2e.cases_safety import SAFETY
from tests.e2e.cases_values import KEYS, VALUES
from tests.e2e.cases_where import WHERE
from tests.servers import Server
from tests.tables import Item, Ran, create_table, put_items, read_all, run_fastsync, unique

CASES = [*REPAIR, *VALUES, *KEYS, *FLAGS, *SAFETY, *WHERE]
REPAIRING = [case for case in CASES if case.exit_code == 0 and any(slave.after is not None for slave in case.slaves)]
INLINE = ("inline lookup", "inline merge")
MACHINES = {"dynamodb-local": INLINE, "dynoxide": (*INLINE, "processes auto")}
"""Executors and strategies by server; workers and the command line are the same whatever they talk to."""
MASTER_REGION, SLAVE_REGION = "us-east-1", "us-west-2"
LINE = {"slave", "verdict", "key", "attributes", "action", "error"}
COUNTERS = (
    "compared", "same", "missing", "differing", "extra", "settled", "slave_newer", "expired", "filtered", "contended",
    "changed", "refused", "written", "deleted", "failed", "scanned",
)  # fmt: skip
LAW_OF_SUMS = ("same", "missing", "differing", "settled", "expired", "filtered")
UNITS = ("read_units", "write_units")
VERSIONS = {"master_version", "slave_version"}
SIDES = {"master", "slave_item"}
SILENT = ("none", "written", "deleted", "slave-newer")
"""Actions that need no explanation."""


@pytest.mark.parametrize(
    ("server", "machine"),
    [(server, machine) for server, machines in MACHINES.items() for machine in machines],
    indirect=["server"],
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, machine: str, server: Server, tmp_path: Path) -> None:
    """What a case says comes true: report, statistics, exit code, and the slaves afterwards."""
    master, slaves = _tables(case, server)
    ran = _run(case, machine, server, (master, *slaves), tmp_path)
    assert ran.exit_code == case.exit_code, ran.stderr
    assert "Traceback" not in ran.stderr
    for name, slave in zip(slaves, case.slaves, strict=True):
        _check_lines([line for line in ran.differences if line["slave"] == name], slave.found)
        after = read_all(server, SLAVE_REGION, name.partition(":")[2])
        assert canonical.items(after) == canonical.items(slave.items if slave.after is None else slave.after)
    if case.flags.get("report_values"):
        _check_values(case, ran.differences)
    assert ran.end == {"complete": True, "differences": sum(len(slave.found) for slave in case.slaves)}
    _check_stats(case, _strategy(case, machine, ran), ran.stats, (master, *slaves))
    assert canonical.items(read_all(server, MASTER_REGION, master.partition(":")[2])) == canonical.items(case.master)


@pytest.mark.parametrize(
    ("case", "machine"),
    [(case, "inline lookup") for case in REPAIRING]
    + [(case, "processes merge") for case in REPAIRING if len(case.slaves) > 1],
    ids=lambda each: each.name if isinstance(each, Case) else each,
)
def test_second_run(case: Case, machine: str, dynoxide: Server, tmp_path: Path) -> None:
    """What was repaired is equal when it is looked at again."""
    master, slaves = _tables(case, dynoxide)
    for expected in (case.exit_code, 0):
        ran = _run(case, machine, dynoxide, (master, *slaves), tmp_path)
        assert ran.exit_code == expected, ran.stderr
    assert ran.differences == []
    assert ran.stats["complete"] is True
    for counters in ran.stats["slaves"].values():
        assert counters["same"] + counters["filtered"] == len(case.master)
        assert counters["written"] == counters["deleted"] == 0


def _tables(case: Case, server: Server) -> tuple[str, list[str]]:
    master = _table(server, MASTER_REGION, case, case.master)
    return master, [_table(server, SLAVE_REGION, case, slave.items) for slave in case.slaves]


def _table(server: Server, region: str, case: Case, items: Sequence[Item]) -> str:
    name = unique()
    given = create_table(server, region, name, case.keys)
    put_items(server, region, name, items)
    return given


def _run(case: Case, machine: str, server: Server, names: Sequence[str], folder: Path) -> Ran:
    executor, strategy = machine.split()
    if executor == "processes":
        tables = [part for flag, name in zip(_flags_of(names), names, strict=True) for part in (flag, name)]
        ran = run_fastsync(*tables, "--strategy", strategy, *case.arguments(), server=server)
        assert ran.stdout == ""
        return ran
    return _run_inline(case, strategy, server, names, folder)


def _strategy(case: Case, machine: str, ran: Ran) -> str:
    """Give the strategy that the statistics have to name: the one asked for, or the one that auto says it takes."""
    asked = str(case.flags.get("strategy", machine.split()[1]))
    if asked != "auto":
        return asked
    (taken,) = re.findall("^strategy (lookup|merge): ", ran.stderr, re.MULTILINE)
    return str(taken)


def _flags_of(names: Sequence[str]) -> list[str]:
    return ["--master", *["--slave"] * (len(names) - 1)]


def _run_inline(case: Case, strategy: str, server: Server, names: Sequence[str], folder: Path) -> Ran:
    """Run a case in this process, through the library, and hold what it hands over against its files."""
    flags: dict[str, Any] = {**case.flags, "executor": "inline", "endpoint_url": server.url}
    flags["ignore"] = [*flags.get("ignore", ()), *flags.pop("ignore_att", ())]
    flags.setdefault("strategy", strategy)
    if (policy := flags.pop("policy", None)) is not None:
        flags["policy"] = getattr(policies, policy)()
    heard: list[Difference] = []
    report, stats = folder / "report.jsonl", folder / "stats.json"
    result = Synchronizer(
        names[0], list(names[1:]), listeners=[heard.append], report=str(report), stats=str(stats), **flags
    ).run()
    ran = Ran(
        [],
        result.exit_code,
        "",
        "\n".join(result.errors),
        [json.loads(line) for line in report.read_text(encoding="utf-8").split("\n") if line],
        json.loads(stats.read_text(encoding="utf-8")),
    )
    assert result.stats == ran.stats
    assert result.complete is ran.stats["complete"]
    assert [_spelled(each) for each in heard] == [{name: line[name] for name in LINE} for line in ran.differences]
    return ran


def _spelled(difference: Difference) -> dict[str, Any]:
    return {
        "slave": difference.slave,
        "verdict": difference.verdict.value,
        "key": difference.key,
        "attributes": list(difference.attributes),
        "action": difference.action.value,
        "error": difference.error,
    }


def _check_lines(lines: Sequence[dict[str, Any]], expected: Sequence[Line]) -> None:
    """Hold the report's lines for one slave against those expected, each exactly once."""
    found = [
        (line["verdict"], canonical.item(line["key"]), tuple(sorted(line["attributes"])), line["action"])
        for line in lines
    ]
    wanted = [
        (line.verdict, canonical.item(line.key), tuple(sorted(line.attributes)), line.action) for line in expected
    ]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    for line in lines:
        valued = LINE | SIDES | {"paths"} if line["verdict"] == "differing" else LINE | SIDES
        assert line.keys() - VERSIONS in (LINE, valued)
        if line["action"] in SILENT:
            assert line["error"] is None
        else:
            assert isinstance(line["error"], str)


def _check_values(case: Case, lines: Sequence[dict[str, Any]]) -> None:
    """Hold both sides in the report's lines against the tables: the differing attributes, or the whole item."""
    names = [name for name, _ in case.keys]
    master, slave = canonical.by_key(case.master, names), canonical.by_key(case.slaves[0].items, names)
    for line in lines:
        key = canonical.item(line["key"])
        for side, there in (("master", master.get(key)), ("slave_item", slave.get(key))):
            whole = line["verdict"] != "differing"
            shown = there and {name: each for name, each in there.items() if whole or name in line["attributes"]}
            assert (line[side] and canonical.item(line[side])) == (shown and canonical.item(shown)), line
        heads = {re.split(r"[.\[]", path)[0] for path in line.get("paths", [])}
        assert heads == set(line["attributes"]), line


def _check_stats(case: Case, strategy: str, stats: Mapping[str, Any], names: Sequence[str]) -> None:
    parts = ("complete", "strategy", "segments", "elapsed_seconds", "sample", "shard", "master", "slaves", "errors")
    assert set(stats) == set(parts)
    assert (stats["complete"], stats["strategy"], stats["segments"]) == (True, strategy, case.segments)
    assert (stats["sample"], stats["shard"], stats["errors"]) == (None, None, [])
    assert stats["elapsed_seconds"] >= case.flags.get("recheck_delay", 0)
    read = stats["master"].pop("read_units")
    assert isinstance(read, float)
    assert read > 0 or not case.master
    assert stats["master"] == {"table": names[0], "scanned": len(case.master)}
    assert list(stats["slaves"]) == list(names[1:])
    for counters, slave in zip(stats["slaves"].values(), case.slaves, strict=True):
        _check_counters(case, strategy, counters, slave)


def _check_counters(case: Case, strategy: str, counters: dict[str, Any], slave: Slave) -> None:
    units = {name: counters.pop(name) for name in UNITS}
    assert all(isinstance(spent, float) for spent in units.values())
    changed = bool(counters["written"] or counters["deleted"])
    assert (units["write_units"] > 0) is changed
    expected: dict[str, int | None] = {**dict.fromkeys(COUNTERS, 0), "compared": len(case.master)}
    if case.looks_for_extras or strategy == "merge":
        # what was missing may have been written before the slave was scanned
        assert len(slave.items) <= counters["scanned"] <= len(slave.items) + counters["missing"]
        expected["scanned"] = counters["scanned"]
    if not case.looks_for_extras:
        expected["extra"] = None
    assert counters == {**expected, **slave.stats}
    assert sum(counters[name] for name in LAW_OF_SUMS) == counters["compared"]
