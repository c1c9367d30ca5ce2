"""Circles: notice a scan that returns to an earlier key, and so would never end."""

from __future__ import annotations

from fastsync.aws.client import Client
from fastsync.errors import RequestFailed
from fastsync.model.keys import Key, encode_key


class Circles:
    """Follow the keys that a scan continues from, in constant memory (Brent's cycle detection).

    One earlier key is kept, and replaced after 1, 2, 4, 8 … pages. A scan in a circle of n pages returns to it within
    3 n pages.
    """

    def __init__(self, client: Client):
        self._client = client
        self._kept: Key | None = None
        self._pages = 0
        self._until = 1

    def check(self, next_key: bytes) -> None:
        """Take in the next key to continue from; raise RequestFailed where the scan has continued from it before."""
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
