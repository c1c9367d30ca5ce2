"""Tables of forty thousand items: the exact counts by both strategies, and a slave that equals the master."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.e2e import canonical
from tests.servers import Server
from tests.tables import Item, Ran, create_table, put_items, read_all, run_fastsync, unique

ITEMS = 40_000
MISSING_EVERY, DIFFERING_EVERY = 97, 101
EXTRA = 600
SLICES = ("--parallel", "2", "--segments", "3")
REPAIR = ("--write-missing", "--write-differing", "--delete-extra")


def test_large(dynoxide: Server) -> None:
    """Every difference among 40,000 items is found exactly once by each strategy, repaired, and gone afterwards."""
    master, slave = unique(), unique()
    tables = ["--master", create_table(dynoxide, "us-east-1", master)]
    tables += ["--slave", create_table(dynoxide, "us-west-2", slave)]
    put_items(dynoxide, "us-east-1", master, map(_item, range(ITEMS)), threads=4)
    put_items(dynoxide, "us-west-2", slave, _copy(), threads=4)
    reported = run_fastsync(*tables, *SLICES, "--strategy", "lookup", "--scan-for-extra", server=dynoxide)
    _check(reported, tables[3], {"written": 0, "deleted": 0})
    assert reported.exit_code == 1
    ran = run_fastsync(*tables, *SLICES, "--strategy", "merge", *REPAIR, server=dynoxide, timeout=300)
    assert ran.exit_code == 0, ran.stderr
    _check(ran, tables[3], {"written": len(MISSING) + len(DIFFERING), "deleted": EXTRA})
    after = read_all(dynoxide, "us-west-2", slave)
    assert len(after) == ITEMS
    assert canonical.items(after) == canonical.items(map(_item, range(ITEMS)))


def _key(number: int) -> str:
    return f"item-{number:06}"


MISSING = {_key(number) for number in range(0, ITEMS, MISSING_EVERY)}
DIFFERING = {_key(number) for number in range(0, ITEMS, DIFFERING_EVERY)} - MISSING
ONLY_THERE = {_key(number) for number in range(ITEMS, ITEMS + EXTRA)}


def _check(ran: Ran, slave: str, done: Mapping[str, int]) -> None:
    for verdict, keys in (("missing", MISSING), ("differing", DIFFERING), ("extra", ONLY_THERE)):
        found = [line["key"]["id"]["S"] for line in ran.differences if line["verdict"] == verdict]
        assert len(found) == len(keys)
        assert set(found) == keys
    counters = ran.stats["slaves"][slave]
    assert ran.stats["master"]["scanned"] == ITEMS
    assert counters["same"] == ITEMS - len(MISSING) - len(DIFFERING)
    assert {name: counters[name] for name in done} == done
    assert (counters["settled"], counters["contended"], counters["failed"]) == (0, 0, 0)


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
