"""The settings of a table by their names, each as a plain value of JSON, from what the service tells of it.

Where the service leaves out what is a default, the default is put in, so that both compare as equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

GLOBAL_INDEX, LOCAL_INDEX = "global-index:", "local-index:"
"""How the names of indexes begin."""
TTL, RECOVERY, TAGS = "ttl", "point-in-time-recovery", "tags"
"""Settings that DescribeTable does not tell."""
NAMES = (
    "key-schema",
    "attribute-definitions",
    "billing-mode",
    "capacity",
    "table-class",
    GLOBAL_INDEX,
    LOCAL_INDEX,
    "stream",
    TTL,
    RECOVERY,
    "deletion-protection",
    "encryption",
    "replicas",
    TAGS,
)
"""All settings in the order in which they are shown; an index has its own name behind the colon."""
RECOVERY_DAYS = 35
"""How far point-in-time recovery reaches back where nothing else is told (API reference, RecoveryPeriodInDays)."""
NO_MAXIMUM = -1
"""What an on-demand maximum is where there is none (API reference, OnDemandThroughput)."""


class Unknown(Enum):
    """A setting of which nothing is known: nobody may read it, or it could not be read."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN
"""The value of such a setting."""


def describe_values(description: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Return the settings that the description of a table in this region tells, by name."""
    billing = _of(description, "BillingModeSummary").get("BillingMode") or "PROVISIONED"
    stream = _of(description, "StreamSpecification")
    encryption = _of(description, "SSEDescription")
    is_encrypted = encryption.get("Status", "DISABLED") not in ("DISABLED", "DISABLING")
    return {
        "key-schema": _sort_keys(description),
        "attribute-definitions": sorted(_list_of(description, "AttributeDefinitions"), key=_name_of_attribute),
        "billing-mode": billing,
        "capacity": _read_capacity(description, is_provisioned=billing == "PROVISIONED"),
        "table-class": _of(description, "TableClassSummary").get("TableClass") or "STANDARD",
        **dict(_read_indexes(description, "GlobalSecondaryIndexes", GLOBAL_INDEX)),
        **dict(_read_indexes(description, "LocalSecondaryIndexes", LOCAL_INDEX)),
        "stream": stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
        "deletion-protection": bool(description.get("DeletionProtectionEnabled")),
        "encryption": encryption.get("SSEType", "KMS") if is_encrypted else "owned",
        "replicas": _list_replicas(description, region),
    }


def read_time_to_live(told: Mapping[str, Any]) -> str | None:
    """Return the attribute by which items expire, of a TimeToLiveDescription; None where they do not."""
    if told.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        return None
    return str(told.get("AttributeName"))


def read_recovery(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether there is point-in-time recovery, and how many days back, of a ContinuousBackupsDescription."""
    recovery = _of(told, "PointInTimeRecoveryDescription")
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        return {"enabled": False}
    return {"enabled": True, "days": recovery.get("RecoveryPeriodInDays") or RECOVERY_DAYS}


def read_tags(told: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that people have given, sorted; those of AWS itself begin with `aws:`."""
    return {key: told[key] for key in sorted(told) if not key.startswith("aws:")}


def _of(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}


def _list_of(told: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = told.get(name)
    return [dict(each) for each in found if isinstance(each, Mapping)] if isinstance(found, Sequence) else []


def _name_of_attribute(each: Mapping[str, Any]) -> str:
    return str(each.get("AttributeName"))


def _sort_keys(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    return sorted(_list_of(told, "KeySchema"), key=lambda each: (str(each.get("KeyType")), _name_of_attribute(each)))


def _read_capacity(told: Mapping[str, Any], is_provisioned: bool) -> dict[str, float] | None:
    """Return provisioned units, or the maxima of what is on demand; None where there are none."""
    if is_provisioned:
        provisioned = _of(told, "ProvisionedThroughput")
        return {name: provisioned.get(name) or 0 for name in ("ReadCapacityUnits", "WriteCapacityUnits")}
    maxima = _of(told, "OnDemandThroughput")
    names = ("MaxReadRequestUnits", "MaxWriteRequestUnits")
    return {name: maxima[name] for name in names if maxima.get(name) not in (None, NO_MAXIMUM)} or None


def _read_indexes(description: Mapping[str, Any], field: str, prefix: str) -> Iterator[tuple[str, Any]]:
    for index in sorted(_list_of(description, field), key=lambda each: str(each.get("IndexName"))):
        projection = dict(_of(index, "Projection"))
        if isinstance(projection.get("NonKeyAttributes"), Sequence):
            projection["NonKeyAttributes"] = sorted(projection["NonKeyAttributes"])
        value: dict[str, Any] = {"keys": _sort_keys(index), "projection": projection}
        if prefix == GLOBAL_INDEX:
            has_units = bool(_of(index, "ProvisionedThroughput").get("ReadCapacityUnits"))
            value["capacity"] = _read_capacity(index, is_provisioned=has_units)
        yield f"{prefix}{index.get('IndexName')}", value


def _list_replicas(description: Mapping[str, Any], region: str) -> list[str]:
    """Return the regions of a global table, the table's own among them; none where it is no such table."""
    replicas = [_find_region(each) for each in _list_of(description, "Replicas")]
    return sorted({*replicas, region}) if replicas else []


def _find_region(replica: Mapping[str, Any]) -> str:
    named = replica.get("RegionName")
    return str(named) if named else f"{replica.get('ReplicaArn')}:::".split(":")[3]
