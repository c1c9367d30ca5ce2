"""Exports of the benchmark server's tables: what a scan brings, in files as the service would write them."""

from __future__ import annotations

import gzip
import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from perf.contenders.floor_merge import pages

PER_FILE = 50_000
"""Items in a data file."""


def write_export(url: str, table: str, folder: Path) -> str:
    """Write an export of a table into a folder, and give it as fastsync takes it."""
    (folder / "data").mkdir(parents=True)
    items = (bytes(item) for page in pages(url, table, 0, 1) for item in page.Items)
    listed = list(_write_files(items, folder / "data"))
    (folder / "manifest-files.json").write_text("".join(f"{line}\n" for line, _ in listed))
    count = sum(count for _, count in listed)
    told = {"itemCount": count, "billedSizeBytes": count * 400, "outputFormat": "DYNAMODB_JSON"}
    (folder / "manifest-summary.json").write_text(json.dumps(told))
    return f"export:{folder}"


def _write_files(items: Iterator[bytes], data: Path) -> Iterator[tuple[str, int]]:
    """Write data files, and yield the line of each in the list of files, with its count."""
    number = 0
    while lines := [b'{"Item":%s}\n' % item for item in islice(items, PER_FILE)]:
        name = f"{number:06d}.json.gz"
        packed = gzip.compress(b"".join(lines), 6)
        (data / name).write_bytes(packed)
        digest = b64encode(hashlib.md5(packed).digest()).decode()
        line = {"itemCount": len(lines), "md5Checksum": digest, "dataFileS3Key": f"AWSDynamoDB/01-a/data/{name}"}
        yield json.dumps(line), len(lines)
        number += 1
