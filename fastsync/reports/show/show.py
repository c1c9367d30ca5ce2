"""Show reports: read them once to count and once more to print. So the counts come first, and memory stays small."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TextIO

from fastsync.errors import ConfigError
from fastsync.output.console.color import Colors
from fastsync.output.differences.block import ShownDifference
from fastsync.output.differences.characters import fit_encoding
from fastsync.output.log import Log
from fastsync.reports.show.fleet import expand_fleets, format_pairs
from fastsync.reports.show.markdown import format_markdown
from fastsync.reports.show.selection import Counts, Filters, count_differences
from fastsync.reports.show.sources import Source, open_sources
from fastsync.reports.show.spreadsheet import format_rows
from fastsync.reports.show.text import HOW_TO_GET_VALUES, describe_left_out, format_text

TEXT, MARKDOWN, CSV = "text", "markdown", "csv"
FORMATS = (TEXT, MARKDOWN, CSV)


@dataclass(frozen=True)
class Request:
    """What is shown, and how: a limit of differences (None: that of the format), and whether long values are whole."""

    filters: Filters = field(default_factory=Filters)
    form: str = TEXT
    limit: int | None = None
    full: bool = False


def show_reports(paths: Sequence[str], request: Request, output: TextIO, colors: Colors, log: Log) -> None:
    """Print reports on an output; "-" is stdin, the folder of a fleet stands for its pairs' reports.

    What a table in CSV has no place for goes to the log.

    Raises ConfigError where one is no report or cannot be read, before anything is printed; OutputFailed where the
    disk is full; BrokenPipeError where the output's reader has left.
    """
    if list(paths).count("-") > 1:
        raise ConfigError("stdin (-) can be read once only")
    reports, pairs = expand_fleets(paths)
    with ExitStack() as stack:
        sources = open_sources(reports, stack)
        try:
            counts = count_differences(sources, request.filters)
            _tell_aside(counts, request, log)
            for line in format_pairs(pairs if request.form == MARKDOWN else ()):
                output.write(f"{line}\n")
            for line in _format(counts, _admit(sources, request.filters), request, colors):
                output.write(f"{fit_encoding(line, output.encoding)}\n")
            output.flush()
        except RecursionError:
            raise ConfigError("a line of the report is nested more deeply than an item can be") from None


def _admit(sources: Iterable[Source], filters: Filters) -> Iterator[ShownDifference]:
    for source in sources:
        for content in source.read():
            if isinstance(content, ShownDifference) and filters.admit(content):
                yield content


def _format(counts: Counts, differences: Iterable[ShownDifference], request: Request, colors: Colors) -> Iterator[str]:
    if request.form == CSV:
        return format_rows(differences, request.limit, full=request.full)
    if request.form == MARKDOWN:
        return format_markdown(counts, differences, request.filters, request.limit, full=request.full)
    return format_text(counts, differences, request.filters, request.limit, colors, full=request.full)


def _tell_aside(counts: Counts, request: Request, log: Log) -> None:
    for warning in counts.warnings:
        log.warning(warning)
    if request.form != CSV:
        return
    if counts.lacks_values:
        log.info(HOW_TO_GET_VALUES)
    if request.limit is not None and request.limit < counts.admitted:
        log.info(describe_left_out(counts.admitted - request.limit))
