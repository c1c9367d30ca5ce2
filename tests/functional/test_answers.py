"""Answers at 200 that cannot be true: each is a fault, tried again like any other, and never believed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Fault, Reply
from tests.functional.tables_behind_proxy import World, item, no_traceback

Edit = Callable[[dict[str, Any], dict[str, Any]], Any]
"""Changes an answer, given the request's body; what it returns stands for the answer where that is not None."""
SHARED = [item(f"{n:03}", v=n) for n in range(30)]
MASTER = [*SHARED, item("m1", v=1), item("m2", v=2), *(item(f"d{n}", v=n) for n in range(3))]
SLAVE = [*SHARED, item("x1", v=1), item("x2", v=2), *(item(f"d{n}", v=-1) for n in range(3))]
WRITES = ("--write-missing", "--write-differing", "--delete-extra")
MERGE = ("--strategy", "merge")
BATCH = ("--writes", "batch")


def edited(edit: Edit) -> Fault:
    """Let the server answer, and change its answer on the way."""

    def fault(exchange: Exchange) -> Reply:
        reply = exchange.forward()
        if reply.status != 200:
            return reply
        body = copy.deepcopy(reply.json)
        instead = edit(body, exchange.request.body)
        return Reply(200, json.dumps(body if instead is None else instead).encode())

    return fault


def setting(name: str, value: Any) -> Edit:
    """Set a field of the answer."""
    return lambda body, _: body.update({name: value})


def without(name: str) -> Edit:
    """Take a field out of the answer."""
    return lambda body, _: body.pop(name, None) and None


def only(**fields: Any) -> Edit:
    """Answer with these fields instead."""
    return lambda _body, _asked: fields


def in_table(name: str, change: Callable[[list[Any]], Any]) -> Edit:
    """Change a list that stands under the table's name."""
    return lambda body, _: change(next(iter(body[name].values()), [])) and None


def renamed(name: str) -> Edit:
    """Have a field name another table."""
    return lambda body, _: body.update({name: dict(zip(["another-table"], body[name].values(), strict=False))})


def alike(place: int, **attributes: Any) -> Callable[[list[Any]], Any]:
    """Add an item like one that is there, with some attributes changed."""
    return lambda items: items.extend([{**each, **attributes} for each in items[place : place + 1]])


