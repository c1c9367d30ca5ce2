"""Which pairs of tables a fleet's file stands for, each with its name and its flags; and which are refused."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastsync.config.config import Config
from fastsync.config.flags.options import DEFAULTS
from fastsync.errors import ConfigError
from fastsync.fleet.file import Entry, FleetFile
from fastsync.fleet.patterns import Pattern, is_excluded
from fastsync.model.table import Login, TableRef
from fastsync.model.wording import quote

ListTables = Callable[[TableRef, Login], Sequence[str]]
"""Returns the names of the tables in a table's region and account; raises TableError."""
ONLY_WHOLE = ("max_duration", "max_units", "max_cost")
"""Options that limit all pairs together, so that no pair is limited by itself."""
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}")


@dataclass(frozen=True)
class Pair:
    """A master and its slaves, which are compared in a run of their own.

    `name` is the beginning of its files' names. `flags` are all options of its run but those of the fleet's files.
    `undo_log`: whether it is to keep one.
    """

    name: str
    where: str
    master: TableRef
    slaves: tuple[TableRef, ...]
    flags: Mapping[str, Any]
    policy: str | None
    undo_log: bool

    @property
    def config(self) -> Config:
        """The configuration of the run, without its files."""
        return Config.of(self.master, self.slaves, self.flags)

    @property
    def can_resume(self) -> bool:
        """Whether its run takes a checkpoint: one of given keys does not."""
        return not (self.flags["key"] or self.flags["keys"])


@dataclass(frozen=True)
class Fleet:
    """All pairs in the order of the file; `unmatched` are tables that fit a slave's pattern and have no master."""

    pairs: tuple[Pair, ...]
    unmatched: tuple[str, ...] = ()


def resolve_fleet(file: FleetFile, given: Mapping[str, Any], list_tables: ListTables) -> Fleet:
    """Return the pairs of a file; `given` are the flags of the command line, by which all else is replaced.

    Whatever can be refused without a request is refused before `list_tables` is called. Raises ConfigError in one
    sentence, and what `list_tables` raises.
    """
    plain = [make_pair(file, entry, given, "") for entry in file.entries if not entry.master.has_star]
    _refuse_contradictions(plain)
    for entry in file.entries:
        if entry.master.has_star:
            make_pair(file, entry, given, "x").config  # noqa: B018 (raises)
    listed = _Listing(list_tables)
    own = {(pair.master.region, pair.master.bare_name) for pair in plain}
    by_entry = {pair.where: [pair] for pair in plain}
    for entry in file.entries:
        if entry.master.has_star:
            by_entry[entry.where] = list(_expand(file, entry, given, listed, own))
    pairs = [pair for entry in file.entries for pair in by_entry[entry.where]]
    _refuse_contradictions(pairs)
    return Fleet(tuple(pairs), tuple(_find_unmatched(file, given, pairs, listed)))


class _Listing:
    """The names of tables, each account and region listed once."""

    def __init__(self, list_tables: ListTables):
        self._list = list_tables
        self._known: dict[tuple[str, str | None, Login], Sequence[str]] = {}

    def names(self, ref: TableRef, login: Login) -> Sequence[str]:
        """Return the names of the tables beside a table."""
        place = (ref.region, ref.endpoint_url, login)
        if place not in self._known:
            self._known[place] = self._list(ref, login)
        return self._known[place]


def _expand(
    file: FleetFile, entry: Entry, given: Mapping[str, Any], listed: _Listing, own: set[tuple[str, str]]
) -> Iterable[Pair]:
    """Yield a pair for each table that fits an entry's pattern; raise ConfigError where none does."""
    config = make_pair(file, entry, given, "x").config
    names = listed.names(config.tables[0], config.logins[0])
    fitting = [name for name in sorted(names) if entry.master.find_star(name) is not None]
    if not fitting:
        raise ConfigError(
            f"{file.path}: {entry.where}: no table fits {quote(entry.master.text)}, among {len(names)} in its region"
        )
    left = [name for name in fitting if not is_excluded(name, (*file.exclude, *entry.exclude))]
    left = [name for name in left if (entry.master.ref.region, name) not in own]
    if not left:
        raise ConfigError(
            f"{file.path}: {entry.where}: every table that fits {quote(entry.master.text)} is excluded, or has an "
            "entry of its own"
        )
    for name in left:
        yield make_pair(file, entry, given, str(entry.master.find_star(name)))


