"""Given keys: --key, --keys and --if-unchanged compare and repair just these, from the command line and at random."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fastsync import Synchronizer
from tests.e2e import canonical
from tests.servers import Server
from tests.tables import Item, Keys, Ran, create_table, put_items, read_all, run_fastsync, unique

PAIR: Keys = (("pk", "S"), ("sk", "N"))
MASTER_REGION, SLAVE_REGION = "us-east-1", "us-west-2"
SIZES = [1, 50, 51, 100, 101, 1000, 1001]
"""Where pages, requests and chunks of keys end."""


def item(pk: str, sk: int | str, **values: Any) -> Item:
    """Make an item of the composite key."""
    return {"pk": {"S": pk}, "sk": {"N": str(sk)}, **{name: {"S": str(value)} for name, value in values.items()}}


def key_of(made: Item) -> Item:
    """Give the key of an item."""
    return {name: made[name] for name, _ in PAIR}


@dataclass
class World:
    """A master and slaves with a composite key, on one server."""

    server: Server
    master: str
    slaves: Sequence[str]

    def run(self, *flags: str) -> Ran:
        """Run the program on all tables."""
        tables = [part for slave in self.slaves for part in ("--slave", f"{SLAVE_REGION}:{slave}")]
        return run_fastsync("--master", f"{MASTER_REGION}:{self.master}", *tables, *flags, server=self.server)

    def left(self, slave: int = 0) -> Any:
        """Give what a slave holds."""
        return canonical.items(read_all(self.server, SLAVE_REGION, self.slaves[slave]))


def make_world(server: Server, master: Iterable[Item], *slaves: Iterable[Item]) -> World:
    """Create and fill tables."""
    names = [unique() for _ in range(1 + len(slaves))]
    for name, region, items in zip(
        names, (MASTER_REGION, *[SLAVE_REGION] * len(slaves)), (master, *slaves), strict=True
    ):
        create_table(server, region, name, PAIR)
        put_items(server, region, name, items)
    return World(server, names[0], names[1:])


def plain(made: Item) -> str:
    """Write a key plainly, as --key takes it."""
    return json.dumps({"pk": made["pk"]["S"], "sk": json.loads(made["sk"]["N"])})


def found(ran: Ran) -> list[tuple[str, str, str, str]]:
    """Give the lines of a report, sorted."""
    return sorted(
        (line["slave"].partition(":")[2], line["verdict"], json.dumps(line["key"], sort_keys=True), line["action"])
        for line in ran.differences
    )


def counters(ran: Ran, slave: str) -> dict[str, Any]:
    """Give the counters of a slave that are not 0."""
    return {name: count for name, count in ran.stats["slaves"][f"{SLAVE_REGION}:{slave}"].items() if count}


OLD = [item("a", 1, v="old"), item("a", 2, v="same"), item("a", 4, v="extra"), item("b", 1, v="old")]
NEW = [item("a", 1, v="new"), item("a", 2, v="same"), item("a", 3, v="new"), item("b", 1, v="new")]


def test_only_the_keys_are_compared(server: Server) -> None:
    """A key is compared for two units on each side, and nothing else is read."""
    world = make_world(server, NEW, OLD)
    ran = world.run("--key", '{"pk": "a", "sk": 1}', "--key", '{"pk": {"S": "a"}, "sk": {"N": "3.0"}}')
    slave = world.slaves[0]
    assert ran.exit_code == 1, ran.stderr
    assert [line[1] for line in found(ran)] == ["differing", "missing"]
    units = counters(ran, slave).pop("read_units")
    assert units <= 2  # DynamoDB Local takes nothing for a key that is not there
    assert counters(ran, slave) == {
        "compared": 2, "missing": 1, "differing": 1, "scanned": 1, "read_units": units,
    }  # fmt: skip
    assert (ran.stats["strategy"], ran.stats["segments"]) == ("keys", None)
    assert ran.stats["master"]["scanned"] == 2
    assert ran.stats["slaves"][f"{SLAVE_REGION}:{slave}"]["absent"] == 0


@pytest.mark.parametrize("extras", [True, False])
def test_a_partition_key_stands_for_its_items(server: Server, extras: bool) -> None:
    """All items under a partition key are compared, and no others; extras where they are asked for."""
    world = make_world(server, NEW, OLD)
    ran = world.run("--key", '{"pk": "a"}', *(["--scan-for-extra"] if extras else []))
    verdicts = ["differing", *(["extra"] if extras else []), "missing"]
    assert sorted(line[1] for line in found(ran)) == verdicts
    assert {json.loads(line[2])["pk"]["S"] for line in found(ran)} == {"a"}
    assert counters(ran, world.slaves[0])["compared"] == 3


def test_a_report_is_repaired_and_nothing_else(server: Server, tmp_path: Path) -> None:
    """The lines of a report are repaired, each for its slave only, and undone by the undo log."""
    world = make_world(server, NEW, OLD, [])
    report, undo = tmp_path / "report.jsonl", tmp_path / "undo.jsonl"
    assert world.run("--scan-for-extra", "--report", str(report), "--report-values").exit_code == 1
    chosen = [line for line in report.read_text().splitlines() if '"sk": {"N": "1"}' in line or '"extra"' in line]
    edited = tmp_path / "edited.jsonl"
    edited.write_text("".join(f"{line}\n" for line in chosen))
    before = [world.left(0), world.left(1)]
    writing = ("--write-missing", "--write-differing", "--delete-extra")
    ran = world.run("--keys", str(edited), *writing, "--if-unchanged", "--undo-log", str(undo))
    assert ran.exit_code == 0, ran.stderr
    assert world.left(0) == canonical.items([NEW[0], OLD[1], NEW[3]])
    assert world.left(1) == canonical.items([NEW[0], NEW[3]])
    assert {name: counters(ran, world.slaves[0])[name] for name in ("written", "deleted")} == {
        "written": 2,
        "deleted": 1,
    }
    undone = run_fastsync("undo", str(undo), "--endpoint-url", world.server.url)
    assert undone.exit_code == 0, undone.stderr
    assert [world.left(0), world.left(1)] == before


@pytest.mark.parametrize("writes", [True, False])
def test_what_has_changed_since_the_report_is_left_alone(server: Server, tmp_path: Path, writes: bool) -> None:
    """With --if-unchanged an item that is not as reported has the action changed, whatever would be done to it."""
    same, moved, gone = item("a", 5, v="1", seen="1"), item("a", 6, v="1"), item("a", 7, v="1")
    world = make_world(
        server, [*NEW, same, moved, gone], [*OLD, item("a", 5, v="2"), item("a", 6, v="2"), item("a", 7)]
    )
    report = tmp_path / "report.jsonl"
    world.run("--scan-for-extra", "--report", str(report), "--report-values", "--ignore", "seen")
    put_items(server, SLAVE_REGION, world.slaves[0], [item("a", 6, v="3"), item("a", 4, v="another"), gone])
    put_items(server, MASTER_REGION, world.master, [item("a", 3, v="newer"), item("a", 5, v="1", seen="2")])
    flags = ["--write-missing", "--write-differing", "--delete-extra"] if writes else ["--scan-for-extra"]
    ran = world.run("--keys", str(report), "--if-unchanged", "--ignore", "seen", *flags)
    assert ran.exit_code == 1, ran.stderr
    done = "written" if writes else "none"
    assert sorted((json.loads(line[2])["sk"]["N"], line[1], line[3]) for line in found(ran)) == sorted(
        [
            ("1", "differing", done), ("1", "differing", done), ("3", "missing", "changed"), ("4", "extra", "changed"),
            ("5", "differing", done), ("6", "differing", "changed"),
        ]
    )  # fmt: skip
    assert counters(ran, world.slaves[0])["changed"] == 3
    assert counters(ran, world.slaves[0])["same"] == 1


@pytest.mark.parametrize("size", SIZES)
def test_any_number_of_keys(dynoxide: Server, tmp_path: Path, size: int) -> None:
    """Every key is compared once, however many there are."""
    world = make_world(
        dynoxide,
        [item("a", n) for n in range(size)],
        [item("a", n, **({} if n % 10 else {"v": 1})) for n in range(size)],
    )
    file = tmp_path / "keys.jsonl"
    file.write_text("".join(plain(item("a", n)) + "\n\n" for n in (*range(size), *range(size))))
    ran = world.run("--keys", str(file), "--parallel", "2")
    assert ran.exit_code == 1, ran.stderr
    differing = len(range(0, size, 10))
    assert counters(ran, world.slaves[0])["compared"] == ran.stats["master"]["scanned"] == size
    assert counters(ran, world.slaves[0])["differing"] == len(ran.differences) == differing


BAD = {
    "a line that is no JSON": ('{"pk": "a", "sk": 1}\n{"pk": "a"\n', "line 2 is neither a key nor a line of a report"),
    "a line that is no object": ("[1]\n", "line 1 is neither a key nor a line of a report"),
    "a key of another table": ('{"pk": "a", "other": 1}\n', "pk, sk"),
    "a key with too much in it": ('{"pk": "a", "sk": 1, "v": 2}\n', "line 1"),
    "the sort key alone": ('{"sk": 1}\n', "pk, sk"),
    "a sort key that is no number": ('{"pk": "a", "sk": "x"}\n', "sk is of type N"),
    "an empty partition key": ('{"pk": ""}\n', "pk"),
    "nothing at all": ("", "holds no key"),
    "blank lines only": ("\n  \n", "holds no key"),
    "a slave of another run": (
        '{"slave": "us-west-2:nix", "verdict": "missing", "key": {"pk": {"S": "a"}, "sk": {"N": "1"}}}\n',
        "1 line is about 'us-west-2:nix', which is none of the slaves",
    ),
    "a line of a report without a slave": (
        '{"verdict": "missing", "key": {"pk": {"S": "a"}, "sk": {"N": "1"}}, "action": "none"}\n',
        "names no slave",
    ),
    "text that is not UTF-8": ('{"pk": {"S": "\udcff"}, "sk": 1}\n', "line 1 is neither a key nor a line of a report"),
    "statistics": ('{"complete": true, "strategy": "keys", "errors": []}\n', "line 1"),
    "all of the statistics": (
        '{"complete": true, "strategy": "keys", "elapsed_seconds": 1.0, "slaves": {}}\n',
        "holds the statistics of a run; --keys takes the run's report",
    ),
    "an undo log": (
        '{"slave": "SLAVE", "key": {"pk": {"S": "a"}, "sk": {"N": "1"}}, "before": null, "after": {"v": {"N": "1"}}}\n',
        "keys.jsonl' is an undo log; to restore what it tells, give it to `fastsync undo`",
    ),
    "a checkpoint": (
        '{"version":3,"checksum":"0123456789abcdef","content":{"settings":{}}}',
        "keys.jsonl' is a checkpoint; its run goes on with --checkpoint and --resume",
    ),
    "a checkpoint of an older version": (
        '{"version":2,"settings":{},"tables":{},"left":{},"totals":{}}',
        "keys.jsonl' is a checkpoint; its run goes on with --checkpoint and --resume",
    ),
    "a report that is packed": ("\x1f\udc8b\x08\x00", "is compressed; unpack it first"),
    "an array of keys": ('[{"pk": "a", "sk": 1},\n{"pk": "a", "sk": 2}]\n', "Expected `object`"),
    "keys with commas between": ('{"pk": "a", "sk": 1},\n', "line 1 is neither a key nor a line of a report"),
    "a name that is there twice": (
        '{"slave": "SLAVE", "verdict": "missing", "key": {"pk": {"S": "b"}, "pk": {"S": "a"}, "sk": {"N": "1"}}, '
        '"attributes": [], "action": "none", "error": null}\n',
        "line 1 is not JSON: a name is there twice",
    ),
    "a partition key in a report": (
        '{"slave": "SLAVE", "verdict": "missing", "key": {"pk": {"S": "a"}}}\n',
        "pk, sk",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_lines(dynoxide: Server, tmp_path: Path, name: str) -> None:
    """A file that holds something else than keys is refused in one sentence, before any item is read."""
    text, sentence = BAD[name]
    world = make_world(dynoxide, [], [])
    file = tmp_path / "keys.jsonl"
    file.write_text(text.replace("SLAVE", f"{SLAVE_REGION}:{world.slaves[0]}"), errors="surrogateescape")
    ran = world.run("--keys", str(file))
    assert ran.exit_code == 2, ran.stderr
    assert sentence in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_a_file_without_end(dynoxide: Server) -> None:
    """A device that never ends its first line is refused, and does not fill the memory."""
    world = make_world(dynoxide, [], [])
    ran = world.run("--keys", "/dev/zero")
    assert ran.exit_code == 2
    assert "/dev/zero, line 1 is longer than any line of a report" in ran.stderr


CONFLICTS = [
    ("--segments", "2"),
    ("--shard", "0/2", "--segments", "2"),
    ("--sample", "0.5"),
    ("--checkpoint", "c.json"),
    ("--starting-key", '{"pk": "a", "sk": 1}'),
    ("--strategy", "lookup"),
    ("--delete-extra", "--max-deletes", "10%"),
    ("--if-unchanged",),
]


@pytest.mark.parametrize("flags", CONFLICTS, ids=" ".join)
def test_what_does_not_go_with_keys(flags: Sequence[str]) -> None:
    """Flags that cut or scan whole tables are refused beside keys, by name, before any request."""
    tables = ("-m", "us-east-1:a", "-s", "us-west-2:b", "--endpoint-url", "http://127.0.0.1:9")
    ran = run_fastsync(*tables, "--key", '{"pk": "a", "sk": 1}', *flags)
    assert ran.exit_code == 2
    assert next(flag for flag in reversed(flags) if flag.startswith("--")) in ran.stderr or flags[0] in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


STDIN = [
    ("--keys", "-", "--keys", "-"),
    (
        "--keys",
        "-",
        "--role-arn",
        "arn:aws:iam::123456789012:role/r",
        "--mfa-serial",
        "arn:aws:iam::123456789012:mfa/m",
    ),
]


@pytest.mark.parametrize("flags", STDIN, ids=["twice", "an MFA code to ask for"])
def test_stdin_serves_one(flags: Sequence[str]) -> None:
    """Keys on stdin are given once, and nobody is asked for a code beside them."""
    ran = run_fastsync("-m", "us-east-1:a", "-s", "us-west-2:b", "--endpoint-url", "http://127.0.0.1:9", *flags)
    assert (ran.exit_code, len(ran.stderr.splitlines())) == (2, 1)
    assert "--keys -" in ran.stderr


def test_values_are_needed_to_tell_what_has_changed(dynoxide: Server, tmp_path: Path) -> None:
    """--if-unchanged with a report without values is refused, and says which flag makes one."""
    world = make_world(dynoxide, NEW, OLD)
    report = tmp_path / "report.jsonl"
    world.run("--report", str(report))
    ran = world.run("--keys", str(report), "--if-unchanged")
    assert ran.exit_code == 2
    assert "line 1 has no values" in ran.stderr
    assert "--report-values" in ran.stderr


def test_the_report_of_a_clean_night(server: Server, tmp_path: Path) -> None:
    """A report without differences is compared in no time: 0, and a sentence says why."""
    world = make_world(server, NEW, NEW)
    report = tmp_path / "report.jsonl"
    assert world.run("--scan-for-extra", "--report", str(report)).exit_code == 0
    ran = world.run("--keys", str(report), "--write-differing", "--if-unchanged")
    assert ran.exit_code == 0, ran.stderr
    assert "is a report without differences" in ran.stderr
    assert ran.stats["complete"] is True
    assert ran.end == {"complete": True, "differences": 0}


def test_a_report_that_was_cut_short_is_used(server: Server, tmp_path: Path) -> None:
    """Lines before a cut are used, and the cut is told."""
    world = make_world(server, NEW, OLD)
    report = tmp_path / "report.jsonl"
    world.run("--report", str(report))
    report.write_text(report.read_text()[:-60])
    ran = world.run("--keys", str(report))
    assert ran.exit_code == 1, ran.stderr
    assert "cut short" in ran.stderr
    assert ran.differences


def test_extras_alone_are_deleted_where_the_master_holds_anything(server: Server, tmp_path: Path) -> None:
    """A list of extras finds no item of the master, so the master is asked for any one item before the first delete."""
    extras = [item("x", n) for n in range(3)]
    file = tmp_path / "keys.jsonl"
    file.write_text("".join(plain(each) + "\n" for each in extras))
    full = make_world(server, NEW, [*NEW, *extras])
    ran = full.run("--keys", str(file), "--delete-extra")
    assert (ran.exit_code, counters(ran, full.slaves[0])["deleted"]) == (0, 3), ran.stderr
    assert full.left() == canonical.items(NEW)
    empty = make_world(server, [], extras)
    ran = empty.run("--keys", str(file), "--delete-extra")
    assert (ran.exit_code, counters(ran, empty.slaves[0])["refused"]) == (5, 3), ran.stderr
    assert empty.left() == canonical.items(extras)
    ran = empty.run("--keys", str(file), "--delete-extra", "--max-deletes", "2", "--allow-empty-master")
    assert ran.exit_code == 5
    ran = empty.run("--keys", str(file), "--delete-extra", "--max-deletes", "3", "--allow-empty-master")
    assert ran.exit_code == 0
    assert empty.left() == canonical.items([])


def test_keys_that_nobody_holds(server: Server) -> None:
    """A key that neither side holds is no difference; it is counted, and only such keys are a warning."""
    world = make_world(server, NEW, OLD)
    ran = world.run("--key", '{"pk": "z", "sk": 1}', "--key", '{"pk": "y"}')
    assert ran.exit_code == 0
    assert counters(ran, world.slaves[0])["absent"] == 2
    assert "none of the 2 keys is on either side" in ran.stderr
    ran = world.run("--key", '{"pk": "a", "sk": 4}', "--key", '{"pk": "y"}')
    assert ran.exit_code == 0
    assert "1 key is on neither side" in ran.stderr
    assert "1 key is only on the slave" in ran.stderr
    assert "warning" not in ran.stderr


def test_keys_of_a_table_whose_key_is_called_key(dynoxide: Server, tmp_path: Path) -> None:
    """A line whose names are exactly those of the table's key is a key, even where they are slave and key."""
    names = unique(), unique()
    for region, name in zip((MASTER_REGION, SLAVE_REGION), names, strict=True):
        create_table(dynoxide, region, name, (("slave", "S"), ("key", "S")))
    put_items(dynoxide, MASTER_REGION, names[0], [{"slave": {"S": "x"}, "key": {"S": "y"}}])
    file = tmp_path / "keys.jsonl"
    file.write_text('{"slave": "x", "key": "y"}\n{"slave": "x", "key": {"S": "z"}}\n')
    tables = ("-m", f"{MASTER_REGION}:{names[0]}", "-s", f"{SLAVE_REGION}:{names[1]}")
    ran = run_fastsync(*tables, "--keys", str(file), server=dynoxide)
    assert ran.exit_code == 1, ran.stderr
    assert [line["verdict"] for line in ran.differences] == ["missing"]
    assert ran.stats["slaves"][f"{SLAVE_REGION}:{names[1]}"]["absent"] == 1