ITEMS = "Items"
SCANS: Mapping[str, Edit] = {
    "nothing": only(),
    "null": lambda _body, _asked: [],
    "no items": without("Items"),
    "items of another type": setting("Items", {}),
    "no count": without("Count"),
    "a count of another type": setting("Count", "30"),
    "another count": lambda body, _: body.update(Count=body["Count"] + 1),
    "fewer items than the count": lambda body, _: body["Items"].pop() and None,
    "another scanned count": lambda body, _: body.update(ScannedCount=body["ScannedCount"] - 1),
    "an error": setting("__type", "com.amazonaws.dynamodb.v20120810#InternalServerError"),
    "another table's units": setting("ConsumedCapacity", {"TableName": "another-table", "CapacityUnits": 1.0}),
    "units of another type": setting("ConsumedCapacity", "1.0"),
    "a key of another name": setting("LastEvaluatedKey", {"another": {"S": "1"}}),
    "a key of another type": setting("LastEvaluatedKey", {"id": {"N": "1"}}),
    "a key with more": setting("LastEvaluatedKey", {"id": {"S": "1"}, "v": {"N": "1"}}),
    "a key that is none": setting("LastEvaluatedKey", "010"),
    "an item without its key": lambda body, _: body["Items"][len(body["Items"]) // 2].pop("id") and None,
    "an item with a key of another type": lambda body, _: body["Items"][-1].update(id={"N": "1"}),
    "an item twice": lambda body, _: (body["Items"].append(body["Items"][0]), body.update(Count=body["Count"] + 1))[1],
}
LOOK_UPS: Mapping[str, Edit] = {
    "nothing": only(),
    "only empty responses": only(Responses={}),
    "empty responses": setting("Responses", {}),
    "no responses": without("Responses"),
    "responses of another type": setting("Responses", []),
    "items of another type": lambda body, asked: body.update(Responses=dict.fromkeys(asked["RequestItems"], None)),
    "no unprocessed keys": without("UnprocessedKeys"),
    "unprocessed keys of another type": setting("UnprocessedKeys", []),
    "another table": renamed("Responses"),
    "another table besides": lambda body, _: body["Responses"].update({"another-table": []}),
    "another table's unprocessed keys": setting("UnprocessedKeys", {"another-table": {"Keys": [item("000")]}}),
    "unprocessed keys that nobody asked for": lambda body, asked: body.update(
        UnprocessedKeys={name: {"Keys": [item("strange")]} for name in asked["RequestItems"]}
    ),
    "unprocessed keys that are answered": lambda body, asked: body.update(
        UnprocessedKeys={name: {"Keys": keys["Keys"][:1]} for name, keys in asked["RequestItems"].items()}
    ),
    "an item that nobody asked for": in_table("Responses", alike(0, id={"S": "strange"})),
    "an item for another": in_table("Responses", lambda items: items and items[-1].update(id={"S": "strange"})),
    "an item twice": in_table("Responses", alike(0)),
    "a key twice": in_table("Responses", alike(0, v={"N": "77"})),
    "a key twice, for another": in_table("Responses", lambda items: items[1:] and items[1].update(id=items[0]["id"])),
    "an item without its key": in_table("Responses", lambda items: items and items[0].pop("id")),
    "an error": setting("__type", "com.amazonaws.dynamodb.v20120810#ThrottlingException"),
    "another table's units": setting("ConsumedCapacity", [{"TableName": "another-table", "CapacityUnits": 1.0}]),
}
WRITTEN: Mapping[str, Edit] = {
    "a list": lambda _body, _asked: [],
    "an error": only(__type="com.amazonaws.dynamodb.v20120810#ThrottlingException", message="slow down"),
    "another table's units": setting("ConsumedCapacity", {"TableName": "another-table", "CapacityUnits": 1.0}),
}
BATCH_WRITTEN: Mapping[str, Edit] = {
    "nothing": only(),
    "unprocessed items of another type": setting("UnprocessedItems", []),
    "an error": setting("__type", "com.amazonaws.dynamodb.v20120810#ThrottlingException"),
    "another table's items": setting("UnprocessedItems", {"another-table": [{"PutRequest": {"Item": item("m1")}}]}),
    "items that nobody asked for": lambda body, asked: body.update(
        UnprocessedItems={name: [{"PutRequest": {"Item": item("strange")}}] for name in asked["RequestItems"]}
    ),
    "an item twice": lambda body, asked: body.update(
        UnprocessedItems={name: puts[:1] * 2 for name, puts in asked["RequestItems"].items()}
    ),
    "a delete": lambda body, asked: body.update(
        UnprocessedItems={name: [{"DeleteRequest": {"Key": item("m1")}}] for name in asked["RequestItems"]}
    ),
}
CASES: Mapping[str, tuple[str, Mapping[str, Edit], tuple[str, ...]]] = {
    "Scan, lookup": ("Scan", SCANS, ()),
    "Scan, merge": ("Scan", SCANS, MERGE),
    "BatchGetItem, lookup": ("BatchGetItem", LOOK_UPS, ()),
    "BatchGetItem, merge": ("BatchGetItem", LOOK_UPS, MERGE),
    "PutItem": ("PutItem", WRITTEN, ()),
    "DeleteItem": ("DeleteItem", WRITTEN, ()),
    "BatchWriteItem": ("BatchWriteItem", BATCH_WRITTEN, BATCH),
}
ALL = [(case, name) for case, (_, edits, _) in CASES.items() for name in edits]


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A world with all kinds of differences, whose answers hold several items."""
    return make_world(MASTER, SLAVE)


@pytest.mark.parametrize(("case", "name"), ALL)
def test_an_answer_that_cannot_be_true_is_asked_for_again(made: World, case: str, name: str) -> None:
    """Where every third answer cannot be true, a run finds and does what it would have without."""
    operation, edits, flags = CASES[case]
    rule = made.proxy.add(edited(edits[name]), operation, nth=range(1, 1000, 3))
    ran = made.run_inline(*flags, *WRITES, "--scan-limit", "20")
    assert rule.struck
    assert (ran.exit_code, ran.stats["errors"]) == (0, []), ran.stats["errors"]
    counted = ran.stats["slaves"][str(made.slave)]
    found = {name: counted[name] for name in ("same", "missing", "differing", "extra", "written", "deleted", "settled")}
    assert found == {"same": 30, "missing": 2, "differing": 3, "extra": 2, "written": 5, "deleted": 2, "settled": 0}
    assert made.slave.all() == made.master.all()


def unheard(edit: Edit) -> Fault:
    """Answer a write that is not made."""

    def fault(exchange: Exchange) -> Reply:
        body = {"ConsumedCapacity": {"TableName": exchange.request.table, "CapacityUnits": 1.0}}
        instead = edit(body, exchange.request.body)
        return Reply(200, json.dumps(body if instead is None else instead).encode())

    return fault


@pytest.mark.parametrize(("case", "name"), ALL)
def test_an_answer_that_is_never_true_is_an_error(made: World, case: str, name: str) -> None:
    """Where no answer can be true, the run ends with 4, and what is not known is neither written nor deleted."""
    operation, edits, flags = CASES[case]
    made.proxy.add((unheard if operation in ("PutItem", "DeleteItem") else edited)(edits[name]), operation)
    ran = made.run_inline(*flags, *WRITES, "--scan-limit", "20", "--max-retries", "2")
    assert (ran.exit_code, ran.stats["complete"]) == (4, False)
    told = [*ran.stats["errors"], *(line["error"] for line in ran.differences if line["action"] == "failed")]
    assert any(operation in text for text in told), told
    assert all(text.count("\n") == 0 for text in told)
    if operation in ("Scan", "BatchGetItem"):
        assert made.slave.all() == sorted(SLAVE, key=tables_behind_proxy.in_order)
        assert not any(line["action"] in ("written", "deleted") for line in ran.differences)


def test_the_slave_of_a_broken_gateway_keeps_its_items(make_world: MakeWorld) -> None:
    """A gateway before the master that answers every look-up with empty responses makes nothing an extra."""
    made = make_world(SHARED, SHARED)
    made.proxy.add(edited(only(Responses={})), "BatchGetItem", table=made.master.name)
    ran = made.run("--delete-extra", "--max-retries", "1")
    assert (ran.exit_code, ran.differences, len(made.slave.all())) == (4, [], 30)
    assert "BatchGetItem failed 2 times" in ran.stderr
    no_traceback(ran)


def test_answers_that_name_a_table_by_its_arn(made: World) -> None:
    """The service may name a table by its ARN where its name was sent."""
    arn = "arn:aws:dynamodb:us-west-2:123456789012:table/{}".format

    def by_arn(body: dict[str, Any], _: dict[str, Any]) -> None:
        for field in ("Responses", "UnprocessedKeys", "UnprocessedItems"):
            if field in body:
                body[field] = {arn(name): value for name, value in body[field].items()}
        units = body.get("ConsumedCapacity", [])
        for each in units if isinstance(units, list) else [units]:
            each["TableName"] = arn(each["TableName"])

    made.proxy.add(edited(by_arn))
    made.proxy.add(faults.unprocessed(faults.first_half), "BatchGetItem", nth=(1, 2, 3))
    ran = made.run_inline(*WRITES, *BATCH)
    assert (ran.exit_code, made.slave.all()) == (0, made.master.all())


DESCRIBED: Mapping[str, Edit] = {
    "nothing": only(),
    "a list": lambda _body, _asked: [],
    "no table": only(Table=None),
    "an error": setting("__type", "InternalServerError"),
    **{
        f"no {name}": lambda body, _, name=name: body["Table"].pop(name) and None  # type: ignore[misc]
        for name in ("TableName", "KeySchema", "AttributeDefinitions")
    },
    **{
        f"{name} of another type": lambda body, _, name=name: body["Table"].update({name: {"a": []}})  # type: ignore[misc]
        for name in (
            "TableName",
            "KeySchema",
            "AttributeDefinitions",
            "ItemCount",
            "TableSizeBytes",
            "TableId",
            "CreationDateTime",
            "BillingModeSummary",
            "ProvisionedThroughput",
        )
        if name not in ("BillingModeSummary", "ProvisionedThroughput")
    },
    "throughput of another type": lambda body, _: body["Table"].update(
        ProvisionedThroughput={"ReadCapacityUnits": "1"}
    ),
    "no item count": lambda body, _: body["Table"].update(ItemCount=None),
    "neither id nor ARN": lambda body, _: [body["Table"].pop(name, None) for name in ("TableId", "TableArn")] and None,
    "neither id nor time": lambda body, _: (
        [body["Table"].pop(name, None) for name in ("TableId", "CreationDateTime")] and None
    ),
    "another table": lambda body, _: body["Table"].update(TableName="another-table"),
    "no partition key": lambda body, _: body["Table"].update(KeySchema=[{"AttributeName": "id", "KeyType": "RANGE"}]),
    "two partition keys": lambda body, _: body["Table"].update(KeySchema=body["Table"]["KeySchema"] * 2),
    "a key without its type": lambda body, _: body["Table"].update(AttributeDefinitions=[]),
    "a key of a type that no key has": lambda body, _: body["Table"].update(
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "BOOL"}]
    ),
}
EXPIRY: Mapping[str, Edit] = {
    "nothing": only(),
    "no description": setting("TimeToLiveDescription", None),
    "no status": setting("TimeToLiveDescription", {}),
    "no attribute": setting("TimeToLiveDescription", {"TimeToLiveStatus": "ENABLED"}),
    "an attribute of another type": setting(
        "TimeToLiveDescription", {"TimeToLiveStatus": "ENABLED", "AttributeName": 5}
    ),
    "an error": setting("__type", "InternalServerError"),
}
ABOUT_TABLES = [("DescribeTable", name) for name in DESCRIBED] + [("DescribeTimeToLive", name) for name in EXPIRY]


@pytest.mark.parametrize(("operation", "name"), ABOUT_TABLES)
def test_a_description_that_cannot_be_true(made: World, operation: str, name: str) -> None:
    """It is asked for again; where it stays so, the run ends with 3 in one sentence, and nothing was compared."""
    edit = (DESCRIBED if operation == "DescribeTable" else EXPIRY)[name]
    once = made.proxy.add(edited(edit), operation, nth=(1, 2))
    disturbed = made.run_inline("--ignore-expired")
    assert (once.struck, disturbed.exit_code, len(disturbed.differences)) == (2, 1, 5)
    made.proxy.rules.clear()
    made.proxy.add(edited(edit), operation)
    ran = made.run("--ignore-expired", "--max-retries", "1")
    assert ran.exit_code == 3
    assert f"{operation} failed 2 times" in ran.stderr
    no_traceback(ran)


BESIDE_SAMPLES = 3
"""The place of an item in a page that is not among those that are looked at in any case."""


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
@pytest.mark.parametrize("always", [False, True], ids=["once", "always"])
def test_one_item_without_its_key(made: World, strategy: str, always: bool) -> None:
    """Wherever in a page of one table it stands, it is noticed, and the page is asked for again."""
    edit = edited(lambda body, _: body["Items"][BESIDE_SAMPLES].pop("id") and None)
    nth = range(1, 1000) if always else (2,)
    made.proxy.add(edit, "Scan", table=made.master.name, nth=nth, where=lambda request: "Segment" not in request.body)
    ran = made.run_inline("--strategy", strategy, *WRITES, "--scan-limit", "10", "--max-retries", "2")
    if always:
        assert (ran.exit_code, len(made.slave.all())) == (4, len(SLAVE))
        assert all("Scan failed 3 times" in error for error in ran.stats["errors"])
    else:
        assert (ran.exit_code, made.slave.all()) == (0, made.master.all())
        assert ran.stats["master"]["scanned"] == len(MASTER)


def circling(*places: int, empty: bool, spell: Callable[[str], str] = str) -> Fault:
    """Lead a scan on from one of these places to the next, and from the last one to the first, by the item's number."""

    def fault(exchange: Exchange) -> Reply:
        reply = exchange.forward()
        body = copy.deepcopy(reply.json)
        start = exchange.request.body.get("ExclusiveStartKey", {}).get("id", {}).get("N")
        following = dict(zip(places, [*places[1:], places[0]], strict=True))
        body["LastEvaluatedKey"] = {"id": {"N": spell(str(following.get(int(float(start or -1)), places[0])))}}
        if empty:
            body.update(Items=[], Count=0, ScannedCount=0)
        return faults.answer(body)

    return fault


@pytest.mark.parametrize("flags", [(), ("--delete-extra",), ("--delete-extra", "--no-recheck"), MERGE])
@pytest.mark.parametrize("whose", ["master", "slave"])
@pytest.mark.parametrize("places", [(3,), (3, 7), (1, 5, 9), tuple(range(0, 20))], ids=str)
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "with items"])
def test_a_scan_in_a_circle(
    make_world: MakeWorld, flags: tuple[str, ...], whose: str, places: tuple[int, ...], empty: bool
) -> None:
    """A scan that is led back to where it was ends, its segment has failed in a sentence, and nothing is deleted."""
    items = [item(n, v=n) for n in range(30)]
    made = make_world(items, items, keys=(("id", "N"),))
    table = made.master if whose == "master" else made.slave
    if whose == "slave" and not flags:
        flags = ("--scan-for-extra",)
    rule = made.proxy.add(circling(*places, empty=empty), "Scan", table=table.name)
    ran = made.run_inline(*flags, "--scan-limit", "10", "--max-retries", "2")
    assert ran.exit_code == 4
    assert (len(made.master.all()), len(made.slave.all())) == (30, 30)
    sentence = "LastEvaluatedKey is the ExclusiveStartKey" if len(places) == 1 else "came back to the key"
    assert any(str(table) in error and sentence in error for error in ran.stats["errors"]), ran.stats["errors"]
    assert rule.struck < 3 * len(places) + 6


