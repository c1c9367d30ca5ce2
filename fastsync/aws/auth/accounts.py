"""The accounts of a run: each login is opened once, and its credentials are renewed for as long as the run takes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from threading import Lock

from fastsync.aws.auth.credentials import Account, Credentials
from fastsync.aws.auth.given_session import GivenSession
from fastsync.aws.auth.roles import AssumedRole
from fastsync.aws.auth.sources import Ask, BotocoreSource, Profile
from fastsync.aws.s3.bucket import Bucket
from fastsync.aws.s3.client import DEFAULT_REGION
from fastsync.aws.transport import Transport
from fastsync.errors import CredentialsEnded, TableError
from fastsync.model.settings import Retrying
from fastsync.model.table import Endpoint, Login, S3Access, TableRef


class Accounts:
    """The accounts of a run: each login is opened once, each profile's own credentials are fetched once."""

    def __init__(self, ask: Ask, retrying: Retrying):
        self._ask = ask
        self._retrying = retrying
        self._profiles: dict[Login, Profile] = {}
        self._opened: dict[Login, int | TableError] = {}
        self._accounts: list[Account] = []
        self._renewing = Lock()  # botocore's sessions are not safe for threads

    def find_profile(self, login: Login) -> Profile:
        """Return the profile or the session of a login; raise ConfigError where there is no profile of this name."""
        base = replace(login, role=None)
        if base not in self._profiles:
            self._profiles[base] = self._open_profile(base)
        return self._profiles[base]

    def _open_profile(self, base: Login) -> Profile:
        if base.session is None:
            return Profile(base.profile, self._ask, self._retrying)
        return GivenSession(base.session, self._ask, self._retrying)

    def open_login(self, login: Login, region: str) -> int:
        """Open a login and return the number of its account; raise TableError, the same one however often it is asked.

        `region` is where roles are assumed if the profile has none of its own.
        """
        if login not in self._opened:
            self._opened[login] = self._try_login(login, region)
        opened = self._opened[login]
        if isinstance(opened, TableError):
            raise opened
        return opened

    def number_of_account(self, number: int) -> str | None:
        """Return the number that AWS gave an account, None where the credentials do not tell it."""
        return self._accounts[number].held.account

    def open_transport(self, number: int, ref: TableRef, endpoint: Endpoint, retrying: Retrying) -> Transport:
        """Open a way to a table with the credentials of one account as they are valid at each request."""
        account = self._accounts[number]
        return Transport(
            ref, endpoint, account.renew_if_due, retrying, ask_renewal=lambda old: account.expire(old.number)
        )

    def open_s3(self, login: Login, endpoint_url: str | None) -> S3Access:
        """Open a login for S3; raise TableError where it has no credentials, ConfigError where settings are wrong."""
        profile = self.find_profile(login)
        return profile.find_s3(self.open_login(login, DEFAULT_REGION), endpoint_url)

    def open_bucket(self, access: S3Access, name: str, retrying: Retrying) -> Bucket:
        """Open a bucket with the credentials of its account as they are valid at each request."""
        account = self._accounts[access.account]
        return Bucket(access, name, account.renew_if_due, retrying, ask_renewal=lambda old: account.expire(old.number))

    def expire(self, number: int, credentials: int) -> None:
        """Renew the credentials of one account at once, where those of this number are the ones in use."""
        self._accounts[number].expire(credentials)

    def current_credentials(
        self, ended: Callable[[CredentialsEnded], object] | None = None, of: Collection[int] | None = None
    ) -> tuple[Credentials, ...]:
        """Return the credentials of all accounts as they are valid now; `of` are those that are asked for, None: all.

        Calls `ended` for each of these whose credentials end for good; raises CredentialsEnded where it is None.
        """
        for number, account in enumerate(self._accounts):
            if of is not None and number not in of:
                continue
            try:
                account.renew_if_due()
            except CredentialsEnded as error:
                if ended is None:
                    raise
                ended(error)
        return tuple(account.held for account in self._accounts)

    def _try_login(self, login: Login, region: str) -> int | TableError:
        """Add the account of a login and return its number; return the error where that fails."""
        try:
            account = Account(str(login), self._make_source(login, region), self._renewing)
            account.held  # noqa: B018 (raises)
        except TableError as error:
            return error
        self._accounts.append(account)
        return len(self._accounts) - 1

    def _make_source(self, login: Login, region: str) -> BotocoreSource:
        profile = self.find_profile(login)
        base = profile.find_source(region)
        if login.role is None:
            return base
        return AssumedRole(profile, base, login, self._ask, self._retrying).open_source()
