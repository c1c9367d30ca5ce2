"""The metrics of a fleet: how it ended as a whole, and the figures of each pair with its name and tables as labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastsync.fleet.folder import Ended
from fastsync.output.metrics import MetricSample, MetricsFile, make_samples


class FleetMetrics(MetricsFile):
    """Keep a file of metrics of pairs that have ended."""

    def __init__(self, path: str | None):
        self._pairs: list[Ended] = []
        super().__init__(path)

    def add(self, ended: Ended) -> None:
        """Write the figures of another pair, unless that was done a moment ago."""
        self._pairs.append(ended)
        self.write_if_due()

    def make_all_samples(self, run: str, state: Mapping[str, float]) -> Iterator[MetricSample]:
        """Yield the samples of the fleet, then those of each pair."""
        yield from make_samples({"run": run}, state)
        for each in self._pairs:
            labels = {"run": run, "pair": each.pair.name}
            yield from make_samples(labels, {"pair_exit_code": each.exit_code}, each.statistics)
