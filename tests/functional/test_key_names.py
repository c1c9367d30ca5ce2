"""Keys with odd names: rules about attributes never touch what tells items apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.functional import tables_behind_proxy
from tests.functional.proxy import Proxy
from tests.servers import Server
from tests.tables import Item, run_fastsync

KEYS: Mapping[str, Sequence[tuple[str, str]]] = {
    "a key like those of replication": [("aws:rep:id", "S")],
    "both keys like those of replication": [("aws:rep:id", "S"), ("aws:rep:sort", "N")],
    "an ordinary key": [("id", "S"), ("sort", "N")],
}
WAYS: Mapping[str, Sequence[str]] = {
    "guarded": (),
    "in batches": ("--writes", "batch"),
    "keeping what is ignored": ("--keep-ignored",),
}


def made_of(keys: Sequence[tuple[str, str]], number: int, **values: str) -> Item:
    """Make an item with this key, in numbers that end in a zero."""
    key = {name: {kind: f"{number}.0" if kind == "N" else f"k{number}"} for name, kind in keys}
    return {**key, "aws:rep:updatetime": {"N": "1"}, **{name: {"S": value} for name, value in values.items()}}


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KEYS)
def test_keys_are_never_left_out(server: Server, tmp_path: Path, kind: str, way: str, strategy: str) -> None:
    """With every key attribute ignored, or named like those of replication, all verdicts, writes and the undo hold."""
    keys = KEYS[kind]
    master = [made_of(keys, number, v="new" if number < 3 else "same", seen="master") for number in range(6)]
    slave = [made_of(keys, number, v="old" if number < 3 else "same", seen="slave") for number in range(1, 8)]
    log = str(tmp_path / "undo")
    ignored = [word for name, _ in [*keys, ("seen", "")] for word in ("--ignore", name)]
    with Proxy(server.url) as proxy:
        made = tables_behind_proxy.make(proxy, server, master, slave, keys=keys)
        before = made.slave.all()
        writes = ("--write-missing", "--write-differing", "--delete-extra", "--undo-log", log)
        ran = made.run("--strategy", strategy, *ignored, *writes, *WAYS[way])
        found = ran.stats["slaves"][str(made.slave)]
        verdicts = ("same", "missing", "differing", "extra", "written", "deleted", "failed")
        assert [found[what] for what in verdicts] == [3, 1, 2, 2, 3, 2, 0]
        assert ran.exit_code == 0
        assert {tuple(line["key"]) for line in ran.differences} == {tuple(name for name, _ in keys)}
        assert made.run("--strategy", strategy, *ignored, "--scan-for-extra").exit_code == 0
        kept = {str(each["v"]): each["seen"]["S"] for each in made.slave.all()}
        assert kept["{'S': 'same'}"] == "slave"
        undone = run_fastsync("undo", log, server=made.via)
        assert undone.exit_code == 0, undone.stderr
        replicated = [{name: value for name, value in each.items() if name != "aws:rep:updatetime"} for each in before]
        after = [
            {name: value for name, value in each.items() if name != "aws:rep:updatetime"} for each in made.slave.all()
        ]
        assert sorted(after, key=tables_behind_proxy.in_order) == sorted(replicated, key=tables_behind_proxy.in_order)
