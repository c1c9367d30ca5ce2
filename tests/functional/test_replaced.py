"""Tables that are replaced in mid-run: deleted and made again under the same name, empty or with other items."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.proxy import Exchange, Fault, Proxy, Reply
from tests.functional.tables_behind_proxy import Table, World, item
from tests.servers import Server
from tests.tables import Item, Keys, call, create_table, put_items

ITEMS = [item(f"{n:03}", n=n, text="x" * 200) for n in range(60)]
EXTRAS = [item(f"extra{n}") for n in range(6)]
FEW = [item(f"new{n}") for n in range(5)]
WRITES = ("--write-missing", "--write-differing", "--delete-extra")
MODES: Mapping[str, Sequence[str]] = {
    "lookup": ("--strategy", "lookup", *WRITES),
    "merge": ("--strategy", "merge", *WRITES),
    "inline": ("--strategy", "lookup", "--executor", "inline", *WRITES),
    "processes": ("--strategy", "merge", "--parallel", "2", "--segments", "4", *WRITES),
    "report only": ("--strategy", "lookup", "--scan-for-extra"),
    "lookup without extras": ("--strategy", "lookup", "--write-missing", "--write-differing"),
}


def make_again(table: Table, items: Sequence[Item] = (), keys: Keys = (("id", "S"),)) -> None:
    """Delete a table and make another one of its name."""
    call(table.server, table.region, "DeleteTable", {"TableName": table.name})
    create_table(table.server, table.region, table.name, keys)
    put_items(table.server, table.region, table.name, items)


def replacing(table: Table, items: Sequence[Item] = (), keys: Keys = (("id", "S"),)) -> Fault:
    """Replace a table right after a request was answered."""
    return faults.after(lambda: make_again(table, items, keys))


@pytest.fixture(params=["dynoxide", "dynamodb-local"])
def any_server(request: pytest.FixtureRequest) -> Iterator[Callable[..., World]]:
    """Give a function that makes tables on one of the servers, with and without TableId."""
    server: Server = request.getfixturevalue("servers")[request.param]
    with Proxy(server.url) as proxy:
        yield lambda master, *slaves: tables_behind_proxy.make(proxy, server, master, *slaves)


@pytest.mark.parametrize("new", [[], FEW], ids=["empty", "with items"])
@pytest.mark.parametrize("mode", MODES)
def test_a_master_that_is_replaced_deletes_nothing(
    any_server: Callable[..., World], mode: str, new: Sequence[Item]
) -> None:
    """Whatever is left of the old master's scan, no slave loses an item, and the run is not complete."""
    made = any_server(ITEMS, [*ITEMS, *EXTRAS])
    made.proxy.add(replacing(made.master, new), "Scan", table=made.master.name, nth=[3])
    ran = made.run(*MODES[mode], "--scan-limit", "5")
    assert (ran.exit_code, ran.stats["complete"], ran.end["complete"]) == (4, False, False)
    kept = [each["id"]["S"] for each in made.slave.all()]
    assert {each["id"]["S"] for each in [*ITEMS, *EXTRAS]} <= set(kept)
    assert made.proxy.of("DeleteItem") == []
    assert len([error for error in ran.stats["errors"] if f"{made.master} was replaced" in error]) >= 1
    for line in ran.differences:
        if line["verdict"] == "extra" and "--delete-extra" in MODES[mode]:
            assert line["action"] == "refused"
            assert str(made.master) in line["error"]
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize("mode", MODES)
def test_a_slave_that_is_replaced_is_told(any_server: Callable[..., World], mode: str) -> None:
    """A replaced slave makes the run incomplete; the other slave's verdicts stand, and its extras are deleted."""
    made = any_server(ITEMS, [*ITEMS[3:], *EXTRAS], [*ITEMS[2:], *EXTRAS])
    replaced, fine = made.slaves
    made.proxy.add(replacing(replaced, FEW), "Scan", table=made.master.name, nth=[3])
    ran = made.run(*MODES[mode], "--scan-limit", "5")
    assert (ran.exit_code, ran.stats["complete"]) == (4, False)
    assert f"{replaced} was replaced" in " ".join(ran.stats["errors"])
    assert str(fine) not in " ".join(ran.stats["errors"])
    found = ran.stats["slaves"][str(fine)]
    assert (found["missing"], found["same"]) == (2, 58)
    if "--delete-extra" in MODES[mode]:
        assert fine.all() == made.master.all()
        assert {each["id"]["S"] for each in FEW} <= {each["id"]["S"] for each in replaced.all()}
    tables_behind_proxy.no_traceback(ran)


def test_a_key_schema_that_changed(any_server: Callable[..., World]) -> None:
    """A table of the same name with another key is another table."""
    made = any_server(ITEMS, [*ITEMS, *EXTRAS])
    again = replacing(made.master, (), (("id", "S"), ("sort", "N")))
    made.proxy.add(again, "Scan", table=made.slave.name, nth=[1])
    ran = made.run(*WRITES)
    assert ran.exit_code == 4
    assert len(made.slave.all()) == len(ITEMS) + len(EXTRAS)
    assert str(made.master) in ran.stats["errors"][0]


AGAIN: Mapping[str, tuple[Fault, str]] = {
    "another identity": (
        lambda exchange: changed(exchange, TableId="another", CreationDateTime=1.5),
        "was replaced during the run",
    ),
    "another key": (
        lambda exchange: changed(
            exchange,
            KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "N"}],
        ),
        "its key was id (S), and is other (N) now",
    ),
    "gone": (faults.error("ResourceNotFoundException"), "could not be described again"),
    "denied": (faults.DENIED, "could not be described again"),
    "throttled for good": (faults.THROTTLED, "could not be described again"),
    "cut off": (faults.cut, "could not be described again"),
    "an answer that is no description": (faults.empty_object, "could not be described again"),
}
"""What a table is asked at the end may answer, and the words for it."""


