"""What outlives a run, written in safe order: the report, the waiting extras, and the checkpoint over both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fastsync.errors import OutputFailed
from fastsync.model.messages.events import PageDone
from fastsync.output.report import Report
from fastsync.output.report_folder import PartedReport
from fastsync.run.checkpoints.file import CheckpointFile
from fastsync.run.checkpoints.form import Checkpoint
from fastsync.run.outcome import Totals
from fastsync.run.tasks.agenda import Backlog
from fastsync.run.tasks.deletes import Chunks
from fastsync.run.tasks.waiting_extras import WaitingExtras


class Journal:
    """Keep what pages bring, and from time to time how far that is on disk.

    `checkpoint` is how far the run had come when it began; an undo has none. Once a file has failed, the
    checkpoint on disk stays as it is. `leads_on`: a run can go on from the checkpoint on disk.
    """

    def __init__(
        self,
        checkpoint: Checkpoint | None,
        file: CheckpointFile | None,
        report: Report | PartedReport | None,
        extras: Mapping[str, WaitingExtras],
    ):
        self.extras = extras
        self.broken = False
        self.leads_on = file is not None
        self._checkpoint = checkpoint
        self._file = file
        self._report = report

    @property
    def checkpoint_path(self) -> Path | None:
        """Return where the checkpoint is, None where the run has none."""
        return None if self._file is None else self._file.path

    @property
    def due(self) -> bool:
        """Return whether it is time for a checkpoint."""
        return self._file is not None and self._file.due and not self.broken

    def add_page(self, page: PageDone) -> None:
        """Put a page's extras and differences on disk; raise OutputFailed where that fails."""
        try:
            for extra in page.extras:
                self.extras[extra.slave].add_extra(extra)
        except OutputFailed:
            self.broken = True
            raise
        finally:
            self._report_page(page)

    def _report_page(self, page: PageDone) -> None:
        if self._report is None:
            return
        try:
            self._report.add_page(page)
        except OutputFailed:
            self.broken, self._report = True, None
            raise

    def save_checkpoint(
        self, *, left: Backlog, totals: Totals, deleted: Mapping[str, Chunks], log: int, ended: bool = False
    ) -> None:
        """Write a checkpoint of this state, once all files are synced; raise OutputFailed where that fails."""
        if self.broken:
            return
        try:
            extras = {name: waiting.sync() for name, waiting in self.extras.items()}
            if self._file is None or self._checkpoint is None:
                return
            if self._report is not None:
                self._checkpoint = replace(self._checkpoint, report=self._report.sync())
            now = replace(self._checkpoint, left=left, totals=totals, extras=extras)
            self._file.write_checkpoint(replace(now, deleted=dict(deleted), log=log, ended=ended))
            self.leads_on = not ended
        except OutputFailed:
            self.broken = True
            raise

    def finish_report(self, complete: bool) -> None:
        """Write the last line of the report; raise OutputFailed. A checkpoint may still follow."""
        report, self._report = self._report, None
        if report is not None:
            report.finish(complete)

    def remove_files(self) -> None:
        """Remove what only another run would need."""
        self.leads_on = False
        if self._file is not None:
            self._file.remove_file()  # first: without the others it could not be resumed
            copy_of_report(self._file).unlink(missing_ok=True)
        for waiting in self.extras.values():
            waiting.remove_file()

    def leave_files(self) -> None:
        """Leave the checkpoint to whoever resumes it."""
        if self._file is not None:
            self._file.close()


def copy_of_report(file: CheckpointFile) -> Path:
    """Return the file that keeps what was written to a report on stdout."""
    return file.path_beside("report")


def spool_kept(file: CheckpointFile) -> Path:
    """Return the folder that keeps what was divided, until the run that resumes takes it over."""
    return file.path_beside("spool")


def extras_of_slave(file: CheckpointFile, index: int) -> Path:
    """Return the file of a slave's waiting extras, named by its index among the flags: its name may not suit a file."""
    return file.path_beside(f"extras-{index}")
