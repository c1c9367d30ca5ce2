"""Unforeseen: what nobody foresaw becomes one sentence with an exit code that does not lie, and no traceback.

4 says that the run is incomplete. 2 says that nothing was read. 1, with which Python ends, says that tables were
compared and differ, so no crash may end with it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastsync.errors import ConfigError, FastsyncError, Interrupted, UnexpectedError
from fastsync.model.wording import describe_exception


@dataclass
class Phase:
    """Where a command is: what it is doing, and whether it may have read any item, or file of a run, by now."""

    doing: str
    has_read: bool = False


def unexpected(error: BaseException, phase: Phase) -> UnexpectedError:
    """Return the error to raise from one that nobody foresaw.

    The traceback goes to the logger "fastsync" at level DEBUG.
    """
    logging.getLogger("fastsync").debug("unforeseen while %s", phase.doing, exc_info=error)
    what = f"unforeseen while {phase.doing}: {describe_exception(error)}"
    if phase.has_read:
        made = UnexpectedError(f"{what}; what was not reached is not known")
    else:
        made = UnexpectedError(f"{what}; nothing was read")
        made.exit_code = ConfigError.exit_code
    made.__cause__ = error
    return made


@contextmanager
def foreseen_only(phase: Phase) -> Iterator[None]:
    """Let only FastsyncErrors leave the block, and what `main` knows: a closed pipe, an end that was asked for."""
    try:
        yield
    except (FastsyncError, Interrupted, BrokenPipeError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise unexpected(error, phase) from error


def traceback_of(error: BaseException) -> str:
    """Return where an unforeseen error came from, as Python writes it."""
    return "".join(traceback.format_exception(error.__cause__ or error))
