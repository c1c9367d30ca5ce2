"""Keys: one canonical spelling."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsync.model.keys import KeyReader, encode_key, encode_keys
from fastsync.model.table import KeySchema

SCHEMAS = [
    KeySchema("id", "S"),
    KeySchema("id", "N"),
    KeySchema("id", "B"),
    KeySchema("id", "S", "at", "N"),
    KeySchema("id", "N", "at", "B"),
    KeySchema("a.b", "B", "size", "S"),
]
SPELLINGS = {
    "escapes": ("S", rb'{"S":"\u00e9\/"}', '{"S":"é/"}'.encode()),
    "exponent": ("N", b'{"N":"1E2"}', b'{"N":"100"}'),
    "zeros": ("N", b'{"N":"0100.0"}', b'{"N":"100"}'),
    "minus zero": ("N", b'{"N":"-0"}', b'{"N":"0"}'),
    "blanks": ("N", b'{ "N" : "7" }', b'{"N":"7"}'),
    "escaped base64": ("B", rb'{"B":"\/\/8="}', b'{"B":"//8="}'),
    "base64 with stray bits": ("B", b'{"B":"AR=="}', b'{"B":"AQ=="}'),
}


@pytest.mark.parametrize("case", SPELLINGS.values(), ids=SPELLINGS)
def test_equal_keys_are_equal_objects(case: tuple[str, bytes, bytes]) -> None:
    """Two spellings of a key value are one key, hash alike, and are written alike."""
    kind, left, right = case
    reader = KeyReader(KeySchema("k", kind))
    one, other = (reader.read_key(b'{"x":{"S":"1"},"k":' + value + b"}") for value in (left, right))
    assert one == other
    assert hash(one) == hash(other)
    assert encode_key(one) == encode_key(other) == b'{"k":' + right + b"}"


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_readers_of_one_schema_share_their_keys(schema: KeySchema) -> None:
    """Keys taken from master and slave items by different readers are equal: else all would be missing, or extra."""
    values = {"S": "x", "N": "12", "B": "AQI="}
    item = {schema.hash: {schema.hash_type: values[schema.hash_type]}, "other": {"N": "1"}}
    if schema.range:
        item[schema.range] = {str(schema.range_type): values[str(schema.range_type)]}
    raw = json.dumps(item).encode()
    same = KeySchema(schema.hash, schema.hash_type, schema.range, schema.range_type)
    assert KeyReader(schema).read_key(raw) == KeyReader(same).read_key(raw)
    assert json.loads(encode_key(KeyReader(schema).read_key(raw))) == {name: item[name] for name in schema.names}


def test_neighbours_in_the_38th_digit_are_two_keys() -> None:
    """Number keys are never rounded."""
    reader = KeyReader(KeySchema("k", "N"))
    low, high = (b'{"k":{"N":"%d"}}' % (10**37 + add) for add in (0, 1))
    assert reader.read_key(low) != reader.read_key(high)
    assert json.loads(encode_key(reader.read_key(high))) == {"k": {"N": "1" + "0" * 36 + "1"}}


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**38), max_value=10**38))
def test_number_keys_agree_exactly_where_numbers_do(number: Decimal) -> None:
    """Plain and exponent spelling of one number are one key, and its value is kept."""
    reader = KeyReader(KeySchema("k", "N"))
    plain, exponent = (
        reader.read_key(json.dumps({"k": {"N": text}}).encode()) for text in (f"{number:f}", f"{number:E}")
    )
    assert plain == exponent
    assert Decimal(json.loads(encode_key(plain))["k"]["N"]) == number


@pytest.mark.parametrize("item", [b'{"k":{"N":"1"}}', b'{"other":{"S":"1"}}', b'{"k":"1"}'])
def test_items_without_their_key_are_refused(item: bytes) -> None:
    """An item that lacks its key, or has it in another type, is an error and not a key."""
    with pytest.raises(msgspec.ValidationError):
        KeyReader(KeySchema("k", "S")).read_key(item)


def test_lists_of_keys() -> None:
    """Keys are written as the list that BatchGetItem takes."""
    reader = KeyReader(KeySchema("k", "S", "r", "N"))
    keys = [reader.read_key(b'{"r":{"N":"%d"},"k":{"S":"\\"q"}}' % number) for number in (1, 2)]
    expected = [{"k": {"S": '"q'}, "r": {"N": "1"}}, {"k": {"S": '"q'}, "r": {"N": "2"}}]
    assert json.loads(encode_keys(keys)) == expected
