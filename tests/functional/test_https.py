"""Runs over https, against the benchmark server: by its own process, with pages of many records of TLS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastsync.aws.network.tls import share_context
from perf.bench import server
from perf.server.certificate import BUNDLE, make_certified
from tests.servers import environment
from tests.tables import ROOT, run_fastsync

TABLES = ("--master", "us-east-1:master-table", "--slave", "us-west-2:slave-table")


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_runs_over_https(strategy: str, tmp_path: Path) -> None:
    """A run by several processes finds over https what differs, with --compress as well."""
    options = ("--items", "6000", "--differing", "0.01", "--missing", "0.01")
    with server(options, tmp_path) as url:
        for flags in ((), ("--compress",)):
            where = ("--endpoint-url", url, "--parallel", "2", "--strategy", strategy, "--stats", "/dev/stdout", *flags)
            ran = run_fastsync(*TABLES, *where, env={"AWS_CA_BUNDLE": str(tmp_path / BUNDLE)})
            assert ran.exit_code == 1, ran.stderr
            assert "5,880 same, 60 missing, 60 differing" in ran.stderr


@pytest.mark.parametrize("writes", ["guarded", "batch"])
@pytest.mark.parametrize("count", [1, 64, 65, 6000])
def test_writes_over_https(writes: str, count: int, tmp_path: Path) -> None:
    """Writes that are in flight together, over connections that were opened for them, all arrive, and count once."""
    with server(("--items", f"{count}", "--missing", "1"), tmp_path) as url:
        where = ("--endpoint-url", url, "--parallel", "2", "--strategy", "lookup")
        env = {"AWS_CA_BUNDLE": str(tmp_path / BUNDLE)}
        wrote = run_fastsync(*TABLES, *where, "--write-missing", "--writes", writes, env=env)
        assert wrote.exit_code == 0, wrote.stderr
        assert f"{count:,} missing" in wrote.stderr
        assert f"{count:,} written" in wrote.stderr
        again = run_fastsync(*TABLES, *where, env=env)
        assert again.exit_code == 0, again.stderr
        assert f"{count:,} same" in again.stderr


def test_an_authority_that_nobody_trusts(tmp_path: Path) -> None:
    """Without its CA bundle the server is not asked for anything, and the run says why."""
    with server((), tmp_path) as url:
        unset = {"AWS_CA_BUNDLE": None, "REQUESTS_CA_BUNDLE": None}
        ran = run_fastsync(*TABLES, "--endpoint-url", url, "--max-retries", "1", env=unset)
    assert ran.exit_code == 3
    assert "certificate verify failed" in ran.stderr


SCRIPT = """\
import multiprocessing, os
from pathlib import Path
from fastsync.workers.processes.fork_server import start_fork_server
from tests.functional.test_https import count_authorities

if __name__ == "__main__":
    start_fork_server(secure={secure})
    forking = multiprocessing.get_context("forkserver")
    first = forking.Process(target=os.getpid)
    first.start()
    first.join()  # the fork server has loaded everything before it forks
    bundle = Path(os.environ["AWS_CA_BUNDLE"])
    before = bundle.stat()
    bundle.write_bytes(b"-" * before.st_size)
    os.utime(bundle, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = forking.Process(target=count_authorities)
    second.start()
    second.join()
"""


def count_authorities() -> None:
    """Print how many authorities this process trusts, -1 where they cannot be loaded."""
    try:
        count = len(share_context(os.environ["AWS_CA_BUNDLE"]).get_ca_certs())
    except OSError:
        count = -1
    print(count, flush=True)


@pytest.mark.parametrize(("secure", "count"), [(True, 1), (False, -1)])
def test_workers_share_the_authorities(secure: bool, count: int, tmp_path: Path) -> None:
    """Workers have what the fork server has loaded, which it does only where tables are reached by https."""
    make_certified(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(secure=secure))
    env = {**environment(AWS_CA_BUNDLE=str(tmp_path / BUNDLE)), "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == f"{count}\n"
