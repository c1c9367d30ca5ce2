"""Places where worker processes cannot start: a way that works, or one sentence (2) that names --executor inline."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item
from tests.servers import environment
from tests.tables import ROOT

INLINE = ("--executor inline", 'executor="inline"')
CRASHES = ("Traceback", "unforeseen", "Exception ignored", "resource_tracker")
RUN = '"$PYTHON" -m fastsync -m "$MASTER" -s "$SLAVE" --endpoint-url "$URL" --segments 16'
LIBRARY = """\
import os, sys
from fastsync import FastsyncError, Policy, Synchronizer
{policy}
try:
    result = Synchronizer(
        os.environ["MASTER"], [os.environ["SLAVE"]], endpoint_url=os.environ["URL"], parallel=2, {flags}
    ).run()
except FastsyncError as error:
    sys.exit(f"{{error.exit_code}} {{error}}")
print(result.exit_code, result.errors)
sys.exit(result.exit_code)
"""
POLICY = "class Own(Policy):\n    pass\n"
FROM_STDIN = f"\"$PYTHON\" - <<'END'\n{LIBRARY.format(policy='', flags='')}END"
POLICY_FROM_STDIN = f"\"$PYTHON\" - <<'END'\n{LIBRARY.format(policy=POLICY, flags='policy=Own()')}END"
WITHOUT_GUARD = f"cat > s.py <<'END'\n{LIBRARY.format(policy='', flags='')}END\n\"$PYTHON\" s.py"
DELETED = (
    f"cat > s.py <<'END'\nimport os\nos.unlink(__file__)\n{LIBRARY.format(policy='', flags='')}END\n\"$PYTHON\" s.py"
)
NO_FOLDER = "mkdir gone; cd gone; rmdir ../gone;"


DYING = """\
import os, resource, signal, time
from multiprocessing import forkserver
from pathlib import Path
from fastsync import Synchronizer

SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
heard = []

def workers():
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if is_worker(pid)]

def is_worker(pid):
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[:2]
    except OSError:
        return False
    return int(parent) == forkserver._forkserver._forkserver_pid and state != "Z"

def on_difference(difference):
    heard.append(difference)
    if len(heard) == 1:
        victim = workers()[0]
        os.kill(victim, signal.SIGKILL)
        while is_worker(victim):
            time.sleep(0.01)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), HARD))
    if len(heard) == 30:
        resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, HARD))

if __name__ == "__main__":
    result = Synchronizer(
        os.environ["MASTER"], [os.environ["SLAVE"]], endpoint_url=os.environ["URL"], parallel=3, segments=16,
        listeners=[on_difference],
    ).run()
    print(result.exit_code, result.errors, len(heard))
    raise SystemExit(result.exit_code if len(heard) == 30 else 70)
"""


@dataclass(frozen=True)
class Case:
    """A bash script in a folder of its own, its exit code, and whether it names the executor that works."""

    script: str
    code: int = 1
    inline: bool = False


CASES = {
    "no temporary folder": Case(f"TMPDIR=/nonexistent {RUN} --parallel 2"),
    "a long temporary folder": Case(f'long=$(printf "x%.0s" {{1..100}}); mkdir $long; TMPDIR=$PWD/$long {RUN}'),
    "few files, more allowed": Case(f"ulimit -Sn 12; {RUN} --parallel 8"),
    "few files for many workers, more allowed": Case(f"ulimit -Sn 48; {RUN} --parallel 16"),
    "few files": Case(f"ulimit -n 20; {RUN} --parallel 8", 2, inline=True),
    "few files, inline": Case(f"ulimit -n 20; {RUN} --executor inline"),
    "a program on stdin": Case(FROM_STDIN),
    "a program on stdin with a policy": Case(POLICY_FROM_STDIN, 1, inline=True),
    "a script without a guard": Case(WITHOUT_GUARD),
    "a script that was deleted": Case(DELETED),
    "a folder that is gone": Case(f"{NO_FOLDER} {RUN}", 2, inline=True),
    "a folder that is gone, inline": Case(f"{NO_FOLDER} {RUN} --executor inline"),
    "a worker that dies where no other can be started": Case(f"cat > s.py <<'END'\n{DYING}END\n\"$PYTHON\" s.py"),
    "a library in a folder that is gone": Case(f"{NO_FOLDER} {FROM_STDIN}", 1, inline=True),
}


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """Tables that differ."""
    return make_world([item(f"{n:03}") for n in range(60)], [item(f"{n:03}") for n in range(30)])


@pytest.mark.parametrize("name", CASES)
def test_places_without_workers(made: World, tmp_path: Path, name: str) -> None:
    """A run compares everything, or says before it reads anything what to do; it never crashes."""
    case = CASES[name]
    tables = {"MASTER": str(made.master), "SLAVE": str(made.slave), "URL": made.proxy.url}
    env = environment(**tables, PYTHON=sys.executable, PYTHONPATH=str(ROOT))
    done = subprocess.run(
        ["bash", "-c", case.script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == case.code, done.stderr
    assert all(words in done.stderr for words in INLINE) is case.inline, done.stderr
    assert bool(made.proxy.of("Scan")) is not case.inline
    for sign in CRASHES:
        assert sign not in done.stderr
