"""Where an export lies, as the user gave it: `export:FOLDER` or `export:s3://BUCKET/PREFIX`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastsync.errors import ConfigError
from fastsync.model.wording import quote

SCHEME = "export:"
S3_SCHEME = "s3://"
PLACE_FORM = (
    "an export is written as export:FOLDER or export:s3://BUCKET/PREFIX, for example "
    "export:s3://backups/AWSDynamoDB/01700000000000-1a2b3c4d"
)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_OTHER_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]+:/")


@dataclass(frozen=True)
class Place:
    """The folder of an export. `text` is what the user gave, and its name in reports.

    `bucket` is None for a local folder. `path` is the folder, or in S3 the prefix without a slash at its end; the
    prefix of a whole bucket is "".
    """

    text: str
    bucket: str | None
    path: str

    def __str__(self) -> str:
        return self.text

    @property
    def shown(self) -> str:
        """The place without `export:`, as other tools take it."""
        return self.text.removeprefix(SCHEME)


def is_export(text: str) -> bool:
    """Return whether a text names an export, rather than a table."""
    return text.startswith(SCHEME)


def parse_place(text: str) -> Place:
    """Parse `export:FOLDER` or `export:s3://BUCKET/PREFIX`; raise ConfigError on anything else."""
    if not is_export(text):
        raise ConfigError(f"{quote(text)} is not an export: {PLACE_FORM}")
    where = text.removeprefix(SCHEME)
    if not where.strip() or "\0" in where:
        raise ConfigError(f"{quote(text)} names no place: {PLACE_FORM}")
    if where.startswith(S3_SCHEME):
        return _parse_prefix(text, where)
    if _OTHER_SCHEME.match(where):
        raise ConfigError(f"{quote(text)} is neither a folder nor in S3: {PLACE_FORM}")
    return Place(text, None, where)


def _parse_prefix(text: str, where: str) -> Place:
    bucket, _, prefix = where.removeprefix(S3_SCHEME).partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ConfigError(f"{quote(text)} names no bucket: {PLACE_FORM}")
    return Place(text, bucket, prefix.removesuffix("/"))
