"""What a competent engineer writes in half an hour: boto3, a process per segment, every item by BatchWriteItem."""

from __future__ import annotations

import multiprocessing
import sys
import time
from typing import Any

import boto3

BATCH = 25


def copy(job: tuple[str, int, int]) -> int:
    url, segment, total = job
    client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=url)
    copied = 0
    pages = client.get_paginator("scan").paginate(TableName="master-table", Segment=segment, TotalSegments=total)
    for page in pages:
        items = page["Items"]
        for start in range(0, len(items), BATCH):
            put(client, [{"PutRequest": {"Item": item}} for item in items[start : start + BATCH]])
        copied += len(items)
    return copied


def put(client: Any, puts: list[Any]) -> None:
    left: Any = {"slave-table": puts}
    while left:
        left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]
        if left:
            time.sleep(0.1)


def main() -> None:
    url, processes = sys.argv[1], int(sys.argv[2])
    with multiprocessing.Pool(processes) as pool:
        copied = pool.map(copy, [(url, segment, processes) for segment in range(processes)])
    print(sum(copied), 0)


if __name__ == "__main__":
    main()
