"""Exports for tests, written as the service documents them: a manifest, its list of files, and gzip files of lines."""

from __future__ import annotations

import gzip
import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.tables import Item

EXPORT_ID = "01700000000000-1a2b3c4d"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/orders"


def write_export(
    folder: Path,
    items: Iterable[Item],
    files: int = 2,
    *,
    with_type: bool = True,
    table_arn: str = TABLE_ARN,
    **summary: Any,
) -> str:
    """Write a full export with so many data files and one without items, and return it as fastsync takes it.

    Without `with_type` it is one from before 2023. `summary` replaces what the summary says, by its names.
    """
    parts: list[list[Item]] = [[] for _ in range(files + 1)]
    for number, item in enumerate(items):
        parts[number % files].append(item)
    data = folder / "data"
    data.mkdir(parents=True)
    for number, part in enumerate(parts):
        (data / f"{number:04d}abcdefghijklmnopqrstuvwx.json.gz").write_bytes(gzip.compress(write_lines(part), mtime=0))
    (folder / "_started").touch()
    write_manifest(folder, [len(part) for part in parts], with_type=with_type, table_arn=table_arn, **summary)
    return f"export:{folder}"


def write_bare(folder: Path, items: Sequence[Item], name: str = "items.json") -> str:
    """Write items into one data file without a manifest, and return the folder as fastsync takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = write_lines(items)
    (folder / name).write_bytes(gzip.compress(lines, mtime=0) if name.endswith(".gz") else lines)
    return f"export:{folder}"


def write_lines(items: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the lines of a data file as the service writes them: without any space."""
    lines = (json.dumps({"Item": item}, separators=(",", ":"), ensure_ascii=False) for item in items)
    return "".join(f"{line}\n" for line in lines).encode()


def write_manifest(
    folder: Path,
    counts: Sequence[int],
    *,
    with_type: bool = True,
    table_arn: str = TABLE_ARN,
    **summary: Any,
) -> None:
    """Write, or write again, the manifest of the data files that are there, which hold so many items each."""
    prefix = f"AWSDynamoDB/{EXPORT_ID}"
    files = sorted((folder / "data").iterdir())
    lines = [
        json.dumps(
            {
                "itemCount": count,
                "md5Checksum": b64encode(hashlib.md5(file.read_bytes()).digest()).decode(),
                "etag": f"{hashlib.md5(file.read_bytes()).hexdigest()}-1",
                "dataFileS3Key": f"{prefix}/data/{file.name}",
            }
        )
        for file, count in zip(files, counts, strict=True)
    ]
    _write_with_checksum(folder / "manifest-files.json", "".join(f"{line}\n" for line in lines))
    told = {
        "version": "2020-06-30",
        "exportArn": f"{table_arn}/export/{EXPORT_ID}",
        "startTime": "2026-11-30T01:00:00.000Z",
        "endTime": "2026-11-30T01:05:00.000Z",
        "tableArn": table_arn,
        "tableId": "0a1b2c3d-0000-1111-2222-333344445555",
        "exportTime": "2026-11-30T01:00:00.000Z",
        "s3Bucket": "backups",
        "s3Prefix": None,
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": f"{prefix}/manifest-files.json",
        "billedSizeBytes": 100 * sum(counts),
        "itemCount": sum(counts),
        "outputFormat": "DYNAMODB_JSON",
    }
    if with_type:
        told["exportType"] = "FULL_EXPORT"
    _write_with_checksum(folder / "manifest-summary.json", json.dumps({**told, **summary}))


def _write_with_checksum(file: Path, content: str) -> None:
    file.write_text(content)
    file.with_suffix(".checksum").write_text(b64encode(hashlib.md5(content.encode()).digest()).decode())
