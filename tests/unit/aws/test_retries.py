"""Retries: faults and throttling are counted apart, and patience lasts as long as anybody is answered."""

from __future__ import annotations

from fastsync.aws.budget import Budget, PrivateCell
from fastsync.aws.failures import Fault, Throttled
from fastsync.aws.retries import Tries
from fastsync.model.settings import BACKOFF_CAP, Retrying

FAULT, THROTTLED = Fault("500"), Throttled("slowly")


def budget() -> Budget:
    return Budget(PrivateCell())


def test_faults_and_throttling_are_counted_apart() -> None:
    """So many retries of each are made, however they mix; one more of either is the end."""
    for last in (FAULT, THROTTLED):
        tries = Tries(Retrying(3, 0.001), budget())
        assert all(tries.next_pause(failure) is not None for failure in (FAULT, THROTTLED) * 3)
        assert tries.next_pause(last) is None
        assert tries.failed_count == 7


def test_patience_lasts_while_the_table_answers() -> None:
    """A request that is throttled again and again is not given up as long as others are answered meanwhile."""
    shared = budget()
    tries = Tries(Retrying(2, 0.001), shared)
    for _ in range(50):
        shared.note_answer()
        assert tries.next_pause(THROTTLED) is not None
    assert [tries.next_pause(THROTTLED) is None for _ in range(2)] == [False, True]


def test_answers_to_others_do_not_mend_faults() -> None:
    """A request that fails by itself is given up, whatever others are answered."""
    shared = budget()
    tries = Tries(Retrying(2, 0.001), shared)
    pauses = []
    for _ in range(3):
        shared.note_answer()
        pauses.append(tries.next_pause(FAULT))
    assert pauses[-1] is None
    assert None not in pauses[:-1]


def test_the_service_may_ask_for_longer_pauses() -> None:
    """What the service asks to wait is waited at least, up to the cap."""
    for after, low, high in ((0.0, 0, 0.001), (3.0, 3, 3), (100.0, BACKOFF_CAP, BACKOFF_CAP)):
        pause = Tries(Retrying(10, 0.001), budget()).next_pause(Throttled("slowly", after))
        assert pause is not None
        assert low <= pause <= high


def test_no_retries() -> None:
    """With no retries the first failure is the last."""
    assert Tries(Retrying(0), budget()).next_pause(FAULT) is None
    assert Tries(Retrying(0), budget()).next_pause(THROTTLED) is None


def test_before_anything_is_read_retries_are_prompt() -> None:
    """There are as many as asked for, within some seconds; a server that says nothing is given up earlier."""
    pauses: list[float] = []
    tries = Tries(Retrying(10, 0.05).promptly(), budget())
    while (pause := tries.next_pause(FAULT)) is not None:
        pauses.append(pause)
    assert len(pauses) == 10
    assert max(pauses) <= 1
    tries = Tries(Retrying(10, 0.05).promptly(), budget())
    silence = Fault("nothing", timed_out=True)
    assert [tries.next_pause(silence) is None for _ in range(4)] == [False, False, False, True]
    assert Tries(Retrying(0).promptly(), budget()).next_pause(silence) is None
