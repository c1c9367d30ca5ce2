"""Capacity arithmetic against what servers report as consumed.

Two deviations of DynamoDB Local 1.25: it charges nothing for a key that it does not find, and nothing for a page
without items. The service charges the least read for both (developer guide), and so does dynoxide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fastsync.model.capacity import count_read_units, count_write_units, measure_item
from tests.e2e.cases import BOOL, BS, NS, NULL, SS, B, L, M, N, S, item
from tests.servers import Server
from tests.tables import Item, call, create_table, put_items, unique

REGION = "us-east-1"
VALUES: Sequence[Item] = [
    *(N(text) for text in ("0", "1", "-12", "123", "1200", "1.5", "10.5", "100.25", "-1E10", "1E-10", "9" * 38)),
    S("é"), BOOL(True), NULL, B(b"abc"), L(), L(S("a"), BOOL(True)), M(), M(k=M(j=N(12))),
    SS("a", "bc"), NS("1", "12"), BS(b"abc", b"d"),
]  # fmt: skip
SIZES = (0, 400, 1000, 1024, 4000, 4096, 4097, 9000, 20_000)


def consumed(server: Server, operation: str, body: dict[str, Any]) -> float:
    """Send a request and give the units that the server says it consumed."""
    told = call(server, REGION, operation, {**body, "ReturnConsumedCapacity": "TOTAL"})["ConsumedCapacity"]
    return float(sum(each["CapacityUnits"] for each in (told if isinstance(told, list) else [told])))


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_sizes(value: Item, server: Server) -> None:
    """An item of 1,024 bytes by our count takes one unit to write, one of 1,025 bytes two."""
    table = unique()
    create_table(server, REGION, table)
    bare = measure_item(item("k", v=value, f=S("")))
    units = [
        consumed(server, "PutItem", {"TableName": table, "Item": item(key, v=value, f=S("x" * (size - bare)))})
        for key, size in (("k", 1024), ("l", 1025))
    ]
    assert units == [1.0, 2.0]


@pytest.mark.parametrize("consistent", [False, True])
def test_reads(consistent: bool, server: Server) -> None:
    """Pages of a Scan are charged by their sum, items of a look-up one by one, as our arithmetic has it."""
    table = unique()
    create_table(server, REGION, table)
    items = [item(f"{place:05}", f=S("x" * (size - 8))) for place, size in enumerate(SIZES) if size]
    put_items(server, REGION, table, items)
    sizes = {each["id"]["S"]: measure_item(each) for each in items}
    scan = {"TableName": table, "ConsistentRead": consistent}
    assert consumed(server, "Scan", scan) == count_read_units(sum(sizes.values()), consistent)
    first = call(server, REGION, "Scan", {**scan, "Limit": 3})["Items"]
    assert consumed(server, "Scan", {**scan, "Limit": 3}) == count_read_units(sum(map(measure_item, first)), consistent)
    keys = {"Keys": [{"id": each["id"]} for each in items], "ConsistentRead": consistent}
    units = consumed(server, "BatchGetItem", {"RequestItems": {table: keys}})
    assert units == sum(count_read_units(size, consistent) for size in sizes.values())


def test_nothing_found(dynoxide: Server) -> None:
    """A key that is not there, and a page without items, cost the least that a read costs."""
    if dynoxide.name != "dynoxide":
        pytest.skip("DynamoDB Local charges nothing for what it does not find")
    table = unique()
    create_table(dynoxide, REGION, table)
    for consistent in (False, True):
        least = count_read_units(0, consistent)
        keys = {"Keys": [item("nowhere")], "ConsistentRead": consistent}
        assert consumed(dynoxide, "BatchGetItem", {"RequestItems": {table: keys}}) == least
        assert consumed(dynoxide, "Scan", {"TableName": table, "ConsistentRead": consistent}) == least


def test_writes(server: Server) -> None:
    """A write costs the larger of the old and the new item, a delete the old one."""
    table = unique()
    create_table(server, REGION, table)
    before = 0
    for size in (5000, 100, 100, 3000):
        put = {"TableName": table, "Item": item("k", f=S("x" * (size - 4)))}
        assert consumed(server, "PutItem", put) == count_write_units(size, before)
        before = size
    for there in (before, 0):
        assert consumed(server, "DeleteItem", {"TableName": table, "Key": item("k")}) == count_write_units(0, there)
