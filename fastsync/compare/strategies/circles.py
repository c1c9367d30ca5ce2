"""Circles: notice a scan that comes back to a key where it had been before, and so would never end."""

from __future__ import annotations

from fastsync.aws.client import Client
from fastsync.errors import RequestFailed
from fastsync.model.keys import Key, encode_key


class Circles:
    """Follow the keys that a scan goes on from, in constant memory (Brent's cycle detection).

    One earlier key is kept, and replaced after 1, 2, 4, 8 … pages. A scan in a circle of n pages comes back to it after
    3 n pages at most.
    """

    def __init__(self, client: Client):
        self._client = client
        self._kept: Key | None = None
        self._pages = 0
        self._until = 1

    def check(self, next_key: bytes) -> None:
        """Take in the next key to go on from; raise RequestFailed where the scan has gone on from it before."""
        key = self._client.keys.read_key(next_key)
        if key == self._kept:
            raise RequestFailed(
                f"{self._client.side}: Scan came back to the key {encode_key(key).decode()}, from which it had gone on "
                "before, so it would never end"
            )
        self._pages += 1
        if self._pages == self._until:
            self._kept = key
            self._pages = 0
            self._until *= 2