def make_pair(file: FleetFile, entry: Entry, given: Mapping[str, Any], stood_for: str) -> Pair:
    """Return the pair for which the entry's star stands for this text; raise ConfigError where its flags are wrong."""
    try:
        flags = {**DEFAULTS, **file.options, **entry.options, **given, "resume": False}  # the folder says that
        policy = flags.pop("policy", None)
        config = Config.of(entry.master.fill(stood_for), entry.slaves_for(stood_for), flags)
        name = _check_name(config.tables[0].bare_name if entry.name is None else entry.name.replace("*", stood_for))
    except ConfigError as error:
        raise ConfigError(f"{file.path}: {entry.where}: {error}") from None
    return Pair(
        name=name,
        where=entry.where,
        master=config.tables[0],
        slaves=config.slaves,
        flags={**flags, **dict.fromkeys(ONLY_WHOLE)},
        policy=policy,
        undo_log=file.undo_log if entry.undo_log is None else entry.undo_log,
    )


def _check_name(name: str) -> str:
    """Return a name that files can begin with; raise ConfigError on another."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"name {quote(name)} cannot begin the names of files: it takes letters, digits, _, - and .; give name"
        )
    return name


@dataclass(frozen=True)
class _Place:
    """What tells one table from another before anything is read."""

    ref: TableRef
    login: Login

    def is_same(self, other: _Place) -> bool:
        """Return whether both are certainly one table, as far as names and logins tell."""
        accounts = None not in (self.ref.account, other.ref.account)
        return (
            self.ref.may_be(other.ref)
            and self.ref.endpoint_url == other.ref.endpoint_url
            and (accounts or self.login == other.login)
        )


def _refuse_contradictions(pairs: Sequence[Pair]) -> None:
    """Raise ConfigError for a pair given twice, two of one name, and one that writes what another reads as truth."""
    masters: dict[tuple[str, str], list[tuple[_Place, Pair]]] = defaultdict(list)
    for pair in pairs:
        master = _Place(pair.master, pair.config.logins[0])
        key = (pair.master.region, pair.master.bare_name)
        for other_place, other in masters[key]:
            if other_place.is_same(master):
                _refuse_same_pair(pair, other)
        masters[key].append((master, pair))
    _refuse_same_names(pairs)
    for pair in pairs:
        if not _writes(pair):
            continue
        for place in _slave_places(pair):
            for master, other in masters.get((place.ref.region, place.ref.bare_name), []):
                if _writes(other) and other is not pair and master.is_same(place):
                    raise ConfigError(
                        f"{place.ref} is the slave of {pair.name} and the master of {other.name}, and both write: what "
                        "one run writes the other takes for the truth; leave the writes out of one, or run them in turn"
                    )


def _refuse_same_pair(pair: Pair, other: Pair) -> None:
    mine, theirs = _slave_places(pair), _slave_places(other)
    for place in mine:
        if any(place.is_same(each) for each in theirs):
            raise ConfigError(
                f"the pair {pair.master} and {place.ref} is given twice, in {other.where} and {pair.where}: "
                "leave one out"
            )


def _refuse_same_names(pairs: Sequence[Pair]) -> None:
    named: dict[str, Pair] = {}
    for pair in pairs:
        other = named.setdefault(pair.name, pair)
        if other is not pair:
            raise ConfigError(
                f"two pairs would have files of the name {pair.name}: {other.master} ({other.where}) and {pair.master} "
                f"({pair.where}); give name in one of them"
            )


def _slave_places(pair: Pair) -> list[_Place]:
    return [_Place(ref, login) for ref, login in zip(pair.slaves, pair.config.logins[1:], strict=True)]


def _writes(pair: Pair) -> bool:
    repairing = pair.config.repairing
    return repairing.write_missing or repairing.write_differing or repairing.delete_extra


def _find_unmatched(
    file: FleetFile, given: Mapping[str, Any], pairs: Sequence[Pair], listed: _Listing
) -> Iterable[str]:
    """Yield tables that fit the pattern of a slave, and that no pair has for a slave or a master."""
    used = {(ref.region, ref.bare_name) for pair in pairs for ref in (pair.master, *pair.slaves)}
    for entry in file.entries:
        if not entry.master.has_star:
            continue
        config = make_pair(file, entry, given, "x").config
        masters = set(listed.names(config.tables[0], config.logins[0]))
        for text, ref, login in zip(entry.slave_texts, config.slaves, config.logins[1:], strict=True):
            pattern = Pattern.parse(text)
            for name in sorted(listed.names(ref, login)):
                stood_for = pattern.find_star(name)
                if stood_for is None or (ref.region, name) in used or entry.master.fill_name(stood_for) in masters:
                    continue
                if not is_excluded(name, (*file.exclude, *entry.exclude)):
                    used.add((ref.region, name))
                    yield pattern.fill(stood_for)
