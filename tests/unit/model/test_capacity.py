"""Capacity: the service's arithmetic, with the figures of its documentation. tests/functional has it on servers."""

from __future__ import annotations

import pytest

from fastsync.model.capacity import LIST_PRICES, count_read_units, count_scan_units, count_write_units, measure_item

MIB = 1 << 20
NUMBERS = {
    "0": 1, "1": 2, "-1": 3, "12": 2, "-12": 3, "123": 3, "120": 3, "1200": 2, "12345": 4, "-1234": 4,
    "0.1": 2, "0.123": 3, "1.5": 3, "1.50": 3, "10.5": 3, "100.25": 4, "1E10": 2, "-1E10": 3, "1E-10": 2,
    "1.2345678901234567890123456789012345678": 21, "9" * 38: 20,
}  # fmt: skip


@pytest.mark.parametrize(("number", "size"), NUMBERS.items())
def test_numbers(number: str, size: int) -> None:
    """A number takes a byte, and one for each pair of digits that is not zero on the outside."""
    assert measure_item({"": {"N": number}}) == size


@pytest.mark.parametrize(
    ("size", "eventual", "strong"),
    [(0, 0.5, 1), (1, 0.5, 1), (4096, 0.5, 1), (4097, 1, 2), (10_240, 1.5, 3), (MIB, 128, 256)],
)
def test_reads(size: int, eventual: float, strong: float) -> None:
    """A read is charged by 4 KB begun, half with eventual consistency; nothing found costs the least."""
    assert (count_read_units(size), count_read_units(size, consistent=True)) == (eventual, strong)


def test_scans_are_charged_by_the_page() -> None:
    """The items of a page are added up before rounding, and each request rounds anew."""
    assert count_scan_units(MIB, 1) == 128
    assert count_scan_units(400 * 100, 1) == 5.0
    assert count_scan_units(400 * 100, 100) == 50.0
    assert count_scan_units(0, 1000) == 500.0


@pytest.mark.parametrize(
    ("size", "replaced", "units"), [(0, 0, 1), (1024, 0, 1), (1025, 0, 2), (10, 5000, 5), (5000, 10, 5), (0, 2500, 3)]
)
def test_writes(size: int, replaced: int, units: float) -> None:
    """A write is charged by the larger of both versions, a delete by what it deletes."""
    assert count_write_units(size, replaced) == units


def test_prices() -> None:
    """The list price is that of its date: a scan of 1 GB costs 1.6 cents, a million small writes 62.5."""
    assert (LIST_PRICES.region, LIST_PRICES.since) == ("us-east-1", "2024-11-01")
    assert LIST_PRICES.money(count_read_units(1 << 30), 0) == pytest.approx(0.0164, abs=0.0001)
    assert LIST_PRICES.money(0, 1_000_000 * count_write_units(400)) == pytest.approx(0.625)
