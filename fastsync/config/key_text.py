"""Parse the key that a flag gives, as plain values or as DynamoDB JSON, and give it the types of a table's key.

Limits of keys and numbers: developer guide, "Quotas in Amazon DynamoDB", and "Naming rules and data types".
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fastsync.errors import ConfigError
from fastsync.model.table import KeySchema
from fastsync.model.wording import quote

MOST_TEXT = 100_000
"""Characters of a key that are parsed: one that is as large as a key may be has a fifth of that."""
MOST_HASH_BYTES = 2048
MOST_RANGE_BYTES = 1024
MOST_DIGITS = 38
SMALLEST_EXPONENT, LARGEST_EXPONENT = -130, 125
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")


class Number(str):
    """A number as a JSON text has it. It is not converted: Python refuses an int of 5,000 digits, and 1e999999999."""


def parse_key(flag: str, text: str) -> Mapping[str, Any]:
    """Return the key in a text: by name, strings, Numbers, or objects such as `{"S": "a"}`.

    Raises ConfigError if no table can have such a key. Whether one certain table can, `typed_key` checks.
    """
    if len(text) > MOST_TEXT:
        raise ConfigError(f"{flag} takes a key, and this is longer than any: {quote(text)}")
    try:
        given = json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=_no_number, object_pairs_hook=_no_repeats
        )
    except ValueError as error:
        raise ConfigError(f"{flag} is not JSON: {error}") from None
    except RecursionError:
        raise ConfigError(f"{flag} is no key: its JSON is nested too deeply") from None
    if not isinstance(given, dict) or not 1 <= len(given) <= 2:
        raise ConfigError(f'{flag} takes a JSON object with exactly the key attributes, such as {{"id": "abc"}}')
    for name, value in given.items():
        _check_value(flag, name, value)
    return given


def typed_key(flag: str, given: Mapping[str, Any], schema: KeySchema) -> bytes:
    """Return a parsed key in DynamoDB JSON, with the types of a table; raise ConfigError if it is not a key of it."""
    if set(given) != set(schema.names):
        raise ConfigError(f"{flag} takes a JSON object with exactly the key attributes {', '.join(schema.names)}")
    types = {schema.hash: schema.hash_type, schema.range: schema.range_type}
    typed = {name: _typed(flag, name, value, str(types[name])) for name, value in given.items()}
    for name, most in zip(schema.names, (MOST_HASH_BYTES, MOST_RANGE_BYTES), strict=False):
        ((kind, text),) = typed[name].items()
        size = len(b64decode(text)) if kind == "B" else len(text.encode())
        if kind != "N" and size > most:
            raise ConfigError(f"{flag}: {name} has {size:,} bytes, and a key attribute there has {most:,} at most")
    return json.dumps(typed).encode()


def _check_value(flag: str, name: str, value: Any) -> None:
    """Raise ConfigError if a value cannot be that of a key, whatever its type in the table is."""
    if isinstance(value, dict):
        if not _is_typed(value):
            forms = '{"S": "..."}, {"N": "..."} or {"B": "..."}'
            raise ConfigError(f"{flag}: {quote(name)} is written plainly or as {forms}")
        texts = [name, *value.values()]
    elif isinstance(value, str):
        texts = [name, value]
    else:
        raise ConfigError(f"{flag}: {quote(name)} has to be text or a number, not {quote(value)}")
    for text in texts:
        if not _is_unicode(text):
            raise ConfigError(f"{flag}: {quote(text)} is no text in Unicode, so no table has it")


def _is_typed(value: dict[str, Any]) -> bool:
    """Return whether an object has the form `{"S": "..."}`. A Number in it is not quoted, as it should be."""
    if len(value) != 1:
        return False
    ((kind, text),) = value.items()
    return kind in ("S", "N", "B") and type(text) is str


def _typed(flag: str, name: str, value: Any, kind: str) -> dict[str, str]:
    if isinstance(value, dict):
        text, is_typed = value.get(kind), True
    else:
        text, is_typed = value, isinstance(value, Number) is (kind == "N")
    if not is_typed or not _is_key_value(text, kind):
        raise ConfigError(
            f'{flag}: {name} is of type {kind}, written plainly or as {{"{kind}": "..."}}; {quote(value)} is not'
        )
    return {kind: str(text)}


def _is_key_value(text: str | None, kind: str) -> bool:
    """Return whether a text is a value of a key attribute: S any text, B base64, N a number in the service's range.

    An empty text is none.
    """
    if not text:
        return False
    if kind == "N":
        return _NUMBER.fullmatch(text) is not None and _is_in_range(Decimal(text))
    if kind == "S":
        return True
    try:
        return b64decode(text, validate=True) != b""
    except ValueError:
        return False


def _is_in_range(number: Decimal) -> bool:
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if not digits:
        return True
    return len(digits) <= MOST_DIGITS and SMALLEST_EXPONENT <= number.adjusted() <= LARGEST_EXPONENT


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number in JSON")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found
