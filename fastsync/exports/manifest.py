"""An export's manifest: `manifest-summary.json` says what the export is, `manifest-files.json` which files it has.

The format: developer guide, "DynamoDB table export output format". Nothing in either file is believed: whoever reads
the files checks them against it.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from fastsync.errors import ConfigError, TableError
from fastsync.exports.storage import Storage, StoredFile
from fastsync.model.wording import quote

FULL = "FULL_EXPORT"
SUMMARY = "manifest-summary.json"
FILES = "manifest-files.json"
LONGEST_SUMMARY = 1 << 20
"""Bytes of a summary; those of the service have less than a thousand."""
LONGEST_FILES = 1 << 28
"""Bytes of a list of files: a line has about 250, so this is about a million files."""
MD5_BYTES = 16
_Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
T = TypeVar("T")


class Summary(msgspec.Struct, gc=False):
    """What `manifest-summary.json` says. Exports from before 2023 have no `exportType`."""

    itemCount: _Count
    outputFormat: str = "DYNAMODB_JSON"
    exportType: str | None = None
    exportArn: str | None = None
    tableArn: str | None = None
    manifestFilesS3Key: str | None = None
    billedSizeBytes: _Count | None = None


class ListedFile(msgspec.Struct, gc=False):
    """What a line of `manifest-files.json` says. `md5Checksum` is the digest of the stored bytes, in base64."""

    dataFileS3Key: str
    itemCount: _Count
    md5Checksum: str

    @property
    def name(self) -> str:
        """The last part of the file's key: a copy of an export lies elsewhere."""
        return self.dataFileS3Key.rpartition("/")[2]

    @property
    def md5(self) -> bytes:
        """The digest; raise ValueError where it is none."""
        digest = binascii.a2b_base64(self.md5Checksum)
        if len(digest) != MD5_BYTES:
            raise ValueError("md5Checksum is no MD5 digest in base64")
        return digest


_decode_summary = msgspec.json.Decoder(Summary).decode
_decode_file = msgspec.json.Decoder(ListedFile).decode


def read_summary(storage: Storage, file: StoredFile) -> Summary:
    """Read what an export is. Raises ConfigError where it is incremental or in Ion, TableError where it is damaged."""
    name = storage.name_file(file.path)
    content = read_whole(storage, file, LONGEST_SUMMARY)
    try:
        summary = _decode_summary(content)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{name} is damaged: {error}") from None
    if summary.exportType not in (None, FULL):
        refuse_type(name, quote(summary.exportType))
    if summary.outputFormat != "DYNAMODB_JSON":
        refuse_format(name, quote(summary.outputFormat))
    return summary


def refuse_type(name: str, found: str) -> None:
    """Raise ConfigError for an export that is not full."""
    raise ConfigError(
        f"{name} is of an incremental export ({found}), which holds only what has changed; give a full export"
    )


def refuse_format(name: str, found: str) -> None:
    """Raise ConfigError for an export that is not in DynamoDB JSON."""
    raise ConfigError(f"{name} is of an export in another format ({found}); export the table as DynamoDB JSON")


def read_files(storage: Storage, file: StoredFile) -> list[ListedFile]:
    """Read which files an export has; raise TableError where that is damaged."""
    name = storage.name_file(file.path)
    listed: list[ListedFile] = []
    names: set[str] = set()
    for number, line in enumerate(read_whole(storage, file, LONGEST_FILES).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found = _decode_file(line)
            found.md5  # noqa: B018 (raises)
        except (ValueError, RecursionError) as error:
            raise TableError(f"{name}, line {number:,} is damaged: {error}") from None
        if not found.name or found.name in names:
            why = "names no file" if not found.name else f"names the file {quote(found.name)} a second time"
            raise TableError(f"{name}, line {number:,} is damaged: it {why}")
        names.add(found.name)
        listed.append(found)
    return listed


def read_whole(storage: Storage, file: StoredFile, longest: int) -> bytes:
    """Return a small file as a whole; raise TableError where it is larger than `longest` bytes."""
    content = b"".join(_read_parts(storage, file, longest + 1))
    if len(content) > longest:
        raise TableError(f"{storage.name_file(file.path)} is damaged: it has more than {longest:,} bytes")
    return content


def _read_parts(storage: Storage, file: StoredFile, most: int) -> Iterator[bytes]:
    stream = storage.open_file(file)
    try:
        while most > 0 and (part := stream.read(most)):
            most -= len(part)
            yield part
    finally:
        stream.close()
