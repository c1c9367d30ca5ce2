"""A Spark cluster: its context, whether a run is safe on it, and the folder into which tasks write the report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fastsync.errors import ConfigError
from fastsync.model.settings import Repairing
from fastsync.workers.spark.part_store import SparkPartStore, root_cause


class Cluster:
    """A Spark context, and the folder of the report; `version` is that of fastsync in this process."""

    def __init__(self, context: Any, version: str):
        self.context = context
        self.folder: SparkPartStore | None = None
        self._version = version

    @property
    def cores(self) -> int:
        """How many tasks run at once, as far as Spark knows now."""
        return max(1, int(self.context.defaultParallelism))

    def check_version(self) -> None:
        """Raise ConfigError where executors do not load this fastsync; wait until there is one."""
        try:
            loaded = self.context.parallelize([""], 1).map(_find_version).collect()[0]
        except Exception as error:
            raise ConfigError(
                f"the executors cannot load fastsync ({root_cause(error)}): it has to be sent along, see docs/spark.md"
            ) from None
        if loaded != self._version:
            raise ConfigError(f"the executors have fastsync {loaded}, and here it is {self._version}")

    def open_folder(self, path: str) -> SparkPartStore:
        """Open the folder of the report; raise ConfigError where it cannot be written."""
        self.folder = SparkPartStore(self.context, path)
        return self.folder


@contextmanager
def open_cluster(repairing: Repairing, version: str) -> Iterator[Cluster]:
    """Return the cluster of the Spark context that is active, else of one that lasts as long as the run.

    Raises ConfigError where pyspark cannot be loaded, or where what the run may write is not safe on the cluster.
    """
    try:
        from pyspark import SparkContext
    except ImportError:
        raise ConfigError(
            "--executor spark needs pyspark: pip install 'fastsync[spark]', or use spark-submit"
        ) from None
    active = SparkContext._active_spark_context
    context = _start_context(repairing) if active is None else active
    try:
        _check_context(context, repairing)
        yield Cluster(context, version)
    finally:
        if active is None:
            with suppress(Exception):  # its JVM may be gone
                context.stop()


def _start_context(repairing: Repairing) -> Any:
    from pyspark import SparkConf, SparkContext

    conf = SparkConf().setIfMissing("spark.app.name", "fastsync").set("spark.ui.showConsoleProgress", "false")
    if not repairing.nothing:
        conf.set("spark.speculation", "false")
    try:
        return SparkContext(conf=conf)
    except Exception as error:
        raise ConfigError(f"--executor spark: Spark does not start: {root_cause(error)}") from None


def _check_context(context: Any, repairing: Repairing) -> None:
    if not repairing.nothing and context.getConf().get("spark.speculation", "false").lower() == "true":
        raise ConfigError(
            "this Spark context has spark.speculation on, which would do writes twice at the same time: "
            "turn it off for runs that write"
        )
    if repairing.undo_log is not None and not context.master.startswith("local"):
        raise ConfigError(
            f"--undo-log is one file of one machine, and the executors of {context.master} are on others: "
            "use it with --executor processes"
        )


def _find_version(_: str) -> str:
    """Return the version of the fastsync that this process has loaded."""
    return str(sys.modules["fastsync"].__version__)
