"""Sources of credentials: profiles, the default chain and roles, as botocore finds and assumes them.

The only door to botocore, which is imported where it is needed: it takes 0.15 s, and workers never load it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from fastsync.aws.auth.credentials import Account, Credentials, hide_secrets
from fastsync.aws.budget import Budget, PrivateCell
from fastsync.aws.connections import TIMEOUT
from fastsync.aws.failures import FAULTS, THROTTLES, Fault, Throttled, describe_error
from fastsync.aws.retries import Tries
from fastsync.aws.transport import Transport
from fastsync.config.checks import check_address
from fastsync.config.login import Login
from fastsync.errors import EXPIRED, ConfigError, CredentialsEnded, TableError
from fastsync.model.addresses import hide_users, holds_user, parse_proxy
from fastsync.model.settings import Retrying
from fastsync.model.table import Endpoint, TableRef

if TYPE_CHECKING:
    from botocore.session import Session

Ask = Callable[[str], str]
"""Asks for the code of an MFA device in the words given, and gives the code."""
STS_TIMEOUT = 10
"""Seconds in which a connection to STS has to be there: somebody may be waiting before a terminal."""
DENIED = "allow sts:AssumeRole on the role to {base}, and {base} in the role's trust policy"
LOG_IN = "log in again: aws sso login, with --profile NAME for a profile that is not the default one"
ONE_SESSION = "an MFA code was given for one session only; start again with another"
WRONG_CODE = "; an MFA code is good for one use, within half a minute"


class Accounts:
    """The accounts of a run: each login is opened once, each profile's own credentials are fetched once."""

    def __init__(self, ask: Ask, retrying: Retrying):
        self._ask = ask
        self._retrying = retrying
        self._profiles: dict[str | None, Profile] = {}
        self._opened: dict[Login, int | TableError] = {}
        self._accounts: list[Account] = []
        self._renewing = Lock()  # botocore's sessions are not safe for threads

    def find_profile(self, name: str | None) -> Profile:
        """Return a profile; raise ConfigError where there is no such."""
        if name not in self._profiles:
            self._profiles[name] = Profile(name, self._ask, self._retrying)
        return self._profiles[name]

    def open_login(self, login: Login, region: str) -> int:
        """Open a login and give the number of its account; raise TableError, the same one however often it is asked.

        `region` is where roles are assumed if the profile has none of its own.
        """
        if login not in self._opened:
            try:
                account = Account(str(login), self._make_source(login, region), self._renewing)
                account.held  # noqa: B018 (raises)
                self._opened[login] = len(self._accounts)
                self._accounts.append(account)
            except TableError as error:
                self._opened[login] = error
        opened = self._opened[login]
        if isinstance(opened, TableError):
            raise opened
        return opened

    def transport(self, number: int, ref: TableRef, endpoint: Endpoint, retrying: Retrying) -> Transport:
        """Open a way to a table with the credentials of one account as they are valid at each request."""
        account = self._accounts[number]
        return Transport(
            ref, endpoint, account.renew_if_due, retrying, ask_renewal=lambda old: account.expire(old.number)
        )

    def expire(self, number: int, credentials: int) -> None:
        """Have the credentials of one account renewed at once, those of this number being called expired."""
        self._accounts[number].expire(credentials)

    def current_credentials(self, ended: Callable[[CredentialsEnded], object] | None = None) -> tuple[Credentials, ...]:
        """Return the credentials of all accounts as they are valid now.

        Tells `ended` of those that end for good, or raises CredentialsEnded where there is no `ended`.
        """
        for account in self._accounts:
            try:
                account.renew_if_due()
            except CredentialsEnded as error:
                if ended is None:
                    raise
                ended(error)
        return tuple(account.held for account in self._accounts)

    def _make_source(self, login: Login, region: str) -> Source:
        profile = self.find_profile(login.profile)
        base = profile.find_source(region)
        if login.role is None:
            return base
        return AssumedRole(profile.session, base, login, self._ask, self._retrying).source()


