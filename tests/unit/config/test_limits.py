"""Limits: numbers and shares, and what a share is of."""

from __future__ import annotations

import pytest

from fastsync.config.config import Config
from fastsync.config.limits import Limit, Limits
from fastsync.errors import ConfigError
from fastsync.model.throughput import UNLIMITED, Capacity, Rate, Throughput, limit_items

FLAG = "--max-read-units"


@pytest.mark.parametrize(
    ("given", "units"), [("1", 1), (25, 25), (0.5, 0.5), ("1000000", 1_000_000), ("2.5", 2.5), (".5", 0.5)]
)
def test_numbers(given: object, units: float) -> None:
    """A number above 0 is taken as it is, as text or as a number."""
    assert Limit.parse(FLAG, given).resolve("t", Throughput()) == Rate(units)


@pytest.mark.parametrize(
    "given",
    ["0", "0%", "-1", "101%", "25 %", "%", "", "many", "1e3", "inf", "nan", True, float("nan"), float("inf"), "1,000"],
)
def test_what_is_no_limit(given: object) -> None:
    """Anything else is refused in a sentence that names the flag and both forms."""
    with pytest.raises(ConfigError, match=r"--max-read-units takes a number .* 25%"):
        Limit.parse(FLAG, given)
    with pytest.raises(ConfigError):
        Config.of("us-east-1:a", "us-east-1:b", {"max_read_units": given})


@pytest.mark.parametrize(
    ("has", "units", "origin"),
    [
        (Throughput(40, 100, 12_000), 10, "25% of its provisioned capacity of 40"),
        (Throughput(None, 100, 12_000), 25, "25% of its on-demand maximum of 100"),
        (Throughput(None, None, 12_000), 3000, "25% of its warm throughput of 12,000"),
    ],
)
def test_shares(has: Throughput, units: float, origin: str) -> None:
    """A share is of provisioned capacity, else of the on-demand maximum, else of warm throughput."""
    assert Limit.parse(FLAG, "25%").resolve("t", has) == Rate(units, origin)


def test_a_share_of_nothing() -> None:
    """Where a table tells no capacity, the error names it and asks for a number."""
    with pytest.raises(ConfigError, match=r"us-east-1:orders .* give --max-read-units a number"):
        Limit.parse(FLAG, "25%").resolve("us-east-1:orders", Throughput())


def test_paces() -> None:
    """The master has no budget for writes, and nobody has one that was not asked for."""
    has = Capacity(Throughput(provisioned=100), Throughput(provisioned=10))
    limits = Config.of("us-east-1:a", "us-east-1:b", {"max_read_units": 5, "max_write_units": "50%"}).limits
    master, slave = (limits.resolve("t", has, written) for written in (False, True))
    assert (master.reads, master.writes) == (Rate(5), None)
    assert (slave.reads, slave.writes) == (Rate(5), Rate(5, "50% of its provisioned capacity of 10"))
    assert Limits().resolve("t", has, True) == UNLIMITED


@pytest.mark.parametrize(
    ("rates", "most", "items"),
    [
        ([], None, None),
        ([None, None], 1000, 1000),
        ([Rate(1)], None, 20),
        ([Rate(10), None, Rate(5)], 1000, 100),
        ([Rate(1000)], 1000, 1000),
        ([Rate(0.01)], 1000, 20),
        ([Rate(0.01)], 7, 7),
    ],
)
def test_work_between_two_looks(rates: list[Rate | None], most: int | None, items: int | None) -> None:
    """What is begun together takes some seconds at the lowest limit, so that an interrupt is soon looked at."""
    assert limit_items(rates, most) == items