def test_a_start_key_that_is_spelled_otherwise(make_world: MakeWorld) -> None:
    """A LastEvaluatedKey that is the ExclusiveStartKey by its value does not move on either."""
    items = [item(n, v=n) for n in range(30)]
    made = make_world(items, items, keys=(("id", "N"),))
    spellings = iter(["3", "3.0", "3.00", "0.3E1", "30e-1"] * 2)
    made.proxy.add(circling(3, empty=True, spell=lambda _: next(spellings)), "Scan", table=made.master.name)
    ran = made.run_inline("--max-retries", "2")
    assert ran.exit_code == 4
    assert "does not move on" in ran.stats["errors"][0]


def test_a_scan_that_does_not_move_on_for_once(made: World) -> None:
    """The page is asked for again, and the run is as if nothing had been."""
    stay: Edit = lambda body, asked: body.update(LastEvaluatedKey=asked.get("ExclusiveStartKey", item("000")))  # noqa: E731
    made.proxy.add(edited(stay), "Scan", nth=(2, 3))
    ran = made.run_inline(*WRITES, "--scan-limit", "10")
    assert (ran.exit_code, made.slave.all()) == (0, made.master.all())


@pytest.mark.parametrize("end", [{}, None], ids=str)
@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_the_end_of_a_scan(made: World, end: Any, strategy: str) -> None:
    """An empty LastEvaluatedKey is the end of the segment, and null is, too."""
    made.proxy.add(edited(lambda body, _: body.update(LastEvaluatedKey=body.get("LastEvaluatedKey", end))), "Scan")
    ran = made.run_inline("--strategy", strategy, *WRITES, "--scan-limit", "10")
    assert (ran.exit_code, ran.stats["errors"], made.slave.all()) == (0, [], made.master.all())
