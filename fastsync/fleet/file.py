"""Read the file of a fleet: flags for all pairs at its top, and an entry `[[tables]]` for each pair or pattern.

ignore = ["lastSeen"]
[[tables]]
master = "us-east-1:prod-*"
slave = "us-west-2:backup-*"
exclude = ["prod-tmp-*"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastsync.cli.config_file import parse_options, parse_slaves, parse_texts, read_document
from fastsync.config.flags.flag import as_flag
from fastsync.errors import ConfigError
from fastsync.fleet.patterns import Pattern
from fastsync.model.table import TableRef
from fastsync.model.wording import quote

OF_THE_WHOLE = (
    *("parallel", "executor", "max_duration", "max_units", "max_cost", "resume", "metrics_file"),
    *("log_format", "color", "verbose", "progress", "quiet", "yes"),
)
"""Options that hold for all pairs together, and cannot differ between them."""
NAMED_BY_FLEET = ("report", "stats", "checkpoint", "undo_log")
"""Options whose files have their names from the pair."""
UNDO_LOG = "undo-log"
STOOD_FOR = "x"
"""What is put in the place of a pattern's star to see whether the rest is a table."""


@dataclass(frozen=True)
class Entry:
    """One entry: a pair, or a pattern that stands for several.

    `where` says which entry it is. `slave` are names, `slaves` the tables `[[tables.slaves]]`, both perhaps with a
    star. `options` are its own flags; `undo_log` is None where it says nothing about that.
    """

    where: str
    master: Pattern
    name: str | None
    exclude: tuple[str, ...]
    undo_log: bool | None
    options: Mapping[str, Any]
    slave: tuple[str, ...]
    slaves: tuple[Mapping[str, str], ...]

    def slaves_for(self, stood_for: str) -> list[str | TableRef]:
        """Return the slaves of the pair for which the star of the master stood for this text."""
        named = [text.replace("*", stood_for) for text in self.slave]
        tables = [{**each, "table": each["table"].replace("*", stood_for)} for each in self.slaves]
        return [*named, *parse_slaves(tables, f"{self.where}: [[tables.slaves]]")]

    @property
    def slave_texts(self) -> tuple[str, ...]:
        """All slaves as they are written."""
        return (*self.slave, *(each["table"] for each in self.slaves))


@dataclass(frozen=True)
class FleetFile:
    """What a file says: `options` and the rest at its top hold for every entry that says nothing else."""

    path: str
    options: Mapping[str, Any]
    exclude: tuple[str, ...]
    undo_log: bool
    entries: tuple[Entry, ...]


def read_fleet(path: str) -> FleetFile:
    """Read a file; raise ConfigError, with its name and the number of the entry, where something in it is wrong."""
    document = read_document(path)
    try:
        return _parse_fleet(path, document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _parse_fleet(path: str, document: Mapping[str, Any]) -> FleetFile:
    entries = document.get("tables")
    if not isinstance(entries, list) or not entries or not all(isinstance(each, dict) for each in entries):
        raise ConfigError("it is no file of a fleet: pairs of tables stand under lines [[tables]], each with master")
    for name in ("master", "source", "slave", "target", "slaves", "name"):
        if name in document:
            raise ConfigError(f"{name} stands in an entry [[tables]], not above them")
    top = {name: value for name, value in document.items() if name not in ("tables", "exclude", UNDO_LOG)}
    options = parse_options(top)
    _refuse_own_files(options)
    return FleetFile(
        path=path,
        options=options,
        exclude=_parse_exclude(document),
        undo_log=bool(_parse_undo_log(document)),
        entries=tuple(_parse_entry(each, f"[[tables]] entry {number}") for number, each in enumerate(entries, 1)),
    )


def _parse_entry(entry: Mapping[str, Any], where: str) -> Entry:
    try:
        return _parse_named_entry(entry, where)
    except ConfigError as error:
        text = str(error)
        raise ConfigError(text if text.startswith(where) else f"{where}: {text}") from None


def _parse_named_entry(entry: Mapping[str, Any], where: str) -> Entry:
    own = ("exclude", UNDO_LOG, "name", "slaves")
    options = parse_options({name: value for name, value in entry.items() if name not in own})
    _refuse_own_files(options)
    for option in OF_THE_WHOLE:
        if option in options:
            raise ConfigError(
                f"{as_flag(option)[2:]} holds for all pairs together: it stands above the first [[tables]]"
            )
    master, slave = options.pop("master", None), tuple(options.pop("slave", ()))
    if master is None:
        raise ConfigError("master is needed")
    slaves = entry.get("slaves", [])
    parse_slaves(_without_stars(slaves), f"{where}: [[tables.slaves]]")
    parsed = Entry(
        where=where,
        master=Pattern.parse(master),
        name=_parse_name(entry),
        exclude=_parse_exclude(entry),
        undo_log=_parse_undo_log(entry),
        options=options,
        slave=slave,
        slaves=tuple(slaves),
    )
    _check_slaves(parsed)
    return parsed


def _check_slaves(entry: Entry) -> None:
    if not entry.slave_texts:
        raise ConfigError("slave is needed, one or a list")
    for text in entry.slave_texts:
        pattern = Pattern.parse(text)
        if pattern.has_star != entry.master.has_star:
            raise ConfigError(
                f"a * stands in the master and in every slave, or in none: {quote(entry.master.text)}, {quote(text)}"
            )
    if entry.exclude and not entry.master.has_star:
        raise ConfigError("exclude leaves tables out of a pattern, and the master has no *")


def _without_stars(slaves: Any) -> Any:
    """Return the tables of `[[tables.slaves]]` as they would be for some table; what is wrong stays as it is."""
    if not isinstance(slaves, list):
        return slaves
    return [
        {**each, "table": each["table"].replace("*", STOOD_FOR)}
        if isinstance(each, dict) and isinstance(each.get("table"), str)
        else each
        for each in slaves
    ]


def _parse_exclude(table: Mapping[str, Any]) -> tuple[str, ...]:
    if "exclude" not in table:
        return ()
    names = parse_texts("exclude", table["exclude"])
    for name in names:
        if ":" in name or not name:
            raise ConfigError(f"exclude takes names of tables without a region, * allowed, not {quote(name)}")
    return tuple(names)


def _parse_undo_log(table: Mapping[str, Any]) -> bool | None:
    value = table.get(UNDO_LOG)
    if value is not None and not isinstance(value, bool):
        raise ConfigError("undo-log takes true or false here: the fleet names the files itself")
    return value


def _parse_name(entry: Mapping[str, Any]) -> str | None:
    name = entry.get("name")
    if name is not None and not isinstance(name, str):
        raise ConfigError("name takes text in quotes")
    return name


def _refuse_own_files(options: Mapping[str, Any]) -> None:
    """Raise ConfigError where options name files that have their names from the pair."""
    for option in NAMED_BY_FLEET:
        if options.get(option) is not None:
            also = "; undo-log = true in the file asks for undo logs" if option == "undo_log" else ""
            raise ConfigError(f"{as_flag(option)[2:]} takes no file: a fleet names the files of each pair itself{also}")


def check_given(given: Mapping[str, Any]) -> None:
    """Raise ConfigError where the command line names tables, or files that a fleet names itself."""
    for option in ("master", "slave"):
        if given.get(option):
            raise ConfigError(f"--{option} does not go with a fleet: its tables stand in the file")
    for option in NAMED_BY_FLEET:
        if option in given:
            also = "; undo-log = true in the file asks for undo logs" if option == "undo_log" else ""
            raise ConfigError(
                f"{as_flag(option)} does not go with a fleet: it names the files of each pair itself{also}"
            )
