"""One scheduled run, under a lock, into dated files, silent when all is well.

    python -m fastsync.nightly report|sync CONFIG [--folder DIR] [--keep DAYS] [flags of fastsync]

It ends with the exit code of the run, or with BUSY where the last run is still at work. What it prints is meant for a
mail: nothing at exit code 0, else the summary, what went wrong, and where the files are.

With a checkpoint, a run that stopped is resumed by the next one of its kind, in the files of its own date.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO, Any

from fastsync.cli import entry, sync
from fastsync.cli.parser import Parser, whole_number
from fastsync.config.checks import check_number, check_path
from fastsync.errors import ConfigError, FastsyncError
from fastsync.model.wording import count_nouns, describe_exception
from fastsync.output.log import Log
from fastsync.output.private_files import OWNER_ONLY, make_folders
from fastsync.output.statistics import parse_statistics
from fastsync.reports.html.gather import MOST_ROWS
from fastsync.reports.html.page import make_page
from fastsync.reports.summary import format_summary
from fastsync.run.checkpoint import read_left_behind
from fastsync.streams import run_with_streams

DESCRIPTION = """\
Do one scheduled run, under a lock, into dated files. What follows CONFIG and is no flag of these goes to fastsync."""
BUSY = 75
"""The exit code where the run before is still at work: EX_TEMPFAIL of sysexits.h, which no run ends with."""
MOST_DAYS = 36_500
"""Days that files are kept at most: a century."""
MOST_LINES = 20
"""Warnings and errors that go into a mail; the log has them all."""
WHEN = "%Y-%m-%dT%H%M%S"
DATED = re.compile(r"((\d{4}-\d\d-\d\dT\d{6})\.\d{3}Z)-(?:report|sync)\.[a-z.]+?(?:\.[0-9a-f]{16}\.new)?")
"""The names of the files that a run leaves, and that are deleted when they are old."""


@dataclass(frozen=True)
class Files:
    """The files of one run: `<folder>/<date>-<what>.<kind>`."""

    folder: Path
    what: str
    date: str

    def __getitem__(self, kind: str) -> Path:
        return self.folder / f"{self.date}-{self.what}.{kind}"


def main(argv: Sequence[str] | None = None) -> int:
    """Do one scheduled run, or print the lines of a crontab, and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return entry.guarded(lambda: _scheduled(arguments), arguments)


def _scheduled(arguments: Sequence[str]) -> int:
    given, flags = make_nightly_parser().parse_known_args(arguments)
    check_number("--keep", given.keep, 1, MOST_DAYS)
    check_path("CONFIG", given.config)
    check_path("--folder", given.folder)
    folder = Path(given.folder).resolve() / Path(given.config).stem
    if given.what == "crontab":
        print("\n".join(format_crontab(given.config, given.folder, given.keep, flags)))
        return 0
    return _locked_run(given.what, folder, ["--config", given.config, *flags], given.keep)


def make_nightly_parser() -> Parser:
    """Return the parser of the arguments of a scheduled run; those that it does not know are for the run."""
    reading = Parser(prog="python -m fastsync.nightly", description=DESCRIPTION, allow_abbrev=False)
    reading.add_argument("what", choices=("report", "sync", "crontab"), help="crontab prints lines that do the others")
    reading.add_argument("config", metavar="CONFIG", help="a --config file")
    reading.add_argument("--folder", metavar="DIR", default="runs", help="where the runs' files go (default runs)")
    reading.add_argument(
        "--keep", metavar="DAYS", type=whole_number, default=30, help="days that they are kept (default 30)"
    )
    return reading


def format_crontab(config: str, folder: str, keep: int, flags: Sequence[str]) -> Iterator[str]:
    """Yield lines for a crontab: a report every night, a repair every Sunday; they say what to know about them."""
    yield "# what these print is mailed to MAILTO; they print nothing when all is well. crontab -e, and paste:"
    yield "MAILTO=root"
    for when, what in (("0 2 * * 1-6", "report"), ("0 2 * * 0", "sync")):
        command = [sys.executable, "-m", "fastsync.nightly", what, str(Path(config).resolve())]
        command += ["--folder", str(Path(folder).resolve()), "--keep", str(keep), *flags]
        text = f"cd {shlex.quote(str(Path.cwd()))} && {shlex.join(command)}"
        yield f"{when} {text}".replace("%", "\\%")  # in a crontab a bare % is a line break (crontab(5))


def _locked_run(what: str, folder: Path, arguments: Sequence[str], keep: int) -> int:
    with ExitStack() as stack:
        with _usable(folder):
            make_folders(folder)
            lock = stack.enter_context(_appended(folder / "lock"))
            if not _take_lock(lock):
                lock.seek(0)
                Log().error(f"the run before is still at work ({lock.read().strip()}): this {what} was not started")
                return BUSY
        return _run_once(what, folder, arguments, keep)


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Raise ConfigError where files of runs cannot be opened, before a run begins."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used for the files of runs: {error}") from None


