"""A scan that starts at a key: everything after it in the order of the scan, and nothing before."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from tests.e2e import canonical
from tests.e2e.cases import B, N, S
from tests.servers import Server
from tests.tables import Item, Keys, create_table, put_items, read_all, run_fastsync, unique

CASES: list[tuple[Keys, list[Item]]] = [
    ([("id", "S")], [{"id": S(f"ä{number}")} for number in range(20)]),
    ([("id", "N")], [{"id": N(f"{number}2345678901234567890123456789012345678")} for number in range(1, 9)]),
    ([("id", "B")], [{"id": B(bytes([number, 255]))} for number in range(20)]),
    ([("hashKey", "S"), ("rangeKey", "N")], [{"hashKey": S("abc"), "rangeKey": N(number)} for number in range(20)]),
    ([("a.b", "N"), ("size", "B")], [{"a.b": N("-1.5"), "size": B(bytes([number]))} for number in range(20)]),
]


@pytest.mark.parametrize("spelling", ["plain", "DynamoDB JSON"])
@pytest.mark.parametrize(("keys", "items"), CASES, ids=lambda each: str(each[0]) if isinstance(each[0], tuple) else "")
def test_starting_key(keys: Keys, items: list[Item], spelling: str, server: Server) -> None:
    """The scan of the master goes on after the key; a key may be plain values or DynamoDB JSON."""
    master, slave = unique(), unique()
    tables = ["--master", create_table(server, "us-east-1", master, keys)]
    tables += ["--slave", create_table(server, "us-west-2", slave, keys)]
    put_items(server, "us-east-1", master, items)
    order = read_all(server, "us-east-1", master)
    start = order[len(order) // 3]
    given = _plain(start) if spelling == "plain" else json.dumps(start)
    ran = run_fastsync(*tables, "--starting-key", given, "--write-missing", "--delete-extra", server=server)
    assert ran.exit_code == 0, ran.stderr
    expected = canonical.items(order[len(order) // 3 + 1 :])
    assert canonical.items(line["key"] for line in ran.differences) == expected
    assert canonical.items(read_all(server, "us-west-2", slave)) == expected
    assert ran.stats["master"]["scanned"] == len(expected)


def test_extras(server: Server) -> None:
    """The key is never applied to the slave: items before it are looked up, found, and not taken for extras."""
    master, slave = unique(), unique()
    tables = [
        "--master",
        create_table(server, "us-east-1", master),
        "--slave",
        create_table(server, "us-west-2", slave),
    ]
    items = [{"id": S(f"{number}")} for number in range(20)]
    left = [{"id": S(f"left{number}")} for number in range(20)]
    put_items(server, "us-east-1", master, items)
    put_items(server, "us-west-2", slave, items + left)
    start = json.dumps(read_all(server, "us-east-1", master)[15])
    ran = run_fastsync(*tables, "--starting-key", start, "--delete-extra", server=server)
    assert ran.exit_code == 0, ran.stderr
    assert canonical.items(line["key"] for line in ran.differences) == canonical.items(left)
    assert canonical.items(read_all(server, "us-west-2", slave)) == canonical.items(items)
    assert ran.stats["slaves"][tables[3]]["scanned"] == 40


def test_last_key_deletes_nothing(server: Server) -> None:
    """A master that returned no item, because the scan began at its end, causes no delete."""
    master, slave = unique(), unique()
    tables = [
        "--master",
        create_table(server, "us-east-1", master),
        "--slave",
        create_table(server, "us-west-2", slave),
    ]
    put_items(server, "us-east-1", master, [{"id": S("a")}, {"id": S("b")}])
    put_items(server, "us-west-2", slave, [{"id": S("left")}])
    start = json.dumps(read_all(server, "us-east-1", master)[-1])
    ran = run_fastsync(*tables, "--starting-key", start, "--delete-extra", server=server)
    assert ran.exit_code == 5, ran.stderr
    assert [line["action"] for line in ran.differences] == ["refused"]
    assert len(read_all(server, "us-west-2", slave)) == 1


def _plain(key: Item) -> str:
    """Write a key with plain values; numbers with all their digits."""
    parts = []
    for name, typed in key.items():
        ((kind, value),) = typed.items()
        shown: Any = value if kind == "N" else json.dumps(value)
        if kind == "B":
            assert b64decode(value)
        parts.append(f"{json.dumps(name)}: {shown}")
    return f"{{{', '.join(parts)}}}"
