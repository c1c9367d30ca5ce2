"""Tell Python's logging what the command line tells on stderr.

The logger is called "fastsync", and has no handler that writes: whoever wants its lines adds one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastsync.model.wording import escape_unprintable
from fastsync.output.console.color import NEVER
from fastsync.output.log import Log
from fastsync.output.statistics import Result

LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class LoggerLog(Log):
    """A log whose lines go to the logger "fastsync", each with its level; their fields are left out."""

    def __init__(self) -> None:
        super().__init__(color=NEVER)
        self._logger = logging.getLogger("fastsync")
        if not any(isinstance(handler, logging.NullHandler) for handler in self._logger.handlers):
            self._logger.addHandler(logging.NullHandler())  # without any, logging itself prints warnings

    def _write_line(self, level: str, message: str, fields: dict[str, Any], paint: Callable[[str], str]) -> None:
        self._logger.log(LEVELS[level], escape_unprintable(message))


def log_result(result: Result, log: Log) -> None:
    """Write what a run has to say at its end: notes, warnings and errors."""
    for text in result.notes:
        log.info(text)
    for text in result.warnings:
        log.warning(text)
    for text in result.errors:
        log.error(text)
