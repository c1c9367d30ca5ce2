"""A master and its slaves on a real server, seen by fastsync through a proxy and by the test directly."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastsync import Synchronizer
from tests.functional.proxy import Proxy
from tests.servers import Server
from tests.tables import Item, Keys, Ran, call, create_table, put_items, read_all, run_fastsync, unique

MASTER_REGION = "us-east-1"
SLAVE_REGIONS = ("us-west-2", "eu-west-1", "ap-south-1")
HASTE = ("--retry-delay-base", "1")
"""A millisecond as the base of the backoff: the number of tries is what matters here."""
BY_LOOKUP = ("--strategy", "lookup")
"""Unless a test says otherwise: which requests a run sends is then known without weighing the tables."""


def item(key: str | int, **attributes: str | int) -> Item:
    """Make an item with the key `id` and some attributes, in DynamoDB JSON."""
    return {name: _typed(value) for name, value in {"id": key, **attributes}.items()}


def _typed(value: str | int) -> dict[str, str]:
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


@dataclass(frozen=True)
class Table:
    """A table, read and written past the proxy."""

    server: Server
    region: str
    name: str

    @classmethod
    def make(cls, server: Server, region: str, items: Iterable[Item] = (), keys: Keys = (("id", "S"),)) -> Table:
        """Create a table that holds these items."""
        table = cls(server, region, unique("f"))
        create_table(server, region, table.name, keys)
        put_items(server, region, table.name, items)
        return table

    def __str__(self) -> str:
        return f"{self.region}:{self.name}"

    def put(self, new: Item) -> None:
        """Put one item."""
        call(self.server, self.region, "PutItem", {"TableName": self.name, "Item": new})

    def delete(self, key: str) -> None:
        """Delete one item."""
        call(self.server, self.region, "DeleteItem", {"TableName": self.name, "Key": item(key)})

    def get(self, key: str) -> Item | None:
        """Give one item, None where there is none."""
        body = {"TableName": self.name, "Key": item(key), "ConsistentRead": True}
        found: Item | None = call(self.server, self.region, "GetItem", body).get("Item")
        return found

    def all(self) -> list[Item]:
        """Give all items in a fixed order."""
        return sorted(read_all(self.server, self.region, self.name), key=in_order)


def in_order(each: Item) -> str:
    """Give what sorts items, the same for equal ones."""
    return json.dumps(each, sort_keys=True)


@dataclass(frozen=True)
class World:
    """Tables, and the proxy through which fastsync reaches them."""

    proxy: Proxy
    master: Table
    slaves: Sequence[Table]

    @property
    def slave(self) -> Table:
        """The first slave."""
        return self.slaves[0]

    @property
    def via(self) -> Server:
        """The server as fastsync is to see it."""
        return Server("proxy", self.proxy.url, self.master.server.regions)

    @property
    def tables(self) -> list[str]:
        """The flags that name the tables."""
        return ["-m", str(self.master), *(word for slave in self.slaves for word in ("-s", str(slave)))]

    def run(self, *flags: str, env: Mapping[str, str | None] | None = None) -> Ran:
        """Run the program with these flags to its end."""
        return run_fastsync(*self.tables, *HASTE, *BY_LOOKUP, *flags, server=self.via, env=env, timeout=60)

    def run_inline(self, *flags: str) -> Ran:
        """Run the library in this process, with the same flags; there is no stdout and no stderr to look at."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.jsonl"
            result = Synchronizer(
                str(self.master),
                [str(slave) for slave in self.slaves],
                endpoint_url=self.proxy.url,
                executor="inline",
                report=str(report),
                **options([*HASTE, *BY_LOOKUP, *flags]),
            ).run()
            lines = [json.loads(line) for line in report.read_text().splitlines()]
        return Ran(flags, result.exit_code, "", "", lines, dict(result.stats))

    def through(self, proxy: Proxy) -> World:
        """Give the same tables behind another proxy."""
        return World(proxy, self.master, self.slaves)


def options(flags: Sequence[str]) -> dict[str, Any]:
    """Turn flags of the command line into options of the library."""
    options: dict[str, Any] = {}
    for flag, following in zip(flags, [*flags[1:], "--"], strict=True):
        if flag.startswith("--"):
            value: Any = True if following.startswith("--") else following
            options[flag[2:].replace("-", "_")] = int(following) if following.isdigit() else value
    return options


def make(
    proxy: Proxy, server: Server, master: Iterable[Item], *slaves: Iterable[Item], keys: Keys = (("id", "S"),)
) -> World:
    """Create a master and slaves that hold these items."""
    regions = zip(slaves, SLAVE_REGIONS, strict=False)
    made = [Table.make(server, region, items, keys) for items, region in regions]
    return World(proxy, Table.make(server, MASTER_REGION, master, keys), made)


def what_counts(ran: Ran) -> dict[str, Any]:
    """Give what must not depend on luck: exit code, report, statistics less time and units."""
    slaves = {
        name: {what: count for what, count in counters.items() if not what.endswith("_units")}
        for name, counters in ran.stats["slaves"].items()
    }
    return {
        "exit": ran.exit_code,
        "differences": sorted(json.dumps(line, sort_keys=True) for line in ran.differences),
        "end": ran.end,
        "scanned": ran.stats["master"]["scanned"],
        "slaves": slaves,
        "complete": ran.stats["complete"],
        "errors": ran.stats["errors"],
    }


def actions(ran: Ran) -> list[tuple[str, str, str]]:
    """Give key, verdict and action of every difference in the report, sorted."""
    return sorted((next(iter(each["key"]["id"].values())), each["verdict"], each["action"]) for each in ran.differences)


def no_traceback(ran: Ran) -> None:
    """Hold that nothing a user would take for a crash was printed."""
    for sign in ("Traceback", "Exception ignored", "Error:\n", "resource_tracker"):
        assert sign not in ran.stderr, ran.stderr
