"""Exports beside tables: what is found, what is repaired, and what it costs."""

from __future__ import annotations

import gzip
import json
import random
import re
import resource
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync import Synchronizer
from tests.exports import write_export, write_lines, write_manifest
from tests.functional.s3 import FakeS3
from tests.functional.tables_behind_proxy import MASTER_REGION, Table, item
from tests.random_runs.values import respelled_item, value
from tests.servers import Server, environment
from tests.tables import ROOT, Item, Keys, Ran, call, run_fastsync

MASTER = [item(f"{n:03}", v=n) for n in range(50)]
SLAVE = [item(f"{n:03}", v=n if n % 10 else -1) for n in range(5, 50)] + [item("x1", v=1), item("x2", v=2)]
COUNTS = {"same": 40, "missing": 5, "differing": 5 - 1, "extra": 2}


def spell(items: Sequence[Item]) -> list[str]:
    """Return items in one order, of their attributes too."""
    return sorted(json.dumps(each, sort_keys=True) for each in items)


def verdicts(ran: Ran) -> list[tuple[str, str]]:
    """Return verdicts and keys of a report, sorted."""
    return sorted((line["verdict"], json.dumps(line["key"])) for line in ran.differences)


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_a_table_is_compared_with_an_export(server: Server, tmp_path: Path, parallel: str) -> None:
    """Each difference is found, nothing is written, and no capacity is used but that of the table's one scan."""
    place = write_export(tmp_path / "export", MASTER)
    slave = Table.make(server, MASTER_REGION, SLAVE)
    ran = run_fastsync(
        "-m",
        place,
        "-s",
        str(slave),
        "--scan-for-extra",
        "--parallel",
        parallel,
        "--spool",
        str(tmp_path),
        server=server,
    )
    assert ran.exit_code == 1
    counters = ran.stats["slaves"][str(slave)]
    assert {name: counters[name] for name in COUNTS} == {"same": 41, "missing": 5, "differing": 4, "extra": 2}
    assert (counters["compared"], ran.stats["master"]["scanned"], counters["scanned"]) == (50, 50, 47)
    assert ran.stats["master"]["read_units"] == 0
    assert ran.stats["strategy"] == "partition"
    assert len(verdicts(ran)) == 11
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export"]


SCHEMAS = {
    "S": ([("id", "S")], "id:S"),
    "N-B": ([("id", "N"), ("sort", "B")], "id:N,sort:B"),
    "S-N": ([("id", "S"), ("sort", "N")], "id:S,sort:N"),
}


def make_keys(chance: random.Random, keys: Keys, count: int) -> list[Item]:
    """Return distinct keys of a schema; numbers in one spelling."""
    made: dict[str, Item] = {}
    while len(made) < count:
        key = {name: make_key_value(chance, kind) for name, kind in keys}
        made[json.dumps(key)] = key
    return list(made.values())


def make_key_value(chance: random.Random, kind: str) -> dict[str, str]:
    """Return one value of a key."""
    number = chance.randrange(60)
    if kind == "N":
        return {"N": str(number - 30)}
    return {"S": f'k{number}ä\\"\n'} if kind == "S" else {"B": b64encode(b"k%d" % number).decode()}


def make_sides(chance: random.Random, keys: Keys) -> tuple[list[Item], list[Item]]:
    """Return the items of two tables: some equal though spelled otherwise, some not, some on one side only."""
    master: list[Item] = []
    slave: list[Item] = []
    for key in make_keys(chance, keys, 50):
        attributes = {f"a{n}": value(chance) for n in range(chance.randrange(5))}
        other = respelled_item(chance, attributes)
        if chance.random() < 0.2:
            other["a1"] = value(chance)
        where = chance.random()
        if where < 0.9:
            master.append({**key, **attributes})
        if where > 0.1:
            slave.append({**other, **key})
    return master, slave


def compare(master: str, slave: str, server: Server, report: Path, **flags: Any) -> tuple[list[Any], dict[str, Any]]:
    """Compare two tables in this process; return the lines of the report, sorted, and the counters of the slave."""
    result = Synchronizer(
        master, slave, endpoint_url=server.url, executor="inline", report=report, scan_for_extra=True, **flags
    ).run()
    assert result.errors == []
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").split("\n") if line][:-1]
    for line in lines:
        line["slave"] = ""
    counters: Any = result.stats["slaves"][slave]
    return sorted(json.dumps(line, sort_keys=True) for line in lines), {
        name: counters[name] for name in ("same", *COUNTS, "compared", "settled", "filtered")
    }


