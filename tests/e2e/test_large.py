"""A table of a hundred thousand items: the exact counts, and a slave that equals the master."""

from __future__ import annotations

from collections.abc import Iterator

from tests.e2e import canonical
from tests.servers import Server
from tests.tables import Item, create_table, put_items, read_all, run_fastsync, unique

ITEMS = 100_000
MISSING_EVERY, DIFFERING_EVERY = 97, 101
EXTRA = 1500


def test_large(dynoxide: Server) -> None:
    """Every difference among 100,000 items is found exactly once, repaired, and gone afterwards."""
    master, slave = unique(), unique()
    tables = ["--master", create_table(dynoxide, "us-east-1", master)]
    tables += ["--slave", create_table(dynoxide, "us-west-2", slave)]
    put_items(dynoxide, "us-east-1", master, map(_item, range(ITEMS)), threads=8)
    put_items(dynoxide, "us-west-2", slave, _copy(), threads=8)
    missing = {_key(number) for number in range(0, ITEMS, MISSING_EVERY)}
    differing = {_key(number) for number in range(0, ITEMS, DIFFERING_EVERY)} - missing
    extra = {_key(number) for number in range(ITEMS, ITEMS + EXTRA)}
    flags = ["--parallel", "2", "--segments", "8", "--write-missing", "--write-differing", "--delete-extra"]
    ran = run_fastsync(*tables, *flags, server=dynoxide, timeout=300)
    assert ran.exit_code == 0, ran.stderr
    for verdict, keys in (("missing", missing), ("differing", differing), ("extra", extra)):
        found = [line["key"]["id"]["S"] for line in ran.differences if line["verdict"] == verdict]
        assert len(found) == len(keys)
        assert set(found) == keys
    counters = ran.stats["slaves"][tables[3]]
    assert ran.stats["master"]["scanned"] == ITEMS
    assert counters["same"] == ITEMS - len(missing) - len(differing)
    assert counters["written"] == len(missing) + len(differing)
    assert (counters["deleted"], counters["settled"], counters["contended"], counters["failed"]) == (EXTRA, 0, 0, 0)
    after = read_all(dynoxide, "us-west-2", slave)
    assert len(after) == ITEMS
    assert canonical.items(after) == canonical.items(map(_item, range(ITEMS)))


def _key(number: int) -> str:
    return f"item-{number:06}"


def _item(number: int) -> Item:
    return {"id": {"S": _key(number)}, "n": {"N": str(number * 10**30)}, "set": {"SS": ["b", "a", f"{number % 7}"]}}


def _copy() -> Iterator[Item]:
    for number in range(ITEMS + EXTRA):
        item = _item(number)
        if number < ITEMS and number % MISSING_EVERY == 0:
            continue
        if number < ITEMS and number % DIFFERING_EVERY == 0:
            item["n"] = {"N": str(number * 10**30 + 1)}
        item["set"]["SS"].reverse()
        yield item
