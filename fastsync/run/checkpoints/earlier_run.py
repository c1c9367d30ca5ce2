"""What an earlier run has left for this one: its checkpoint, once every file is found to be what it says."""

from __future__ import annotations

from dataclasses import replace

from fastsync.config.config import Config
from fastsync.errors import ConfigError
from fastsync.model.policy import Policy
from fastsync.output.durable import FILE_START, check
from fastsync.output.report import check_resumed
from fastsync.plan.segments import Plan
from fastsync.plan.survey import Survey
from fastsync.repair.undo_index import check_log
from fastsync.repair.undo_log import check_undo_log, undo_log_size
from fastsync.run.checkpoints.file import CheckpointFile, check_settings, check_tables, collect_settings, damage_error
from fastsync.run.checkpoints.form import Checkpoint, find_faults_of_plan
from fastsync.run.checkpoints.journal import copy_of_report, extras_of_slave
from fastsync.run.outcome import NOTHING_COUNTED
from fastsync.run.tasks.agenda import Backlog
from fastsync.run.tasks.waiting_extras import WHAT as EXTRAS


class EarlierRun:
    """The run that this one goes on with, if there is one; raise ConfigError where its checkpoint is unfit.

    found: its checkpoint, None where there is none.
    resumed: the same, but None where that run has come to its end.
    """

    def __init__(self, config: Config, policy: Policy | None, file: CheckpointFile | None):
        self._config = config
        self._file = file
        self._settings = collect_settings(config, policy)
        self.found = self._read_checkpoint()
        self.resumed = self.found
        if self.found is not None and self.found.ended:
            self.resumed = None

    def _read_checkpoint(self) -> Checkpoint | None:
        if self._file is None:
            return None
        found = self._file.read_checkpoint()
        if found is not None:
            check_settings(found, self._file.path, self._settings)
        return found

    def check_files(self, *, has_parts: bool) -> None:
        """Raise ConfigError where a file is not what the checkpoint says, or cannot be used.

        `has_parts` tells whether the report is a folder of parts, which is complete or not as a whole.
        """
        if self.resumed is not None and self._file is not None:
            self._check_plan(self.resumed, self._file)
            self._check_outputs(self.resumed, self._file, has_parts=has_parts)
        path, resume = self._config.undo_log, self._config.resume
        if path is not None:
            check_undo_log(path, resume)
            if resume:
                check_log(path)

    def _check_plan(self, resumed: Checkpoint, file: CheckpointFile) -> None:
        plan = Plan.of(replace(self._config.slicing, segments=resumed.total))
        if self._config.has_exports:
            plan = Plan.of_chunks(self._config.slicing, resumed.total)
        for fault in find_faults_of_plan(resumed.left, plan.numbers):
            raise damage_error(file.path, fault)

    def _check_outputs(self, resumed: Checkpoint, file: CheckpointFile, *, has_parts: bool) -> None:
        config = self._config
        if config.report is not None and not has_parts:
            check_resumed(config.report, resumed.report, copy_of_report(file))
        for index, ref in enumerate(config.slaves):
            position = resumed.extras.get(str(ref), FILE_START)
            if position.lines:
                check(extras_of_slave(file, index), position, EXTRAS)
        if undo_log_size(config.undo_log) < resumed.log:
            raise ConfigError(
                f"--resume: the undo log {config.undo_log} is shorter than it was when the checkpoint {file.path} was "
                "written: not the same file"
            )

    def first_checkpoint(self, found: Survey) -> Checkpoint:
        """Return the checkpoint to begin with: the earlier run's, or one at which nothing is done."""
        tables = {str(side): side.table.identity for side in (found.master, *found.slaves)}
        if self.resumed is not None and self._file is not None:
            check_tables(self.resumed, self._file.path, tables)
            return replace(self.resumed, tables={**self.resumed.tables, **tables})
        left = Backlog.whole([str(side) for side in found.slaves], [str(ref) for ref, _ in found.unfit])
        return Checkpoint(self._settings, tables, strategy="", total=0, left=left, totals=NOTHING_COUNTED)
