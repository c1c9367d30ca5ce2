"""Where the tasks of a run are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from fastsync.aws.shared_cells import SharedCells
from fastsync.config.config import Config
from fastsync.errors import CredentialsEnded
from fastsync.model.parallel import Room
from fastsync.model.policy import Policy
from fastsync.output.report_folder import PartStore
from fastsync.plan.access import SharedAccess
from fastsync.plan.survey import Survey
from fastsync.workers.executor import Executor
from fastsync.workers.inline import InlineExecutor
from fastsync.workers.processes.executor import ProcessExecutor
from fastsync.workers.processes.fork_server import start_fork_server
from fastsync.workers.processes.room import make_room, measure_room


class Place:
    """Where the tasks of a run are worked on: in this process, or in others on this machine."""

    def __init__(self, config: Config):
        self.config = config
        self.open_folder: Callable[[str], PartStore] | None = None
        self.shared: SharedAccess | None = None
        self.whole_below = 0

    def check(self, policy: Policy | None) -> None:
        """Get ready once local files are checked; raise ConfigError."""
        if self.config.executor == "processes":
            secure = any(ref.may_need_tls for ref in self.config.tables)
            start_fork_server(self.config.processes, policy, secure)

    def find_room(self) -> Room:
        """Return how many processes there may be."""
        return measure_room()

    def make_executor(self, found: Survey, parallel: int, ended: Callable[[CredentialsEnded], object]) -> Executor:
        """Return the executor for these tables, of so many processes.

        `ended` is called with credentials that end in mid-run.
        """
        cells = SharedCells(1 + len(found.slaves))
        current = partial(found.shared_credentials, cells, ended)
        if self.config.executor == "inline":
            return InlineExecutor(current, cells)
        make_room(parallel)
        return ProcessExecutor(parallel, current, cells)


@contextmanager
def open_place(config: Config) -> Iterator[Place]:
    """Open the place that --executor names, and leave it in the end."""
    if config.executor != "spark":
        yield Place(config)
        return
    from fastsync.run.spark_place import open_spark_place  # few need it, and it takes some milliseconds

    with open_spark_place(config) as place:
        yield place
