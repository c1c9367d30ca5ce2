"""What each part of the hot path costs by itself: the least CPU time of many repetitions, which other jobs hardly move.

python -m perf.micro [TEXT]     only the parts whose name holds TEXT
"""

from __future__ import annotations

import gzip
import hashlib
import pickle
import random
import sys
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Raw

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.auth.signing import Signer
from fastsync.aws.client import Client
from fastsync.aws.connections import Connections
from fastsync.aws.lookups.batch_get import BatchReader
from fastsync.aws.network.target import make_target
from fastsync.aws.scan import Scan
from fastsync.aws.transport import Transport
from fastsync.compare.expiry import Expiry
from fastsync.compare.filter import Filter
from fastsync.compare.judge import Judge
from fastsync.compare.pairs import Pairs
from fastsync.compare.strategies.walk import Unmatched, match_in_order
from fastsync.exports.data_file import read_items
from fastsync.exports.export import ExportFile
from fastsync.exports.place import parse_place
from fastsync.exports.storage import LocalStorage, StoredFile
from fastsync.model.difference import Difference
from fastsync.model.digest import Digester, digest_items
from fastsync.model.keys import KeyReader, encode_keys
from fastsync.model.page import Page
from fastsync.model.policy import Policy
from fastsync.model.settings import Reading, Retrying
from fastsync.model.table import Endpoint, KeySchema, Side, Table, TableRef
from fastsync.output.report_line import ReportLines
from perf import items
from perf.bench import server

PAGE = 2500
BATCH = 100
REPEATS = 60
EXPORTED = 20_000
"""Items of a file of an export, about 9 MB of text."""
READER = KeyReader(KeySchema(items.KEY, "S"))
CREDENTIALS = Credentials("bench", "bench")

Part = tuple[str, int, Callable[[], object]]
"""What is measured, how many items one call handles (1: it is told per call), and the call."""


def cost(call: Callable[[], object]) -> float:
    """Give the least CPU time of a call in seconds, of all threads together."""
    call()
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time()
        call()
        best = min(best, time.process_time() - began)
    return best


def client(url: str, name: str) -> Client:
    """Open a client of one of the server's tables."""
    ref = TableRef.parse(f"us-east-1:{name}")
    side = Side(Table(ref, KeySchema(items.KEY, "S"), (name,)), Endpoint(url), 0)
    return Client(side, Transport(ref, side.endpoint, lambda: CREDENTIALS, Retrying()), Reading())


def wire(url: str) -> Iterator[Part]:
    """Yield the parts between the socket and raw items."""
    master, slave = client(url, "master-table"), client(url, "slave-table")
    scan = Scan(0, 1)
    page = master.scan_page(scan, b"")
    keys = page.keys[:BATCH]
    wanted = b'{"RequestItems":{"slave-table":{"Keys":%s}}}' % encode_keys(keys)
    target = "DynamoDB_20120810.BatchGetItem"
    signer = Signer(make_target("http://127.0.0.1"), "us-east-1")
    connections = Connections(Endpoint(url))
    headers = signer.sign(target, wanted, CREDENTIALS)
    body = connections.post("/", wanted, headers).body
    yield "sign a look-up of 100 keys", 1, lambda: signer.sign(target, wanted, CREDENTIALS)
    yield "exchange it for 100 items: send, receive, check", 1, lambda: connections.post("/", wanted, headers)
    yield "CRC32 of its answer", 1, lambda: zlib.crc32(body)
    yield "look up 100 keys, all told", BATCH, lambda: slave.batch_get(keys, False)
    yield "scan a page, all told", len(page.items), lambda: master.scan_page(scan, b"")
    yield "read the keys of a page", len(page.items), lambda: master.keys.read_keys(page.items)
    yield "fingerprints of a page", len(page.items), lambda: digest_items(page.items)
    yield "keys as JSON", len(page.keys), lambda: encode_keys(page.keys)
    with ThreadPoolExecutor(64) as pool:
        reader = BatchReader(slave, pool, BATCH)
        yield (
            "look up a page, in flight together",
            len(page.keys),
            lambda: reader.look_up(page.keys).wait_for_partners(page),
        )


def walking() -> Iterator[Part]:
    """Yield what it costs to have two pages meet."""
    plain = [items.medium(number) for number in range(PAGE)]
    master, reader = [Raw(items.spell(item)) for item in plain], READER
    others = {
        "bytes agree": master,
        "one in a hundred is missing": [item for number, item in enumerate(master) if number % 100],
        "attributes in another order": [Raw(items.spell(dict(reversed(item.items())))) for item in plain],
        "items in another order": random.Random(1).sample(master, PAGE),
    }
    for name, slave in others.items():
        pages = [master, [Raw(bytes(item)) for item in slave]]
        yield (
            f"have two pages meet: {name}",
            PAGE,
            lambda pages=pages: match_in_order(*(Unmatched(Page(each, b"", reader)) for each in pages)),  # type: ignore[misc]
        )