def test_estimate_of_keys(dynoxide: Server, tmp_path: Path) -> None:
    """An estimate of keys is what looking them up takes; that of a partition key is not known."""
    world = make_world(dynoxide, NEW, OLD)
    tables = ("-m", f"{MASTER_REGION}:{world.master}", "-s", f"{SLAVE_REGION}:{world.slaves[0]}")
    where = ("--endpoint-url", dynoxide.url, "--json")
    ran = run_fastsync("estimate", *tables, *where, "--key", '{"pk": "a", "sk": 1}', "--key", '{"pk": "a", "sk": 9}')
    told = json.loads(ran.stdout)
    assert (told["strategy"], told["segments"]) == ("keys", None)
    assert told["strategies"]["keys"]["read_units"] == 4.0
    ran = run_fastsync("estimate", *tables, *where, "--key", '{"pk": "a"}')
    assert json.loads(ran.stdout)["strategies"] == {"keys": None}


POLICIES = {
    "one item": (["--key", '{"pk": "a", "sk": 1}'], "BatchGetItem DescribeTable", "BatchGetItem DescribeTable"),
    "a partition": (["--key", '{"pk": "a"}'], "BatchGetItem DescribeTable Query", "BatchGetItem DescribeTable Query"),
    "extras to delete": (
        ["--key", '{"pk": "a", "sk": 1}', "--delete-extra"],
        "BatchGetItem DescribeTable Scan",
        "BatchGetItem DeleteItem DescribeTable",
    ),
    "a reviewed report": (
        ["--keys", "/dev/null", "--if-unchanged", "--write-missing"],
        "BatchGetItem DescribeTable",
        "BatchGetItem DescribeTable PutItem",
    ),
}


