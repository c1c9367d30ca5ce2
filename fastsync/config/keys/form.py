"""Recognise keys that are written as a report writes them. Nearly all of millions are, and need no parsing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from fastsync.config.key_text import MOST_HASH_BYTES, MOST_RANGE_BYTES
from fastsync.model.table import KeySchema

HasForm = Callable[[bytes], object]
"""Says whether a text in UTF-8 has a form: something that is true, or None."""
_ANY_VALUE = rb'\{"[SNB]": ?"[^"\\\x00-\x1f]+"\}'
_ANY_PART = rb'"[^"\\\x00-\x1f]+": ?' + _ANY_VALUE
_NUMBER = rb"-?[0-9]{1,19}(?:\.[0-9]{1,19})?"
"""No more than the 38 digits of the service, and within its range."""
_BASE64 = rb"(?:[A-Za-z0-9+/]{4}){0,%d}(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)"

has_form_of_a_key: HasForm = re.compile(rb"\{" + _ANY_PART + rb"(?:, ?" + _ANY_PART + rb")?\}").fullmatch
"""Says whether a text is the key of some table in DynamoDB JSON; what has another form may be one, too."""


def compile_form(schema: KeySchema) -> HasForm:
    """Return what says whether a text is a key of this schema in DynamoDB JSON; other forms may be keys, too.

    What it says yes to has the attributes in the order of the schema, each once, and a value that the service takes.
    """
    parts = [_make_part(schema.hash, schema.hash_type, MOST_HASH_BYTES)]
    if schema.range is not None and schema.range_type is not None:
        parts.append(_make_part(schema.range, schema.range_type, MOST_RANGE_BYTES))
    return re.compile(rb"\{" + rb", ?".join(parts) + rb"\}").fullmatch


def _make_part(name: str, kind: str, most_bytes: int) -> bytes:
    """Return the pattern of one attribute; the bytes of a text without escapes are those of its JSON."""
    values = {"S": rb'[^"\\\x00-\x1f]{1,%d}' % most_bytes, "N": _NUMBER, "B": _BASE64 % (most_bytes // 3 - 1)}
    spelled = re.escape(json.dumps(name, ensure_ascii=False).encode())
    return spelled + rb': ?\{"' + kind.encode() + rb'": ?"' + values[kind] + rb'"\}'
