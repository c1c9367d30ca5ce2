"""Describe the tables of a run, and reject those that cannot be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Thread, Timer
from typing import Any, TypeVar

from fastsync.aws.auth.accounts import Accounts
from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.auth.mfa import ask_code
from fastsync.aws.describe import describe_table, find_ttl_attribute, list_names, refuse_missing
from fastsync.aws.shared_cells import SharedCells
from fastsync.config.config import Config
from fastsync.config.limits import Limits
from fastsync.config.suggestions import find_nearest, format_question
from fastsync.errors import CredentialsEnded, FastsyncError, NoSuchTable, TableError
from fastsync.exports.export import Export
from fastsync.model.addresses import hide_users
from fastsync.model.table import Side, TableRef
from fastsync.plan.access import Reached, SharedAccess, open_accounts, reach_tables, refuse_same_names
from fastsync.plan.exports.places import describe_exports, find_live, open_exports
from fastsync.plan.replicas import find_replica_mode
from fastsync.plan.settings.compare import find_differing
from fastsync.plan.settings.values import describe_values

PATIENCE = 10.0
"""Seconds after which a person wants to know what a run waits for."""
T = TypeVar("T")


def _find_accounts(sides: Sequence[Side]) -> frozenset[int]:
    """Return the numbers of the accounts that reach tables and exports; a folder takes none."""
    live = {side.account for side in sides if not side.is_export}
    return frozenset(live | {side.s3.account for side in sides if side.s3 is not None})


@dataclass(frozen=True)
class SlaveSurvey:
    """The slaves that can be used, those that cannot with the reason, and the accounts that reach them."""

    accounts: Accounts
    slaves: tuple[Side, ...]
    unfit: tuple[tuple[TableRef, str], ...]

    def credentials(self, ended: Callable[[CredentialsEnded], object] | None = None) -> tuple[Credentials, ...]:
        """Return the accounts' credentials as they are valid now; call `ended` where some end for good, or raise."""
        return self.accounts.current_credentials(ended, self.used_accounts)

    @property
    def used_accounts(self) -> frozenset[int]:
        """The numbers of the accounts that reach these tables: of `accounts`, others may be of other runs."""
        return _find_accounts(self.slaves)

    def shared_credentials(
        self, cells: SharedCells, ended: Callable[[CredentialsEnded], object] | None = None
    ) -> tuple[Credentials, ...]:
        """Return the same; first renew those that the service has called expired to any process with these cells."""
        for account, number in cells.expired():
            self.accounts.expire(account, number)
        return self.credentials(ended)


@dataclass(frozen=True)
class Survey(SlaveSurvey):
    """The same with the master; all slaves can be compared with it.

    `differing_settings` are names by slave: of the settings that DescribeTable tells and that differ from the master's.
    `exports` are those among the tables, by the table's number.
    """

    master: Side
    differing_settings: Mapping[str, Sequence[str]]
    exports: Mapping[int, Export] = field(default_factory=dict)

    @property
    def sides(self) -> tuple[Side, ...]:
        """All tables, the master first."""
        return (self.master, *self.slaves)

    @property
    def used_accounts(self) -> frozenset[int]:
        """The same with the master's."""
        return _find_accounts(self.sides)

    @property
    def largest(self) -> int:
        """The bytes of the largest table that is scanned, as far as they are known."""
        return max((side.table.size_bytes for side in self.sides if not side.is_export), default=0)


def survey_tables(
    config: Config, announce: Callable[[str], object] = lambda _: None, shared: SharedAccess | None = None
) -> Survey:
    """Describe all tables; raise TableError where nothing can be compared.

    `announce` is called with the tables that keep the survey waiting. Raises ConfigError for an unknown profile, and
    for a limit that is a share of a throughput that is not known.
    """
    access = shared or SharedAccess.of_one_run(config)
    accounts = access.accounts
    with access.lock:
        open_accounts(config, accounts)  # first: an unknown profile is an error of the command line
        refuse_same_names(config)
        opened = open_exports(config, accounts)
        live = find_live(config)
        reached = reach_tables(
            accounts, config, [config.tables[place] for place in live], [config.logins[place] for place in live]
        )
    described = dict(zip(live, _describe_all(reached, config.ignore_expired, announce), strict=True))
    described |= describe_exports(config, opened, described)
    found = [described[place] for place in range(len(config.tables))]
    master = found[0]
    if isinstance(master, TableError):
        raise master
    sides: list[Side] = []
    unfit: list[tuple[TableRef, str]] = []
    for ref, slave in zip(config.slaves, found[1:], strict=True):
        error = slave if isinstance(slave, TableError) else _find_mismatch(slave, master, sides)
        if error is not None:
            unfit.append((ref, str(error)))
        elif isinstance(slave, Side):
            sides.append(slave)
    if not sides:
        raise TableError("; ".join(error for _, error in unfit))
    settings = {
        str(side): find_differing(_describe_settings(master), _describe_settings(side))
        for side in sides
        if not (master.is_export or side.is_export)
    }
    master, *sides = (_number_and_pace(side, number, config.limits) for number, side in enumerate((master, *sides)))
    master, *sides = (replace(side, offset=access.first) for side in (master, *sides))
    sides = [replace(side, replica=find_replica_mode(master, side)) for side in sides]
    exports = {
        side.number: each.export
        for side in (master, *sides)
        for place, each in opened.items()
        if str(config.tables[place]) == str(side) and isinstance(each.export, Export)
    }
    return Survey(
        accounts,
        slaves=tuple(sides),
        unfit=tuple(unfit),
        master=master,
        differing_settings=settings,
        exports=exports,
    )


