"""fastsync estimate: what a run would take, told from descriptions, and held against what a run does take."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from fastsync.model.wording import format_amount
from tests.e2e.cases import S, item
from tests.functional.proxy import Proxy
from tests.servers import Server, Servers
from tests.tables import Ran, create_table, put_items, run_fastsync, unique

ITEMS = [item(f"k{number:04}", text=S("x" * 300)) for number in range(600)]
NOTHING_THERE = ["--master", "us-east-1:nowhere", "--slave", "us-west-2:nowhere"]


def made(server: Server, master: Sequence[Any], slave: Sequence[Any]) -> list[str]:
    """Create a master and a slave, and give them as arguments."""
    arguments = []
    for flag, region, items in (("--master", "us-east-1", master), ("--slave", "us-west-2", slave)):
        name = unique()
        arguments += [flag, create_table(server, region, name)]
        put_items(server, region, name, items)
    return arguments


@pytest.fixture(scope="module")
def local(servers: Servers) -> Server:
    """The server that tells counts and sizes as they are."""
    return servers["dynamodb-local"]


@pytest.fixture(scope="module")
def tables(local: Server) -> list[str]:
    """A master and a slave that lacks some items."""
    return made(local, ITEMS, ITEMS[30:])


def consumed(ran: Ran) -> tuple[float, float]:
    """Give the read and write units of a run on all its tables."""
    stats = [ran.stats["master"], *ran.stats["slaves"].values()]
    return sum(each["read_units"] for each in stats), sum(each.get("write_units", 0) for each in stats)


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--consistent-read"],
        ["--scan-for-extra"],
        ["--parallel", "2", "--segments", "4", "--no-recheck"],
        ["--scan-limit", "10"],
    ],
    ids=" ".join,
)
def test_estimates_come_true(flags: Sequence[str], tables: Sequence[str], local: Server) -> None:
    """What a run consumes is what was estimated, but for what this server does not charge."""
    told = run_fastsync("estimate", *tables, *flags, "--json", "--endpoint-url", local.url)
    assert (told.exit_code, told.stderr) == (0, "")
    estimate = json.loads(told.stdout)["strategies"]
    ran = run_fastsync(*tables, *flags, "--strategy", "lookup", "--verbose", server=local)
    read, written = consumed(ran)
    uncharged = 30 * 2 * (1.5 if "--consistent-read" in flags else 1)  # keys that are not found
    assert read <= estimate["lookup"]["read_units"] <= read * 1.03 + uncharged
    assert estimate["lookup"]["write_units"] == written == 0
    assert f"\nestimated {format_amount(estimate['lookup']['read_units'])} read units" in ran.stderr
    assert f"\n{format_amount(read)} read units, under 1 cent" in ran.stderr


@pytest.mark.parametrize("strategy", ["lookup", "merge"])
def test_what_nobody_could_estimate_is_told_apart(strategy: str, local: Server) -> None:
    """What consumed exceeds the estimate by is what reading suspects again took, and the summary says how much."""
    other = [{**each, "text": S("y" * 300)} if place % 10 == 5 else each for place, each in enumerate(ITEMS)]
    tables = made(local, ITEMS, [*other[:-20], *(item(f"x{number}", text=S("x" * 300)) for number in range(20))])
    ran = run_fastsync(*tables, "--scan-for-extra", "--strategy", strategy, "--report-values", "-v", server=local)
    found = re.search(
        r"^([\d,.]+) read units, under 1 cent \(([\d,.]+) of them to read suspects again\)$(?s:.*)"
        r"^estimated ([\d,.]+) read units$",
        ran.stderr,
        re.MULTILINE,
    )
    assert found, ran.stderr
    told, again, estimated = (float(text.replace(",", "")) for text in found.groups())
    assert told == pytest.approx(consumed(ran)[0], abs=0.5)
    assert (
        again == 2 * 58 + 20 + 20
    )  # differing, missing, extra: this server charges nothing for keys that are not found
    uncharged = 0.5 * (20 + 20) if strategy == "lookup" else 0
    assert told - again == pytest.approx(estimated - uncharged, rel=0.03)


def test_writes_are_estimated(local: Server) -> None:
    """What the counts say is missing is estimated to be written, and a run writes it for so many units."""
    tables = made(local, ITEMS, ITEMS[100:])
    told = run_fastsync("estimate", *tables, "--write-missing", "--json", "--endpoint-url", local.url)
    ran = run_fastsync(*tables, "--write-missing", server=local)
    assert json.loads(told.stdout)["strategies"]["lookup"]["write_units"] == consumed(ran)[1] == 100


def test_the_document(tables: Sequence[str], local: Server) -> None:
    """--json tells units, money and time of both strategies, what they rest on, and the price list's date."""
    told = run_fastsync("estimate", *tables, "--json", "--endpoint-url", local.url)
    document = json.loads(told.stdout)
    assert set(document["strategies"]) == {"lookup", "merge"}
    for strategy in document["strategies"].values():
        assert strategy["read_units"] == strategy["master"]["read_units"] + strategy["slaves"][tables[3]]["read_units"]
        assert strategy["usd"] == pytest.approx(strategy["read_units"] * 0.125e-6, abs=1e-6)
        assert strategy["seconds"] > 0
        assert "3,000 units a second" in strategy["limited_by"]
    lookup, merge = (document["strategies"][name]["read_units"] for name in ("lookup", "merge"))
    assert merge < lookup / 3
    assert document["tables"][tables[1]] == {"items": 600, "bytes": 600 * (300 + 4 + 2 + 5)}
    assert (document["prices"]["region"], document["prices"]["since"]) == ("us-east-1", "2024-11-01")
    assert document["assumptions"]