def judging() -> Iterator[Part]:
    """Yield the parts that decide whether items are equal."""
    plain = [items.medium(number) for number in range(PAGE)]
    master = [Raw(items.spell(item)) for item in plain]
    keys = list(range(PAGE))
    others = {
        "bytes agree": (master, ()),
        "attributes in another order": ([Raw(items.spell(dict(reversed(item.items())))) for item in plain], ()),
        "sets in another order": ([Raw(items.spell(items.sets_reversed(item))) for item in plain], ()),
        "an ignored attribute differs": ([Raw(items.spell(items.touched(item))) for item in plain], (items.TOUCHED,)),
        "an attribute differs": ([Raw(items.spell(items.changed(item))) for item in plain], ()),
    }
    for name, (slave, ignored) in others.items():
        judge = Judge(("slave",), Digester(frozenset(ignored)), Policy(), Expiry(None, [None]))
        pairs = Pairs(0, keys, master, [Raw(bytes(item)) for item in slave])
        yield f"judge a pair: {name}", PAGE, lambda judge=judge, pairs=pairs: judge.find_suspects(pairs)  # type: ignore[misc]
    for told, values in (("its values told", True), ("without its values", False)):
        judge = Judge(("slave",), Digester(), Policy(), Expiry(None, [None]), values=values, whole_items=False)
        pairs = pairs._replace(keys=READER.read_keys(master))
        lines = ReportLines(values)
        found = _list_differences(judge, pairs)
        sent = pickle.dumps(found)
        yield f"judge a pair that differs, {told}", PAGE, lambda args=(judge, pairs): _list_differences(*args)  # type: ignore[misc]
        yield f"send a difference, {told}", PAGE, lambda found=found: pickle.dumps(found)  # type: ignore[misc]
        yield f"receive a difference, {told}", PAGE, lambda sent=sent: pickle.loads(sent)  # type: ignore[misc]
        yield (
            f"write a line of the report, {told}",
            PAGE,
            lambda found=found, lines=lines: deque(map(lines.format_line, found), maxlen=0),  # type: ignore[misc]
        )


def _list_differences(judge: Judge, pairs: Pairs) -> list[Difference]:
    found = map(judge.make_difference, judge.find_suspects(pairs))
    return [difference for difference in found if difference is not None]


def exports() -> Iterator[Part]:
    """Yield what it costs to read an export."""
    plain = b"".join(b'{"Item":%s}\n' % items.spell(items.medium(number)) for number in range(EXPORTED))
    with TemporaryDirectory() as folder:
        place = parse_place(f"export:{folder}")
        storage = LocalStorage(place)
        for name, content in (("a.json.gz", gzip.compress(plain, 6)), ("a.json", plain)):
            (Path(folder) / name).write_bytes(content)
            file = ExportFile(name, StoredFile(name, len(content)), EXPORTED, hashlib.md5(content).digest())
            yield (
                f"read a file of an export, all told: {name}",
                EXPORTED,
                lambda file=file: deque(read_items(file, storage), maxlen=0),  # type: ignore[misc]
            )
        packed = gzip.compress(plain, 6)
        yield "have zlib alone decompress a file of an export", EXPORTED, lambda: zlib.decompress(packed, 31)


def choosing() -> Iterator[Part]:
    """Yield what --where costs for each item that a scan brings."""
    page = [Raw(items.spell(items.medium(number))) for number in range(PAGE)]
    expressions = (
        f"{items.KEY} != 'x'",
        f"active && {items.CHANGED} < `100`",
        "contains(tags, 'blue')",
        "history[0] == 'created'",
        "length(@) > `3`",
    )
    for expression in expressions:
        chosen = Filter(expression)
        yield f"--where {expression}", PAGE, lambda chosen=chosen: chosen.filter_scan(Page(page, b"", READER))  # type: ignore[misc]


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    print("| part | per | µs |\n|---|---|---|")
    with server(["--items", str(2 * PAGE)]) as url:
        for parts in (wire(url), walking(), judging(), choosing(), exports()):
            for name, count, call in parts:
                if wanted in name:
                    print(
                        f"| {name} | {'call' if count == 1 else 'item'} | {cost(call) / count * 1e6:.2f} |", flush=True
                    )


if __name__ == "__main__":
    main()
