"""DynamoDB's operations on one table, one request each; items stay raw bytes as they came over the wire.

Decoding a page of 400 B items without parsing them costs 0.4 µs an item, and their keys 0.5 µs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import msgspec
from msgspec import Raw

from fastsync.aws.answers import AnswerReader, BatchWritten, Units
from fastsync.aws.budget import Budget, CostModel, PrivateCell
from fastsync.aws.failures import CONDITION_FAILED
from fastsync.aws.requests import Answer, Request
from fastsync.aws.scan import Scan, match_partition
from fastsync.aws.transport import Transport
from fastsync.aws.writes.conditional import Condition, Write, WriteAnswer
from fastsync.errors import IncompleteError, RequestFailed
from fastsync.model import capacity
from fastsync.model.difference import Tally
from fastsync.model.keys import Key, KeyReader, encode_keys
from fastsync.model.page import Page
from fastsync.model.settings import Reading
from fastsync.model.table import Side

_text = msgspec.json.encode


class BatchAnswer(NamedTuple):
    """One BatchGetItem response: the items found, the keys that came back unprocessed, and its size in bytes.

    `by_key` are the items by their keys where these were checked, else None.
    """

    items: Sequence[Raw]
    unprocessed: Sequence[Key]
    size: int = 0
    by_key: Mapping[Key, Raw] | None = None


class Client:
    """Call DynamoDB for one table, within the budgets of its reads and writes where these are given.

    `reads` and `writes` are these budgets; every answer that makes progress is noted on them.

    Safe for threads. Every call may raise RequestFailed.
    """

    def __init__(self, side: Side, transport: Transport, reading: Reading, budgets: Sequence[Budget] = ()):
        self.side = side
        self.transport = transport
        self.keys = KeyReader(side.table.keys, str(side))
        self._name = _text(side.table.ref.name).decode()
        self._limit = reading.scan_limit
        self._consistent = reading.consistent
        self._answers = AnswerReader(side.table.ref.name, self.keys)
        self._read_units: list[float] = []
        self._write_units: list[float] = []
        self._recheck_units: list[float] = []
        self.reads, self.writes = budgets or (Budget(PrivateCell()), Budget(PrivateCell()))
        self._set_budgets(self.reads, self.writes)

    def scan_page(self, scan: Scan, start: bytes) -> Page:
        """Read one page of a segment or a partition, from `start` (exclusive) where that is not b""."""
        operation = "Scan"
        names: dict[str, str] = {}
        body = [f'{{"TableName":{self._name},"ReturnConsumedCapacity":"TOTAL"']
        if scan.partition is not None:
            operation = "Query"
            names["#p"] = self.side.table.keys.hash
            body.append(match_partition(scan.partition))
        elif scan.total > 1:
            body.append(f'"Segment":{scan.number},"TotalSegments":{scan.total}')
        limit = self._scans.pieces_per_request(self._limit)
        if limit is not None:
            body.append(f'"Limit":{limit}')
        if self._consistent:
            body.append('"ConsistentRead":true')
        if scan.keys_only:
            names |= self._key_aliases
            body.append(f'"ProjectionExpression":"{",".join(self._key_aliases)}"')
        if names:
            body.append(f'"ExpressionAttributeNames":{_text(names).decode()}')
        if start:
            body.append(f'"ExclusiveStartKey":{start.decode()}')
        charge = self._scans.charge_for(limit)

        def decode(body: bytes) -> tuple[Page, Units | None]:
            found = self._answers.scan(body)
            keys = None
            if scan.partition is not None:
                keys = self._answers.keys_of_partition(found.Items, scan.partition)
            elif scan.checked:
                keys = self._answers.distinct_keys(found.Items)
            next_key = self._answers.next_key(found, start)
            return Page(found.Items, next_key, self.keys, size=len(body), keys=keys), found.ConsumedCapacity

        page, consumed = self.transport.post(operation, f"{','.join(body)}}}".encode(), decode, charge).value
        self.reads.note_answer()
        charge.correct(self._record_units(self._read_units, consumed), len(page.items))
        return page

    def batch_get(
        self, keys: Sequence[Key], consistent: bool, keys_only: bool = False, checked: bool = False
    ) -> BatchAnswer:
        """Look up at most 100 distinct keys; items come back in any order, and are matched by their keys.

        `checked`: read the keys of all items; an answer with other keys than were asked for is then a fault.
        """
        options = ""
        if consistent or self._consistent:
            options += ',"ConsistentRead":true'
        if keys_only:
            options += f',"ProjectionExpression":"{",".join(self._key_aliases)}"'
            options += f',"ExpressionAttributeNames":{_text(self._key_aliases).decode()}'
        head = f'{{"RequestItems":{{{self._name}:{{"Keys":'
        tail = f'{options}}}}},"ReturnConsumedCapacity":"TOTAL"}}'
        body = b"".join((head.encode(), encode_keys(keys), tail.encode()))
        charge = self._lookups.charge_for(len(keys), self._price_factor(consistent))

        def decode(body: bytes) -> tuple[BatchAnswer, Sequence[Units] | None]:
            items, by_key, back, consumed = self._answers.batch_found(body, keys, checked)
            return BatchAnswer(items, back, len(body), by_key), consumed

        answer, units = self.transport.post("BatchGetItem", body, decode, charge).value
        consumed = self._record_units(self._read_units, units)
        if consistent:
            self._recheck_units.append(consumed or 0.0)
        self._note_unprocessed(self.reads, len(answer.unprocessed), len(keys))
        charge.correct(consumed, len(keys) - len(answer.unprocessed))
        return answer

    def put_item(self, item: bytes, condition: Condition) -> WriteAnswer:
        """Write one whole item (DynamoDB JSON) under a condition."""
        return self._write_item(Write(item, condition))

    def delete_item(self, key: bytes, condition: Condition) -> WriteAnswer:
        """Delete one item by its key (DynamoDB JSON) under a condition."""
        return self._write_item(Write(key, condition, deletes=True))

    def write_all(self, writes: Sequence[Write], pool: Executor) -> list[WriteAnswer | IncompleteError]:
        """Send conditional writes, many at a time; return what became of each. For `pool` see Transport.post_all."""
        requests = [self._make_write(write) for write in writes]
        return self.transport.post_all(
            requests, pool, lambda number, answer: self._take_written(writes[number], requests[number], answer)
        )

    def batch_write(self, items: Sequence[bytes]) -> Sequence[Key]:
        """Write at most 25 whole items (DynamoDB JSON) without a condition; return the keys that were not processed."""
        request = self._make_batch_write(items)
        return self._take_batch_written(len(items), request, self.transport.send(request))

    def batch_write_all(
        self, batches: Sequence[Sequence[bytes]], pool: Executor
    ) -> list[Sequence[Key] | IncompleteError]:
        """Write batches as `batch_write` does, many at a time; return what became of each."""
        requests = [self._make_batch_write(items) for items in batches]

        def take(number: int, answer: Answer[BatchWritten] | IncompleteError) -> Sequence[Key] | IncompleteError:
            if isinstance(answer, IncompleteError):
                return answer
            return self._take_batch_written(len(batches[number]), requests[number], answer)

        return self.transport.post_all(requests, pool, take)

    def take_usage(self) -> Tally:
        """Return what requests have consumed, and how many were throttled or retried, since the last call."""
        return Tally(
            read_units=_take_all(self._read_units),
            write_units=_take_all(self._write_units),
            recheck_units=_take_all(self._recheck_units),
            throttled=int(_take_all(self.transport.throttles)),
            retried=int(_take_all(self.transport.retries)),
        )

    def keys_at_once(self, most: int, consistent: bool) -> int:
        """Return how many keys one look-up may hold within the limit of read units, `most` at most."""
        return self._lookups.pieces_per_request(most, self._price_factor(consistent)) or most

    def writes_at_once(self, most: int) -> int:
        """Return how many items one batch may write within the limit of write units, `most` at most."""
        return self._writes.pieces_per_request(most) or most

    @property
    def _key_aliases(self) -> dict[str, str]:
        """Return an alias for the name of each key attribute.

        Some names are reserved words or hold dots (developer guide, Naming rules).
        """
        return {f"#k{place}": name for place, name in enumerate(self.side.table.keys.names)}

    def _write_item(self, write: Write) -> WriteAnswer:
        request = self._make_write(write)
        try:
            written = self._take_written(write, request, self.transport.send(request))
        except RequestFailed as error:
            written = self._take_written(write, request, error)
        if isinstance(written, IncompleteError):
            raise written
        return written

    def _make_write(self, write: Write) -> Request[Units | None]:
        body = write.encode_for(self._name.encode())
        return Request(write.operation, body, self._answers.written, self._writes.charge_for(1))

    def _take_written(
        self, write: Write, request: Request[Units | None], answer: Answer[Units | None] | IncompleteError
    ) -> WriteAnswer | IncompleteError:
        """Count what a write has cost, and return what became of it."""
        if not isinstance(answer, IncompleteError):
            self.writes.note_answer()
            request.charge.correct(self._record_units(self._write_units, answer.value), 1)
            return WriteAnswer(True, None, answer.attempts)
        if not isinstance(answer, RequestFailed) or answer.code != CONDITION_FAILED:
            return answer
        self.writes.note_answer()
        failed, units = write.read_failed(answer)
        request.charge.correct(units, 1)
        return failed

    def _make_batch_write(self, items: Sequence[bytes]) -> Request[BatchWritten]:
        puts = b",".join([b'{"PutRequest":{"Item":%b}}' % item for item in items])
        body = b'{"RequestItems":{%b:[%b]},"ReturnConsumedCapacity":"TOTAL"}' % (self._name.encode(), puts)
        decode = partial(self._answers.batch_written, asked=items)
        return Request("BatchWriteItem", body, decode, self._writes.charge_for(len(items)))

    def _take_batch_written(
        self, asked: int, request: Request[BatchWritten], answer: Answer[BatchWritten]
    ) -> Sequence[Key]:
        units, unprocessed = answer.value
        self._note_unprocessed(self.writes, len(unprocessed), asked)
        request.charge.correct(self._record_units(self._write_units, units), asked - len(unprocessed))
        return unprocessed

    def _set_budgets(self, reads: Budget, writes: Budget) -> None:
        """Set up the cost of each kind of request, with first guesses by the average size of the table's items."""
        size = self.side.table.item_bytes
        price = self._price_factor(False)
        scanned = looked_up = written = None
        if size is not None:
            scanned = size / capacity.READ_UNIT / 2 * price
            looked_up, written = capacity.count_read_units(size), capacity.count_write_units(size)
        whole_page = capacity.count_read_units(capacity.PAGE_BYTES) * price
        self._scans = CostModel(reads, scanned, whole_page)
        self._lookups = CostModel(reads, looked_up)
        self._writes = CostModel(writes, written)

    def _price_factor(self, consistent: bool) -> float:
        """Return the price of a read in eventually consistent ones."""
        if consistent or self._consistent:
            return 2.0
        return 1.0

    def _note_unprocessed(self, budget: Budget, back: int, asked: int) -> None:
        """Note whether a batch made progress. One that comes back in part may only be too large for one answer."""
        if back == asked:
            self.transport.throttles.append(1)
        else:
            budget.note_answer()

    @staticmethod
    def _record_units(meter: list[float], consumed: Units | Sequence[Units] | None) -> float | None:
        """Add the consumed units to a meter and return them; None where the answer reports none."""
        if consumed is None:
            return None
        if isinstance(consumed, Units):
            consumed = (consumed,)
        units = sum(each.CapacityUnits for each in consumed)
        meter.append(units)
        return units


def _take_all(meter: list[float]) -> float:
    count = len(meter)
    total = sum(meter[:count])
    del meter[:count]
    return total
