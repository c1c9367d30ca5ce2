"""Files that hold values of items: for their owner only, and never written through a link that somebody put there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastsync.cli import main
from fastsync.output.metrics import MetricsFile
from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item
from tests.servers import environment
from tests.tables import ROOT

MASTER = [item(f"{n:03}", v=n) for n in range(60)]
SLAVE = [*MASTER[::2], *(item(f"x{n:02}", v=n) for n in range(10))]
FLAGS = ("--scan-limit", "10", "--segments", "3", "--write-missing", "--delete-extra", "--executor", "inline")
OWNER_ONLY = 0o600


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Work with the umask of most systems, under which a file is readable by all."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A master and a slave that differ."""
    return make_world(MASTER, SLAVE)


def modes(folder: Path) -> dict[str, int]:
    """Return the permissions of every file under a folder, and of the folders."""
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


def stopped(made: World, *flags: str) -> None:
    """Let a run stop that has found extras."""
    made.proxy.add(faults.INVALID, "Scan", table=made.master.name, nth=(6,))
    assert made.run(*flags).exit_code == 4
    made.proxy.rules.clear()


@pytest.mark.parametrize("report", ["report", "-"])
def test_modes(made: World, tmp_path: Path, report: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file that may hold values of items is made with mode 0600; the metrics hold none."""
    out = report if report == "-" else str(tmp_path / report)
    files = {"--checkpoint": "cp", "--stats": "stats", "--undo-log": "undo", "--metrics-file": "metrics"}
    flags = [word for flag, name in files.items() for word in (flag, str(tmp_path / name))]
    stopped(made, *FLAGS, *flags, "--report", out)
    there = modes(tmp_path)
    assert set(there) == {"cp", "cp.extras-0", "stats", "undo", "metrics", "cp.report" if report == "-" else report}
    assert there.pop("metrics") == 0o644
    assert set(there.values()) == {OWNER_ONLY}
    if report != "-":
        assert main(["report", out, "-o", str(tmp_path / "page")]) == 0
        assert modes(tmp_path)["page"] == OWNER_ONLY


def test_modes_of_combined_files(made: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What combining shards writes is for its owner only too, and stays so where it is written over."""
    for number in range(2):
        outputs = ["--report", str(tmp_path / f"r{number}"), "--stats", str(tmp_path / f"s{number}")]
        made.run("--shard", f"{number}/2", "--segments", "4", "--executor", "inline", *outputs)
    given = [str(tmp_path / name) for name in ("r0", "r1", "s0", "s1")]
    for _ in range(2):
        main(["combine", *given, "--stats", str(tmp_path / "stats"), "--report", str(tmp_path / "report")])
        there = modes(tmp_path)
        assert (there["stats"], there["report"]) == (OWNER_ONLY, OWNER_ONLY)


def test_modes_of_a_scheduled_run(made: World, tmp_path: Path) -> None:
    """The folders that a scheduled run makes are for their owner only, and so is every file in them."""
    config = tmp_path / "orders.toml"
    config.write_text(f'master = "{made.master}"\nslave = "{made.slave}"\nendpoint-url = "{made.proxy.url}"\n')
    (tmp_path / "there").mkdir(mode=0o755)
    command = [sys.executable, "-m", "fastsync.nightly", "sync", str(config), "--folder", str(tmp_path / "there/a/b")]
    subprocess.run(command, cwd=ROOT, env=environment(), check=False, capture_output=True, timeout=60)
    there = modes(tmp_path / "there")
    folders = {name: mode for name, mode in there.items() if (tmp_path / "there" / name).is_dir()}
    assert folders == {"a": 0o700, "a/b": 0o700, "a/b/orders": 0o700}
    files = {name: mode for name, mode in there.items() if name not in folders}
    assert {name.rpartition("sync.")[2].rpartition("/")[2] for name in files} >= {"log", "lock", "stats.json", "html"}
    assert set(files.values()) == {OWNER_ONLY}
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o755


@pytest.mark.parametrize("link", ["cp.new", "cp.extras-0", "cp.report", "metrics.tmp"])
@pytest.mark.parametrize("resumed", [False, True])
def test_links_that_somebody_has_put_there(made: World, tmp_path: Path, link: str, resumed: bool) -> None:
    """A symbolic link under a name that a run uses beside its outputs never has its target written to."""
    victim = tmp_path / "victim"
    victim.write_text("of somebody else")
    flags = [*FLAGS, "--checkpoint", str(tmp_path / "cp"), "--report", "-"]
    flags += ["--metrics-file", str(tmp_path / "metrics")]
    if resumed:
        stopped(made, *flags)
        (tmp_path / link).unlink(missing_ok=True)
    (tmp_path / link).symlink_to(victim)
    ran = made.run(*flags, "--resume")
    tables_behind_proxy.no_traceback(ran)
    assert ran.exit_code == (2 if resumed and link in ("cp.extras-0", "cp.report") else 0), ran.stderr
    assert victim.read_text() == "of somebody else"
    assert not (tmp_path / "metrics").is_symlink()


@pytest.mark.parametrize("flag", ["--report", "--stats", "--metrics-file"])
def test_a_link_that_the_user_has_named(made: World, tmp_path: Path, flag: str) -> None:
    """An output that is a symbolic link is written where it leads, and the link stays."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert made.run(*FLAGS, flag, str(tmp_path / "link")).exit_code == 0
    assert (tmp_path / "elsewhere").stat().st_size
    assert (tmp_path / "link").is_symlink()


def test_a_checkpoint_that_leads_nowhere(made: World, tmp_path: Path) -> None:
    """A checkpoint that is a link to a file that is not there is refused, and nothing is made where it leads."""
    (tmp_path / "cp").symlink_to(tmp_path / "elsewhere")
    for resume in ((), ("--resume",)):
        ran = made.run(*FLAGS, "--checkpoint", str(tmp_path / "cp"), *resume)
        assert ran.exit_code == 2
        assert str(tmp_path / "cp") in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["cp"]
    assert made.proxy.requests == []


def test_temporaries_of_killed_runs(made: World, tmp_path: Path) -> None:
    """What a killed run has left half-written does not stop the next one, which removes it."""
    flags = [*FLAGS, "--checkpoint", str(tmp_path / "cp"), "--report", str(tmp_path / "report")]
    stopped(made, *flags)
    for name in ("cp.0123456789abcdef.new", "cp.new", "cp.0123456789abcdef.newer"):
        (tmp_path / name).write_text("half")
    assert made.run(*flags, "--resume").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cp.0123456789abcdef.newer", "cp.new", "report"]


def test_two_runs_with_one_metrics_file(tmp_path: Path) -> None:
    """Two runs that write one file of metrics never mix their halves, and leave nothing beside it."""
    one, other = (MetricsFile(str(tmp_path / "metrics")) for _ in range(2))
    for exit_code in range(5):
        one.write_end(exit_code, False)
        other.write_end(0, True)
        assert (tmp_path / "metrics").read_text().endswith("# EOF\n")
    assert [path.name for path in tmp_path.iterdir()] == ["metrics"]


def test_metrics_on_a_full_disk(made: World, tmp_path: Path) -> None:
    """Where the metrics cannot be written nothing is left beside them."""
    (tmp_path / "gone").mkdir()
    rule = faults.before(lambda: (tmp_path / "gone").rename(tmp_path / "moved") if (tmp_path / "gone").exists() else 0)
    made.proxy.add(rule, "Scan")
    ran = made.run(*FLAGS, "--metrics-file", str(tmp_path / "gone" / "metrics"))
    assert ran.exit_code == 4, ran.stderr
    assert "metrics" in ran.stderr
    assert [path.name for path in (tmp_path / "moved").iterdir()] == ["metrics"]
