"""The values of settings in words that fit into a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastsync.plan.settings.compare import kind_of
from fastsync.plan.settings.values import GLOBAL_INDEX, LOCAL_INDEX, RECOVERY, TAGS, UNKNOWN

NOTHING = "-"
"""What stands for a setting that a table does not have."""


def format_value(name: str, value: Any) -> str:
    """Return the value of a setting in a few words."""
    if value is UNKNOWN:
        return str(UNKNOWN.value)
    if value is None or value in ([], {}):
        return NOTHING
    match kind_of(name):
        case "key-schema":
            return _format_keys(value)
        case "attribute-definitions":
            return ", ".join(f"{each.get('AttributeName')} {each.get('AttributeType')}" for each in value)
        case "capacity":
            return _format_capacity(value)
        case kind if kind in (GLOBAL_INDEX, LOCAL_INDEX):
            return _format_index(value)
        case kind if kind == RECOVERY:
            return f"on, {value['days']} days" if value["enabled"] else "off"
        case kind if kind == TAGS:
            return ", ".join(f"{key}={text}" for key, text in value.items())
        case "replicas":
            return ", ".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _format_keys(keys: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{each.get('AttributeName')} {each.get('KeyType')}" for each in keys)


def _format_capacity(capacity: Mapping[str, float]) -> str:
    words = {
        "ReadCapacityUnits": "{:g} read",
        "WriteCapacityUnits": "{:g} write",
        "MaxReadRequestUnits": "at most {:g} read",
        "MaxWriteRequestUnits": "at most {:g} write",
    }
    return ", ".join(words[name].format(units) for name, units in capacity.items())


def _format_index(index: Mapping[str, Any]) -> str:
    projection = index["projection"]
    projected = str(projection.get("ProjectionType"))
    if projection.get("NonKeyAttributes"):
        projected += f" {', '.join(projection['NonKeyAttributes'])}"
    parts = [_format_keys(index["keys"]), projected]
    if index.get("capacity"):
        parts.append(_format_capacity(index["capacity"]))
    return "; ".join(parts)
