"""Ask on the terminal whether to delete, with the numbers."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from fastsync.model.wording import LONGEST_LINE, count_nouns

LOOK_EVERY = 0.1
"""Seconds between two looks whether the run is to end while the answer is waited for."""
YES = ("y", "yes")


def can_ask(flags: Mapping[str, Any]) -> bool:
    """Return whether somebody is there to read a question and to answer it: not where stdin holds keys (--keys -)."""
    if "-" in (flags.get("keys") or []):
        return False
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


class DeleteQuestion:
    """Ask for all slaves at once; see `run.tasks.delete_guard.Confirm`. `paused` keeps the bar away meanwhile."""

    def __init__(self, paused: Callable[[], AbstractContextManager[None]]):
        self._paused = paused

    def __call__(self, counts: Mapping[str, int], ended: Callable[[], bool]) -> bool:
        """Return whether the answer is yes. Nothing but yes is: neither an empty line nor the end of the input."""
        with self._paused():
            print(format_question(counts), end=" ", file=sys.stderr, flush=True)
            answer = _read_answer(ended)
            if not answer.endswith("\n"):
                print(file=sys.stderr, flush=True)
        return answer.strip().lower() in YES


def format_question(counts: Mapping[str, int]) -> str:
    """Return the question: in one line where it fits, else with a line for each slave."""
    parts = [f"{count_nouns(count, 'item')} on {name}" for name, count in counts.items()]
    line = f"delete {' and '.join(parts)}? [y/N]"
    if len(parts) == 1 or len(line) <= LONGEST_LINE:
        return line
    return "\n".join(["to be deleted:", *(f"  {part}" for part in parts), "delete them? [y/N]"])


def _read_answer(ended: Callable[[], bool]) -> str:
    """Return the line that is typed, "" where the input or the run ends before."""
    while not ended():
        ready, _, _ = select.select([sys.stdin], [], [], LOOK_EVERY)
        if ready:
            return _read_line()
    return ""


def _read_line() -> str:
    try:
        return os.read(sys.stdin.fileno(), 1024).decode(errors="replace")
    except OSError:  # the terminal has gone
        return ""
