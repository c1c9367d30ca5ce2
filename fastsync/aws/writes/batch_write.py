"""Write whole items by BatchWriteItem; an item counts as written only once the service has taken it.

The only owner of retries of unprocessed items. A batch that the service rejects is written again item by item, since
one bad item makes it reject them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor

from fastsync.aws.client import Client
from fastsync.aws.retries import Standstill, draw_pause
from fastsync.errors import IncompleteError, RequestFailed
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
        """Write items of different keys; return for each the error that it was not written for, None where it was."""
        batches = list(_split_batches(items, self._client.writes_at_once(PER_REQUEST)))
        firsts = self._client.batch_write_all([[item for _, item in batch] for batch in batches], self._pool)
        later = [
            self._pool.submit(self._write_rest, batch, first)
            for batch, first in zip(batches, firsts, strict=True)
            if isinstance(first, IncompleteError) or first
        ]
        errors: dict[Key, str] = {}
        for coming in later:
            errors.update(coming.result())
        return [errors.get(key) for key, _ in items]

    def _write_rest(self, batch: Sequence[KeyedItem], first: Sequence[Key] | IncompleteError) -> dict[Key, str]:
        """Write what the first request for a batch has not, until nothing comes back unprocessed; return the errors."""
        transport = self._client.transport
        left, answer = dict(batch), first
        standstill = Standstill(self._client.writes)
        rounds_in_vain = 0
        while not isinstance(answer, IncompleteError):
            unprocessed = set(answer)
            if len(unprocessed) < len(left):
                rounds_in_vain = 0
            else:
                rounds_in_vain += 1
                # where any other request of the run is served, the table takes items, so this batch waits its turn
                times = standstill.count()
                if times > transport.retrying.max_retries:
                    return dict.fromkeys(
                        left,
                        f"{self._client.side}: BatchWriteItem returned it as unprocessed {times} times in a row; "
                        "the table is throttled",
                    )
            left = {key: item for key, item in left.items() if key in unprocessed}
            if not left:
                return {}
            transport.sleep(draw_pause(rounds_in_vain + 1, transport.retrying))
            answer = self._write_once(left)
        return self._write_singly(left, answer)

    def _write_once(self, items: Mapping[Key, bytes]) -> Sequence[Key] | IncompleteError:
        try:
            return self._client.batch_write(list(items.values()))
        except IncompleteError as error:
            return error

    def _write_singly(self, items: Mapping[Key, bytes], error: IncompleteError) -> dict[Key, str]:
        """Write the items of a failed batch one by one, where that may help; return the errors of items not written."""
        if error.refused or not (isinstance(error, RequestFailed) and error.code) or len(items) == 1:
            return dict.fromkeys(items, str(error))
        errors = {}
        for key, item in items.items():
            errors.update(self._write_rest([(key, item)], self._write_once({key: item})))
        return errors


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
