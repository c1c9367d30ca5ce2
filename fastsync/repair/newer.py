"""Decide which of two items is newer, by an attribute that grows with each version."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Value = Mapping[str, Any]
"""An attribute value in DynamoDB JSON: {"N": "7"}."""


def slave_is_newer(master: Value | None, slave: Value | None) -> bool:
    """Return whether the slave's version is newer, or could be.

    Numbers compare by value, strings by their UTF-8 bytes, as the service does it (developer guide, data types). An
    item with a version is newer than one without. Versions of two types, or of a type without an order, cannot be
    compared: the slave's could be newer, so it is left alone.
    """
    if slave is None or slave == master:
        return False
    if master is None:
        return True
    for kind, order in _ORDERS.items():
        if kind in master and kind in slave:
            return bool(order(slave[kind]) > order(master[kind]))
    return True


_ORDERS: Mapping[str, Any] = {"N": Decimal, "S": str.encode}
