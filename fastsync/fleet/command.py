"""fastsync fleet: compare many pairs of tables in one run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fastsync.cli import job_array
from fastsync.cli.flags import add_run_flags
from fastsync.cli.parser import Parser, create_parser
from fastsync.config.checks import check_path
from fastsync.config.config import Config
from fastsync.config.flags.flag import AUTO
from fastsync.config.flags.options import DEFAULTS
from fastsync.config.limits import RunLimits
from fastsync.errors import ConfigError, IncompleteError, Interrupted, OutputFailed, TableError
from fastsync.fleet.access import FleetAccess
from fastsync.fleet.file import FleetFile, check_given, read_fleet
from fastsync.fleet.folder import Ended, Folder, name_folder
from fastsync.fleet.limits import Spent, refuse_overspending
from fastsync.fleet.listing import Listed, estimate_pairs, format_list
from fastsync.fleet.metrics import FleetMetrics
from fastsync.fleet.page import make_pair_page, write_index
from fastsync.fleet.pairs import Fleet, Pair, resolve_fleet
from fastsync.fleet.progress import FleetProgress
from fastsync.fleet.run import FleetOptions, FleetRun, find_fleet_code
from fastsync.fleet.table import describe_end, format_table
from fastsync.model.settings import Retrying
from fastsync.model.wording import count_nouns
from fastsync.output.console.notices import Verbose
from fastsync.output.console.question import DeleteQuestion, can_ask
from fastsync.output.log import Log
from fastsync.output.sink import Sink
from fastsync.output.statistics import OVERSPENT
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.plan.parallel import choose_for_fleet
from fastsync.workers.interrupt import Interrupt
from fastsync.workers.processes.room import measure_room

DESCRIPTION = """\
Compare many pairs of tables in one run, as a file says: flags for all pairs at its top, and entries [[tables]] with
master, slave, and flags of their own. A * in a master's name stands for every table whose name fits, and what it stood
for is put into the slave's. --parallel is the number of processes for all pairs together.

