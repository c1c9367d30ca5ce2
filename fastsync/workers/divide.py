"""Divide one source of a table, a segment or a file of an export, into the parts of the spool; find keys held twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import msgspec
from msgspec import Raw

from fastsync.aws.client import Client
from fastsync.aws.clients import Clients
from fastsync.aws.scan import Scan
from fastsync.compare.filter import Filter
from fastsync.compare.ignored_names import IgnoredNames
from fastsync.compare.screen import Screen, find_ttl_names
from fastsync.compare.spelling import Spelling
from fastsync.compare.strategies.lookup import scan_pages
from fastsync.errors import ExportDamaged, FileReplaced, IncompleteError
from fastsync.exports.data_file import read_items
from fastsync.exports.export import ExportFile
from fastsync.exports.place import parse_place
from fastsync.exports.reach import open_in_worker
from fastsync.exports.storage import Storage
from fastsync.model.keys import Key, KeyReader
from fastsync.model.messages.events import Event, PageDone
from fastsync.model.messages.tasks import DivideTask, RepeatsTask, SpoolTask
from fastsync.spool.packed_keys import KeyPacker
from fastsync.spool.part_files import LEFT_OUT, UNEVALUATED, count_shares
from fastsync.spool.part_writer import Rows
from fastsync.spool.table import SpooledTable
from fastsync.spool.wanted_keys import WantedKeys
from fastsync.workers.page_result import PageResult

AGAIN = b"-"
"""The resume point of pages: what they consumed counts at once. The task begins from its beginning all the same."""


class SpoolStages:
    """What a task that readies the spool works with: a table's client where the table is live, and a digester."""

    def __init__(self, task: SpoolTask, clients: Clients):
        clients.begin_task()
        self.task = task
        self.side = task.terms.tables[task.table]
        self._opened = clients
        self._client: Client | None = None
        self.divided = 0
        if not self.side.is_export:
            self._client = clients.client_of(self.side, task.terms.reading, task.terms.retrying)
        self.threads = ThreadPoolExecutor(1)
        self.screen = Screen(task.terms)
        self.filter = Filter(task.terms.judging.where)
        keys = task.terms.master.table.keys.names
        self._ignored_names = IgnoredNames(task.terms.judging.ignored.difference(keys))

    @property
    def client(self) -> Client:
        """The client of a live table."""
        if self._client is None:
            raise ValueError("an export has no client")
        return self._client

    def open_storage(self) -> Storage:
        """Open where the files of an export are."""
        place = parse_place(self.side.table.ref.text)
        return open_in_worker(place, self.side.s3, self._opened, self.task.terms.retrying)

    def finish_page(self, resume: bytes = AGAIN) -> PageDone:
        """Return the event of a page, with what requests have consumed since the last one."""
        terms = self.task.terms
        result = PageResult(len(terms.slaves), values=False)
        if self._client is not None:
            (result.master, *result.tallies)[self.task.table].add(self._client.take_usage())
        self._ignored_names.add(self.screen.digester.ignored_seen)
        page = result.make_event(
            resume, ignored_seen=self._ignored_names.take_new(), filter_failure=self.filter.take_failure()
        )
        divided, self.divided = self.divided, 0
        return replace(page, divided=divided)

    def finish_task(self) -> PageDone:
        """Return what requests have consumed since the last page."""
        return self.finish_page()

    def close(self) -> None:
        """Leave nothing at work."""
        self._opened.end_task()
        self.threads.shutdown(cancel_futures=True)


def divide_source(task: DivideTask, stages: SpoolStages) -> Iterator[Event]:
    """Divide what a source holds.

    Of a file of an export that is damaged, what was read before counts. Of one that cannot be read to its end, or turns
    out to be another one than was listed, nothing counts. Either way the error is raised, and the table is known to be
    damaged.
    """
    table = SpooledTable(task.terms.spool or "", task.table)
    division = _Division(task, stages)
    damage: IncompleteError | None = None
    with closing(table.open_writer(task.number, task.parts)) as writer:
        try:
            for keys, items, line in division.read_source():
                writer.add_rows(division.make_rows(keys, items, line))
                stages.divided += len(items)
                if task.file is None or not writer.holds_rows:  # of a file there is nothing to be told at once
                    yield stages.finish_page()
        except IncompleteError as error:
            if task.file is None or error.fatal:
                raise
            damage = error
            table.mark_damaged()
            if not isinstance(error, ExportDamaged) or isinstance(error, FileReplaced):
                writer.discard_rows()
        writer.finish()
    if damage is not None:
        raise damage


_Batch = tuple[Sequence[Key], Sequence[Raw], int]
"""Keys and items, and the line of the first one."""


