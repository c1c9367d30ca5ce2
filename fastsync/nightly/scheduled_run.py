"""One scheduled run, under a lock, into dated files, silent when all is well.

With a checkpoint, a run that stopped is resumed by the next one of its kind, in the files of its own date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fastsync.cli import entry, sync
from fastsync.errors import ConfigError, FastsyncError
from fastsync.model.wording import describe_exception
from fastsync.nightly.files import (
    Files,
    delete_old_files,
    find_modified_at,
    new_date,
    open_to_append,
    read_date,
    report_unusable,
    take_lock,
)
from fastsync.nightly.mail import print_outcome
from fastsync.nightly.redirection import stderr_in
from fastsync.nightly.scheduled_fleet import is_fleet, run_fleet_once
from fastsync.output.log import Log
from fastsync.output.private_files import make_folders
from fastsync.reports.html.gather import MOST_ROWS
from fastsync.reports.html.page import make_page
from fastsync.run.checkpoints.file import read_left_behind

BUSY = 75
"""The exit code where the run before is still at work: EX_TEMPFAIL of sysexits.h, which no run ends with."""


def run_locked(what: str, folder: Path, config: str, flags: Sequence[str], keep: int) -> int:
    """Do one run, of a pair or a fleet (`what` is report or sync), with its files in this folder; return its exit code.

    BUSY is returned where another one has the lock. Files older than `keep` days are deleted.
    """
    with ExitStack() as stack:
        with report_unusable(folder):
            make_folders(folder)
            lock = stack.enter_context(open_to_append(folder / "lock"))
            if not take_lock(lock):
                lock.seek(0)
                Log().error(f"the run before is still at work ({lock.read().strip()}): this {what} was not started")
                return BUSY
        if is_fleet(config):
            return run_fleet_once(what, folder, config, flags, keep)
        return _run_once(what, folder, ["--config", config, *flags], keep)


def _run_once(what: str, folder: Path, arguments: Sequence[str], keep: int) -> int:
    now = datetime.now(timezone.utc)
    flags = _parse_run_flags(arguments)
    checkpoint = None
    if flags.get("checkpoint"):  # a report and a repair are two jobs: neither resumes the other
        checkpoint = Path(f"{flags['checkpoint']}.{what}")
    with report_unusable(folder):
        files = Files(folder, what, _date_of(checkpoint, folder) or new_date(now))
    outputs = ["--report", str(files["report.jsonl"]), "--stats", str(files["stats.json"]), "--log-format", "json"]
    if checkpoint is not None:
        outputs += ["--checkpoint", str(checkpoint), "--resume"]
    if what == "sync":
        outputs += _write_flags(flags, files)
    else:
        outputs.append("--dry-run")
    old = find_modified_at(files["stats.json"])
    with stderr_in(files["log"]) as begins:
        run_arguments = [*arguments, *outputs]
        code = entry.guarded(lambda: sync.run(run_arguments), run_arguments)
    try:
        _follow_up(code, files, begins, find_modified_at(files["stats.json"]) != old, checkpoint)
        delete_old_files(folder, keep, now, files.date)
    except Exception as error:  # the run itself has ended, and its exit code says how
        Log().error(f"the {what} ended with exit code {code}, and then: {describe_exception(error)}")
        return code or FastsyncError.exit_code
    return code


def _follow_up(code: int, files: Files, begins: int, counted: bool, checkpoint: Path | None) -> None:
    """Make the page of a run that has ended, and print its outcome where not all is well."""
    what, problem = files.what, _make_page(files)
    if code or problem:
        text = files["log"].read_bytes()[begins:].decode(errors="replace")
        print_outcome(code, files, text, counted)
        if problem:
            Log().info(f"no page was made: {problem}")
        if checkpoint is not None and checkpoint.exists() and code != ConfigError.exit_code:
            Log().info(f"the next {what} goes on from the checkpoint {checkpoint}")


def _parse_run_flags(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the flags of the run, none where they are wrong: the run itself says so."""
    with suppress(FastsyncError):
        return sync.make_parser().parse_flags(arguments)
    return {}


def _date_of(checkpoint: Path | None, folder: Path) -> str | None:
    """Return the date of the run to resume; None where a new one begins, also where only items that failed are left."""
    if checkpoint is None:
        return None
    found = read_left_behind(checkpoint)
    if found is None:
        return None
    if found.ended:
        checkpoint.unlink(missing_ok=True)
        return None
    report = Path(str(found.settings.get("report")))
    if report.parent != folder:
        return None
    return read_date(report)


def _write_flags(flags: Mapping[str, Any], files: Files) -> list[str]:
    """Return what a repair gets besides: the writes, and an undo log, where the configuration names none."""
    if not flags:
        return []
    added = []
    if not (flags["write_missing"] or flags["write_differing"] or flags["delete_extra"]):
        added += ["--write-missing", "--write-differing"]
    if not flags["undo_log"]:
        added += ["--undo-log", str(files["undo.jsonl"])]
    return added


def _make_page(files: Files) -> str | None:
    """Make the page of the run, where it has come to a report; return why it could not be made."""
    found = [str(files[kind]) for kind in ("report.jsonl", "stats.json") if files[kind].exists()]
    try:
        if found:
            make_page([*found, str(files["log"])], str(files["html"]), MOST_ROWS)
    except FastsyncError as error:
        return str(error)
    return None
