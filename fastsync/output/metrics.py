"""Write a run's figures as OpenMetrics text, to a file that a node exporter's textfile collector reads.

Every figure is a gauge of one run, the one under way or the last, and the next run starts afresh. Only what begins with
`fastsync_last_` is of the last run that came to an end, and is kept while the next is under way.
The label `run` is the file's name less its ending, so that several files in one folder never hold the same series.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from fastsync.errors import ConfigError, OutputFailed
from fastsync.model.difference import Tally
from fastsync.model.messages.events import PageDone
from fastsync.model.messages.terms import AnyTerms
from fastsync.output.private_files import create_beside
from fastsync.output.statistics import MasterCounters, SlaveCounters, Statistics

EVERY = 15.0
"""Seconds between two versions of the file while the run is under way: how often a node exporter is usually asked."""
METRICS_MODE = 0o666
"""The mode of the file, less the umask: it holds no values of items, and another user's node exporter reads it."""
VERDICTS = ("same", "missing", "differing", "extra", "settled", "expired", "filtered")
EFFECTS = ("written", "deleted", "contended", "slave_newer", "changed", "refused", "failed")
_LAST = re.compile(r"^(fastsync_last_\w+)\{.*\} (\S+)$", re.MULTILINE)
_MOST = 1_000_000
"""Bytes that are read of an older file."""


class MetricSample(NamedTuple):
    """One line: a name, its labels, and its value."""

    name: str
    labels: Mapping[str, str]
    value: float


class MetricsFile:
    """Keep a file of metrics; without a path nothing is written. Raises ConfigError where it cannot be written.

    It is a sink as well, so that the file also tells of a run that is under way.
    """

    def __init__(self, path: str | None, clock: Callable[[], float] = time.time):
        self._path: Path | None = None
        self._clock = clock
        self._began = self._written = clock()
        self._count: Callable[[], Statistics | None] = lambda: None
        self._last: dict[str, float] = {}
        self._requests: list[Tally] = []
        if path is None:
            return
        self._path = Path(path).resolve()
        if path == "-" or (self._path.exists() and not self._path.is_file()):
            raise ConfigError(f"--metrics-file {path} cannot be written: it is no file")
        self._last = _read_last(self._path)
        try:
            self._write_samples(running=True)
        except OutputFailed as error:
            raise ConfigError(f"--metrics-file {path} cannot be written: {error}") from None

    def follow(self, count: Callable[[], Statistics]) -> None:
        """Take the statistics from `count` from now on; before that there are none."""
        self._count = count

    def begin(self, terms: AnyTerms) -> None:
        """Begin to count what became of requests, which the statistics do not hold."""
        self._requests = [Tally() for _ in range(1 + len(terms.slaves))]

    def page(self, done: PageDone) -> None:
        """Write the figures so far, unless that was done a moment ago; a failure is reported at the end of the run."""
        for place, tally in enumerate((done.master, *done.tallies)):
            self._requests[place] += tally
        self.write_if_due()

    def write_if_due(self) -> None:
        """Write the figures so far, unless that was done a moment ago; a failure is reported at the end of the run."""
        if self._clock() - self._written >= EVERY:
            with suppress(OutputFailed):
                self._write_samples(running=True)

    def end(self) -> None:
        """Do nothing yet: `write_end` knows the exit code."""

    def write_end(self, exit_code: int, complete: bool) -> None:
        """Write what the run came to; raise OutputFailed where that cannot be done."""
        now = self._clock()
        self._last["exit_code"] = exit_code
        self._last["complete"] = complete
        self._last["duration_seconds"] = round(now - self._began, 3)
        self._last["end_timestamp_seconds"] = now
        if complete:
            self._last["complete_timestamp_seconds"] = now
        if exit_code == 0:
            self._last["success_timestamp_seconds"] = now
        self._write_samples(running=False)

    def _write_samples(self, running: bool) -> None:
        self._written = self._clock()
        if self._path is None:
            return
        state = {"running": float(running), "start_timestamp_seconds": self._began, **_prefix_samples(self._last)}
        text = format_samples(self.make_all_samples(self._path.stem, state))
        try:
            _replace(self._path, text.encode("utf-8", "replace"))
        except OSError as error:
            raise OutputFailed(f"the metrics {self._path} cannot be written: {error.strerror or error}") from None

    def make_all_samples(self, run: str, state: Mapping[str, float]) -> Iterator[MetricSample]:
        """Yield what the file holds."""
        yield from make_samples({"run": run}, state, self._count(), self._requests)