def _appended(path: Path) -> IO[str]:
    """Open a file to append to it and to read it; where it is made it is for its owner only."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, OWNER_ONLY)
    return os.fdopen(handle, "a+", encoding="utf-8")


def _take_lock(lock: IO[str]) -> bool:
    """Take the lock, which the system releases however this process ends, and note who has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    lock.truncate(0)
    lock.write(f"process {os.getpid()} since {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC\n")
    lock.flush()
    return True


def _run_once(what: str, folder: Path, arguments: Sequence[str], keep: int) -> int:
    now = datetime.now(timezone.utc)
    flags = _parse_run_flags(arguments)
    checkpoint = None
    if flags.get("checkpoint"):  # a report and a repair are two jobs: neither resumes the other
        checkpoint = Path(f"{flags['checkpoint']}.{what}")
    with _usable(folder):
        files = Files(folder, what, _date_of(checkpoint, folder) or f"{now:{WHEN}}.{now.microsecond // 1000:03}Z")
    outputs = ["--report", str(files["report.jsonl"]), "--stats", str(files["stats.json"]), "--log-format", "json"]
    if checkpoint is not None:
        outputs += ["--checkpoint", str(checkpoint), "--resume"]
    if what == "sync":
        outputs += _write_flags(flags, files)
    else:
        outputs.append("--dry-run")
    old = _modified_at(files["stats.json"])
    with _stderr_in(files["log"]) as begins:
        run_arguments = [*arguments, *outputs]
        code = entry.guarded(lambda: sync.run(run_arguments), run_arguments)
    try:
        _follow_up(code, files, begins, _modified_at(files["stats.json"]) != old, checkpoint)
        _delete_old_files(folder, keep, now, files.date)
    except Exception as error:  # the run itself has ended, and its exit code says how
        Log().error(f"the {what} ended with exit code {code}, and then: {describe_exception(error)}")
        return code or FastsyncError.exit_code
    return code


def _follow_up(code: int, files: Files, begins: int, counted: bool, checkpoint: Path | None) -> None:
    """Make the page of a run that has ended, and print its outcome where not all is well."""
    what, problem = files.what, _make_page(files)
    if code or problem:
        text = files["log"].read_bytes()[begins:].decode(errors="replace")
        _print_outcome(code, files, text, counted)
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
    dated = DATED.fullmatch(report.name)
    if dated is None or report.parent != folder:
        return None
    return dated[1]


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


@contextmanager
def _stderr_in(log: Path) -> Iterator[int]:
    """Let a file have all that this process and its workers write on stderr; yield the offset where that begins."""
    sys.stderr.flush()
    before = os.dup(2)
    with _usable(log.parent), _appended(log) as file:
        file.seek(0, os.SEEK_END)
        os.dup2(file.fileno(), 2)
        begins = file.tell()
    try:
        yield begins
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)


def _make_page(files: Files) -> str | None:
    """Make the page of the run, where it has come to a report; return why it could not be made."""
    found = [str(files[kind]) for kind in ("report.jsonl", "stats.json") if files[kind].exists()]
    try:
        if found:
            make_page([*found, str(files["log"])], str(files["html"]), MOST_ROWS)
    except FastsyncError as error:
        return str(error)
    return None


def _delete_old_files(folder: Path, keep: int, now: datetime, date: str) -> None:
    """Delete the files of other runs that are older than `keep` days by the date in their names, and nothing else."""
    oldest = f"{now - timedelta(days=keep):{WHEN}}"
    for file in folder.iterdir():
        dated = DATED.fullmatch(file.name)
        if dated and dated[2] < oldest and dated[1] != date:
            with suppress(OSError):
                file.unlink()


def _modified_at(file: Path) -> int | None:
    """Return when a file was written, in nanoseconds; None where there is none."""
    if not file.exists():
        return None
    return file.stat().st_mtime_ns


def _print_outcome(code: int, files: Files, text: str, counted: bool) -> None:
    """Print what a run came to, by its part of the log, and by its statistics where it has `counted` anything."""
    logged = filter(None, map(_parse_line, text.split("\n")))
    warnings = [line["message"] for line in logged if line["level"] != "info" and "stats" not in line]
    lines = warnings
    if counted:
        with suppress(OSError, ValueError):
            statistics = parse_statistics(files["stats.json"].read_bytes())
            lines = format_summary(statistics, [each for each in warnings if each not in statistics.errors]).split("\n")
    log = Log()
    log.error(f"the {files.what} ended with exit code {code}")
    for line in lines[:MOST_LINES]:
        log.info(line)
    if len(lines) > MOST_LINES:
        log.info(f"... and {count_nouns(len(lines) - MOST_LINES, 'more line')}")
    log.info(f"files: {files['*']}")


def _parse_line(text: str) -> dict[str, Any] | None:
    with suppress(ValueError):
        line = json.loads(text)
        if isinstance(line, dict) and "level" in line and "message" in line:
            return line
    return None


if __name__ == "__main__":
    raise SystemExit(run_with_streams(main, lambda error: Log().error(str(error))))
