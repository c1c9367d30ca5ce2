"""Budgets: units per second are held whatever requests cost, and one request is made as small as its budget."""

from __future__ import annotations

import random

import pytest

from fastsync.aws.budget import BURST, Budget, CostModel, PrivateCell


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def budget(self, rate: float | None, cell: PrivateCell | None = None) -> Budget:
        return Budget(cell or PrivateCell(self.now), rate, self.clock, self.sleep)


@pytest.mark.parametrize("rate", [0.2, 1, 7.5, 1000])
def test_the_rate_is_held(rate: float) -> None:
    """However much requests cost, and however wrong their estimates were, no more than the rate is consumed."""
    time, chance = Time(), random.Random(1)
    budget = time.budget(rate)
    began, consumed, last = time.now, 0.0, 0.0
    for _ in range(300):
        expected, cost = chance.uniform(0, rate), chance.uniform(0, 2 * rate)
        budget.reserve(expected)
        assert consumed <= rate * (time.now - began) * 1.001
        budget.add_debt(cost - expected)
        consumed, last = consumed + cost, cost
    assert consumed - last >= rate * (time.now - began) * 0.99


def test_an_idle_budget_saves_one_second_up() -> None:
    """After a long pause no more than one second's worth passes at once."""
    time = Time()
    budget = time.budget(10)
    time.sleep(500)
    began = time.now
    passed = 0
    while time.now == began:
        budget.reserve(1)
        passed += 1
    assert passed <= 10 * BURST + 2


def test_budgets_of_one_cell_share_it() -> None:
    """Two holders of one cell get together what one would get."""
    time, cell = Time(), PrivateCell(1000.0)
    budgets = [time.budget(5, cell), time.budget(5, cell)]
    for number in range(100):
        budgets[number % 2].reserve(1)
    assert time.now - 1000 == pytest.approx(99 / 5)


@pytest.mark.parametrize("rate", [None, 100])
def test_a_throttled_table_holds_everybody(rate: float | None) -> None:
    """Who shares the budget waits too, also where no limit was given; a shorter pause does not end a longer one."""
    time, cell = Time(), PrivateCell(1000.0)
    time.budget(rate, cell).pause(3)
    time.budget(rate, cell).pause(1)
    time.budget(rate, cell).reserve(1)
    assert time.now == pytest.approx(1003)


def test_no_limit_no_wait() -> None:
    """Without a limit nothing is charged and nobody waits."""
    time = Time()
    meter = CostModel(time.budget(None), 0.5)
    for _ in range(1000):
        fare = meter.charge_for(100)
        fare.reserve()
        fare.correct(1_000_000, 100)
    assert (time.now, meter.pieces_per_request(None), meter.pieces_per_request(100)) == (1000, None, 100)


def test_a_throttled_request_is_not_charged() -> None:
    """What is given back is free for the next request."""
    time = Time()
    fare = CostModel(time.budget(1), 1.0).charge_for(3)
    for _ in range(20):
        fare.reserve()
        fare.refund()
    assert time.now == 1000


@pytest.mark.parametrize(
    ("rate", "guess", "each", "pieces"),
    [
        (1, 0.05, 1, 20),  # a whole second's worth, since a page costs half a unit at least
        (1, 50, 1, 1),  # one item cannot be read in parts
        (0.1, 0.05, 1, 2),
        (16, 0.05, 1, 80),  # from here on a quarter of a second's worth
        (1000, 0.05, 1, 5000),
        (1000, 0.05, 2, 2500),
        (1000, None, 1, 1),
    ],
)
def test_requests_are_cut_to_the_budget(rate: float, guess: float | None, each: float, pieces: int) -> None:
    """A request holds what a second pays for at most; where nothing is known of sizes it begins with one item."""
    assert CostModel(Time().budget(rate), guess).pieces_per_request(None, each) == pieces


def test_the_cost_of_a_piece_is_learned() -> None:
    """Whatever the first guess was, what answers cost decides, the latest most."""
    meter = CostModel(Time().budget(100), 50.0)
    assert meter.pieces_per_request(None) == 1
    for _ in range(30):
        meter.charge_for(1).correct(0.5, 1)
    assert meter.pieces_per_request(None) == pytest.approx(50, rel=0.3)
    for _ in range(30):
        meter.charge_for(1).correct(5, 1)
    assert meter.pieces_per_request(None) == pytest.approx(5, rel=0.3)
    meter.charge_for(1).correct(0.0, 100)  # a server that reports nothing for something
    assert meter.pieces_per_request(100) == pytest.approx(100, rel=1)