@pytest.mark.parametrize("name", POLICIES)
def test_policies_of_keys(name: str) -> None:
    """The least policies for given keys scan nothing, and query only where a key may be a partition key."""
    flags, *wanted = POLICIES[name]
    ran = run_fastsync("iam-policy", "-m", "us-east-1:a", "-s", "us-west-2:b", *flags)
    assert ran.exit_code == 0, ran.stderr
    for side, actions in zip(("master", "slave"), wanted, strict=True):
        (statement,) = json.loads(ran.stdout)[side]["Statement"]
        assert sorted(statement["Action"]) == [f"dynamodb:{action}" for action in str(actions).split()]


@pytest.mark.parametrize("seed", range(20))
def test_random_keys(dynoxide: Server, tmp_path: Path, seed: int) -> None:
    """Random keys, partitions and lines of reports on random tables have the verdicts that brute force gives them."""
    chance = random.Random(seed)
    world, tables = _make_random_world(dynoxide, chance)
    keys = [(pk, sk) for pk in "abcd" for sk in range(12)]
    wanted: list[set[tuple[str, int]]] = [set(), set()]
    lines: list[str] = []
    for _ in range(chance.choice([1, 5, 40])):
        pk, sk = chance.choice(keys)
        kind = chance.choice(["plain", "typed", "partition", "report"])
        places = [chance.randrange(2)] if kind == "report" else [0, 1]
        lines.append(_make_line(kind, pk, sk, world.slaves[places[0]]))
        for place in places:
            wanted[place] |= {each for each in keys if each[0] == pk} if kind == "partition" else {(pk, sk)}
    file = tmp_path / "keys.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines))
    extras = chance.random() < 0.5
    result = Synchronizer(
        f"{MASTER_REGION}:{world.master}",
        [f"{SLAVE_REGION}:{slave}" for slave in world.slaves],
        keys=file,
        report=str(tmp_path / "report.jsonl"),
        scan_for_extra=extras,
        executor="inline",
        endpoint_url=dynoxide.url,
    ).run()
    report = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()][:-1]
    master, *slaves_items = tables
    for place, name in enumerate(world.slaves):
        slave = f"{SLAVE_REGION}:{name}"
        judged = {each: _judge(master.get(each), slaves_items[place].get(each), extras) for each in wanted[place]}
        expected = sorted((*each, verdict) for each, verdict in judged.items() if verdict)
        reported = sorted(
            (line["key"]["pk"]["S"], int(line["key"]["sk"]["N"]), line["verdict"])
            for line in report
            if line["slave"] == slave
        )
        assert reported == expected
        counted = result.stats["slaves"][slave]
        assert counted["compared"] == len(wanted[place] & master.keys())
        assert counted["compared"] == counted["same"] + counted["missing"] + counted["differing"]
    assert result.stats["master"]["scanned"] == len((wanted[0] | wanted[1]) & master.keys())


def _make_random_world(server: Server, chance: random.Random) -> tuple[World, list[dict[tuple[str, int], Item]]]:
    keys = [(pk, sk) for pk in "abc" for sk in range(10)]
    tables = [
        {(pk, sk): item(pk, sk, v=chance.randrange(2)) for pk, sk in keys if chance.random() < share}
        for share in (0.8, 0.8, chance.choice([0, 0.5, 1]))
    ]
    return make_world(server, *(table.values() for table in tables)), tables


def _make_line(kind: str, pk: str, sk: int, slave: str) -> str:
    if kind == "partition":
        return json.dumps({"pk": pk})
    if kind == "plain":
        return plain(item(pk, sk))
    key = key_of(item(pk, f"{sk}.0"))
    if kind == "typed":
        return json.dumps(key)
    return json.dumps({"slave": f"{SLAVE_REGION}:{slave}", "verdict": "extra", "key": key, "action": "none"})


def _judge(master: Item | None, slave: Item | None, extras: bool) -> str:
    """Give the verdict on two items, or nothing."""
    if master is None:
        return "extra" if slave is not None and extras else ""
    if slave is None:
        return "missing"
    return "" if master == slave else "differing"
