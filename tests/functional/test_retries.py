"""Retries from the command line: --max-retries holds for every request; a standstill is one of the whole run."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Fault
from tests.functional.tables_behind_proxy import World, item, no_traceback
from tests.functional.test_writes import held_back
from tests.servers import free_port
from tests.tables import run_fastsync

ITEMS = [item(f"{n:03}", v=n) for n in range(30)]
FAULTS: Mapping[str, Fault] = {
    "a fault": faults.INTERNAL,
    "a cut connection": faults.cut,
    "throttling": faults.THROTTLED,
    "an answer that cannot be true": faults.empty_object,
}


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """Two equal tables."""
    return make_world(ITEMS, ITEMS)


@pytest.mark.parametrize("retries", [0, 10, 12])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", ["DescribeTable", "DescribeTimeToLive"])
def test_descriptions_are_asked_for_as_often_as_allowed(made: World, operation: str, fault: str, retries: int) -> None:
    """So many retries after the first try, then 3; an answer to the last of them is a success."""
    made.proxy.add(FAULTS[fault], operation, table=made.slave.name)
    flags = ("--ignore-expired", *(("--max-retries", str(retries)) if retries != 10 else ()))
    ran = made.run(*flags)
    assert (ran.exit_code, len(made.proxy.of(operation, made.slave.name))) == (3, 1 + retries)
    assert f"{operation} failed {1 + retries} times" in ran.stderr
    no_traceback(ran)
    made.proxy.rules.clear()
    made.proxy.requests.clear()
    made.proxy.add(FAULTS[fault], operation, table=made.slave.name, nth=range(1, retries + 1))
    ran = made.run(*flags)
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])


@pytest.mark.parametrize("retries", [0, 2, 12])
def test_the_probe_of_auto_is_made_as_often_as_allowed(made: World, retries: int) -> None:
    """Before auto takes merge it asks a slave for an item, with so many retries."""
    rule = made.proxy.add(
        faults.INTERNAL, "Scan", table=made.slave.name, where=lambda request: request.body.get("Limit") == 1
    )
    ran = made.run("--strategy", "auto", "--max-retries", str(retries))
    assert (ran.exit_code, rule.struck) == (0, 1 + retries)


@pytest.mark.parametrize("flags", [(), ("--max-retries", "0"), ("--retry-delay-base", "1000")], ids=str)
def test_an_endpoint_out_of_reach_is_told_soon(flags: tuple[str, ...]) -> None:
    """Where nobody listens the run ends with 3 in seconds, though every retry is made."""
    url = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    ran = run_fastsync("-m", "us-east-1:tab", "-s", "us-west-2:tab", "--endpoint-url", url, *flags)
    assert time.monotonic() - began < 20
    assert ran.exit_code == 3
    tries = 1 if "0" in flags else 11
    assert f"DescribeTable failed {tries} times" in ran.stderr


def sizes(made: World) -> list[int]:
    """Give the number of keys of each look-up on the slave."""
    return [len(request.keys) for request in made.proxy.of("BatchGetItem", made.slave.name)]


@pytest.mark.parametrize("limit", [None, 25, 10, 9, 1])
def test_batches_stay_at_ten_keys(make_world: MakeWorld, limit: int | None) -> None:
    """However often keys come back, a request holds ten keys or as many as are left; a lower limit is kept to."""
    items = [item(f"{n:04}") for n in range(1000)]
    made = make_world(items, items)
    made.proxy.add(faults.unprocessed(faults.every_other), "BatchGetItem")
    flags = () if limit is None else ("--batch-read-limit", str(limit))
    ran = made.run_inline(*flags)
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])
    small = [size for size in sizes(made) if size < min(10, limit or 10)]
    # the last keys of a page are fewer than ten, half of them at least answered each time
    assert len(small) <= 12
    assert max(sizes(made)) <= (limit or 100)


def test_batches_shrink_where_answers_are_too_large(make_world: MakeWorld) -> None:
    """Where half a megabyte comes back and keys are left over, requests get smaller than ten keys."""
    items = [item(f"{n:03}", v="x" * 200_000) for n in range(60)]
    made = make_world(items, items)
    made.proxy.add(faults.unprocessed(lambda keys: keys[4:]), "BatchGetItem")
    ran = made.run_inline("--max-retries", "30")
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])
    assert any(size in range(4, 10) for size in sizes(made))


def test_one_batch_waits_while_others_are_answered(make_world: MakeWorld) -> None:
    """Keys that come back more often than --max-retries are not given up while the table answers another process."""
    items = [item(f"{n:03}") for n in range(400)]
    made = make_world(items, items)
    held = {"007"}
    made.proxy.add(faults.delayed(0.02), "Scan", table=made.master.name)
    made.proxy.add(faults.unprocessed(lambda keys: [key for key in keys if key["id"]["S"] in held]), "BatchGetItem")
    made.proxy.add(
        faults.before(lambda: held.clear() if len(made.proxy.of("BatchGetItem")) > 40 else None), "BatchGetItem"
    )
    flags = ("--parallel", "2", "--segments", "2", "--scan-limit", "5", "--batch-read-limit", "5")
    ran = made.run(*flags, "--max-retries", "3", "--retry-delay-base", "200")
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])


@pytest.mark.parametrize("retries", [0, 2, 5])
def test_a_standstill_of_look_ups_ends(made: World, retries: int) -> None:
    """Where nothing is answered at all, it ends after so many retries."""
    rule = made.proxy.add(faults.unprocessed(faults.every_key), "BatchGetItem", table=made.slave.name)
    ran = made.run("--max-retries", str(retries))
    assert ran.exit_code in (3, 4)
    assert "without any progress" in ran.stats["errors"][0]
    assert retries < rule.struck <= (1 + retries) * 8


@pytest.mark.parametrize("retries", [0, 2, 5])
def test_a_standstill_of_writes_ends(make_world: MakeWorld, retries: int) -> None:
    """A batch that comes back whole is given up after so many retries."""
    made = make_world(ITEMS[:5], [])
    rule = made.proxy.add(held_back(lambda puts: puts), "BatchWriteItem")
    ran = made.run("--write-missing", "--writes", "batch", "--max-retries", str(retries))
    assert (ran.exit_code, rule.struck) == (4, 1 + retries)
    assert {action for _, _, action in tables_behind_proxy.actions(ran)} == {"failed"}


def test_writes_that_are_rejected_cost_nothing(make_world: MakeWorld) -> None:
    """Under a limit of write units, items that the service rejects hold up no others."""
    made = make_world([item(f"{n:03}") for n in range(60)], [])
    made.proxy.add(faults.INVALID, "PutItem")
    began = time.monotonic()
    ran = made.run("--write-missing", "--max-write-units", "3")
    assert time.monotonic() - began < 12  # 60 units would take 20 s
    assert (ran.exit_code, len(made.proxy.of("PutItem"))) == (4, 60)


def test_requests_that_are_never_sent_cost_nothing() -> None:
    """What a try paid that could not reach anybody is given back."""
    from fastsync.aws.auth.credentials import Credentials  # noqa: PLC0415
    from fastsync.aws.budget import Budget, PrivateCell  # noqa: PLC0415
    from fastsync.aws.client import Client  # noqa: PLC0415
    from fastsync.aws.scan import Scan  # noqa: PLC0415
    from fastsync.aws.transport import Transport  # noqa: PLC0415
    from fastsync.errors import RequestFailed  # noqa: PLC0415
    from fastsync.model.settings import Reading, Retrying  # noqa: PLC0415
    from fastsync.model.table import Endpoint, KeySchema, Side, Table, TableRef  # noqa: PLC0415

    ref, endpoint = TableRef.parse("us-east-1:t"), Endpoint(f"http://127.0.0.1:{free_port()}")
    side = Side(Table(ref, KeySchema("id", "S"), ("t",), 100, 40_000), endpoint, 0)
    transport = Transport(ref, endpoint, lambda: Credentials("a", "b"), Retrying(3, 0.001))
    cell = PrivateCell(time.monotonic())
    began = cell.paid_off
    client = Client(side, transport, Reading(scan_limit=100), (Budget(cell, 10.0), Budget(PrivateCell())))
    with pytest.raises(RequestFailed):
        client.scan_page(Scan(0, 1), b"")
    assert cell.paid_off - began < 0.5  # each of four tries was to cost 5 units, half a second
