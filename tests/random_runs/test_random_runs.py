"""A few of the random runs; `make test-random` makes as many as one likes."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.random_runs import plans
from tests.random_runs.runs import Stage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are told by /proc")

RUNS = 40


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A server and a process that forks the program, for all of the runs."""
    with Stage() as made:
        yield made


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_random_run_is_right(stage: Stage, seed: int) -> None:
    """What a run reports, counts, writes and undoes is what brute force says, whatever happens to it on the way."""
    plan = plans.make(seed)
    assert stage.carry_out(plan) == [], plan
