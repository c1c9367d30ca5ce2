"""Write whole items by BatchWriteItem; an item counts only once the service has taken it.

The only owner of retries of unprocessed items. A batch that the service rejects is written again item by item, since
one bad item makes it reject them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from fastsync.aws.client import Client
from fastsync.aws.retries import Standstill, draw_pause
from fastsync.errors import RequestFailed
from fastsync.model.keys import Key

PER_REQUEST = 25
"""Items in one BatchWriteItem: the service's limit (API reference)."""
BYTES_PER_REQUEST = 8 << 20
"""Bytes of JSON in one request; the service takes 16 MB."""

KeyedItem = tuple[Key, bytes]
"""A key, and the whole item in DynamoDB JSON."""


class BatchWriter:
    """Write whole items to one slave, without any condition, on the threads of `pool`."""

    def __init__(self, client: Client, pool: Executor):
        self._client = client
        self._pool = pool

    def write_items(self, items: Sequence[KeyedItem]) -> list[str | None]:
        """Write items of different keys; say for each why it was not taken, None where it was."""
        errors: dict[Key, str] = {}
        for failed in self._pool.map(
            self._write_batch, _split_batches(items, self._client.writes_at_once(PER_REQUEST))
        ):
            errors.update(failed)
        return [errors.get(key) for key, _ in items]

    def _write_batch(self, batch: Sequence[KeyedItem]) -> dict[Key, str]:
        transport = self._client.transport
        left, rounds, standstill = dict(batch), 0, Standstill(self._client.writes)
        while left:
            try:
                unprocessed = self._client.batch_write(list(left.values()))
            except RequestFailed as error:
                if error.refused or not error.code or len(left) == 1:
                    return dict.fromkeys(left, str(error))
                return {key: text for item in left.items() for key, text in self._write_batch([item]).items()}
            in_vain = len(unprocessed) == len(left)
            rounds = rounds + 1 if in_vain else 0
            back = set(unprocessed)
            left = {key: item for key, item in left.items() if key in back}
            # where anybody else of the run gets on, the table takes items, and the turn of this batch comes
            if in_vain and (times := standstill.count()) > transport.retrying.max_retries:
                error_text = f"{self._client.side}: BatchWriteItem returned it as unprocessed {times} times in a row"
                return dict.fromkeys(left, f"{error_text}; the table is throttled")
            if left:
                transport.sleep(draw_pause(rounds + 1, transport.retrying))
        return {}


def _split_batches(items: Sequence[KeyedItem], most: int) -> Iterator[list[KeyedItem]]:
    batch: list[KeyedItem] = []
    size = 0
    for item in items:
        if batch and (len(batch) == most or size + len(item[1]) > BYTES_PER_REQUEST):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item[1])
    if batch:
        yield batch
