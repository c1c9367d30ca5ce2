"""How many requests are under way at once: on tables that are near, far, or throttled."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastsync.aws.lookups.in_flight import FEWEST, FIRST, MOST, InFlightLimit


def settled(seconds: Callable[[int], float], answers: int = 21_000) -> InFlightLimit:
    """Fly against a table that takes so many seconds with so many requests under way."""
    flight = InFlightLimit()
    for _ in range(answers):
        flight.on_answer(seconds(flight.limit))
    return flight


@pytest.mark.parametrize(
    ("name", "seconds", "low", "high"),
    [
        ("far away: the network takes its time", lambda under_way: 0.040 + 0.0002 * under_way, MOST, MOST),
        ("next door: requests wait for each other", lambda under_way: 0.0003 * under_way, FEWEST, 8),
        ("a table that serves ten at once", lambda under_way: 0.010 * max(1, under_way / 10), 10, 30),
    ],
)
def test_the_number_follows_the_table(name: str, seconds: Callable[[int], float], low: int, high: int) -> None:
    """More are under way as long as that brings more, and no more than that."""
    assert low <= settled(seconds).limit <= high, name


def test_it_doubles_every_round_trip() -> None:
    """A table far away is in full flight after a few round trips."""
    flight = InFlightLimit()
    for _ in range(4):
        for _ in range(flight.limit):
            flight.on_answer(0.04)
    assert FIRST * 2**4 > MOST == flight.limit


def test_throttling_halves_it() -> None:
    """Each answer that asks for less halves the number, down to one, from where it grows again."""
    flight = settled(lambda _: 0.04)
    flight.on_throttle()
    assert flight.limit == MOST // 2
    for _ in range(10):
        flight.on_throttle()
    assert flight.limit == 1
    flight.on_answer(0.04)
    assert flight.limit == 2
