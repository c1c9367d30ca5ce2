"""The floor: a look-up client with no safety at all. No signing, no CRC, no retries, no checks, one batch in flight."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import ssl
import sys
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

BATCH = 100


class Text(msgspec.Struct, frozen=True, gc=False):
    """A string value."""

    S: str


class Key(msgspec.Struct, frozen=True, gc=False):
    """The key of an item."""

    id: Text


class Page(msgspec.Struct):
    """A Scan answer."""

    Items: list[Raw]
    LastEvaluatedKey: Raw = Raw()


class Found(msgspec.Struct):
    """A BatchGetItem answer."""

    Responses: dict[str, list[Raw]]


def connect(url: str) -> http.client.HTTPConnection:
    address = urlsplit(url)
    if address.scheme == "http":
        return http.client.HTTPConnection(address.netloc)
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    return http.client.HTTPSConnection(address.netloc, context=context)


def post(connection: http.client.HTTPConnection, operation: str, body: bytes) -> bytes:
    connection.request("POST", "/", body, {"X-Amz-Target": f"DynamoDB_20120810.{operation}"})
    return connection.getresponse().read()


def compare(job: tuple[str, int, int]) -> tuple[int, int]:
    url, segment, total = job
    connection = connect(url)
    key_of = msgspec.json.Decoder(Key).decode
    missing = differing = 0
    start = b""
    while True:
        body = b'{"TableName":"master-table","Segment":%d,"TotalSegments":%d%s}' % (segment, total, start)
        page = msgspec.json.decode(post(connection, "Scan", body), type=Page)
        for first in range(0, len(page.Items), BATCH):
            chunk = page.Items[first : first + BATCH]
            keys = [key_of(item) for item in chunk]
            wanted = b'{"RequestItems":{"slave-table":{"Keys":%s}}}' % msgspec.json.encode(keys)
            answer = msgspec.json.decode(post(connection, "BatchGetItem", wanted), type=Found)
            found = {key_of(item): item for item in answer.Responses["slave-table"]}
            for key, item in zip(keys, chunk, strict=True):
                other = found.get(key)
                missing += other is None
                differing += other is not None and other != item
        if not page.LastEvaluatedKey:
            return missing, differing
        start = b',"ExclusiveStartKey":' + bytes(page.LastEvaluatedKey)


def main() -> None:
    url, processes = sys.argv[1], int(sys.argv[2])
    with multiprocessing.Pool(processes) as pool:
        found = pool.map(compare, [(url, segment, processes) for segment in range(processes)])
    print(sum(missing for missing, _ in found), sum(differing for _, differing in found))


if __name__ == "__main__":
    main()