exit codes: those of a run, over all pairs; 3 only where no pair could be compared"""
SUMMARY_EVERY = 1.0
"""Seconds between two versions of `fleet.json` while pairs are at work."""
WELL = (0, 1)
"""Exit codes of pairs that were compared whole."""


def make_parser() -> Parser:
    """Return the parser of `fastsync fleet`: it takes the flags of a run, for all pairs."""
    parser = create_parser("fastsync fleet", "fastsync fleet --config FILE [--output DIR] [flags]", DESCRIPTION)
    parser.add_argument("--output", metavar="DIR", help="a new folder for all files (default: fleet-<date>)")
    parser.add_argument(
        "--list", action="store_true", help="print the pairs with sizes and estimates, and read no item"
    )
    add_run_flags(parser)
    return parser


def run(arguments: Sequence[str], undo_logs: bool = False) -> int:
    """Run a fleet, or list it, as the arguments say, and return the exit code.

    `undo_logs`: every pair keeps one, whatever the file says.
    """
    given = make_parser().parse_given(arguments)
    output, as_list = given.pop("output", None), given.pop("list", False)
    file = read_file(given)
    if undo_logs:
        file = replace(file, undo_log=True, entries=tuple(replace(each, undo_log=None) for each in file.entries))
    whole = {**DEFAULTS, **file.options, **given}
    check_whole(whole, output)
    chosen = choose_for_fleet(measure_room()) if whole["parallel"] == AUTO else None
    if chosen is not None:
        whole["parallel"] = given["parallel"] = chosen.number
    access = FleetAccess(Retrying(whole["max_retries"], whole["retry_delay_base"] / 1000))
    session = _Session(whole, access)
    if chosen is not None:
        session.tell(str(chosen))
    with Interrupt() as interrupt:
        try:
            fleet = resolve_fleet(file, given, access.list_tables)
            if as_list:
                return session.print_list(fleet)
            folder = Folder(Path(output) if output else name_folder(datetime.now(timezone.utc)), whole["resume"])
            return session.run_pairs(fleet, folder, interrupt)
        except Interrupted:
            return interrupt.exit_code or 130


def read_file(given: dict[str, Any]) -> FleetFile:
    """Return the file that the flags of the command line name, which are checked; raise ConfigError."""
    path = given.pop("config", None)
    if path is None:
        raise ConfigError("--config FILE is needed: it names the pairs of tables")
    check_given(given)
    if isinstance(given.get("shard"), str):
        given["shard"] = job_array.resolve_shard(given["shard"], os.environ)
    return read_fleet(path)


def check_whole(whole: Mapping[str, Any], output: str | None) -> None:
    """Raise ConfigError where flags that hold for all pairs together are wrong."""
    check_path("--output", output)
    if whole["executor"] != "processes":
        raise ConfigError("a fleet has --executor processes only")
    if whole["resume"] and output is None:
        raise ConfigError("--resume needs --output DIR, the folder of the run to go on with")
    flags = {name: value for name, value in whole.items() if name in DEFAULTS and name != "resume"}
    Config.of("us-east-1:master", "us-east-1:slave", flags)


class _Session:
    """What is shown and written of a fleet; `whole` are the flags that hold for all pairs together."""

    def __init__(self, whole: Mapping[str, Any], access: FleetAccess):
        self._whole = whole
        self._access = access
        self._log = Log(whole["log_format"], color=whole["color"])
        self._limits = RunLimits(differences=None, units=whole["max_units"], usd=whole["max_cost"])
        self.tell: Callable[[str], object] = (lambda _: None) if whole["quiet"] else self._log.info

    def print_list(self, fleet: Fleet) -> int:
        """Print the pairs on stdout, and return the exit code: 3 where no pair can be compared, 4 where some cannot."""
        self._tell_unmatched(fleet)
        with foreseen_only(Phase("listing pairs", has_read=True)):
            listed = estimate_pairs(fleet.pairs, self._access, self.tell)
            for line in format_list(listed):
                print(line)
        failed = [each for each in listed if each.error is not None]
        for each in failed:
            self._log.error(f"{each.pair.name}: {each.error}")
        for each in listed:
            for error in each.unfit:
                self._log.error(f"{each.pair.name}: {error}")
        return _find_list_code(listed, len(failed))

    def run_pairs(self, fleet: Fleet, folder: Folder, interrupt: Interrupt) -> int:
        """Run all pairs, with all files in this folder, and return the exit code."""
        done = folder.read_ended(fleet.pairs)
        metrics = FleetMetrics(self._whole["metrics_file"])
        spent = Spent(self._limits, done)
        if self._limits.on_spending:
            refuse_overspending(estimate_pairs(fleet.pairs, self._access, self.tell), self._limits)
        self._tell_unmatched(fleet)
        if done:
            self.tell(f"{count_nouns(len(done), 'pair')} had ended before; the others go on")
        shown = None if not self._whole["quiet"] else False
        progress = FleetProgress(
            len(fleet.pairs) - len(done), self._log, shown if shown is False else self._whole["progress"]
        )
        summary = _Summary(fleet, folder, done)

        def note_end(ended: Ended) -> None:
            problem = make_pair_page(ended, folder)
            if not self._whole["quiet"] or ended.exit_code not in WELL:
                (self._log.info if ended.exit_code in WELL else self._log.error)(describe_end(ended))
            if problem is not None:
                self._log.warning(f"{ended.pair.name}: no page was made: {problem}")
            metrics.add(ended)
            progress.note_end()
            summary.add(ended)

        options = FleetOptions(
            parallel=self._whole["parallel"],
            max_duration=self._whole["max_duration"],
            announce=self._announce,
            ended=note_end,
            make_sinks=lambda pair: self._make_sinks(pair, progress, spent),
            confirm_deletes=None if self._whole["yes"] or not can_ask(self._whole) else DeleteQuestion(progress.paused),
        )
        fleet_run = FleetRun(fleet.pairs, folder, self._access, options)
        spent.stop = fleet_run.stop_all
        interrupt.announce = self.tell
        interrupt.begin_work()
        with foreseen_only(Phase("running the fleet", has_read=True)):
            try:
                ended = fleet_run.run(interrupt, done)
            finally:
                progress.close()
            return self._finish(_Done(fleet, folder, ended), interrupt, metrics, spent)

    def _finish(self, done: _Done, interrupt: Interrupt, metrics: FleetMetrics, spent: Spent) -> int:
        """Write the files of the whole, show the table, and return the exit code."""
        fleet, folder, ended = done.fleet, done.folder, done.ended
        code = find_fleet_code(ended, interrupt.exit_code)
        if spent.sentence is not None and code < 128:
            code = OVERSPENT
            self._log.error(spent.sentence)
        try:
            folder.write_summary(ended, code, fleet.unmatched)
            write_index(ended, folder, fleet.unmatched)
            metrics.write_end(code, all(each.complete for each in ended))
        except OutputFailed as error:
            self._log.error(str(error))
            code = max(code, IncompleteError.exit_code)
        for line in format_table(ended):
            if not self._whole["quiet"]:
                self._log.info(line, table=True)
        self.tell(f"files: {folder.path}")
        return code

    def _make_sinks(self, pair: Pair, progress: FleetProgress, spent: Spent) -> Sequence[Sink]:
        sinks: list[Sink] = [progress]
        if self._limits.on_spending:
            sinks.append(spent)
        if self._whole["verbose"]:
            sinks.append(Verbose(self._log))
        return sinks

    def _announce(self, name: str, text: str) -> None:
        if self._whole["verbose"]:
            self.tell(f"{name}: {text}")

    def _tell_unmatched(self, fleet: Fleet) -> None:
        if fleet.unmatched:
            count = count_nouns(len(fleet.unmatched), "table")
            self._log.warning(f"{count} without a master: {', '.join(fleet.unmatched)}")


@dataclass(frozen=True)
class _Done:
    """A fleet that was run."""

    fleet: Fleet
    folder: Folder
    ended: Sequence[Ended]


class _Summary:
    """`fleet.json` while pairs are at work, so that a run that is killed can go on."""

    def __init__(self, fleet: Fleet, folder: Folder, done: Sequence[Ended]):
        self._fleet = fleet
        self._folder = folder
        self._ended = list(done)
        self._written = time.monotonic()

    def add(self, ended: Ended) -> None:
        """Add a pair, and write the file unless that was done a moment ago; at the end it is written for certain."""
        self._ended.append(ended)
        if time.monotonic() - self._written >= SUMMARY_EVERY:
            with suppress(OutputFailed):
                self._folder.write_summary(
                    self._ended, IncompleteError.exit_code, self._fleet.unmatched, under_way=True
                )
            self._written = time.monotonic()


def _find_list_code(listed: Sequence[Listed], failed: int) -> int:
    if failed == len(listed):
        return TableError.exit_code
    return IncompleteError.exit_code if failed or any(each.unfit for each in listed) else 0
