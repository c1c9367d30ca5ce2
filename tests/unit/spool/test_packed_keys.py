"""Packed keys are small, equal where keys are equal, and come back as they were."""

from __future__ import annotations

import pytest

from fastsync.model.keys import KeyReader
from fastsync.model.table import KeySchema
from fastsync.spool.packed_keys import KeyPacker

CASES = {
    "S": (KeySchema("id", "S"), [b'{"id":{"S":"a"}}', b'{"id":{"S":"\xc3\xa4\\n"}}']),
    "N": (KeySchema("id", "N"), [b'{"id":{"N":"-12.5"}}']),
    "B": (KeySchema("id", "B"), [b'{"id":{"B":"AAE="}}']),
    "S-N": (
        KeySchema("a", "S", "b", "N"),
        [b'{"b":{"N":"1"},"a":{"S":"x"},"c":{"S":"y"}}', b'{"a":{"S":""},"b":{"N":"0"}}'],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_keys_come_back(name: str) -> None:
    """What was packed is unpacked as the same key."""
    schema, items = CASES[name]
    packer = KeyPacker(schema)
    keys = [KeyReader(schema).read_key(item) for item in items]
    assert packer.unpack(packer.pack(keys)) == keys


def test_numbers_are_packed_by_value() -> None:
    """1 and 1.0 are one key."""
    schema = KeySchema("id", "N")
    one, other = (KeyReader(schema).read_key(item) for item in (b'{"id":{"N":"1"}}', b'{"id":{"N":"1.0"}}'))
    assert KeyPacker(schema).pack([one]) == KeyPacker(schema).pack([other])


def test_a_short_key_takes_few_bytes() -> None:
    """A key of two short values takes hardly more than its values do."""
    schema = KeySchema("customer", "S", "order", "N")
    key = KeyReader(schema).read_key(b'{"customer":{"S":"customer-0001"},"order":{"N":"1234567"}}')
    assert len(KeyPacker(schema).pack([key])[0]) <= 24
