"""The obvious way to compare exports: gzip, json and a dictionary for each side, in one process; boto3 for a table."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3


def read_side(url: str, place: str) -> Iterator[Any]:
    """Yield the items of an export, or of a table of the server."""
    if not place.startswith("export:"):
        client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=url)
        for page in client.get_paginator("scan").paginate(TableName=place.partition(":")[2]):
            yield from page["Items"]
        return
    for file in sorted(Path(place.removeprefix("export:"), "data").iterdir()):
        with gzip.open(file, "rt") as lines:
            for line in lines:
                yield json.loads(line)["Item"]


def main() -> None:
    url, _, *places = sys.argv[1:]
    master, slave = ({item["id"]["S"]: item for item in read_side(url, place)} for place in places)
    missing = sum(key not in slave for key in master)
    differing = sum(key in slave and _differs(item, slave[key]) for key, item in master.items())
    print(missing, differing)


def _differs(one: Any, other: Any) -> bool:
    """Return whether items differ; boto3 gives binary values as bytes, an export as base64."""
    return any(one.get(name) != other.get(name) for name in {*one, *other} if "B" not in one.get(name, {}))


if __name__ == "__main__":
    main()
