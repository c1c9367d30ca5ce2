"""The text of a metrics file, read by the rules of OpenMetrics 1.0."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fastsync.errors import ConfigError, OutputFailed
from fastsync.model.difference import Tally
from fastsync.model.messages.events import PageDone
from fastsync.output.metrics import MetricSample, MetricsFile, format_samples
from fastsync.output.statistics import MasterCounters, SlaveCounters, Statistics
from tests.openmetrics import parse
from tests.unit.builders import terms

COUNTERS: dict[str, Any] = {name: place for place, name in enumerate(SlaveCounters.__struct_fields__)}
COUNTERS |= {"read_units": 12.5, "write_units": 0.0}
STATISTICS = Statistics(
    complete=True,
    strategy="lookup",
    segments=1,
    elapsed_seconds=1.25,
    sample=None,
    shard=None,
    master=MasterCounters("us-east-1:orders", 100, 3.5),
    slaves={
        "us-west-2:orders": SlaveCounters(**COUNTERS),
        "eu-west-1:orders": SlaveCounters(**COUNTERS | {"extra": None}),
    },
    errors=["something"],
)


TERMS = terms("us-west-2:orders", "eu-west-1:orders", master="us-east-1:orders")


class Clock:
    """A clock that is set by hand."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def values(path: Path) -> dict[str, float]:
    """Give the samples of a file by name and labels less `run`."""
    found = {}
    for name, labels, value in parse(path.read_text()):
        rest = [f"{label}={text}" for label, text in labels.items() if label != "run"]
        found[" ".join([name, *rest])] = value
    return found


@pytest.mark.parametrize("label", ['"', "\\", "\n", 'a"b\\n\nc', "\\\n", "{}=,", "ümlaut 😀"])
def test_labels_are_escaped(label: str) -> None:
    """Whatever a label holds is read back as it was, and stays on its line."""
    assert list(parse(format_samples([MetricSample("running", {"run": label}, 1)]))) == [
        ("fastsync_running", {"run": label}, 1)
    ]


@pytest.mark.parametrize("value", [0, 1, 12.5, 1e-9, 1e18, 123456789.123])
def test_values_are_exact(value: float) -> None:
    """A value is written with all its digits."""
    ((_, _, read),) = parse(format_samples([MetricSample("running", {}, value)]))
    assert read == value


def test_a_run_that_ended(tmp_path: Path) -> None:
    """The file tells items by verdict and slave, what became of them, units per table, and how the run ended."""
    file, clock = tmp_path / "orders.prom", Clock()
    metrics = MetricsFile(str(file), clock)
    metrics.follow(lambda: STATISTICS)
    metrics.begin(TERMS)
    for _ in range(2):
        metrics.page(PageDone(Tally(throttled=1), (Tally(throttled=2, retried=3), Tally())))
    clock.now += 2
    metrics.write_end(1, True)
    found = values(file)
    assert found["fastsync_items slave=us-west-2:orders verdict=extra"] == COUNTERS["extra"]
    assert "fastsync_items slave=eu-west-1:orders verdict=extra" not in found
    assert found["fastsync_differences slave=eu-west-1:orders action=slave-newer"] == COUNTERS["slave_newer"]
    assert found["fastsync_read_units role=master table=us-east-1:orders"] == 3.5
    assert found["fastsync_read_units role=slave table=us-west-2:orders"] == 12.5
    assert "fastsync_write_units role=master table=us-east-1:orders" not in found
    assert found["fastsync_throttled_requests role=master table=us-east-1:orders"] == 2
    assert found["fastsync_throttled_requests role=slave table=us-west-2:orders"] == 4
    assert found["fastsync_retried_requests role=master table=us-east-1:orders"] == 0
    assert found["fastsync_retried_requests role=slave table=us-west-2:orders"] == 6
    assert found["fastsync_last_exit_code"] == 1
    assert found["fastsync_last_complete"] == 1
    assert found["fastsync_last_duration_seconds"] == 2
    assert found["fastsync_last_complete_timestamp_seconds"] == clock.now
    assert "fastsync_last_success_timestamp_seconds" not in found
    assert found["fastsync_running"] == 0
    assert {labels["run"] for _, labels, _ in parse(file.read_text())} == {"orders"}
    assert [each.name for each in tmp_path.iterdir()] == ["orders.prom"]


def test_the_last_success_outlives_a_failure(tmp_path: Path) -> None:
    """When a run last succeeded is still told while the next one is under way, and after it has failed."""
    file, clock = tmp_path / "orders.prom", Clock()
    MetricsFile(str(file), clock).write_end(0, True)
    success = clock.now
    clock.now += 100
    failing = MetricsFile(str(file), clock)
    assert values(file)["fastsync_running"] == 1
    assert values(file)["fastsync_last_exit_code"] == 0
    failing.write_end(3, False)
    assert values(file)["fastsync_last_success_timestamp_seconds"] == success
    assert values(file)["fastsync_last_complete_timestamp_seconds"] == success
    assert values(file)["fastsync_last_end_timestamp_seconds"] == clock.now
    assert values(file)["fastsync_last_exit_code"] == 3


@pytest.mark.parametrize("older", ["", "rubbish\n", "fastsync_last_exit_code{} nan\n", "fastsync_last_x{} 1\n", "\0"])
def test_an_older_file_of_another_kind(older: str, tmp_path: Path) -> None:
    """Whatever stood in the file before is replaced, and nothing that is no figure of fastsync is taken over."""
    file = tmp_path / "orders.prom"
    file.write_text(older)
    MetricsFile(str(file))
    assert set(values(file)) == {"fastsync_running", "fastsync_start_timestamp_seconds"}


def test_a_file_that_others_may_read(tmp_path: Path) -> None:
    """The file has the permissions of any new file, since another user's node exporter reads it."""
    (plain := tmp_path / "plain").touch()
    MetricsFile(str(tmp_path / "a.prom"))
    assert (tmp_path / "a.prom").stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("path", [".", "-", "/dev/null", "nowhere/a.prom"])
def test_what_is_no_file(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a device and a file in no folder are refused, and left as they are."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="--metrics-file"):
        MetricsFile(path)
    assert not Path("/dev/null").is_file()


def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    """A file that cannot be written any more is told at the end, not in the middle."""
    (folder := tmp_path / "folder").mkdir()
    clock = Clock()
    metrics = MetricsFile(str(folder / "a.prom"), clock)
    metrics.begin(TERMS)
    (folder / "a.prom").unlink()
    folder.rmdir()
    clock.now += 60
    metrics.page(PageDone(Tally(), (Tally(), Tally())))
    with pytest.raises(OutputFailed, match=re.escape(str(folder))):
        metrics.write_end(0, True)
