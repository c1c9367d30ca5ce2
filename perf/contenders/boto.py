"""What a competent engineer writes in an hour: boto3, a process per segment, BatchGetItem, dict comparison."""

from __future__ import annotations

import multiprocessing
import sys
import time
from typing import Any

import boto3

BATCH = 100


def compare(job: tuple[str, int, int]) -> tuple[int, int]:
    url, segment, total = job
    client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=url)
    missing = differing = 0
    pages = client.get_paginator("scan").paginate(TableName="master-table", Segment=segment, TotalSegments=total)
    for page in pages:
        items = page["Items"]
        for start in range(0, len(items), BATCH):
            chunk = items[start : start + BATCH]
            found = look_up(client, [{"id": item["id"]} for item in chunk])
            for item in chunk:
                other = found.get(item["id"]["S"])
                missing += other is None
                differing += other is not None and other != item
    return missing, differing


def look_up(client: Any, keys: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wanted: Any = {"slave-table": {"Keys": keys}}
    while wanted:
        answer = client.batch_get_item(RequestItems=wanted)
        found.update({item["id"]["S"]: item for item in answer["Responses"]["slave-table"]})
        wanted = answer["UnprocessedKeys"]
        if wanted:
            time.sleep(0.1)
    return found


def main() -> None:
    url, processes = sys.argv[1], int(sys.argv[2])
    with multiprocessing.Pool(processes) as pool:
        found = pool.map(compare, [(url, segment, processes) for segment in range(processes)])
    print(sum(missing for missing, _ in found), sum(differing for _, differing in found))


if __name__ == "__main__":
    main()