FLAGS: list[dict[str, Any]] = [
    {},
    {"ignore": ["a2"]},
    {"no_recheck": True},
    {"report_values": True},
    {"where": "a1 && a1 != a2"},
    {"where": "length(a1) > `1`", "no_recheck": True},
    {"where": "length(@) > `3`", "ignore": ["a1"]},
]


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_exports_are_compared_as_tables_are(
    dynoxide: Server, tmp_path: Path, schema: str, flags: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export on either side, or on both, brings the verdicts that its table brings, however parts are cut."""
    chance = random.Random(f"{schema}{flags}")
    keys, text = SCHEMAS[schema]
    for number in range(4):
        monkeypatch.setattr("fastsync.compare.strategies.partition.PAGE_ROWS", chance.choice([1, 3, 1000]))
        monkeypatch.setattr("fastsync.spool.part_files.MOST_ROWS", chance.choice([5, 20, 1000]))
        monkeypatch.setattr("fastsync.spool.part_writer.MEMORY", chance.choice([1, 3000, 1 << 30]))
        monkeypatch.setattr("fastsync.plan.exports.sizes.PART_ROWS", chance.choice([7, 30, 1000]))
        monkeypatch.setattr("fastsync.compare.spelling.ENOUGH", (0, 1, 5, 1000)[number])
        items = make_sides(chance, keys)
        live = [Table.make(dynoxide, MASTER_REGION, each, keys) for each in items]
        master, slave = map(str, live)
        other, twin = (
            write_export(tmp_path / f"{number}-{side}", each.all(), chance.randrange(1, 4))
            for side, each in enumerate(live)
        )
        report = tmp_path / "report.jsonl"
        expected = compare(master, slave, dynoxide, report, strategy="lookup", **flags)
        assert expected[0]
        for pair in ((other, slave), (master, twin)):
            assert compare(*pair, dynoxide, report, **flags) == expected
        assert compare(other, twin, dynoxide, report, key_schema=text, **flags) == expected


def test_a_table_is_repaired_from_an_export(server: Server, tmp_path: Path) -> None:
    """Guarded writes and deletes make the slave what the export holds, and the undo log takes them back."""
    place, slave = write_export(tmp_path / "export", MASTER), Table.make(server, MASTER_REGION, SLAVE)
    log = tmp_path / "undo.jsonl"
    flags = ("--write-missing", "--write-differing", "--delete-extra", "--parallel", "2", "--undo-log", str(log))
    before = spell(slave.all())
    ran = run_fastsync("-m", place, "-s", str(slave), *flags, server=server)
    counters = ran.stats["slaves"][str(slave)]
    assert (ran.exit_code, counters["written"], counters["deleted"], counters["settled"]) == (0, 9, 2, 0), ran.stderr
    assert spell(slave.all()) == spell(MASTER)
    assert run_fastsync("-m", place, "-s", str(slave), "--scan-for-extra", server=server).exit_code == 0
    assert run_fastsync("undo", str(log), server=server).exit_code == 0
    assert spell(slave.all()) == before


def test_tables_and_exports_are_slaves_together(server: Server, tmp_path: Path) -> None:
    """Of several slaves each has its own verdicts, whether it is a table or an export."""
    master, live = (Table.make(server, MASTER_REGION, items) for items in (MASTER, SLAVE))
    places = [write_export(tmp_path / "one", SLAVE), write_export(tmp_path / "two", MASTER)]
    slaves = [flag for slave in (*places, live) for flag in ("-s", str(slave))]
    ran = run_fastsync("-m", str(master), *slaves, "--scan-for-extra", "--parallel", "2", server=server)
    assert ran.exit_code == 1, ran.stderr
    found = {
        name: tuple(counters[verdict] for verdict in ("same", "missing", "differing", "extra"))
        for name, counters in ran.stats["slaves"].items()
    }
    assert found == {places[0]: (41, 5, 4, 2), places[1]: (50, 0, 0, 0), str(live): (41, 5, 4, 2)}
    assert all(counters["compared"] == 50 for counters in ran.stats["slaves"].values())


def test_guards_of_deletes_hold_for_an_export(dynoxide: Server, tmp_path: Path) -> None:
    """An export without items deletes nothing, and neither does one with more extras than allowed."""
    slave = Table.make(dynoxide, MASTER_REGION, SLAVE)
    for name, items, flags in (("empty", [], ()), ("few", MASTER[:3], ("--max-deletes", "10%"))):
        place = write_export(tmp_path / name, items)
        ran = run_fastsync("-m", place, "-s", str(slave), "--delete-extra", *flags, server=dynoxide)
        assert (ran.exit_code, ran.stats["slaves"][str(slave)]["deleted"]) == (5, 0), ran.stderr
    assert len(slave.all()) == len(SLAVE)


def truncate(folder: Path) -> None:
    """Cut the first file short, and have the manifest agree."""
    file = min((folder / "data").iterdir())
    file.write_bytes(file.read_bytes()[:-20])
    write_manifest(folder, [25, 25, 0])


def remove(folder: Path) -> None:
    """Remove the first file."""
    min((folder / "data").iterdir()).unlink()


def change(folder: Path) -> None:
    """Change the first file, so that its digest is another one."""
    file = min((folder / "data").iterdir())
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()).replace(b'"v":{"N":"', b'"v":{"N":"7')))


def count_wrong(folder: Path) -> None:
    """Have the manifest tell of an item more."""
    write_manifest(folder, [26, 25, 0])


def cut_a_line(folder: Path) -> None:
    """Cut the last line of the first file in half."""
    file = min((folder / "data").iterdir())
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:-10]))
    write_manifest(folder, [25, 25, 0])


def repeat(folder: Path) -> None:
    """Have one item twice."""
    file = sorted((folder / "data").iterdir())[1]
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()) + write_lines([{**MASTER[0], "v": {"N": "77"}}])))
    write_manifest(folder, [25, 26, 0])


def lose_a_key(folder: Path) -> None:
    """Have one item without its key."""
    file = sorted((folder / "data").iterdir())[1]
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()) + write_lines([{"v": {"N": "77"}}])))
    write_manifest(folder, [25, 26, 0])


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (truncate, r"0000\w+\.json\.gz"),
    "removed": (remove, r"0000\w+\.json\.gz is not there, but the manifest names it"),
    "changed": (change, r"0000\w+\.json\.gz (is damaged|was replaced)"),
    "count": (count_wrong, r"0000\w+\.json\.gz is damaged: it holds 25 items, but the manifest says 26"),
    "cut line": (cut_a_line, r"0000\w+\.json\.gz, line 25 is not whole"),
    "repeat": (repeat, r'0001\w+\.json\.gz, line 26: the key \{"id":\{"S":"000"\}\} is there twice'),
    "no key": (lose_a_key, r"0001\w+\.json\.gz, line 26 has no key"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_master_has_no_extras(dynoxide: Server, tmp_path: Path, damage: str) -> None:
    """What a damaged export may lack is no extra and is not deleted; what it holds is repaired; the exit code is 4."""
    harm, sentence = DAMAGES[damage]
    place, slave = write_export(tmp_path / "export", MASTER), Table.make(dynoxide, MASTER_REGION, SLAVE)
    harm(tmp_path / "export")
    flags = ("--write-missing", "--write-differing", "--delete-extra")
    ran = run_fastsync("-m", place, "-s", str(slave), *flags, server=dynoxide)
    assert (ran.exit_code, ran.stats["complete"], ran.end["complete"]) == (4, False, False)
    assert len(ran.stats["errors"]) == 1
    assert re.search(sentence, ran.stats["errors"][0]), ran.stats["errors"]
    counters = ran.stats["slaves"][str(slave)]
    assert (counters["extra"], counters["deleted"]) == (0, 0)
    assert {line["verdict"] for line in ran.differences} <= {"missing", "differing"}
    assert counters["written"] == counters["missing"] + counters["differing"] > 0
    held = {each["id"]["S"]: each for each in slave.all()}
    assert set(held) >= {each["id"]["S"] for each in SLAVE}
    assert all(held[each["id"]["S"]] == each for each in MASTER[1::2])


def test_nothing_of_a_replaced_file_is_written(
    dynoxide: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object with another digest is downloaded once like any, and what it holds is neither compared nor written."""
    write_export(tmp_path / "export", MASTER)
    change(tmp_path / "export")
    slave = Table.make(dynoxide, MASTER_REGION, [])
    monkeypatch.setattr("fastsync.spool.part_writer.MEMORY", 1)
    prefix, folder = "x/AWSDynamoDB/1", tmp_path / "export"
    files = {f"{prefix}/{each.relative_to(folder)}": each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    with FakeS3(files) as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        result = Synchronizer(
            f"export:s3://backups/{prefix}",
            str(slave),
            endpoint_url=dynoxide.url,
            executor="inline",
            write_missing=True,
            spool=str(tmp_path),
        ).run()
        assert sorted(path for _, path, _ in s3.requests if "/data/" in path and "list-type" not in path) == sorted(
            f"/backups/{key}" for key in files if "/data/" in key
        )
    assert result.exit_code == 4
    assert "MD5" in result.errors[0]
    assert spell(slave.all()) == spell(MASTER[1::2])


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_slave_misses_nothing(dynoxide: Server, tmp_path: Path, damage: str) -> None:
    """What a damaged export may lack is not missing there; all else is told."""
    harm, sentence = DAMAGES[damage]
    place = write_export(tmp_path / "export", MASTER)
    harm(tmp_path / "export")
    items = [*MASTER[:40], item("more", v=1), item("041", v=0)]
    master = Table.make(dynoxide, MASTER_REGION, items)
    ran = run_fastsync("-m", str(master), "-s", place, "--scan-for-extra", server=dynoxide)
    assert (ran.exit_code, ran.stats["complete"]) == (4, False)
    assert re.search(sentence, ran.stats["errors"][0]), ran.stats["errors"]
    counters = ran.stats["slaves"][place]
    assert (counters["missing"], {line["verdict"] for line in ran.differences}) == (0, {"differing", "extra"})
    assert counters["differing"] == 1
    assert counters["compared"] == counters["same"] + counters["differing"]


REFUSED: dict[str, tuple[int, Sequence[str], str]] = {
    "write": (2, ("-m", "TABLE", "-s", "EXPORT", "--write-missing"), "is an export, which is never written to"),
    "delete": (2, ("-m", "TABLE", "-s", "EXPORT", "--delete-extra"), "is an export, which is never written to"),
    "strategy": (2, ("-m", "EXPORT", "-s", "TABLE", "--strategy", "lookup"), "--strategy does not go with an export"),
    "sample": (2, ("-m", "EXPORT", "-s", "TABLE", "--sample", "0.5"), "--sample does not go with an export"),
    "shard": (2, ("-m", "EXPORT", "-s", "TABLE", "--shard", "0/2", "--segments", "2"), "--shard does not go with"),
    "starting key": (2, ("-m", "EXPORT", "-s", "TABLE", "--starting-key", '{"id":"a"}'), "--starting-key does not go"),
    "spark": (2, ("-m", "EXPORT", "-s", "TABLE", "--executor", "spark"), "--executor spark does not go with an export"),
    "no schema": (2, ("-m", "EXPORT", "-s", "OTHER"), "--key-schema takes the key's names and types"),
    "bad schema": (2, ("-m", "EXPORT", "-s", "OTHER", "--key-schema", "id"), "orderId:S,line:N, not 'id'"),
    "bad type": (2, ("-m", "EXPORT", "-s", "TABLE", "--key-schema", "id:X"), "not 'id:X'"),
    "twice": (2, ("-m", "EXPORT", "-s", "TABLE", "--key-schema", "id:S,id:N"), "names 'id' twice"),
    "three": (2, ("-m", "EXPORT", "-s", "TABLE", "--key-schema", "a:S,b:S,c:S"), "not 'a:S,b:S,c:S'"),
    "other schema": (2, ("-m", "EXPORT", "-s", "TABLE", "--key-schema", "id:N"), "has the key id (S)"),
    "expired": (
        2,
        ("-m", "EXPORT", "-s", "OTHER", "--key-schema", "id:S", "--ignore-expired"),
        "--ignore-expired needs",
    ),
    "no spool": (2, ("-m", "EXPORT", "-s", "TABLE", "--spool", "/nowhere"), "--spool: /nowhere is no folder"),
    "same": (3, ("-m", "EXPORT", "-s", "EXPORT/", "--key-schema", "id:S"), "are the same table"),
    "gone": (3, ("-m", "EXPORT-gone", "-s", "TABLE"), "is not there"),
    "no table": (3, ("-m", "EXPORT", "-s", "us-east-1:nowhere"), "nowhere"),
    "ion": (2, ("-m", "ION", "-s", "TABLE"), "export the table as DynamoDB JSON"),
    "nothing": (2, ("-m", "export:", "-s", "TABLE"), "names no place"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_with_an_export_is_refused(dynoxide: Server, tmp_path: Path, name: str) -> None:
    """One clear sentence, the exit code of its kind, and nothing is read."""
    code, words, sentence = REFUSED[name]
    places = {
        "TABLE": str(Table.make(dynoxide, MASTER_REGION, SLAVE)),
        "EXPORT": write_export(tmp_path / "export", MASTER),
        "OTHER": write_export(tmp_path / "other", SLAVE),
        "ION": write_export(tmp_path / "ion", MASTER, outputFormat="ION"),
    }
    for word, place in places.items():
        words = [re.sub(rf"^{word}(?=$|/|-)", place, each) for each in words]
    ran = run_fastsync(*words, server=dynoxide)
    assert (ran.exit_code, ran.differences if ran.report else []) == (code, []), ran.stderr
    assert sentence in ran.stderr
    assert "Traceback" not in ran.stderr


def expire_by(table: Table, attribute: str) -> None:
    """Have a table's items expire by an attribute."""
    setting = {"Enabled": True, "AttributeName": attribute}
    call(table.server, table.region, "UpdateTimeToLive", {"TableName": table.name, "TimeToLiveSpecification": setting})


def test_items_of_exports_expire_as_those_of_tables(dynoxide: Server, tmp_path: Path) -> None:
    """With --ignore-expired an item past its TTL is absent from an export, too, whichever side the export is."""
    past, future = int(time.time()) - 1000, int(time.time()) + 100_000
    times = {"dead": past, "alive": future}

    def expiring(key: str, ends: str, **attributes: int) -> Item:
        return {**item(key, **attributes), "ttl": {"N": str(times[ends])}}

    master = [
        expiring("both", "dead"),
        expiring("master", "dead"),
        expiring("same", "alive"),
        expiring("gone", "alive"),
    ]
    slave = [expiring("both", "dead", v=1), expiring("extra", "dead"), expiring("same", "alive")]
    tables = [Table.make(dynoxide, MASTER_REGION, items) for items in (master, slave)]
    for table in tables:
        expire_by(table, "ttl")
    exports = [write_export(tmp_path / name, table.all()) for name, table in zip(("m", "s"), tables, strict=True)]
    found = []
    for number, pair in enumerate((tables, (exports[0], tables[1]), (tables[0], exports[1]))):
        report = tmp_path / f"{number}.jsonl"
        lines, counters = compare(str(pair[0]), str(pair[1]), dynoxide, report, ignore_expired=True)
        found.append((lines, counters))
        keys = "both", "gone", "same"
        given = [json.dumps({"id": key}) for key in keys]
        _, counters = compare(str(pair[0]), str(pair[1]), dynoxide, report, ignore_expired=True, key=given)
        assert (counters["same"], counters["missing"], counters["differing"], counters["extra"]) == (1, 1, 0, 0)
    assert found[1:] == found[:1] * 2
    assert (found[0][1]["same"], found[0][1]["missing"], found[0][1]["extra"]) == (1, 1, 0)


def test_a_disk_that_is_full_in_the_middle_ends_the_run(dynoxide: Server, tmp_path: Path) -> None:
    """Where the spool cannot grow, the run ends (4) with one sentence; it finds and deletes nothing."""
    items = [{**item(f"{n:05}"), "v": {"S": random.Random(n).randbytes(60).hex()}} for n in range(3000)]
    place, slave = write_export(tmp_path / "export", items), Table.make(dynoxide, MASTER_REGION, items[:50])
    spool, stats = tmp_path / "spool", tmp_path / "stats"
    spool.mkdir()
    flags = ["--delete-extra", "--write-missing", "--spool", str(spool), "--stats", str(stats), "--parallel", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "fastsync", "-m", place, "-s", str(slave), "--endpoint-url", dynoxide.url, *flags],
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == 4, done.stderr
    assert re.search(r"the spool in \S+ cannot be written: File too large; see --spool", done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    counters = json.loads(stats.read_text())["slaves"][str(slave)]
    assert [counters[name] for name in ("missing", "extra", "written", "deleted")] == [0, 0, 0, 0]
    assert len(slave.all()) == 50
    assert not list(spool.iterdir())


def test_progress_tells_what_is_divided(dynoxide: Server, tmp_path: Path) -> None:
    """While nothing is compared yet, progress says how many items are divided."""
    place, slave = write_export(tmp_path / "export", MASTER), Table.make(dynoxide, MASTER_REGION, SLAVE)
    ran = run_fastsync("-m", place, "-s", str(slave), "--log-format", "json", "--progress", server=dynoxide)
    assert f"{len(MASTER) + len(SLAVE)} items of all tables divided" in ran.stderr
