"""Writes under strain: batches that come back, items that the service rejects, conditions of very large items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Fault, Proxy, Reply, Request
from tests.functional.tables_behind_proxy import item
from tests.servers import Server
from tests.tables import Item

BATCH = ("--write-missing", "--write-differing", "--writes", "batch")
GUARDED = ("--write-missing", "--write-differing")
Puts = list[dict[str, Any]]


def held_back(choose: Callable[[Puts], Puts]) -> Fault:
    """Hold puts of a BatchWriteItem back as unprocessed."""

    def fault(exchange: Exchange) -> Reply:
        ((table, puts),) = exchange.body["RequestItems"].items()
        back = choose(puts)
        rest = [put for put in puts if put not in back]
        if rest:
            exchange.body = {**exchange.body, "RequestItems": {table: rest}}
            reply = exchange.forward()
            assert reply.status == 200
        return faults.answer({"UnprocessedItems": {table: back} if back else {}, "ConsumedCapacity": []})

    return fault


SHAPES: dict[str, Callable[[], Fault]] = {
    "the first half": lambda: held_back(lambda puts: puts[: len(puts) // 2]),
    "all but one": lambda: held_back(lambda puts: puts[1:]),
    "everything now and then": lambda: faults.in_turn([held_back(lambda puts: puts), held_back(lambda puts: puts[1:])]),
    "lost answers": lambda: faults.in_turn([faults.lost, lambda exchange: exchange.forward()]),
    "throttling and faults": lambda: faults.in_turn(
        [faults.THROTTLED, faults.INTERNAL, faults.cut, lambda exchange: exchange.forward()]
    ),
    "answers that are not whole": lambda: faults.in_turn(
        [faults.empty_object, faults.short_body, lambda exchange: exchange.forward()]
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_batches_are_written_to_the_end(make_world: MakeWorld, shape: str) -> None:
    """However BatchWriteItem answers, every item is written in the end, and counted once it was taken."""
    master = [item(f"{n:03}", v=n) for n in range(120)]
    made = make_world(master, [{**each, "v": {"N": "-1"}} for each in master[::4]])
    made.proxy.add(SHAPES[shape](), "BatchWriteItem")
    ran = made.run_inline(*BATCH, "--max-retries", "9")
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])
    counted = ran.stats["slaves"][str(made.slave)]
    assert (counted["missing"], counted["differing"], counted["written"]) == (90, 30, 120)
    assert made.slave.all() == made.master.all()


def test_a_batch_that_is_never_taken_is_not_counted(make_world: MakeWorld) -> None:
    """Items that come back as unprocessed for ever have failed, each with its key; the others are written."""
    master = [item(f"{n:03}", v=n) for n in range(60)]
    made = make_world(master, [])
    stuck = {"003", "017", "042"}
    made.proxy.add(
        held_back(lambda puts: [put for put in puts if put["PutRequest"]["Item"]["id"]["S"] in stuck]), "BatchWriteItem"
    )
    ran = made.run_inline(*BATCH, "--max-retries", "3")
    assert ran.exit_code == 4
    assert {key for key, _, action in tables_behind_proxy.actions(ran) if action == "failed"} == stuck
    counted = ran.stats["slaves"][str(made.slave)]
    assert (counted["written"], counted["failed"]) == (57, 3)
    assert len(made.slave.all()) == 57
    assert all("unprocessed" in line["error"] for line in ran.differences if line["action"] == "failed")


@pytest.mark.parametrize("flags", [BATCH, GUARDED], ids=["batch", "guarded"])
def test_one_bad_item_spoils_no_other(make_world: MakeWorld, flags: tuple[str, ...]) -> None:
    """An item that the service rejects has failed with the service's reason, and every other one is written."""
    master = [item(f"{n:03}", v=n) for n in range(60)]
    made = make_world(master, [])
    made.proxy.add(faults.INVALID, ("BatchWriteItem", "PutItem"), where=lambda each: '"013"' in _text(each))
    ran = made.run_inline(*flags)
    assert ran.exit_code == 4
    assert [key for key, _, action in tables_behind_proxy.actions(ran) if action == "failed"] == ["013"]
    assert "does not like" in next(line["error"] for line in ran.differences if line["action"] == "failed")
    assert len(made.slave.all()) == 59


