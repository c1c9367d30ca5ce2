"""Messages over pipes: whole or not there yet, in their order, and nobody waits who must not."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from fastsync.workers.processes.frames import CHUNK, Inbox, Outbox, frame, receive, send

SIZES = [0, 1, 100, 65_535, 65_536, 65_537, CHUNK - 9, CHUNK, CHUNK + 1, 5_000_000]


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    """The reading and the writing end of a pipe, -1 once it is closed."""
    ends = list(os.pipe())
    yield ends
    for end in ends:
        if end >= 0:
            os.close(end)


def close(pipe: list[int], end: int) -> None:
    os.close(pipe[end])
    pipe[end] = -1


def test_a_part_of_a_message_is_none_yet(pipe: list[int]) -> None:
    """Whatever the cut, a message comes once its last byte is there, and reading never waits."""
    inbox, sent = Inbox(pipe[0]), frame({"a": "x" * 20}) + frame([1])
    for cut in range(len(sent)):
        found = []
        for part in (sent[:cut], sent[cut:]):
            os.write(pipe[1], part)
            found += inbox.read()
        assert found == [{"a": "x" * 20}, [1]]
    assert inbox.read() == []


def test_messages_of_all_sizes_come_in_order(pipe: list[int]) -> None:
    """What a sender sends, a reader that does not wait assembles."""
    inbox = Inbox(pipe[0])
    found: list[bytes] = []

    def send_all() -> None:
        for size in SIZES:
            send(pipe[1], bytes(size))

    sender = threading.Thread(target=send_all)
    sender.start()
    while len(found) < len(SIZES):
        found += inbox.read()
    sender.join()
    assert [len(each) for each in found] == SIZES


def test_the_end_comes_after_the_last_message(pipe: list[int]) -> None:
    """A writer that is gone is told after what it had sent; half a message is none."""
    inbox = Inbox(pipe[0])
    os.write(pipe[1], frame("whole") + frame("half")[:-1])
    close(pipe, 1)
    assert inbox.read() == ["whole"]
    with pytest.raises(EOFError):
        inbox.read()


def test_a_full_pipe_keeps_no_sender_waiting(pipe: list[int]) -> None:
    """What does not fit is sent once there is room, whole and in order."""
    outbox = Outbox(pipe[1])
    for size in SIZES:
        outbox.send(bytes(size))
    assert outbox.waiting
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(receive(pipe[0]) for _ in SIZES))
    reader.start()
    while outbox.waiting:
        outbox.flush()
    reader.join()
    assert [len(each) for each in found] == SIZES


def test_nobody_is_there_to_read(pipe: list[int]) -> None:
    """A sender whose reader is gone is told so, and keeps nothing."""
    outbox = Outbox(pipe[1])
    close(pipe, 0)
    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            outbox.send("gone")
        assert not outbox.waiting


def test_nobody_is_there_to_write(pipe: list[int]) -> None:
    """Who waits for a message of a writer that is gone is told so, also in the middle of one."""
    os.write(pipe[1], frame("half")[:-1])
    close(pipe, 1)
    with pytest.raises(EOFError):
        receive(pipe[0])
