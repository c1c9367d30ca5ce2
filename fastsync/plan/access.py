"""Open the way to tables: accounts, endpoints and connections, before any request to a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import RLock

from fastsync.aws.auth.accounts import Accounts
from fastsync.aws.auth.mfa import ask_code, check_terminal
from fastsync.aws.transport import Transport
from fastsync.config.config import Config
from fastsync.errors import TableError
from fastsync.model.table import Endpoint, Login, TableRef
from fastsync.plan.regions import check_region


@dataclass(frozen=True)
class SharedAccess:
    """The accounts that runs at work at the same time share, and the number of this run's master among all tables.

    `lock` is held while accounts are opened: botocore's sessions are not safe for threads.
    """

    accounts: Accounts
    lock: RLock
    first: int

    @classmethod
    def of_one_run(cls, config: Config) -> SharedAccess:
        """Return the access of a run that shares its accounts with no other."""
        return cls(Accounts(ask_code, config.retrying.promptly()), RLock(), 0)


def refuse_same_names(config: Config) -> None:
    """Reject a table listed twice. One name in two accounts is two tables, but two slaves must have different names."""
    names = {str(slave): slave for slave in config.slaves}
    if len(names) < len(config.slaves):
        twice = next(name for name in names if [str(slave) for slave in config.slaves].count(name) > 1)
        raise TableError(
            f"{twice} is given as a slave twice; where that is a table of another account, give its ARN, so that "
            "reports tell them apart"
        )
    master, *logins = config.logins
    for slave, login in zip(config.slaves, logins, strict=True):
        if login == master and _address_of(slave) == _address_of(config.tables[0]):
            raise TableError(f"{slave} is given as a slave, but is the master already")


def _address_of(ref: TableRef) -> tuple[str, str, str | None]:
    return ref.region, ref.name, ref.endpoint_url


def open_accounts(config: Config, accounts: Accounts) -> None:
    """Look up all profiles and addresses, so that a wrong one is reported before any question or request."""
    logins = config.logins[1:] if config.master is None else config.logins  # an undo has a login for the master, too
    for ref, login in zip(config.tables, logins, strict=True):
        if ref.is_export:
            continue
        check_region(ref, accounts.find_profile(login).list_regions)
    master_endpoint = config.endpoint_url if config.master is None else config.master.endpoint_url
    endpoints = [master_endpoint, *(slave.endpoint_url for slave in config.slaves)]
    exports = [config.master is not None and config.master.is_export, *(slave.is_export for slave in config.slaves)]
    for endpoint, login, is_export in zip(endpoints, config.logins, exports, strict=True):
        if is_export:
            continue
        profile = accounts.find_profile(login)
        profile.check_address("sts", needed=login.role is not None)
        profile.check_address("dynamodb", needed=endpoint is None)
        if login.asks_for_code:
            check_terminal()


@dataclass(frozen=True)
class Reached:
    """A table whose endpoint and credentials are known."""

    ref: TableRef
    endpoint: Endpoint
    account: int
    transport: Transport


def reach_all_tables(config: Config) -> list[Reached | TableError]:
    """Open the way to the master and to each slave.

    Raises ConfigError for an unknown profile, TableError for a table that is given twice.
    """
    accounts = Accounts(ask_code, config.retrying.promptly())
    open_accounts(config, accounts)
    refuse_same_names(config)
    return reach_tables(accounts, config, config.tables, config.logins)


def reach_tables(
    accounts: Accounts, config: Config, refs: Sequence[TableRef], logins: Sequence[Login]
) -> list[Reached | TableError]:
    """Open the way to tables, one after the other: botocore's sessions are not safe for threads."""
    return [_reach_table(accounts, ref, login, config) for ref, login in zip(refs, logins, strict=True)]


def _reach_table(accounts: Accounts, ref: TableRef, login: Login, config: Config) -> Reached | TableError:
    try:
        account = accounts.open_login(login, ref.region)
        ref = replace(ref, session=None)  # workers cannot have it
        profile = accounts.find_profile(login)
        endpoint = replace(profile.find_endpoint(ref, accounts.number_of_account(account)), compress=config.compress)
    except TableError as error:
        return error
    retrying = config.retrying.promptly()
    return Reached(ref, endpoint, account, accounts.open_transport(account, ref, endpoint, retrying))
