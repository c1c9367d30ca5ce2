"""ConditionExpressions as the program words them: clauses joined by AND, on top-level attributes, compared by value.

As the service does, this refuses an expression that leaves a name or value unused, and one beyond the limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.e2e import canonical
from tests.tables import Item

MAX_TEXT = 4096
"""Bytes in one expression (developer guide, quotas)."""
MAX_OPERATORS = 300
"""Operators in one expression (developer guide, quotas)."""
_CLAUSE = re.compile(r"attribute_(?P<absent>not_)?exists\((?P<asked>#\w+)\)|(?P<name>#\w+) ?= ?(?P<value>:\w+)")


class Invalid(Exception):
    """The service would answer with a ValidationException."""


def holds(body: Mapping[str, Any], current: Item | None) -> bool:
    """Say whether the condition of a write holds for the item that is there; raise Invalid."""
    expression = body.get("ConditionExpression")
    names, values = body.get("ExpressionAttributeNames"), body.get("ExpressionAttributeValues")
    if expression is None:
        if names is not None or values is not None:
            raise Invalid("names or values without an expression")
        return True
    if names == {} or values == {}:
        raise Invalid("names and values must not be empty")
    there, names, values = current or {}, names or {}, values or {}
    _check(expression, names, values)
    # every clause is read, since the service refuses one that it cannot read whatever the others say
    clauses = [_clause_holds(clause, there, names, values) for clause in expression.split(" AND ")]
    return all(clauses)


def _check(expression: str, names: Mapping[str, str], values: Mapping[str, Item]) -> None:
    if not expression or len(expression.encode()) > MAX_TEXT:
        raise Invalid("the expression is empty or too long")
    used = re.findall(r"[#:]\w+", expression)
    if set(used) != {*names, *values}:
        raise Invalid(f"names and values are not those of the expression: {set(used) ^ {*names, *values}}")
    operators = expression.count(" AND ") + len(re.findall(r"=|attribute_", expression))
    if operators > MAX_OPERATORS:
        raise Invalid("the expression has too many operators")


def _clause_holds(clause: str, there: Item, names: Mapping[str, str], values: Mapping[str, Item]) -> bool:
    found = _CLAUSE.fullmatch(clause)
    if found is None:
        raise Invalid(f"a clause that cannot be read: {clause}")
    if found["asked"]:
        return (names[found["asked"]] in there) is (found["absent"] is None)
    current = there.get(names[found["name"]])
    return current is not None and canonical.value(current) == canonical.value(values[found["value"]])
