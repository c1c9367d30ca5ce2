"""What goes wrong in the middle: the rest is done, what failed is told, and nothing looks like success."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e import canonical
from tests.e2e.cases import B, N, S, item
from tests.servers import Server, environment
from tests.tables import ROOT, call, create_table, put_items, read_all, run_fastsync, unique

ALL = ["--write-missing", "--write-differing", "--delete-extra"]


@pytest.mark.parametrize("flags", [[], ["--parallel", "2"], ["--no-recheck"]], ids=" ".join)
def test_rejected_item(flags: Sequence[str], server: Server) -> None:
    """An item that the service rejects is recorded with its key and reason; the others are written."""
    master, slave = unique(), unique()
    tables = ["--master", create_table(server, "us-east-1", master), "--slave", _indexed(server, slave)]
    good = [item(f"{number}", indexed=S("text")) for number in range(20)]
    put_items(server, "us-east-1", master, [*good, item("bad", indexed=N(1))])
    put_items(server, "us-west-2", slave, [item("left")])
    ran = run_fastsync(*tables, *flags, *ALL, server=server)
    assert ran.exit_code == 4, ran.stderr
    (failed,) = [line for line in ran.differences if line["action"] == "failed"]
    assert (failed["verdict"], failed["key"]) == ("missing", {"id": S("bad")})
    assert "ValidationException" in failed["error"]
    counters = ran.stats["slaves"][tables[3]]
    assert (counters["missing"], counters["written"], counters["failed"]) == (21, 20, 1)
    assert ran.stats["complete"] is False
    assert "bad" in "".join(ran.stats["errors"])
    assert ran.end == {"complete": False, "differences": 22}
    after = canonical.items(read_all(server, "us-west-2", slave))
    assert after - canonical.items([item("left")]) == canonical.items(good)


def test_broken_policy(server: Server) -> None:
    """A policy that raises fails its segment, in words; nothing is deleted, since an extra may not be one."""
    master, slave = unique(), unique()
    tables = [
        "--master",
        create_table(server, "us-east-1", master),
        "--slave",
        create_table(server, "us-west-2", slave),
    ]
    put_items(server, "us-east-1", master, [item("a", v=N(1))])
    put_items(server, "us-west-2", slave, [item("a", v=N(2)), item("left")])
    ran = run_fastsync(*tables, *ALL, "--policy", "tests.e2e.policies:Broken", server=server)
    assert ran.exit_code in (4, 5), ran.stderr
    assert "no such attribute" in "".join(ran.stats["errors"])
    assert "Traceback" not in ran.stderr
    assert ran.end["complete"] is ran.stats["complete"] is False
    assert ran.stats["slaves"][tables[3]]["deleted"] == 0
    assert len(read_all(server, "us-west-2", slave)) == 2


def test_policy_of_the_working_directory(dynoxide: Server, tmp_path: Path) -> None:
    """A policy's module is found where the program is started, also by its workers."""
    (tmp_path / "mine.py").write_text(
        "from fastsync import Policy\n"
        "class Same(Policy):\n"
        "    def differs(self, master, slave):\n"
        "        return False\n"
    )
    master, slave = unique(), unique()
    tables = ["-m", create_table(dynoxide, "us-east-1", master), "-s", create_table(dynoxide, "us-west-2", slave)]
    put_items(dynoxide, "us-east-1", master, [item("a", v=N(1))])
    put_items(dynoxide, "us-west-2", slave, [item("a", v=N(2))])
    ran = run_fastsync(*tables, "--policy", "mine:Same", "--parallel", "2", server=dynoxide, cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert ran.stats["slaves"][tables[3]]["same"] == 1


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_interrupted(number: signal.Signals, exit_code: int, dynoxide: Server, tmp_path: Path) -> None:
    """A signal ends the run soon, with its exit code and a report that says it is not complete; no worker stays."""
    master, slave = unique(), unique()
    tables = ["-m", create_table(dynoxide, "us-east-1", master), "-s", create_table(dynoxide, "us-west-2", slave)]
    put_items(dynoxide, "us-east-1", master, [item(f"{number}") for number in range(3000)], threads=4)
    report = tmp_path / "report"
    command = [sys.executable, "-m", "fastsync", *tables, "--scan-limit", "1", "--parallel", "2"]
    command += ["--endpoint-url", dynoxide.url, "--report", str(report), "--write-missing"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        patience = time.monotonic() + 30
        while time.monotonic() < patience and not (report.exists() and report.stat().st_size):
            time.sleep(0.02)
        os.killpg(process.pid, number) if number is signal.SIGINT else process.send_signal(number)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == exit_code, stderr
    assert "Traceback" not in stderr
    *lines, end = report.read_text().splitlines()
    assert end == f'{{"complete": false, "differences": {len(lines)}}}'
    assert 0 < len(lines) < 3000
    assert len(read_all(dynoxide, "us-west-2", slave)) == sum('"written"' in line for line in lines)
    with pytest.raises(ProcessLookupError):
        _wait_for_end_of_group(process.pid)


def test_more_than_one_answer_holds(server: Server) -> None:
    """Look-ups whose items exceed the 16 MB of one answer are continued until every key is answered."""
    master, slave = unique(), unique()
    tables = [
        "--master",
        create_table(server, "us-east-1", master),
        "--slave",
        create_table(server, "us-west-2", slave),
    ]
    items = [item(f"{number:02}", pad=B(bytes([number]) * 1000)) for number in range(60)]
    for place in range(60):
        items[place]["text"] = S(f"{place}" + "x" * 380_000)
    other = [*items[:59], item("59", text=S("small"))]
    put_items(server, "us-east-1", master, [{**each, "text": S("x")} for each in items])
    put_items(server, "us-west-2", slave, other, threads=2)
    ran = run_fastsync(*tables, "--ignore", "text", "--scan-for-extra", server=server)
    assert ran.exit_code == 1, ran.stderr
    counters = ran.stats["slaves"][tables[3]]
    assert (counters["same"], counters["differing"], counters["missing"], counters["extra"]) == (59, 1, 0, 0)


def _indexed(server: Server, name: str) -> str:
    """Create a table that takes only strings in the attribute `indexed`."""
    body = {
        "TableName": name,
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "indexed", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "index",
                "KeySchema": [{"AttributeName": "indexed", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }
    call(server, "us-west-2", "CreateTable", body)
    return f"us-west-2:{name}"


def _wait_for_end_of_group(group: int) -> None:
    """Raise ProcessLookupError as soon as no process of the group is left."""
    for _ in range(100):
        os.killpg(group, 0)
        time.sleep(0.1)
