"""Every way in which a run can end, with every combination of outputs: the code is right, and every file is whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import BY_LOOKUP, HASTE, World, item
from tests.tables import Ran, run_fastsync

MASTER = [item(f"{n:03}", v=n) for n in range(40)]
SLAVE = [*(item(f"{n:03}", v=n % 10) for n in range(20)), *(item(f"x{n}") for n in range(5))]
OTHER = [item(f"{n:03}", v=n % 30) for n in range(40)]
READS = ("--scan-limit", "10", "--segments", "2", "--executor", "inline")
WRITES = ("--write-missing", "--write-differing", "--delete-extra")
NAMES = {
    "--report": "report",
    "--stats": "stats",
    "--checkpoint": "cp",
    "--undo-log": "undo",
    "--metrics-file": "metrics",
}

OUTPUTS: dict[str, Sequence[str]] = {
    "all": ("--report", "--stats", "--checkpoint", "--undo-log", "--metrics-file", "--verbose", "--log-format=json"),
    "report to stdout, kept": ("--report=-", "--stats", "--checkpoint", "--verbose"),
    "statistics to stdout, kept": ("--report", "--stats=-", "--checkpoint", "--undo-log"),
    "no report, kept": ("--stats=-", "--checkpoint", "--log-format=json"),
    "report only, kept": ("--report", "--checkpoint", "--quiet"),
    "checkpoint only": ("--checkpoint", "--no-progress"),
    "report into a device, kept": ("--report=/dev/null", "--stats", "--checkpoint"),
    "report to stdout": ("--report=-", "--undo-log", "--verbose"),
    "statistics to stdout": ("--report", "--stats=-", "--metrics-file"),
    "nothing": (),
}


@dataclass(frozen=True)
class End:
    """A way to end: what brings it about, the flags that it takes, the exit code, and those of the runs that resume."""

    exit_code: int
    resumed: Sequence[int] = (0,)
    prepare: Callable[[World], object] = lambda _: None
    flags: Sequence[str] = WRITES
    policy: str | None = None
    first_only: Sequence[str] = ()

    @property
    def complete(self) -> bool:
        """Whether everything was seen and done that was not refused."""
        return self.exit_code in (0, 1, 5) and self.prepare is not rejected


def rejected(made: World) -> None:
    made.proxy.add(faults.INVALID, "PutItem", where=lambda asked: asked.body["Item"]["id"]["S"] == "030")


def failing(made: World) -> None:
    made.proxy.add(faults.INVALID, "Scan", table=made.master.name, nth=(3,))


def losing(made: World) -> None:
    made.proxy.add(faults.DENIED, "BatchGetItem", table=made.slaves[1].name)


def unfit(made: World) -> None:
    made.proxy.add(faults.DENIED, "DescribeTable", table=made.slaves[1].name)


def in_sync(made: World) -> None:
    for slave in made.slaves:
        for each in MASTER:
            slave.put(each)
    for n in range(5):
        made.slave.delete(f"x{n}")


def both(made: World) -> None:
    rejected(made)
    failing(made)


ENDS = {
    "in sync": End(0, prepare=in_sync),
    "differences": End(1, resumed=(1,), flags=("--scan-for-extra",)),
    "all repaired": End(0),
    "an item that cannot be written": End(4, prepare=rejected),
    "a segment that fails": End(4, prepare=failing),
    "an item and a segment": End(4, resumed=(4, 0), prepare=both),
    "a slave that is lost": End(4, prepare=losing),
    "a slave that cannot be compared": End(4, prepare=unfit),
    "deletes that are refused": End(5, resumed=(5,), flags=(*WRITES, "--max-deletes", "2")),
    "an item, and deletes that are refused": End(
        5, resumed=(5,), prepare=rejected, flags=(*WRITES, "--max-deletes", "2")
    ),
    "no time": End(4, first_only=("--max-duration", "0")),
    "a policy that raises": End(4, policy="Raises"),
    "a signal": End(143, policy="Interrupts"),
}


def flags_of(names: Sequence[str], folder: Path) -> list[str]:
    """Return the flags of a combination, with a path for each that has no value."""
    words: list[str] = []
    for name in names:
        flag, sign, value = name.partition("=")
        words.append(flag)
        if sign or flag in NAMES:
            words.append(value or str(folder / NAMES[flag]))
    return words


def check(ran: Ran, flags: Sequence[str], folder: Path, exit_code: int, complete: bool) -> None:
    """Hold a run to its exit code, and its files to their forms."""
    tables_behind_proxy.no_traceback(ran)
    assert ran.exit_code == exit_code, ran.stderr
    texts = {name: (folder / name).read_text() for name in NAMES.values() if (folder / name).is_file()}
    if "-" in flags:
        texts["report" if flags[flags.index("-") - 1] == "--report" else "stats"] = ran.stdout
    else:
        assert ran.stdout == ""
    if "report" in texts:
        *lines, last = [json.loads(line) for line in texts["report"].split("\n")[:-1]]
        assert last == {"complete": complete, "differences": len(lines)}
        assert len({(line["slave"], json.dumps(line["key"])) for line in lines}) == len(lines)
    if "stats" in texts:
        stats: dict[str, Any] = json.loads(texts["stats"])
        assert stats["complete"] is complete
        for slave in stats["slaves"].values():
            assert sum(slave[name] for name in ("missing", "differing")) >= slave["written"]
    if "metrics" in texts:
        assert texts["metrics"].endswith("# EOF\n")
        assert f'fastsync_last_exit_code{{run="metrics"}} {exit_code}\n' in texts["metrics"]
    assert all(json.loads(line)["before"] is not ... for line in texts.get("undo", "").split("\n")[:-1])
    if "json" in flags:
        assert all(json.loads(line)["message"] for line in ran.stderr.split("\n")[:-1])
    assert (folder / "cp").exists() == ("--checkpoint" in flags and not complete)
    beside = set() if complete else {"cp.report", "cp.extras-0", "cp.extras-1"}
    assert {path.name for path in folder.iterdir()} <= {*NAMES.values(), *beside, "switch"}


@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("end", ENDS)
def test_every_end(make_world: MakeWorld, tmp_path: Path, end: str, outputs: str) -> None:
    """However a run ends and whatever it writes: its exit code is right, its files are whole, and it can be resumed."""
    made, way = make_world(MASTER, SLAVE, OTHER), ENDS[end]
    folder = tmp_path / "files"
    folder.mkdir()
    switch = tmp_path / "switch"
    flags = [*made.tables, *HASTE, *BY_LOOKUP, "--endpoint-url", made.proxy.url, *READS, *way.flags]
    flags += flags_of(OUTPUTS[outputs], folder)
    env = {"FASTSYNC_TEST_RAISES": str(switch), "FASTSYNC_TEST_INTERRUPTS": str(switch)}
    if way.policy is not None:
        flags += ["--policy", f"tests.e2e.policies:{way.policy}"]
        switch.write_text("resolve=value")
    way.prepare(made)
    ran = run_fastsync(*flags, *way.first_only, env=env)
    check(ran, flags, folder, way.exit_code, way.complete)
    made.proxy.rules.clear()
    switch.unlink(missing_ok=True)
    for exit_code in way.resumed if (folder / "cp").exists() else ():
        check(run_fastsync(*flags, "--resume", env=env), flags, folder, exit_code, exit_code != 4)
        if exit_code == 0:
            assert [slave.all() for slave in made.slaves] == [MASTER, MASTER]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("fail", [False, True], ids=["all written", "an item that cannot be written"])
@pytest.mark.parametrize("full", ["--report", "--stats"])
def test_a_full_disk(make_world: MakeWorld, tmp_path: Path, full: str, fail: bool) -> None:
    """A run whose output the disk does not take ends with 4 and its checkpoint; once there is room it goes on."""
    made = make_world(MASTER, SLAVE, OTHER)
    if fail:
        rejected(made)
    flags = [*made.tables, *HASTE, *BY_LOOKUP, "--endpoint-url", made.proxy.url, *READS, *WRITES]
    flags += ["--checkpoint", str(tmp_path / "cp"), "--undo-log", str(tmp_path / "undo")]
    ran = run_fastsync(*flags, full, "/dev/full")
    tables_behind_proxy.no_traceback(ran)
    assert ran.exit_code == 4, ran.stderr
    assert "No space left" in ran.stderr
    assert (tmp_path / "cp").exists()
    made.proxy.rules.clear()
    room = run_fastsync(*flags, full, "/dev/full" if full == "--report" else str(tmp_path / "stats"), "--resume")
    tables_behind_proxy.no_traceback(room)
    assert room.exit_code == (4 if full == "--report" else 0), room.stderr
    assert [slave.all() for slave in made.slaves] == [MASTER, MASTER] or full == "--report"