def _text(request: Request) -> str:
    return str(request.body).replace("'", '"')


@pytest.mark.parametrize("flags", [BATCH, GUARDED], ids=["batch", "guarded"])
@pytest.mark.parametrize("fault", [faults.THROTTLED, faults.DENIED], ids=["throttled for ever", "denied"])
def test_writes_that_never_succeed(make_world: MakeWorld, flags: tuple[str, ...], fault: Fault) -> None:
    """Writes that are throttled for ever, or denied, have failed after a bounded number of tries."""
    made = make_world([item(f"{n:03}") for n in range(30)], [])
    made.proxy.add(fault, ("BatchWriteItem", "PutItem"))
    ran = made.run_inline(*flags, "--max-retries", "2")
    assert ran.exit_code == 4
    assert {action for _, _, action in tables_behind_proxy.actions(ran)} == {"failed"}
    assert ran.stats["slaves"][str(made.slave)]["failed"] == 30
    assert made.slave.all() == []
    assert len(made.proxy.of("PutItem")) + len(made.proxy.of("BatchWriteItem")) <= 3 * 30


def _large(*who: str) -> list[Item]:
    return [
        {
            **item("wide"),
            **{f"attribute-{n:04}": {"S": f"{side if n % 3 == 0 else 'both'} {n}"} for n in range(400)},
            **({f"only-master-{n:04}": {"BOOL": True} for n in range(300)} if side == "master" else {}),
        }
        for side in who
    ]


@pytest.mark.parametrize("log", [False, True], ids=["", "undo log"])
def test_an_item_with_hundreds_of_attributes(server: Server, tmp_path: Any, log: bool) -> None:
    """A real server takes the condition of an item with 700 attributes, most of which differ."""
    flags = ("--undo-log", str(tmp_path / "log")) if log else ()
    with Proxy(server.url) as proxy:
        made = tables_behind_proxy.make(proxy, server, *([each] for each in _large("master", "slave")))
        ran = made.run_inline(*GUARDED, *flags)
        assert (ran.exit_code, ran.stats["errors"]) == (0, [])
        assert made.slave.all() == made.master.all()
        condition = proxy.of("PutItem")[0].body["ConditionExpression"]
        assert 280 < condition.count(" AND ") + condition.count("=") + condition.count("(") <= 300


def test_an_item_of_hundreds_of_kilobytes(server: Server) -> None:
    """A real server takes the condition of an item near the limit of 400 KB, and the write that it guards."""
    texts = [{f"t{n}": {"S": f"{who} {n} " + "x" * 60_000} for n in range(6)} for who in ("master", "slave")]
    with Proxy(server.url) as proxy:
        made = tables_behind_proxy.make(proxy, server, *([{**item("heavy"), **text}] for text in texts))
        ran = made.run_inline(*GUARDED)
        assert (ran.exit_code, ran.stats["errors"]) == (0, [])
        assert made.slave.all() == made.master.all()
        assert len(proxy.of("PutItem")[0].body["ExpressionAttributeValues"]) == 6


def test_differing_attributes_are_guarded_first(make_world: MakeWorld) -> None:
    """Of an item with more attributes than a condition holds, a change to one that differs is not overwritten."""
    master, slave = ({**item("k", zz=who), **{f"a{n:03}": {"N": "1"} for n in range(400)}} for who in (1, 2))
    made = make_world([master], [slave])
    changed = {**slave, "zz": {"N": "3"}}
    made.proxy.add(faults.before(lambda: made.slave.put(changed)), "PutItem", nth=(1,))
    made.proxy.add(faults.before(lambda: made.slave.put(master)), "PutItem", nth=(2,))
    ran = made.run_inline(*GUARDED)
    assert (ran.exit_code, ran.stats["slaves"][str(made.slave)]["settled"]) == (0, 1)
    assert [each.status for each in made.proxy.of("PutItem")] == [400, 400]