def survey_slaves(config: Config, announce: Callable[[str], object] = lambda _: None) -> SlaveSurvey:
    """Describe the slaves only, for work that needs no master; raise TableError where none of them can be used."""
    accounts = Accounts(ask_code, config.retrying.promptly())
    open_accounts(config, accounts)
    reached = reach_tables(accounts, config, config.slaves, config.logins[1:])
    found = _describe_all(reached, False, announce)
    unfit = tuple(
        (ref, str(each)) for ref, each in zip(config.slaves, found, strict=True) if not isinstance(each, Side)
    )
    sides = [each for each in found if isinstance(each, Side)]
    if unfit and not sides:
        raise TableError("; ".join(error for _, error in unfit))
    paced = (_number_and_pace(side, number, config.limits) for number, side in enumerate(sides, start=1))
    return SlaveSurvey(accounts, tuple(paced), unfit)


def call_in_parallel(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make calls on daemon threads, so that an interrupt need not wait for them; raise the first error of any."""
    answers: dict[int, T] = {}
    errors: dict[int, BaseException] = {}

    def make_call(number: int) -> None:
        try:
            answers[number] = calls[number]()
        except BaseException as error:
            errors[number] = error

    threads = [Thread(target=make_call, args=(number,), daemon=True) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return [answers[number] for number in range(len(calls))]


def _describe_all(
    reached: Sequence[Reached | TableError], with_ttl: bool, announce: Callable[[str], object]
) -> list[Side | TableError]:
    """Describe tables at once, and say after PATIENCE seconds which of them have not answered."""
    answered: set[int] = set()

    def describe(number: int) -> Side | TableError:
        try:
            return _describe_reached(reached[number], with_ttl)
        finally:
            answered.add(number)

    def report_waiting() -> None:
        for number, each in enumerate(reached):
            if number not in answered and isinstance(each, Reached):
                announce(f"waiting for an answer of {each.ref} at {hide_users(each.endpoint.url)}")

    waiting = Timer(PATIENCE, report_waiting)
    waiting.daemon = True
    waiting.start()
    try:
        return call_in_parallel([partial(describe, number) for number in range(len(reached))])
    finally:
        waiting.cancel()


def _describe_reached(reached: Reached | TableError, with_ttl: bool) -> Side | TableError:
    if isinstance(reached, TableError):
        return reached
    try:
        table = describe_table(reached.ref, reached.transport)
        if with_ttl:
            table = replace(table, ttl=find_ttl_attribute(reached.ref, reached.transport))
        return Side(table, reached.endpoint, reached.account)
    except NoSuchTable as error:
        return _suggest_tables(reached) or error
    except TableError as error:
        return error
    finally:
        reached.transport.close()


def _describe_settings(side: Side) -> Mapping[str, Any]:
    return describe_values(side.table.description, side.endpoint.signed_region or side.table.ref.region)


def _suggest_tables(reached: Reached) -> TableError | None:
    """Return the error for a table that is not there with the names that are like it; None where none is known.

    ListTables is not among the permissions that a run needs: where it fails, nobody hears of it.
    """
    ref, transport = reached.ref, reached.transport
    if ref.name.startswith("arn:"):  # perhaps of another account
        return None
    transport.retrying = replace(transport.retrying, max_retries=0)
    try:
        near = find_nearest(ref.name, list_names(transport))
    except FastsyncError:
        return None
    if not near:
        return None
    return refuse_missing(ref, format_question(near).removeprefix("; ").rstrip("?") + ", or another region or account?")


def _number_and_pace(side: Side, number: int, limits: Limits) -> Side:
    """Return a side with its number and pace, as workers need it; the master, number 0, is never written."""
    side = replace(side, table=replace(side.table, description={}))
    if side.is_export:
        return replace(side, number=number)
    return replace(side, number=number, pace=limits.resolve(side, side.table.capacity, written=number > 0))


def _find_mismatch(slave: Side, master: Side, others: Sequence[Side]) -> TableError | None:
    """Return the reason why one slave cannot be compared; raise TableError where it rules out the whole run."""
    if slave.table.identity == master.table.identity:
        raise TableError(f"{slave} and the master {master} are the same table")
    for other in others:
        if slave.table.identity == other.table.identity:
            raise TableError(f"{slave} and {other} are the same table; give each slave once")
    if slave.table.keys == master.table.keys:
        return None
    return TableError(f"{slave} has the key {slave.table.keys}, but the master {master} has {master.table.keys}")
