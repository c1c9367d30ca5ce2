"""Numbers and lines as people read them."""

from __future__ import annotations

import pytest

from fastsync.model.wording import format_amount, format_price, format_seconds, format_units, wrap_line


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (0.5, "0.5"), (1.0, "1"), (12.0, "12"), (99.9, "99.9"), (2234.6, "2,235"), (1e9, "1,000,000,000")],
)
def test_amounts(amount: float, text: str) -> None:
    """A number has a decimal only where it is small and not whole."""
    assert format_amount(amount) == text


@pytest.mark.parametrize(
    ("read", "write", "text"),
    [
        (1.0, 0.0, "1 read unit"),
        (0.5, 0.0, "0.5 read units"),
        (2235.0, 1.0, "2,235 read units, 1 write unit"),
        (0.0, 7.0, "0 read units, 7 write units"),
    ],
)
def test_units(read: float, write: float, text: str) -> None:
    """Units are in the singular only where there is one, and writes are told only where there are some."""
    assert format_units(read, write) == text


@pytest.mark.parametrize(("usd", "text"), [(0.004, "under 1 cent"), (0.006, "$0.01"), (1234.5, "$1,234.50")])
def test_prices(usd: float, text: str) -> None:
    """Less than a cent is not told as nothing."""
    assert format_price(usd) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01, "0.1 s"), (5.0, "5 s"), (12.34, "12.3 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (75, "1 min 15 s"),
        (3599.6, "1 h 0 min"), (7300, "2 h 1 min"),
    ],
)  # fmt: skip
def test_seconds(seconds: float, text: str) -> None:
    """How long something took is told in one or two units."""
    assert format_seconds(seconds) == text


def test_lines_are_divided_between_words() -> None:
    """A line that is too long goes on in others, further in; a number stays with its word."""
    line = "  " + ", ".join(f"{number} differences" for number in range(10, 20))
    first, *others = wrap_line(line)
    assert max(map(len, (first, *others))) <= 100
    assert all(each.startswith("      ") for each in others)
    assert " ".join(each.strip() for each in (first, *others)) == line.strip()
    assert not any(each.endswith(tuple("0123456789")) for each in (first, *others))