class Profile:
    """A profile of the configuration files, or the default chain where `name` is None; raise ConfigError."""

    def __init__(self, name: str | None, ask: Ask, retrying: Retrying):
        self._given = name
        self._ask = ask
        self._retrying = retrying
        self._name = str(Login(name))
        self._source: Source | None = None
        self._renewed = False
        self.session = self._session()

    def _session(self) -> Session:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        session = Session(profile=self._given)
        try:  # first: a profile that does not exist fails whatever else is asked of the session
            session.get_scoped_config()
        except BotoCoreError as error:
            raise ConfigError(f"{_said(error)}; see `aws configure list-profiles`") from None
        # for what botocore asks by itself, such as SSO
        session.set_config_variable("max_attempts", 1 + self._retrying.max_retries)
        session.set_config_variable("retry_mode", "standard")
        # a profile that itself assumes a role with MFA asks in the same way as the flags do
        session.get_component("credential_provider").get_provider("assume-role")._prompter = self._ask_once
        return session

    def find_source(self, region: str) -> Source:
        """Return the profile's own credentials; raise TableError where there are none."""
        if self._source is None:
            if self.session.get_config_variable("region") is None:
                self.session.set_config_variable("region", region)  # STS and SSO are asked in some region
            self._source = Source(self._find, self._name)
        return self._source

    def _ask_once(self, question: str) -> str:
        """Ask for an MFA code; raise TableError in mid-run, where nobody may be there to answer."""
        if self._renewed:
            raise TableError(ONE_SESSION)
        return self._ask(question)

    def _find(self) -> Any:
        """Find credentials; from the second time on others, in a session that has kept none."""
        session = self.session
        if self._source is not None:
            self._renewed = True
            session = self._session()
            session.set_config_variable("region", self.session.get_config_variable("region"))
        found = session.get_credentials()
        if found is None:
            raise TableError(f"no credentials were found in {self._name}; set AWS_PROFILE or give --profile")
        return found

    def check_address(self, service: str, needed: bool) -> None:
        """Raise ConfigError where the address of a service in environment or file holds a user or a password.

        Where it is needed, raise ConfigError also where it is no address.
        """
        address = _configured_address(self.session, service)
        if address is not None and (needed or holds_user(address)):
            names = f"AWS_ENDPOINT_URL_{service.upper()}, AWS_ENDPOINT_URL or endpoint_url in the configuration file"
            check_address(names, address)

    def find_endpoint(self, ref: TableRef) -> Endpoint:
        """Find where a table is reached, by botocore's rules: flags, environment, configuration file, region."""
        return Endpoint(*_find_address(self.session, ref))


class Source:
    """Credentials of botocore, which refresh themselves where they end. `find` finds them, and finds others."""

    def __init__(self, find: Callable[[], Any], name: str, last: bool = False):
        self._find = find
        self._name = name
        self._last = last
        with in_words(name):
            self._credentials = find()

    def fetch(self) -> Credentials:
        """Return credentials, new ones where the old ones are about to end; raise TableError."""
        with in_words(self._name):
            frozen = self._credentials.get_frozen_credentials()
        renewable = self._ends is not None and not self._last
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token, renewable)

    def renew(self) -> Credentials:
        """Give others, whatever is known of the end of the old ones; raise TableError."""
        with in_words(self._name):
            self._credentials = self._find()
        return self.fetch()

    def ends_within(self, seconds: float) -> bool:
        """Return whether what was last fetched ends within so many seconds."""
        return self._ends is not None and bool(self._ends(seconds))

    @property
    def _ends(self) -> Callable[[float], bool] | None:
        return getattr(self._credentials, "refresh_needed", None)


