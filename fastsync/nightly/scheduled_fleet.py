"""One scheduled run of a fleet: as of a single run, but its files are in a dated folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from fastsync.cli import entry
from fastsync.cli.config_file import read_one_option
from fastsync.config.flags.options import WRITING
from fastsync.errors import ConfigError, FastsyncError
from fastsync.fleet import command
from fastsync.fleet.file import FleetFile, read_fleet
from fastsync.fleet.folder import has_unfinished
from fastsync.model.wording import describe_exception
from fastsync.nightly.files import WHEN, Files, delete_old_files, new_date, read_folder_date, report_unusable
from fastsync.nightly.mail import print_fleet_outcome
from fastsync.nightly.redirection import stderr_in
from fastsync.output.log import Log


def is_fleet(config: str) -> bool:
    """Return whether a configuration is that of a fleet."""
    return read_one_option(config, "tables") is not None


def run_fleet_once(what: str, folder: Path, config: str, flags: Sequence[str], keep: int) -> int:
    """Run a fleet (`what` is report or sync) with its files in a dated folder of this one; return its exit code.

    Where the run of its kind before has left pairs that did not end, they are gone on with in the folder of that run.
    """
    now = datetime.now(timezone.utc)
    with report_unusable(folder):
        left = _find_left(what, folder)
        files = Files(folder, what, left or new_date(now))
    output = folder / f"{files.date}-{what}"
    arguments = ["--config", config, *flags, "--output", str(output), "--log-format", "json"]
    if left is not None:
        arguments.append("--resume")
    if what == "report":
        arguments.append("--dry-run")
    elif not _writes(config):
        arguments += ["--write-missing", "--write-differing"]
    with stderr_in(files["log"]) as begins:
        code = entry.guarded(lambda: command.run(arguments, undo_logs=what == "sync"), arguments)
    try:
        if code:
            text = files["log"].read_bytes()[begins:].decode(errors="replace")
            print_fleet_outcome(code, files, text, output)
            if output.exists() and has_unfinished(output) and code != ConfigError.exit_code:
                Log().info(f"the next {what} goes on with the pairs that did not end")
        delete_old_files(folder, keep, now, files.date)
        _delete_old_folders(folder, keep, now, files.date)
    except Exception as error:  # the fleet itself has ended, and its exit code says how
        Log().error(f"the {what} ended with exit code {code}, and then: {describe_exception(error)}")
        return code or FastsyncError.exit_code
    return code


def _find_left(what: str, folder: Path) -> str | None:
    """Return the date of the last run of this kind where pairs of it did not end; None where there is none."""
    dated = {date: path for path in folder.iterdir() if (date := read_folder_date(path, what)) is not None}
    if not dated or not has_unfinished(dated[max(dated)]):
        return None
    return max(dated)


def _writes(config: str) -> bool:
    """Return whether a fleet's file has any flag that writes; False where it is wrong: the run itself says so."""
    try:
        file: FleetFile = read_fleet(config)
    except FastsyncError:
        return False
    return any(options.get(name) for name in WRITING for options in (file.options, *(e.options for e in file.entries)))


def _delete_old_folders(folder: Path, keep: int, now: datetime, date: str) -> None:
    """Delete the folders of other runs that are older than `keep` days by their names, and nothing else."""
    oldest = f"{now - timedelta(days=keep):{WHEN}}"
    for path in list(folder.iterdir()):
        found = read_folder_date(path, "report") or read_folder_date(path, "sync")
        if found is not None and found[: len(oldest)] < oldest and found != date:
            with suppress(OSError):
                shutil.rmtree(path)
