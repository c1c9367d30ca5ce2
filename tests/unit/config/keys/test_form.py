"""Keys that are recognised by their form: what it says yes to is a key of the table, as parsing has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from fastsync.config.key_text import parse_key, typed_key
from fastsync.config.keys.form import compile_form, has_form_of_a_key
from fastsync.errors import ConfigError
from fastsync.model.json_lines import dumps
from fastsync.model.keys import KeyReader
from fastsync.model.table import KeySchema

SCHEMAS = {
    "S": KeySchema("pk", "S"),
    "N": KeySchema("pk", "N"),
    "B": KeySchema("pk", "B"),
    "SN": KeySchema("pk", "S", "a.b", "N"),
    "BS": KeySchema("pk", "B", "größe", "S"),
}
WRITTEN = [
    ("S", {"pk": {"S": "a"}}),
    ("S", {"pk": {"S": "ключ, {}: 'x'"}}),
    ("S", {"pk": {"S": "x" * 2048}}),
    ("N", {"pk": {"N": "-12.50"}}),
    ("N", {"pk": {"N": "007"}}),
    ("B", {"pk": {"B": "AQ=="}}),
    ("SN", {"pk": {"S": "a"}, "a.b": {"N": "1"}}),
    ("BS", {"pk": {"B": "AQID"}, "größe": {"S": "x" * 1024}}),
]
OTHERS = [
    ("S", '{"pk":{"S":""}}'),
    ("S", '{"pk":{"S":"a"},"pk":{"S":"b"}}'),
    ("S", '{"pk":{"S":"a","S":"b"}}'),
    ("S", '{"pk":{"S":"a"},"sk":{"S":"b"}}'),
    ("S", '{"pk":{"N":"1"}}'),
    ("S", '{"pk":{"S":"' + "x" * 2049 + '"}}'),
    ("S", '{"pk":{"S":"' + "é" * 1025 + '"}}'),
    ("S", '{"pk":"a"}'),
    ("N", '{"pk":{"N":"x"}}'),
    ("N", '{"pk":{"N":"' + "1" * 39 + '"}}'),
    ("N", '{"pk":{"N":"1e400"}}'),
    ("B", '{"pk":{"B":"A"}}'),
    ("B", '{"pk":{"B":"A==="}}'),
    ("SN", '{"pk":{"S":"a"}}'),
    ("SN", '{"pk":{"S":"a"},"axb":{"N":"1"}}'),
    ("BS", '{"pk":{"B":"AQID"},"größe":{"S":"' + "x" * 1025 + '"}}'),
]


@pytest.mark.parametrize(("schema", "key"), WRITTEN, ids=lambda value: str(value)[:30])
def test_keys_as_reports_write_them(schema: str, key: Mapping[str, Any]) -> None:
    """A key as a report has it, or compact, is recognised, and is the key that parsing finds."""
    keys = SCHEMAS[schema]
    for text in (dumps(key), json.dumps(key, separators=(",", ":"), ensure_ascii=False)):
        assert compile_form(keys)(text.encode())
        assert has_form_of_a_key(text.encode())
        parsed = typed_key("--key", parse_key("--key", text), keys)
        assert KeyReader(keys).read_key(text.encode()) == KeyReader(keys).read_key(parsed)


@pytest.mark.parametrize(("schema", "text"), OTHERS, ids=lambda value: str(value)[:30])
def test_what_has_another_form_is_looked_at_closely(schema: str, text: str) -> None:
    """What the table cannot hold, or what is written otherwise, is not recognised."""
    assert not compile_form(SCHEMAS[schema])(text.encode())


@pytest.mark.parametrize("text", [text for _, text in OTHERS if "pk" in text], ids=lambda text: text[:30])
@pytest.mark.parametrize("schema", SCHEMAS)
def test_no_form_takes_what_parsing_refuses(schema: str, text: str) -> None:
    """Whatever a form says yes to, parsing takes too."""
    if compile_form(SCHEMAS[schema])(text.encode()):
        try:
            typed_key("--key", parse_key("--key", text), SCHEMAS[schema])
        except ConfigError as error:
            pytest.fail(str(error))