def test_the_time_at_limits(tables: Sequence[str], local: Server) -> None:
    """With limits the time is what the units take at their pace, and the limit is named."""
    flags = ["--max-read-units", "10", "--json"]
    told = run_fastsync("estimate", *tables, *flags, "--endpoint-url", local.url)
    for strategy in json.loads(told.stdout)["strategies"].values():
        most = max(strategy["master"]["read_units"], strategy["slaves"][tables[3]]["read_units"])
        assert strategy["seconds"] == pytest.approx(most / 10, abs=0.001)
        assert "--max-read-units" in strategy["limited_by"]


def test_the_table(tables: Sequence[str], local: Server) -> None:
    """Without --json people read a row for each strategy, and what the figures rest on."""
    told = run_fastsync("estimate", *tables, "--endpoint-url", local.url)
    assert (told.exit_code, told.stderr) == (0, "")
    rows = [line.split() for line in told.stdout.splitlines()]
    assert [row[0] for row in rows if row and row[0] in ("lookup", "merge")] == ["lookup", "merge"]
    for text in (
        *tables[1::2],
        "about 600 items",
        "30 items are missing",
        "us-east-1 since 2024-11-01",
        "would take",
    ):
        assert text in told.stdout


def test_nothing_is_read(tables: Sequence[str], local: Server) -> None:
    """An estimate asks for descriptions and for nothing else."""
    with Proxy(local.url) as proxy:
        told = run_fastsync("estimate", *tables, "--delete-extra", "--endpoint-url", proxy.url)
        assert told.exit_code == 0, told.stderr
        assert {request.operation for request in proxy.requests} == {"DescribeTable"}


def test_no_file_is_touched(tables: Sequence[str], local: Server) -> None:
    """The flags of a run can be given as they are: its report and statistics are not written."""
    flags = ["--report", "/nonexistent/report", "--stats", "/nonexistent/stats", "--quiet", "--policy", "my.own:Policy"]
    assert run_fastsync("estimate", *tables, *flags, "--endpoint-url", local.url).exit_code == 0


def test_empty_tables(local: Server) -> None:
    """Where no table tells its size nothing is made up."""
    tables = made(local, [], [])
    told = run_fastsync("estimate", *tables, "--json", "--endpoint-url", local.url)
    assert json.loads(told.stdout)["strategies"] == {"lookup": None, "merge": None}
    told = run_fastsync("estimate", *tables, "--endpoint-url", local.url)
    assert told.stdout.count("unknown") == 8
    assert told.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "exit_code", "mentioned"),
    [
        (NOTHING_THERE[:2], 2, "--slave"),
        ([*NOTHING_THERE, "--frobnicate"], 2, "--frobnicate"),
        ([*NOTHING_THERE, "--sample", "2"], 2, "--sample"),
        (NOTHING_THERE, 3, "nowhere"),
    ],
)
def test_bad_input(arguments: Sequence[str], exit_code: int, mentioned: str, local: Server) -> None:
    """Wrong flags and tables that cannot be compared are refused as a run refuses them."""
    told = run_fastsync("estimate", *arguments, "--endpoint-url", local.url)
    assert (told.exit_code, told.stdout) == (exit_code, "")
    assert mentioned in told.stderr
    assert "Traceback" not in told.stderr


def test_one_slave_that_cannot_be_compared(tables: Sequence[str], local: Server) -> None:
    """A slave that cannot be compared is told of, and the others are estimated."""
    told = run_fastsync("estimate", *tables, "--slave", "us-west-2:nowhere", "--json", "--endpoint-url", local.url)
    assert told.exit_code == 4
    assert "us-west-2:nowhere" in told.stderr
    assert list(json.loads(told.stdout)["strategies"]["lookup"]["slaves"]) == [tables[3]]


@pytest.mark.parametrize("flags", [[], ["--write-missing"]], ids=["report", "copy"])
def test_what_a_copy_into_an_empty_slave_takes(local: Server, flags: list[str]) -> None:
    """An estimate says what a run takes where a slave that tells no size is empty, and such a run takes no more."""
    arguments = [*made(local, ITEMS, []), *flags]
    told = run_fastsync("estimate", *arguments, "--json", "--endpoint-url", local.url)
    (line,) = (each for each in json.loads(told.stdout)["assumptions"] if "every item is missing" in each)
    assert ("and written" in line) is bool(flags)
    for strategy in ("lookup", "merge"):
        (expected,) = re.findall(rf"([\d,]+) read units by {strategy}", line)
        ran = run_fastsync(*arguments, "--strategy", strategy, "--dry-run", server=local)
        uncharged = len(ITEMS) * 1.5  # keys that are not found, by a sample and again
        assert consumed(ran)[0] <= int(expected.replace(",", "")) <= consumed(ran)[0] * 1.03 + uncharged
