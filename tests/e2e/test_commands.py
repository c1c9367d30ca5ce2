"""The commands sync and compare, --dry-run, and other names of flags, on real tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync import Synchronizer
from tests.e2e.cases import N, item
from tests.servers import Server
from tests.tables import create_table, put_items, read_all, run_fastsync, unique

MASTER = [item("same"), item("gone"), item("old", v=N(1))]
SLAVE = [item("same"), item("old", v=N(2)), item("left")]
WRITES = ("--write-missing", "--write-differing", "--delete-extra")


@pytest.fixture
def tables(dynoxide: Server) -> Sequence[str]:
    """A master and a slave with a difference of each kind."""
    names = [unique(), unique()]
    made = [
        create_table(dynoxide, region, name) for region, name in zip(("us-east-1", "us-west-2"), names, strict=True)
    ]
    put_items(dynoxide, "us-east-1", names[0], MASTER)
    put_items(dynoxide, "us-west-2", names[1], SLAVE)
    return made


def read_slave(server: Server, table: str) -> list[dict[str, Any]]:
    """Return what a slave holds, in the order of its keys."""
    return sorted(read_all(server, *table.split(":")), key=lambda found: str(found["id"]))


@pytest.mark.parametrize("command", [(), ("sync",), ("compare",)])
def test_a_dry_run_writes_nothing(
    command: tuple[str, ...], tables: Sequence[str], dynoxide: Server, tmp_path: Path
) -> None:
    """With --dry-run all differences are reported, extras too, and nothing is written, not even an undo log."""
    before = read_slave(dynoxide, tables[1])
    undo = tmp_path / "undo"
    config = tmp_path / "writes.toml"
    config.write_text("write-missing = true\nwrite-differing = true\ndelete-extra = true\n")
    for writes in (WRITES, ("--config", str(config))):
        flags = (*writes, "--dry-run", "--undo-log", str(undo))
        ran = run_fastsync(*command, "--source", tables[0], "--target", tables[1], *flags, server=dynoxide)
        assert ran.exit_code == 1
        assert sorted(line["verdict"] for line in ran.differences) == ["differing", "extra", "missing"]
        assert {line["action"] for line in ran.differences} == {"none"}
        assert "dry run: nothing will be written" in ran.stderr
    assert read_slave(dynoxide, tables[1]) == before
    assert not undo.exists()


def test_a_dry_run_of_a_config_file(tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """`dry-run = true` in a config file holds, whatever the command line says; an undo is a dry run then, too."""
    before, undo = read_slave(dynoxide, tables[1]), tmp_path / "undo"
    config = tmp_path / "dry.toml"
    config.write_text(f'source = "{tables[0]}"\ntarget = "{tables[1]}"\ndry-run = true\n')
    ran = run_fastsync("--config", str(config), *WRITES, server=dynoxide)
    assert (ran.exit_code, read_slave(dynoxide, tables[1])) == (1, before)
    assert (
        run_fastsync("-m", tables[0], "-s", tables[1], *WRITES, "--undo-log", str(undo), server=dynoxide).exit_code == 0
    )
    after = read_slave(dynoxide, tables[1])
    assert after != before
    assert run_fastsync("undo", str(undo), "--config", str(config), server=dynoxide).exit_code == 1
    assert read_slave(dynoxide, tables[1]) == after


def test_a_dry_run_of_the_library(tables: Sequence[str], dynoxide: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dry_run=True` holds for the library, too."""
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    before = read_slave(dynoxide, tables[1])
    flags = {"write_missing": True, "write_differing": True, "delete_extra": True, "executor": "inline"}
    result = Synchronizer(tables[0], tables[1], dry_run=True, endpoint_url=dynoxide.url, **flags).run()  # type: ignore[arg-type]
    assert (result.exit_code, result.stats["slaves"][tables[1]]["extra"]) == (1, 1)
    assert read_slave(dynoxide, tables[1]) == before


def test_sync_is_the_same_as_no_command(tables: Sequence[str], dynoxide: Server) -> None:
    """`fastsync sync` reports, and repairs with the flags that do."""
    given = ("sync", "-m", tables[0], "-s", tables[1])
    assert run_fastsync(*given, server=dynoxide).exit_code == 1
    assert run_fastsync(*given, *WRITES, server=dynoxide).exit_code == 0
    assert run_fastsync(*given, "--scan-for-extra", server=dynoxide).exit_code == 0


@pytest.mark.parametrize("flag", WRITES)
def test_compare_refuses_to_write(flag: str, tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """`fastsync compare` reports; a flag that writes is 2, named, on the command line and in a config file."""
    before = read_slave(dynoxide, tables[1])
    config = tmp_path / "writes.toml"
    config.write_text(f"{flag[2:]} = true\n")
    given = ("compare", "-m", tables[0], "-s", tables[1])
    assert run_fastsync(*given, server=dynoxide).exit_code == 1
    for asked in ([flag], ["--config", str(config)]):
        ran = run_fastsync(*given, *asked, "--endpoint-url", dynoxide.url)
        assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
        assert flag in ran.stderr
        assert "--dry-run" in ran.stderr
        assert run_fastsync(*given, *asked, "--dry-run", server=dynoxide).exit_code == 1
    assert read_slave(dynoxide, tables[1]) == before
