"""Given keys against exports: the same as against tables, from one pass over the files that keeps only these keys."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync import Synchronizer
from tests.exports import write_export
from tests.functional.tables_behind_proxy import MASTER_REGION, Table, item
from tests.functional.test_export_runs import DAMAGES, MASTER, SCHEMAS, SLAVE, make_sides, spell
from tests.servers import Server
from tests.tables import Item, Keys, run_fastsync

COUNTERS = ("compared", "same", "missing", "differing", "extra", "settled", "filtered", "absent", "scanned")


def compare(tables: Sequence[str], server: Server, report: Path, **flags: Any) -> tuple[list[str], Any]:
    """Compare tables in this process; return the lines of the report, sorted, and what was counted."""
    master, *slaves = tables
    result = Synchronizer(
        master, slaves, endpoint_url=server.url, executor="inline", report=str(report), scan_for_extra=True, **flags
    ).run()
    assert result.errors == []
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").split("\n") if line][:-1]
    for line in lines:
        line["slave"] = slaves.index(line["slave"])
    counted: Any = [[dict(result.stats["slaves"][slave]).get(name) for name in COUNTERS] for slave in slaves]
    return sorted(json.dumps(line, sort_keys=True) for line in lines), [result.stats["master"]["scanned"], counted]


def choose_keys(chance: random.Random, keys: Keys, items: Sequence[Item], slaves: Sequence[str]) -> list[Any]:
    """Return lines of a file of keys: of items and of none, whole and partition keys, some of a slave only."""
    lines: list[Any] = []
    for each in items:
        key = {name: each[name] for name, _ in keys}
        if chance.random() < 0.3:
            lines.append(key)
        elif chance.random() < 0.2:
            lines.append({"slave": chance.choice(slaves), "verdict": "missing", "key": key, "attributes": []})
        elif chance.random() < 0.1:
            lines.append({keys[0][0]: each[keys[0][0]]})
    absent = {"S": {"S": "nowhere"}, "N": {"N": "7777"}, "B": {"B": "AAAA"}}
    lines.append({name: absent[kind] for name, kind in keys})
    lines.append({keys[0][0]: absent[keys[0][1]]})
    chance.shuffle(lines)
    return lines


FLAGS: list[dict[str, Any]] = [
    {},
    {"ignore": ["a2"], "report_values": True},
    {"recheck_delay": 0.0},
    {"where": "a1 && a1 != a2"},
]


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_keys_bring_of_exports_what_they_bring_of_tables(
    dynoxide: Server, tmp_path: Path, schema: str, flags: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole keys, partition keys and lines of a report bring the same verdicts and counts, however parts are cut."""
    chance = random.Random(f"{schema}{flags}")
    keys, text = SCHEMAS[schema]
    monkeypatch.setattr("fastsync.spool.wanted_keys.FEWEST", 64)  # so that other keys pass, too
    monkeypatch.setattr("fastsync.spool.wanted_keys.PER_KEY", 1)
    for number in range(3):
        monkeypatch.setattr("fastsync.compare.strategies.partition.PAGE_ROWS", chance.choice([1, 3, 1000]))
        monkeypatch.setattr("fastsync.compare.strategies.given_keys.MOST", chance.choice([1, 3, 1000]))
        monkeypatch.setattr("fastsync.spool.part_files.MOST_ROWS", chance.choice([5, 20, 1000]))
        monkeypatch.setattr("fastsync.spool.part_writer.MEMORY", chance.choice([1, 3000, 1 << 30]))
        monkeypatch.setattr("fastsync.plan.keys.groups.PER_PART", chance.choice([3, 1000]))
        monkeypatch.setattr("fastsync.plan.keys.plan.LEAST", chance.choice([2, 100]))
        monkeypatch.setattr("fastsync.plan.keys.plan.MOST_GROUPS", chance.choice([1, 2, 1000]))
        one, two = make_sides(chance, keys)
        three, _ = make_sides(chance, keys)
        live = [Table.make(dynoxide, MASTER_REGION, each, keys) for each in (one, two, three)]
        tables = [str(each) for each in live]
        exports = [
            write_export(tmp_path / f"{number}-{side}", each.all(), chance.randrange(1, 4))
            for side, each in enumerate(live)
        ]
        report, file = tmp_path / "report.jsonl", tmp_path / "keys.jsonl"
        given = choose_keys(chance, keys, [*one, *two], (tables[1], tables[2]))
        names = {table: place for place, table in enumerate(tables)}
        expected = None
        for sides in (tables, [exports[0], *tables[1:]], [tables[0], exports[1], tables[2]], exports):
            lines = [{**each, "slave": sides[names[each["slave"]]]} if "verdict" in each else each for each in given]
            file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
            found = compare(
                sides,
                dynoxide,
                report,
                keys=str(file),
                spool=str(tmp_path),
                key_schema=text if sides is exports else None,
                **flags,
            )
            expected = expected or found
            assert expected[0]
            assert found == expected, sides
            assert not list(tmp_path.glob("fastsync-spool-*"))


