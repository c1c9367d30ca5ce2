"""The limits of a whole run: which values they take, and how what is beyond them is told."""

from __future__ import annotations

from typing import Any

import pytest

from fastsync.config.config import Config
from fastsync.config.limits import RunLimits, format_amount
from fastsync.errors import ConfigError
from tests.unit.builders import MASTER, A


def limits(**flags: Any) -> RunLimits:
    """Read the limits of flags."""
    return Config.of(MASTER, [A], flags).run_limits


@pytest.mark.parametrize(
    "flags",
    [
        {"max_differences": 0},
        {"max_differences": -1},
        {"max_differences": 1.5},
        {"max_differences": True},
        {"max_units": -1},
        {"max_units": float("nan")},
        {"max_units": float("inf")},
        {"max_cost": -0.01},
        {"max_cost": "5"},
    ],
    ids=str,
)
def test_wrong_values_are_refused(flags: dict[str, Any]) -> None:
    """No difference at all, and amounts that are none, are refused with the flag's name."""
    with pytest.raises(ConfigError, match=f"--{next(iter(flags)).replace('_', '-')}"):
        limits(**flags)


CASES = [
    ({}, 1e9, 1e9, None),
    ({"max_units": 100}, 60, 40, None),
    ({"max_units": 100}, 60, 40.5, ("--max-units 100", "100.5 units")),
    ({"max_units": 0}, 0, 0, None),
    ({"max_units": 0}, 0.5, 0, ("--max-units 0", "0.5 units")),
    ({"max_cost": 0.75}, 1e6, 1e6, None),
    ({"max_cost": 0.75}, 1e6 + 8, 1e6, ("--max-cost 0.75", "$0.75 at list price")),
    ({"max_cost": 2.5}, 2e7, 8e6, ("--max-cost 2.5", "$7.5 at list price")),
    ({"max_cost": 0.00001}, 400, 0, ("--max-cost 0.00001", "$0.00005 at list price")),
    ({"max_cost": 1, "max_units": 10}, 100, 0, ("--max-units 10", "100 units")),
]


@pytest.mark.parametrize(("flags", "read", "write", "beyond"), CASES, ids=str)
def test_what_is_beyond_a_limit(
    flags: dict[str, Any], read: float, write: float, beyond: tuple[str, str] | None
) -> None:
    """Reads and writes count together, the limit itself is allowed, and both figures are told."""
    excess = limits(**flags).find_excess(read, write)
    assert (excess and (excess.flag, excess.amount)) == beyond


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (1234567, "1,234,567"), (2.5, "2.5"), (0.000054321, "0.0000543"), (0.5, "0.5"), (99.999, "100")],
)
def test_amounts_are_readable(amount: float, text: str) -> None:
    """Amounts have two decimals, and small ones three digits."""
    assert format_amount(amount) == text
