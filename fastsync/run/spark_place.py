"""A Spark cluster as the place where the tasks of a run are worked on; loaded only where --executor asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from fastsync import __version__
from fastsync.config.config import Config
from fastsync.errors import CredentialsEnded
from fastsync.model.parallel import Room
from fastsync.model.policy import Policy
from fastsync.output.report_line import ReportLines
from fastsync.plan.survey import Survey
from fastsync.run.place import Place
from fastsync.workers.executor import Executor
from fastsync.workers.spark.cluster import Cluster, open_cluster
from fastsync.workers.spark.executor import SparkExecutor


class SparkPlace(Place):
    """A Spark cluster, whose tasks write the report."""

    def __init__(self, config: Config, cluster: Cluster):
        parallel = cluster.cores if config.parallel == 1 else config.parallel
        super().__init__(replace(config, parallel=parallel))
        self.open_folder = cluster.open_folder
        self._cluster = cluster

    def check(self, policy: Policy | None) -> None:
        """Raise ConfigError where the cluster has another version of fastsync."""
        self._cluster.check_version()

    def find_room(self) -> Room:
        """Return the room of the cluster: a task for each core."""
        return Room(self._cluster.cores, 1)

    def make_executor(self, found: Survey, parallel: int, ended: Callable[[CredentialsEnded], object]) -> Executor:
        """Return the executor for these tables, of so many tasks at once.

        `ended` is called with credentials that end in mid-run.
        """
        lines = ReportLines.of(self.config)
        return SparkExecutor(self._cluster, parallel, lines, partial(found.credentials, ended))


@contextmanager
def open_spark_place(config: Config) -> Iterator[Place]:
    """Open the cluster of the `spark-submit` that this process is the driver of, and leave it in the end."""
    with open_cluster(config.repairing, __version__) as cluster:
        yield SparkPlace(config, cluster)