class AssumedRole:
    """A role that is assumed with the credentials of `base`, now and whenever its session is about to end."""

    def __init__(self, session: Session, base: Source, login: Login, ask: Ask, retrying: Retrying):
        assert login.role is not None
        self._session = session
        self._base = base
        self._login = login
        self._role = login.role
        self._ask = ask
        self._retrying = retrying
        self._asked = False

    def source(self) -> Source:
        """Return the role's credentials."""
        from botocore.credentials import DeferredRefreshableCredentials

        def find() -> Any:
            return DeferredRefreshableCredentials(self._assume, "assume-role")

        return Source(find, str(self._login), self._role.mfa_serial is not None)

    def _assume(self) -> dict[str, Any]:
        """Assume the role; raise TableError. A base session that has ended before its time is renewed once."""
        if self._asked and self._role.mfa_serial is not None:
            raise TableError(ONE_SESSION)
        self._asked = True
        code = None
        if self._role.mfa_serial is not None:
            code = self._role.mfa_token or self._ask(f"MFA code of {self._role.mfa_serial} for {self._role.arn}: ")
        keys = self._base.fetch()
        try:
            return self._request(keys, code)
        except _BaseExpired as error:
            if not keys.renewable or code is not None:
                raise TableError(str(error)) from None
        try:
            return self._request(self._base.renew(), code)
        except _BaseExpired as error:
            raise TableError(str(error)) from None

    def _request(self, keys: Credentials, code: str | None) -> dict[str, Any]:
        """Call AssumeRole, again where it fails by chance: botocore itself is not to, so that --max-retries holds."""
        from botocore.config import Config

        sts = self._session.create_client(
            "sts",
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
            config=Config(connect_timeout=STS_TIMEOUT, read_timeout=TIMEOUT, retries={"total_max_attempts": 1}),
        )
        tries = Tries(self._retrying, Budget(PrivateCell()))
        while True:
            try:
                return self._once(sts, keys, code)
            except (Fault, Throttled) as failure:
                pause = tries.next_pause(failure)
                if pause is None:
                    text = f"AssumeRole failed {tries.failed_count} times, the last time with {failure}"
                    raise TableError(f"{self._login} could not be assumed with {self._login.base}: {text}") from None
                time.sleep(pause)

    def _once(self, sts: Any, keys: Credentials, code: str | None) -> dict[str, Any]:
        from botocore.exceptions import (
            ClientError,
            ConnectTimeoutError,
            HTTPClientError,
            ReadTimeoutError,
        )
        from botocore.exceptions import ConnectionError as NoConnection
        from botocore.parsers import ResponseParserError

        wanted = {
            "RoleArn": self._role.arn,
            "RoleSessionName": self._role.session_name,
            "DurationSeconds": self._role.duration,
            "ExternalId": self._role.external_id,
            "SerialNumber": self._role.mfa_serial,
            "TokenCode": code,
        }
        try:
            answer = sts.assume_role(**{name: value for name, value in wanted.items() if value is not None})
        except ClientError as error:
            raise _sorted_out(self._login, error.response, keys, code) from None
        except (NoConnection, HTTPClientError, ResponseParserError) as error:
            timed_out = isinstance(error, ConnectTimeoutError | ReadTimeoutError)
            raise Fault(_said(error), timed_out=timed_out) from None
        return _session_of(answer)


class _BaseExpired(Exception):
    """STS calls the credentials expired that a role is assumed with."""


def _sorted_out(login: Login, response: Mapping[str, Any], keys: Credentials, code: str | None) -> Exception:
    """Return what an error of STS comes to: told by its name as it came, with secrets taken out of what is shown."""
    error = response.get("Error", {})
    name, status = str(error.get("Code", "")), int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if name in THROTTLES or status == 429:
        return Throttled(_hidden(f"{name}: {error.get('Message')}", login, keys, code))
    if name in FAULTS or status >= 500:
        return Fault(_hidden(f"{name}: {error.get('Message')}", login, keys, code))
    told = _describe_refusal(login, error, keys, code)
    return _BaseExpired(told) if name in EXPIRED else TableError(told)