def changed(exchange: Exchange, **fields: object) -> Reply:
    """Answer as the server does, with other fields in the description."""
    told = exchange.forward().json
    return faults.answer({"Table": {**told["Table"], **fields}})


@pytest.mark.parametrize("extras", [False, True], ids=["in sync", "with extras"])
@pytest.mark.parametrize("who", ["master", "slave"])
@pytest.mark.parametrize("kind", AGAIN)
def test_what_is_not_known_to_be_the_same(make_world: Callable[..., World], kind: str, who: str, extras: bool) -> None:
    """A table that is another one at the end, or does not say, means exit code 4, one sentence, and no deletes."""
    made: World = make_world(ITEMS, [*ITEMS, *(EXTRAS if extras else [])])
    table = made.master if who == "master" else made.slave
    fault, words = AGAIN[kind]
    made.proxy.add(fault, "DescribeTable", table=table.name, nth=range(2, 100))
    ran = made.run(*WRITES, "--max-retries", "1")
    assert (ran.exit_code, ran.stats["complete"], ran.end["complete"]) == (4, False, False)
    sentences = [error for error in ran.stats["errors"] if "extras were not deleted" not in error]
    assert len(sentences) == 1
    assert sentences[0].startswith(str(table))
    assert words in sentences[0]
    assert [line["action"] for line in ran.differences] == ["refused"] * (6 if extras else 0)
    assert all(words in line["error"] for line in ran.differences)
    assert ran.stats["slaves"][str(made.slave)]["refused"] == len(ran.differences)
    assert made.proxy.of("DeleteItem") == []
    tables_behind_proxy.no_traceback(ran)


def test_a_description_that_is_throttled_for_a_while(make_world: Callable[..., World]) -> None:
    """Asking again is tried again like every request."""
    made: World = make_world(ITEMS, [*ITEMS, *EXTRAS])
    made.proxy.add(faults.THROTTLED, "DescribeTable", nth=range(3, 9))
    ran = made.run(*WRITES)
    assert ran.exit_code == 0
    assert made.slave.all() == made.master.all()


def test_each_table_is_asked_once_more(make_world: Callable[..., World]) -> None:
    """A run without deletes costs one more DescribeTable a table, and one with deletes another after them."""
    made: World = make_world(ITEMS, ITEMS)
    assert made.run(*WRITES).exit_code == 0
    assert len(made.proxy.of("DescribeTable")) == 4
    made.slave.put(EXTRAS[0])
    assert made.run(*WRITES).exit_code == 0
    assert len(made.proxy.of("DescribeTable")) == 4 + 6


def test_a_master_that_is_replaced_while_extras_are_deleted(make_world: Callable[..., World]) -> None:
    """Deletes that are under way end as they were found, and the run does not call itself complete."""
    made: World = make_world(ITEMS, [*ITEMS, *EXTRAS])
    made.proxy.add(replacing(made.master), "DeleteItem", nth=[1])
    ran = made.run(*WRITES)
    assert (ran.exit_code, ran.stats["complete"]) == (4, False)
    assert f"{made.master} was replaced" in ran.stats["errors"][0]
    assert {each["id"]["S"] for each in ITEMS} <= {each["id"]["S"] for each in made.slave.all()}


def resumable(folder: Path) -> Sequence[str]:
    """Give the flags of a run that goes on where one before stopped."""
    return ("--checkpoint", str(folder / "c"), "--resume", "--report", str(folder / "report"))


def test_a_resumed_run_asks_again_too(make_world: Callable[..., World], tmp_path: Path) -> None:
    """A run that goes on from a checkpoint deletes nothing once the master was replaced, and stays incomplete."""
    made: World = make_world(ITEMS, [*ITEMS, *EXTRAS])
    flags = (*WRITES, *resumable(tmp_path), "--scan-limit", "5")
    assert made.run(*flags, "--max-duration", "0").exit_code == 4
    rule = made.proxy.add(replacing(made.master), "Scan", table=made.slave.name, nth=[2])
    ran = made.run(*flags)
    assert rule.struck == 1
    assert (ran.exit_code, ran.stats["complete"]) == (4, False)
    assert made.proxy.of("DeleteItem") == []
    again = made.run(*flags)
    assert again.exit_code == 2
    assert "was deleted and made again" in again.stderr
    assert len(made.slave.all()) == len(ITEMS) + len(EXTRAS)
    assert json.loads((tmp_path / "c").read_text())


def test_a_failed_description_does_not_lose_the_extras_of_a_resumed_run(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    """Extras that were withheld because a table could not be asked are deleted by the run that resumes."""
    made: World = make_world(ITEMS, [*ITEMS, *EXTRAS])
    flags = (*WRITES, *resumable(tmp_path), "--max-retries", "1")
    rule = made.proxy.add(faults.INTERNAL, "DescribeTable", table=made.master.name, nth=range(2, 100))
    ran = made.run(*flags)
    assert (ran.exit_code, ran.stats["slaves"][str(made.slave)]["refused"]) == (4, 6)
    rule.rate = 0.0
    ran = made.run(*flags)
    assert (ran.exit_code, ran.stats["slaves"][str(made.slave)]["deleted"]) == (0, 6)
    assert ran.stats["slaves"][str(made.slave)]["refused"] == 0
    assert made.slave.all() == made.master.all()
