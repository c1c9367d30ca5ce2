"""Open the place of an export: a folder of this machine, or a prefix in S3 with the credentials of its side."""

from __future__ import annotations

from collections.abc import Callable

from fastsync.aws.clients import Clients
from fastsync.aws.s3.bucket import Bucket
from fastsync.exports.place import Place
from fastsync.exports.s3_storage import S3Storage
from fastsync.exports.storage import LocalStorage, Storage
from fastsync.model.settings import Retrying
from fastsync.model.table import S3Access


def open_place(place: Place, open_bucket: Callable[[str], Bucket]) -> Storage:
    """Return the storage of a place; `open_bucket` is called with the bucket's name where it lies in S3."""
    if place.bucket is None:
        return LocalStorage(place)
    return S3Storage(place, open_bucket(place.bucket))


def open_in_worker(place: Place, access: S3Access | None, clients: Clients, retrying: Retrying) -> Storage:
    """Return the storage of a place in a worker; its bucket stays open from task to task."""

    def open_bucket(name: str) -> Bucket:
        if access is None:
            raise ValueError(f"nobody has said how {place} is reached")
        return clients.bucket_of(access, name, retrying)

    return open_place(place, open_bucket)