def _session_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Read the session that AssumeRole gave (STS API reference: all four are always there); raise Fault."""
    given = answer.get("Credentials") or {}
    fields = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    if absent := [name for name in fields if not given.get(name)]:
        raise Fault(f"an answer that cannot be true: Credentials lack {', '.join(absent)}")
    if not isinstance(given["Expiration"], datetime):
        raise Fault("an answer that cannot be true: Expiration is no time")
    return {
        "access_key": given["AccessKeyId"],
        "secret_key": given["SecretAccessKey"],
        "token": given["SessionToken"],
        "expiry_time": given["Expiration"].isoformat(),
    }


def _describe_refusal(login: Login, error: Mapping[str, str], keys: Credentials, code: str | None) -> str:
    """Return why a role was not assumed, and what to do."""
    name, message = error.get("Code", ""), _hidden(error.get("Message", "no message"), login, keys, code)
    text = f"{login} could not be assumed with {login.base}: {describe_error(name, message)}"
    if name == "AccessDenied":
        text += f" ({DENIED.format(base=f'the caller in {login.base}')}"
        text += f"{WRONG_CODE if login.role and login.role.mfa_serial else ''})"
    return text


def _hidden(message: str, login: Login, keys: Credentials, code: str | None) -> str:
    """Take out of a refusal what it repeats of the request that nobody else may see."""
    message = keys.hide(message)
    if login.role is not None:
        message = hide_secrets(message, login.role.external_id)
    return re.sub(rf"(?<!\d){re.escape(code)}(?!\d)", "***", message) if code else message


@contextmanager
def in_words(name: str) -> Iterator[None]:
    """Put what botocore raises into a sentence: ConfigError where a file is wrong, else TableError."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        InvalidConfigError,
        ProfileNotFound,
        SSOError,
        TokenRetrievalError,
    )

    try:
        yield
    except (InvalidConfigError, ProfileNotFound) as error:
        raise ConfigError(f"{name} cannot be used: {_said(error)}") from None
    except (SSOError, TokenRetrievalError) as error:
        raise TableError(f"no credentials could be had from {name}: {_said(error)}; {LOG_IN}") from None
    except (BotoCoreError, ClientError, RuntimeError, OSError, ValueError) as error:
        raise TableError(f"no credentials could be had from {name}: {_said(error)}") from None


def _said(error: Exception) -> str:
    """Return what an error of botocore says, without user and password of any address.

    botocore cannot read the address of a proxy whose password holds / or its like, and may tell a piece of it.
    """
    if any(_is_unusual(address) for address in getproxies().values()):
        return (
            f"{type(error).__name__}; the address of a proxy (HTTPS_PROXY, HTTP_PROXY) holds / # ? @ or : in its user "
            "or password: write them as %2F %23 %3F %40 %3A"
        )
    return hide_users(str(error))


def _is_unusual(proxy: str) -> bool:
    """Return whether a proxy's address has a user or password that a parser of URLs would split elsewhere."""
    _, _, rest = proxy.rpartition("://")
    user = rest.rpartition("@")[0]
    return user.count(":") > 1 or not set("/#?@[]").isdisjoint(user)


def _find_address(session: Session, ref: TableRef) -> tuple[str, str | None, str | None]:
    from botocore.exceptions import BotoCoreError
    from botocore.utils import get_environ_proxies

    url = ref.endpoint_url
    try:
        if url is None:
            # with keys that are none, so that nobody is asked for credentials here
            client = session.create_client("dynamodb", ref.region, aws_access_key_id="-", aws_secret_access_key="-")
            url = client.meta.endpoint_url
    except (BotoCoreError, ValueError) as error:
        raise TableError(f"{ref}: no endpoint is known for region {ref.region}: {_said(error)}") from None
    bundle = session.get_config_variable("ca_bundle")
    if bundle is None and url.startswith("https"):
        from botocore.httpsession import where

        bundle = where()
    proxy = get_environ_proxies(url).get(url.split(":", 1)[0])
    if proxy:
        try:
            parse_proxy(proxy)
        except ValueError as error:
            raise ConfigError(
                f"{ref} cannot be reached through the proxy that the environment names: {error}"
            ) from None
    return url, bundle, proxy


def _configured_address(session: Session, service: str) -> str | None:
    """Find the address of a service in environment and configuration file, where botocore looks for it."""
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    scoped = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(scoped.get("services"), {}).get(service, {})
    found = (
        os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}"),
        os.environ.get("AWS_ENDPOINT_URL"),
        services.get("endpoint_url") if isinstance(services, dict) else None,
        scoped.get("endpoint_url"),
    )
    return next(filter(None, found), None)