def write_report(path: Path, lines: Sequence[Mapping[str, Any]]) -> str:
    """Write lines of a report, as somebody has chosen them, and return its name."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(path)


def test_what_was_deleted_by_mistake_comes_back(server: Server, tmp_path: Path) -> None:
    """Only items of a reviewed report are restored, those that have changed since are left; undo takes it back."""
    place, slave = write_export(tmp_path / "export", MASTER), Table.make(server, MASTER_REGION, SLAVE)
    found = run_fastsync("-m", place, "-s", str(slave), "--report-values", server=server)
    lines = sorted(found.differences, key=lambda line: str(line["key"]))
    missing = [line for line in lines if line["verdict"] == "missing"]
    differing = [line for line in lines if line["verdict"] == "differing"]
    chosen = write_report(tmp_path / "chosen.jsonl", [*missing[:3], *differing[:2]])
    slave.put(item("000", v="written since"))
    log = tmp_path / "undo.jsonl"
    before = spell(slave.all())
    ran = run_fastsync(
        *("-m", place, "-s", str(slave), "--keys", chosen, "--write-missing", "--write-differing", "--if-unchanged"),
        *("--undo-log", str(log), "--spool", str(tmp_path)),
        server=server,
    )
    counters = ran.stats["slaves"][str(slave)]
    keys = {line["key"]["id"]["S"] for line in (*missing[:3], *differing[:2])}
    assert (counters["written"], counters["changed"], counters["compared"]) == (4, 1, 5), ran.stderr
    assert (ran.exit_code, ran.stats["strategy"], ran.stats["master"]["read_units"]) == (1, "keys", 0)
    held = {each["id"]["S"]: each for each in slave.all()}
    assert all(held[each["id"]["S"]] == each for each in MASTER if each["id"]["S"] in keys - {"000"})
    assert len(held) == len(SLAVE) + 3
    assert run_fastsync("undo", str(log), server=server).exit_code == 0
    assert spell(slave.all()) == before


@pytest.mark.parametrize("keys", [(), ("--parallel", "2")], ids=["one", "two"])
def test_extras_are_deleted_by_key(server: Server, tmp_path: Path, keys: Sequence[str]) -> None:
    """Extras that were reviewed are deleted though no key is in the export, since the export holds other items."""
    place, slave = write_export(tmp_path / "export", MASTER), Table.make(server, MASTER_REGION, SLAVE)
    flags = ("-m", place, "-s", str(slave), "--key", '{"id":"x1"}', "--key", '{"id":"nowhere"}', "--delete-extra")
    ran = run_fastsync(*flags, *keys, server=server)
    counters = ran.stats["slaves"][str(slave)]
    assert (ran.exit_code, counters["deleted"], counters["absent"]) == (0, 1, 1), ran.stderr
    assert len(slave.all()) == len(SLAVE) - 1
    nothing = write_export(tmp_path / "nothing", [])
    ran = run_fastsync("-m", nothing, *flags[2:4], "--key", '{"id":"x2"}', "--delete-extra", server=server)
    assert (ran.exit_code, ran.stats["slaves"][str(slave)]["deleted"]) == (5, 0), ran.stderr


@pytest.mark.parametrize("damage", DAMAGES)
def test_keys_that_a_damaged_export_may_lack_have_no_verdict(dynoxide: Server, tmp_path: Path, damage: str) -> None:
    """Of a damaged export, what it lacks is neither missing, nor extra, nor on neither side; nothing is deleted."""
    place = write_export(tmp_path / "export", MASTER)
    DAMAGES[damage][0](tmp_path / "export")
    table = Table.make(dynoxide, MASTER_REGION, [*MASTER, item("x1", v=1)])
    given = [flag for key in ("000", "001", "x1", "nowhere") for flag in ("--key", json.dumps({"id": key}))]
    flags = [*given, "--delete-extra", "--write-missing"]
    ran = run_fastsync("-m", place, "-s", str(table), *flags, server=dynoxide)
    counters = ran.stats["slaves"][str(table)]
    counts = [counters[name] for name in ("missing", "extra", "deleted", "absent")]
    assert (ran.exit_code, counts) == (4, [0, 0, 0, 0]), ran.stderr
    assert counters["same"] >= 1
    assert counters["compared"] == counters["same"] + counters["differing"]
    ran = run_fastsync("-m", str(table), "-s", place, *given, "--scan-for-extra", server=dynoxide)
    counters = ran.stats["slaves"][place]
    counts = [counters[name] for name in ("missing", "extra", "absent")]
    assert (ran.exit_code, counts) == (4, [0, 0, 0]), ran.stderr
    assert counters["compared"] == counters["same"] + counters["differing"] >= 1


def test_a_pass_keeps_only_given_keys(dynoxide: Server, tmp_path: Path) -> None:
    """The spool takes the room of the keys, however large the export is."""
    items = [item(f"{n:05}", v="x" * 300) for n in range(5000)]
    place, slave = write_export(tmp_path / "export", items), Table.make(dynoxide, MASTER_REGION, items[:10])
    ran = run_fastsync("-m", place, "-s", str(slave), "--key", '{"id":"00003"}', "-v", server=dynoxide)
    assert (ran.exit_code, ran.stats["master"]["scanned"], ran.stats["slaves"][str(slave)]["same"]) == (0, 1, 1)
    needed = re.search(r"the run needs about ([\d,]+) bytes", ran.stderr)
    assert needed is not None
    assert int(needed[1].replace(",", "")) < 2000