class _Division:
    """Read a source, and make rows of its items."""

    def __init__(self, task: DivideTask, stages: SpoolStages):
        self._task = task
        self._stages = stages
        self._keys = KeyReader(stages.side.table.keys, str(stages.side))
        self._packer = KeyPacker(stages.side.table.keys)
        self._ttl = find_ttl_names(task.terms)
        self._wanted: WantedKeys | None = None
        if task.terms.key_parts is not None:
            self._wanted = WantedKeys(task.terms.spool or "", task.terms.key_parts, stages.side.table.keys)
        self._spelling = Spelling(task.terms, stages.screen, task.number, task.parts)
        self._sees_items = False
        self._any = Filter(task.terms.judging.where)

    def read_source(self) -> Iterator[_Batch]:
        """Yield items in batches."""
        if self._task.file is None:
            for part in self._list_scans():
                for page in scan_pages(self._stages.client, part, b"", self._stages.threads):
                    yield page.keys, page.items, 0
            return
        yield from _read_file(self._task.file, self._stages.open_storage(), self._keys)

    def make_rows(self, keys: Sequence[Key], items: Sequence[Raw], line: int) -> Rows:
        """Return the rows of items: an export's as a whole, a live table's without the items."""
        packed: Sequence[bytes] = self._packer.pack(keys)
        lines: Sequence[int] = range(line, line + len(items))
        parts: Sequence[int] = ()
        if self._wanted is not None:
            self._note_items(items)
            places, parts = self._wanted.choose(keys, packed)
            packed, items = [packed[place] for place in places], [items[place] for place in places]
            lines = [lines[place] for place in places]
        digests = self._stages.screen.digest(items)
        if self._stages.filter.active:
            digests = _mark_left_out(digests, self._stages.filter.choose(items).mask)
        if self._task.file is not None:
            return Rows(packed, digests, lines=lines, items=items, parts=parts)
        forms = self._make_forms(packed, digests, items)
        return Rows(packed, digests, forms, items=self._choose_kept(items), parts=parts)

    def _make_forms(self, packed: Sequence[bytes], digests: Sequence[bytes], items: Sequence[Raw]) -> Sequence[bytes]:
        """Return the digests of the forms of a live table's items, none where those of their bytes will do."""
        screen = self._stages.screen
        if not screen.has_forms or self._spelling.is_alike(packed, digests, items):
            return ()
        return screen.form(items)

    def _list_scans(self) -> Iterator[Scan]:
        task = self._task
        if task.terms.key_parts is None:
            yield Scan(task.number, task.total, checked=True)
        for partition in task.under:
            yield Scan(0, 1, checked=True, partition=partition)

    def _note_items(self, items: Sequence[Raw]) -> None:
        """Note that an export is not empty: of those that are compared none may be among the given keys."""
        if self._sees_items or self._task.file is None:
            return
        if any(self._any.choose(items).mask):
            self._sees_items = True
            SpooledTable(self._task.terms.spool or "", self._task.table).mark_holding()

    def _choose_kept(self, items: Sequence[Raw]) -> Sequence[bytes]:
        """Return what the spool keeps of a live table's items: key and TTL, where items may expire."""
        if not self._ttl:
            return ()
        names = self._ttl.union(self._stages.side.table.keys.names)
        return [_project(item, names) for item in items]


def _mark_left_out(digests: Sequence[bytes], mask: Sequence[bool | None]) -> list[bytes]:
    """Return the digests of items that are compared, and what stands in the place of all others."""
    marks = {False: LEFT_OUT, None: UNEVALUATED}
    return [digest if is_chosen else marks[is_chosen] for digest, is_chosen in zip(digests, mask, strict=True)]


def _read_file(file: ExportFile, storage: Storage, reader: KeyReader) -> Iterator[_Batch]:
    """Yield the items of a file; raise ExportDamaged."""
    for line, items in read_items(file, storage):
        try:
            yield reader.read_keys(items), items, line
        except msgspec.DecodeError:
            place, error = _find_bad_key(items, reader)
            yield reader.read_keys(items[:place]), items[:place], line
            raise ExportDamaged(
                f"{file.name}, line {line + place:,} has no key as the table's key schema has it: {error}"
            ) from None


def _find_bad_key(items: Sequence[Raw], reader: KeyReader) -> tuple[int, str]:
    """Return the place of the first item without its key, and what is wrong with it."""
    for place, item in enumerate(items):
        try:
            reader.read_key(item)
        except msgspec.DecodeError as error:
            return place, str(error)
    raise ValueError("all items have keys")


_attributes = msgspec.json.Decoder(dict[str, Raw]).decode


def _project(item: Raw, names: Collection[str]) -> bytes:
    return msgspec.json.encode({name: value for name, value in _attributes(item).items() if name in names})


def find_repeats(task: RepeatsTask, stages: SpoolStages) -> Iterator[Event]:
    """Raise ExportDamaged, with files and lines, where a part of an export holds a key twice."""
    table = SpooledTable(task.terms.spool or "", task.table)
    part = table.open_part(task.number, task.parts)
    shares = count_shares([part])
    for share in range(shares):
        if part.holds_repeats(share, shares):
            rows = part.load_rows(share, shares)
            table.mark_damaged()
            raise ExportDamaged(_describe_repeat(table, task, rows.keys, rows.numbers, stages))
        yield stages.finish_page()


def _describe_repeat(
    table: SpooledTable, task: RepeatsTask, keys: Sequence[bytes], numbers: Sequence[int], stages: SpoolStages
) -> str:
    part, sources = table.open_part(task.number, task.parts), table.sources
    first: dict[bytes, int] = {}
    for key, number in zip(keys, numbers, strict=True):
        if key in first:
            break
        first[key] = number
    places = [part.find_origin(each) for each in (number, first[key])]
    again, before = (f"{sources[file].shown}, line {line:,}" for file, line in places)
    named = KeyPacker(stages.side.table.keys).as_json(key).decode()
    return f"{again}: the key {named} is there twice in the export, first in {before}; that first item counts"
