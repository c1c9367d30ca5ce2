"""A folder of numbered parts on any file system that a Spark context reaches, through the driver's JVM."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from fastsync.errors import ConfigError, OutputFailed

_RAISED = re.compile(r"[\w.]*(Error|Exception): ")


class SparkPartStore:
    """The folder of a report. Raises ConfigError where it cannot be had, and OutputFailed where it fails later."""

    def __init__(self, context: Any, path: str):
        self._context = context
        self._path = path
        try:
            self._folder = self._make_path(path)
            self._files = self._folder.getFileSystem(context._jsc.hadoopConfiguration())
            self._files.mkdirs(self._folder)
            numbers = self.part_numbers()
        except Exception as error:  # py4j's, whatever Java throws
            raise ConfigError(f"--report {path} cannot be written by Spark: {root_cause(error)}") from None
        self._next = count(max(numbers, default=-1) + 1)

    @property
    def path(self) -> str:
        """Where it is."""
        return self._path

    def next_number(self) -> int:
        """Return a number that no part has had, greater than all that were given."""
        return next(self._next)

    def is_empty(self) -> bool:
        """Return whether there is nothing at all in it."""
        with self._failures_described():
            return not len(self._files.listStatus(self._folder))

    def part_numbers(self) -> Sequence[int]:
        """Return the numbers of the parts that are there."""
        with self._failures_described():
            names = [str(each.getPath().getName()) for each in self._files.listStatus(self._folder)]
        return sorted(int(name) for name in names if name.isdigit())

    def part_path(self, number: int) -> str:
        """Return the path of a part, itself a folder of text files."""
        return f"{self._path.rstrip('/')}/{number:06}"

    def write_part(self, number: int, lines: Sequence[str]) -> None:
        """Write a part."""
        with self._failures_described():
            self._context.parallelize(lines, 1).saveAsTextFile(self.part_path(number))

    def remove_part(self, number: int) -> None:
        """Take a part away."""
        with self._failures_described():
            self._files.delete(self._make_path(self.part_path(number)), True)

    def _make_path(self, path: str) -> Any:
        return self._context._jvm.org.apache.hadoop.fs.Path(path)

    @contextmanager
    def _failures_described(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise OutputFailed(f"the report {self._path} cannot be written any more: {root_cause(error)}") from None


def root_cause(error: Exception) -> str:
    """Return in one line what lies under an error of Spark's: the Python error of a task, else what Java says first."""
    java = getattr(error, "java_exception", None)
    while java is not None and java.getCause() is not None:
        java = java.getCause()
    text = str(error) if java is None else str(java.toString())
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Traceback (most recent" not in line]
    raised = [line for line in lines if _RAISED.match(line)]
    return (raised[-1:] or lines[:1] or [type(error).__name__])[0][:500]