def _replace(path: Path, data: bytes) -> None:
    """Put a file in the place of the one at `path`; a node exporter may read it, as it could the one before."""
    handle, aside = create_beside(path, METRICS_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise


def make_samples(
    labels: Mapping[str, str],
    state: Mapping[str, float],
    statistics: Statistics | None = None,
    requests: Sequence[Tally] = (),
) -> Iterator[MetricSample]:
    """Yield the samples of a run's state and of its statistics, where it has any yet; all have the labels.

    `requests` counts what became of requests to the master, then to each slave that can be compared.
    """
    for name, value in state.items():
        yield MetricSample(name, labels, value)
    if statistics is None:
        return
    yield MetricSample("errors", labels, len(statistics.errors))
    yield MetricSample("elapsed_seconds", labels, statistics.elapsed_seconds)
    counted: dict[tuple[str, str], MasterCounters | SlaveCounters] = {}
    counted["master", statistics.master.table] = statistics.master
    counted |= {("slave", name): slave for name, slave in statistics.slaves.items()}
    for place, ((role, table), counters) in enumerate(counted.items()):
        named = {**labels, "role": role, "table": table}
        if place < len(requests):  # slaves that cannot be compared come last, and have none
            yield MetricSample("throttled_requests", named, requests[place].throttled)
            yield MetricSample("retried_requests", named, requests[place].retried)
        yield from _sample_table(named, counters)
    for name, slave in statistics.slaves.items():
        yield from _sample_slave({**labels, "slave": name}, slave)


def _sample_table(labels: Mapping[str, str], counters: MasterCounters | SlaveCounters) -> Iterator[MetricSample]:
    yield MetricSample("scanned_items", labels, counters.scanned)
    yield MetricSample("read_units", labels, counters.read_units)
    if isinstance(counters, SlaveCounters):
        yield MetricSample("write_units", labels, counters.write_units)


def _sample_slave(labels: Mapping[str, str], slave: SlaveCounters) -> Iterator[MetricSample]:
    for verdict in VERDICTS:
        count = getattr(slave, verdict)
        if count is not None:
            yield MetricSample("items", {**labels, "verdict": verdict}, count)
    for effect in EFFECTS:
        yield MetricSample("differences", {**labels, "action": effect.replace("_", "-")}, getattr(slave, effect))


def format_samples(lines: Iterable[MetricSample]) -> str:
    """Return samples as OpenMetrics text: each family once, with its type and help, then `# EOF`."""
    families: dict[str, list[MetricSample]] = {}
    for sample in lines:
        families.setdefault(sample.name, []).append(sample)
    text = []
    for name, members in families.items():
        text.append(f"# TYPE fastsync_{name} gauge\n# HELP fastsync_{name} {_HELP[name]}\n")
        for sample in members:
            labels = ",".join(f'{label}="{_escape_label(value)}"' for label, value in sample.labels.items())
            text.append(f"fastsync_{name}{{{labels}}} {_format_number(sample.value)}\n")
    return "".join((*text, "# EOF\n"))


_HELP = {
    "running": "1 while a run is under way, also where it was killed.",
    "start_timestamp_seconds": "When the run began, in seconds since 1970.",
    "last_exit_code": "The exit code of the last run that ended.",
    "last_complete": "1 where the last run that ended saw and did everything.",
    "last_duration_seconds": "How long the last run that ended took.",
    "last_end_timestamp_seconds": "When the last run ended.",
    "last_complete_timestamp_seconds": "When a run last ended that saw and did everything.",
    "last_success_timestamp_seconds": "When a run last ended with exit code 0.",
    "pair_exit_code": "The exit code of one pair of a fleet.",
    "errors": "Errors of the run.",
    "elapsed_seconds": "How long the run has been comparing.",
    "throttled_requests": "Requests to the table that were throttled.",
    "retried_requests": "How often a request to the table was sent again, throttled or failed otherwise.",
    "scanned_items": "Items that Scan returned of the table.",
    "items": "Items of the master (verdict extra: of the slave) by what comparing them came to.",
    "differences": "What became of differences.",
    "read_units": "Read capacity units that the run consumed on the table.",
    "write_units": "Write capacity units that the run consumed on the table.",
}


def _read_last(path: Path) -> dict[str, float]:
    """Return what an older file has of the last run that ended; nothing where there is none, or it is another's."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            values = dict(_LAST.findall(file.read(_MOST)))
    except OSError:
        return {}
    last = {}
    for name, text in values.items():
        with suppress(ValueError):
            if name.removeprefix("fastsync_") in _HELP and math.isfinite(float(text)):
                last[name.removeprefix("fastsync_last_")] = float(text)
    return last


def _prefix_samples(last: Mapping[str, float]) -> dict[str, float]:
    return {f"last_{name}": value for name, value in last.items()}


def _escape_label(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _format_number(value: float) -> str:
    if float(value).is_integer():
        return str(int(value))
    return repr(float(value))
