"""The floor of merging: two scans side by side with no safety at all. No signing, no CRC, no retries, no bound."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator

import msgspec
from msgspec import Raw

from perf.contenders.floor_lookup import Key, Page, connect, post


def compare(job: tuple[str, int, int]) -> tuple[int, int]:
    url, segment, total = job
    key_of = msgspec.json.Decoder(Key).decode
    masters: dict[Key, Raw] = {}
    slaves: dict[Key, Raw] = {}
    differing = 0
    sides = [
        (masters, pages(url, "master-table", segment, total)),
        (slaves, pages(url, "slave-table", segment, total)),
    ]
    while sides:
        for side in list(sides):
            mine, scan = side
            page = next(scan, None)
            if page is None:
                sides.remove(side)
                continue
            mine.update(zip(map(key_of, page.Items), page.Items, strict=True))
        for key in masters.keys() & slaves.keys():
            differing += masters.pop(key) != slaves.pop(key)
    return len(masters), differing


def pages(url: str, table: str, segment: int, total: int) -> Iterator[Page]:
    connection = connect(url)
    start = b""
    while True:
        body = b'{"TableName":"%s","Segment":%d,"TotalSegments":%d%s}' % (table.encode(), segment, total, start)
        page = msgspec.json.decode(post(connection, "Scan", body), type=Page)
        yield page
        if not page.LastEvaluatedKey:
            return
        start = b',"ExclusiveStartKey":' + bytes(page.LastEvaluatedKey)


def main() -> None:
    url, processes = sys.argv[1], int(sys.argv[2])
    with multiprocessing.Pool(processes) as pool:
        found = pool.map(compare, [(url, segment, processes) for segment in range(processes)])
    print(sum(missing for missing, _ in found), sum(differing for _, differing in found))


if __name__ == "__main__":
    main()
