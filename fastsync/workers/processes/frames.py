"""Frames: messages over a pipe, each with its length before it; the parent's ends never wait.

A process that is frozen in the middle of a message (SIGSTOP, a cgroup freezer, swap) leaves a part of it in the pipe.
Waiting for the rest, or for such a process to read, would keep the parent from hearing the other workers.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Iterator
from typing import Any

CHUNK = 1 << 16
"""Bytes that are read at once: what a pipe holds unless it was made larger (pipe(7))."""
_LENGTH = struct.Struct("!Q")


class Inbox:
    """Assemble messages from a pipe that is read without waiting."""

    def __init__(self, descriptor: int):
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._buffer = bytearray()

    def read(self) -> list[Any]:
        """Return the messages that have arrived whole.

        Raises EOFError where the other end is closed; a message that was not whole by then is lost.
        """
        try:
            chunk = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return []
        if not chunk:
            raise EOFError
        self._buffer += chunk
        return list(self._take())

    def _take(self) -> Iterator[Any]:
        start = 0
        with memoryview(self._buffer) as view:
            while (body := start + _LENGTH.size) <= len(view):
                end = body + _LENGTH.unpack_from(view, start)[0]
                if end > len(view):
                    break
                yield pickle.loads(view[body:end])
                start = end
        del self._buffer[:start]


class Outbox:
    """Send messages into a pipe without waiting: what does not fit stays here until `flush` is called."""

    def __init__(self, descriptor: int):
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._left = bytearray()

    @property
    def waiting(self) -> bool:
        """Return whether something is left to be sent."""
        return bool(self._left)

    def send(self, message: object) -> None:
        """Send a message after those that are left; raise OSError where the other end is closed."""
        self._left += frame(message)
        self.flush()

    def flush(self) -> None:
        """Send as much as the pipe takes; where the other end is closed, drop what is left and raise OSError."""
        try:
            while self._left:
                del self._left[: os.write(self._descriptor, self._left)]
        except BlockingIOError:
            pass
        except OSError:
            self._left.clear()
            raise


def frame(message: object) -> bytes:
    """Return a message as it is sent over a pipe."""
    body = pickle.dumps(message)
    return _LENGTH.pack(len(body)) + body


def send(descriptor: int, message: object) -> None:
    """Send a message, and wait until all of it is in the pipe; raise OSError where the other end is closed."""
    with memoryview(frame(message)) as left:
        sent = 0
        while sent < len(left):
            sent += os.write(descriptor, left[sent:])


def receive(descriptor: int) -> Any:
    """Wait for a message; raise EOFError where the other end is closed."""
    (length,) = _LENGTH.unpack(_read(descriptor, _LENGTH.size))
    return pickle.loads(_read(descriptor, length))


def _read(descriptor: int, length: int) -> bytearray:
    found = bytearray()
    while len(found) < length:
        chunk = os.read(descriptor, min(CHUNK, length - len(found)))
        if not chunk:
            raise EOFError
        found += chunk
    return found
