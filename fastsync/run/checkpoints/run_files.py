"""The files that a run writes: none is changed before the run begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastsync.config.config import Config
from fastsync.errors import ConfigError, OutputFailed
from fastsync.output.durable import FILE_START
from fastsync.output.outputs import Outputs
from fastsync.output.report_folder import PartedReport, PartStore
from fastsync.output.report_line import ReportLines
from fastsync.repair import undo_log
from fastsync.run.checkpoints.file import CheckpointFile
from fastsync.run.checkpoints.form import Checkpoint
from fastsync.run.checkpoints.journal import Journal, copy_of_report, extras_of_slave
from fastsync.run.tasks.waiting_extras import WaitingExtras


class RunFiles:
    """The files of one run, which may go on where an earlier one stopped; raise ConfigError where one is unfit.

    `outputs` are open already; they keep what they hold until the run begins, or ends early. For `open_folder` see
    RunOptions.
    """

    def __init__(
        self,
        config: Config,
        file: CheckpointFile | None,
        resumed: Checkpoint | None,
        open_folder: Callable[[str], PartStore] | None,
    ):
        self._config = config
        self._file = file
        self._begun = False
        self.outputs = self._open_outputs(resumed, open_folder)

    def _open_outputs(self, resumed: Checkpoint | None, open_folder: Callable[[str], PartStore] | None) -> Outputs:
        config = self._config
        position = None if resumed is None else resumed.report
        copy = None if self._file is None else copy_of_report(self._file)
        if config.report is None or open_folder is None:
            return Outputs.opened(config, position=position, copy=copy)
        parted = PartedReport(open_folder(config.report), ReportLines.of(config), position)
        return Outputs.opened(config, parted=parted)

    def discard_unbegun(self) -> None:
        """Leave the files of a run that has not begun as they were."""
        if not self._begun:
            self.outputs.discard()

    def open_undo_log(self) -> None:
        """Create the undo log, or go on in it; raise ConfigError."""
        path = self._config.undo_log
        if path is None:
            return
        if self._config.resume:
            undo_log.reopen_undo_log(path)
        else:
            undo_log.create_undo_log(path)

    def open_extras(self, checkpoint: Checkpoint) -> dict[str, WaitingExtras]:
        """Open the extras of all slaves, by slave."""
        return {str(ref): self._open_extras(index, checkpoint) for index, ref in enumerate(self._config.slaves)}

    def _open_extras(self, index: int, checkpoint: Checkpoint) -> WaitingExtras:
        """Open the extras of a slave, given by its index among the flags."""
        if self._file is None:
            return WaitingExtras()
        name = str(self._config.slaves[index])
        return WaitingExtras(extras_of_slave(self._file, index), checkpoint.extras.get(name, FILE_START), name)

    def begin(self, checkpoint: Checkpoint, extras: Mapping[str, WaitingExtras]) -> None:
        """Write the first checkpoint, which may be refused, and only then let the report begin."""
        try:
            Journal(checkpoint, self._file, None, extras).save_checkpoint(
                left=checkpoint.left, totals=checkpoint.totals, deleted=checkpoint.deleted, log=checkpoint.log
            )
        except OutputFailed as error:
            raise ConfigError(f"--checkpoint: {error}") from None
        self._begun = True
        try:
            self.outputs.begin()
        except OutputFailed as error:
            raise ConfigError(str(error)) from None

    def end_early(self) -> None:
        """Close the report of a run that ended before its first page; raise ConfigError or OutputFailed."""
        self._begun = True
        if self._config.executor != "spark":  # there the report is a folder, which is complete or not as a whole
            self.outputs.end_early()
