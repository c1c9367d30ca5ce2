"""Parts of tables: shards that add up to the whole, and samples that say that they are samples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.e2e import canonical
from tests.e2e.cases import N, item
from tests.servers import Server
from tests.tables import Ran, create_table, put_items, read_all, run_fastsync, unique

ITEMS = 200
MASTER = [item(f"k{number}", v=N(1)) for number in range(ITEMS)]
SLAVE = [
    *(item(f"k{number}", v=N(2 if number % 5 == 1 else 1)) for number in range(ITEMS) if number % 4),
    *(item(f"only{number}") for number in range(20)),
]
MISSING, DIFFERING, EXTRA = 50, 30, 20
SUMMED = ("same", "missing", "differing", "extra", "settled", "scanned", "written", "deleted")


@pytest.fixture
def tables(server: Server) -> Sequence[str]:
    """A master and a slave with many differences, as arguments."""
    arguments: list[str] = []
    for flag, region, items in (("--master", "us-east-1", MASTER), ("--slave", "us-west-2", SLAVE)):
        name = unique()
        arguments += [flag, create_table(server, region, name)]
        put_items(server, region, name, items)
    return arguments


def keys(ran: Ran) -> list[str]:
    """Give the verdict and key of every difference, sorted."""
    return sorted(f"{line['verdict']} {line['key']['id']['S']}" for line in ran.differences)


def counters(ran: Ran) -> dict[str, Any]:
    """Give the counters of the one slave."""
    (found,) = ran.stats["slaves"].values()
    return dict(found)


def test_shards_add_up(tables: Sequence[str], server: Server) -> None:
    """The shards of three hosts find and repair everything once, and say which shard they are."""
    flags = ["--segments", "10", "--parallel", "2", "--write-missing", "--write-differing", "--delete-extra"]
    shards = [run_fastsync(*tables, *flags, "--shard", f"{number}/3", server=server) for number in range(3)]
    for number, ran in enumerate(shards):
        assert ran.exit_code == 0, ran.stderr
        assert (ran.stats["shard"], ran.stats["segments"], ran.stats["sample"]) == (f"{number}/3", 10, None)
        assert f"SHARD {number}/3" in ran.stderr
    found = [key for ran in shards for key in keys(ran)]
    assert len(found) == len(set(found)) == MISSING + DIFFERING + EXTRA
    summed = {name: sum(counters(ran)[name] for ran in shards) for name in SUMMED}
    assert (summed["missing"], summed["differing"], summed["extra"]) == (MISSING, DIFFERING, EXTRA)
    assert (summed["written"], summed["deleted"]) == (MISSING + DIFFERING, EXTRA)
    assert sum(ran.stats["master"]["scanned"] for ran in shards) == ITEMS
    after = read_all(server, "us-west-2", tables[3].partition(":")[2])
    assert canonical.items(after) == canonical.items(MASTER)


def test_sample(tables: Sequence[str], server: Server) -> None:
    """A sample finds the differences of its segments only, estimates the others, and says that it is a sample."""
    flags = ["--segments", "20", "--sample", "0.25", "--seed", "3", "--scan-for-extra", "--parallel", "2"]
    ran = run_fastsync(*tables, *flags, server=server)
    assert ran.exit_code == 1, ran.stderr
    sample = ran.stats["sample"]
    assert {name: sample[name] for name in ("fraction", "segments", "of", "seed")} == {
        "fraction": 0.25, "segments": 5, "of": 20, "seed": 3
    }  # fmt: skip
    assert list(sample["estimate"]) == [tables[3]]
    estimate = sample["estimate"][tables[3]]
    assert estimate["differences"] == 4 * len(ran.differences)
    assert len(ran.differences) <= estimate["low"] <= MISSING + DIFFERING + EXTRA <= estimate["high"]
    assert 0 < ran.stats["master"]["scanned"] < ITEMS
    assert (ran.stats["complete"], ran.stats["segments"]) == (True, 20)
    assert "SAMPLE: only 5 of 20 segments" in ran.stderr
    assert f"about {estimate['differences']} differences" in ran.stderr
    assert keys(run_fastsync(*tables, *flags, server=server)) == keys(ran)
    flags[flags.index("3")] = "4"
    assert keys(run_fastsync(*tables, *flags, server=server)) != keys(ran)


def test_a_sample_of_everything(tables: Sequence[str], server: Server) -> None:
    """With a fraction of 1 the estimate is what was found."""
    ran = run_fastsync(*tables, "--sample", "1", "--scan-for-extra", server=server)
    assert len(ran.differences) == MISSING + DIFFERING + EXTRA
    found = {"differences": 100, "low": 100, "high": 100}
    assert ran.stats["sample"] == {"fraction": 1.0, "segments": 30, "of": 30, "seed": 0, "estimate": {tables[3]: found}}


def test_a_sample_that_waits_with_deletes(tables: Sequence[str], server: Server) -> None:
    """Extras that are deleted at the end count in the estimate once."""
    flags = ["--sample", "1", "--segments", "4", "--delete-extra", "--write-missing", "--write-differing"]
    ran = run_fastsync(*tables, *flags, server=server)
    assert ran.exit_code == 0, ran.stderr
    assert ran.stats["sample"]["estimate"][tables[3]]["differences"] == MISSING + DIFFERING + EXTRA


def test_a_clean_sample(server: Server) -> None:
    """A sample without differences ends with 0, and says what that is worth."""
    tables = []
    for flag, region in (("--master", "us-east-1"), ("--slave", "us-west-2")):
        name = unique()
        tables += [flag, create_table(server, region, name)]
        put_items(server, region, name, MASTER)
    ran = run_fastsync(*tables, "--sample", "0.2", server=server)
    assert ran.exit_code == 0, ran.stderr
    estimate = ran.stats["sample"]["estimate"][tables[3]]
    assert (estimate["differences"], estimate["low"]) == (0, 0)
    assert estimate["high"] > 0
    assert "SAMPLE: only 30 of 150 segments" in ran.stderr
    quiet = run_fastsync(*tables, "--sample", "0.2", "--quiet", "--stats", "-", server=server)
    assert json.loads(quiet.stdout)["sample"]["estimate"] == {tables[3]: estimate}
    assert quiet.stderr == ""
