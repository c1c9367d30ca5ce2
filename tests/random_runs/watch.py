"""The watch: notes, at every request, what no run may ever ask of a table."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.e2e import canonical
from tests.random_runs.tables import Table
from tests.random_runs.trouble import WRITES
from tests.random_runs.worlds import VERSION
from tests.tables import Item


@dataclass
class Watch:
    """What a run may ask for by its flags. `wrong` has a sentence for everything else that it did.

    `log` is the undo log, which a write may not come before; `moving`: slaves follow the master meanwhile.
    """

    master: str
    missing: bool = False
    differing: bool = False
    extra: bool = False
    consistent: bool = False
    scan_limit: int | None = None
    batch_limit: int = 100
    log: Path | None = None
    moving: bool = False
    wrong: list[str] = field(default_factory=list)
    written: set[tuple[str, Hashable]] = field(default_factory=set)
    _read: int = 0
    _logged: set[Hashable] = field(default_factory=set)

    def request(self, table: Table, operation: str, body: dict[str, Any]) -> None:
        """Look at a request before anything comes of it."""
        if operation in WRITES and table.name == self.master:
            self.wrong.append(f"{operation} on the master")
        if operation == "Scan":
            self._hold(not self.consistent or body.get("ConsistentRead") is True, "a Scan is not consistent")
            self._hold(self.scan_limit is None or body.get("Limit", 10**9) <= self.scan_limit, "a Scan of more items")
        if operation == "BatchGetItem":
            ((name, asked),) = body["RequestItems"].items()
            self._hold(len(asked["Keys"]) <= self.batch_limit, f"{len(asked['Keys'])} keys in one look-up")
            self._hold(not self.consistent or asked.get("ConsistentRead") is True, "a look-up is not consistent")
            self._hold(name == table.name, "a look-up in another table")

    def invalid(self, operation: str, answer: bytes) -> None:
        """Note a request that the service would not have taken."""
        self.wrong.append(f"{operation} was not valid: {answer.decode()}")

    def write(self, table: Table, key: Item, before: Item | None, after: Item | None, master: Item | None) -> None:
        """Look at a write as it takes effect."""
        form = table.form(key)
        self.written.add((str(table), form))
        what = f"{'delete' if after is None else 'put'} on {table}, key {json.dumps(key)}"
        if after is None:
            self._hold(self.extra, f"{what}: deletes were not asked for")
        else:
            self._hold(self.missing or self.differing, f"{what}: writes were not asked for")
            self._hold(not any(name.startswith(canonical.REPLICATION) for name in after), f"{what}: aws:rep:* written")
        if self.log is not None:
            self._hold(self._is_logged(str(table), form, after), f"{what}: the undo log has no line of it")
        if self.moving and before is not None:
            self._hold(not _taken_back(before, after, master), f"{what}: takes {before} back to {after}")

    def _hold(self, holds: bool, sentence: str) -> None:
        if not holds and len(self.wrong) < 20:
            self.wrong.append(sentence)

    def _is_logged(self, slave: str, form: Hashable, after: Item | None) -> bool:
        assert self.log is not None
        wanted = (slave, form, None if after is None else canonical.item(after))
        if wanted in self._logged:
            return True
        with self.log.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                told = json.loads(line)
                item = None if told["after"] is None else canonical.item(told["after"])
                self._logged.add((told["slave"], canonical.item(told["key"]), item))
        return wanted in self._logged


def _taken_back(before: Item, after: Item | None, master: Item | None) -> bool:
    """Say whether a write replaces an item by an older one, or deletes one that the master holds as it is."""
    if after is None:
        return master is not None and version(master) == version(before)
    return version(after) < version(before)


def version(item: Item) -> Fraction:
    """Give the version of an item where tables move, however it is spelled."""
    return Fraction(item[VERSION]["N"])
