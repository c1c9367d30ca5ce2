"""Sources of credentials: profiles, the default chain and roles, as botocore finds and assumes them.

The only door to botocore, which is imported where it is needed: it takes 0.15 s, and workers never load it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from fastsync.addresses import hide_users, holds_user, parse_proxy
from fastsync.aws.credentials import Account, Credentials, hide_secrets
from fastsync.aws.failures import advice
from fastsync.checks import check_address
from fastsync.errors import ConfigError, CredentialsEnded, TableError
from fastsync.login import Login, Role
from fastsync.table import Endpoint, TableRef

if TYPE_CHECKING:
    from botocore.session import Session

Ask = Callable[[str], str]
"""Asks for the code of an MFA device in the words given, and gives the code."""
STS_TIMEOUT = 10
"""Seconds in which a connection to STS has to be there: somebody may be waiting before a terminal."""
DENIED = "allow sts:AssumeRole on the role to {base}, and {base} in the role's trust policy"
LOG_IN = "log in again: aws sso login, with --profile NAME for a profile that is not the default one"
WRONG_CODE = "; an MFA code is good for one use, within half a minute"


class Accounts:
    """The accounts of a run: each login is opened once, each profile's own credentials are fetched once."""

    def __init__(self, ask: Ask):
        self._ask = ask
        self._profiles: dict[str | None, Profile] = {}
        self._opened: dict[Login, int | TableError] = {}
        self._accounts: list[Account] = []
        self._renewing = Lock()  # botocore's sessions are not safe for threads

    def profile(self, name: str | None) -> Profile:
        """Give a profile; raise ConfigError where there is no such."""
        if name not in self._profiles:
            self._profiles[name] = Profile(name, self._ask)
        return self._profiles[name]

    def open(self, login: Login, region: str) -> int:
        """Open a login and give the number of its account; raise TableError, the same one however often it is asked.

        `region` is where roles are assumed if the profile has none of its own.
        """
        if login not in self._opened:
            try:
                account = Account(str(login), self._source(login, region), self._renewing)
                account.held  # noqa: B018 (raises)
                self._opened[login] = len(self._accounts)
                self._accounts.append(account)
            except TableError as error:
                self._opened[login] = error
        opened = self._opened[login]
        if isinstance(opened, TableError):
            raise opened
        return opened

    def source(self, number: int) -> Callable[[], Credentials]:
        """Give what gives one account's credentials as they are valid now."""
        return self._accounts[number].current

    def current(self, ended: Callable[[CredentialsEnded], object] | None = None) -> tuple[Credentials, ...]:
        """Give the credentials of all accounts as they are valid now.

        Tells `ended` of those that end for good, or raises CredentialsEnded where there is no `ended`.
        """
        for account in self._accounts:
            try:
                account.current()
            except CredentialsEnded as error:
                if ended is None:
                    raise
                ended(error)
        return tuple(account.held for account in self._accounts)

    def _source(self, login: Login, region: str) -> _Source:
        profile = self.profile(login.profile)
        base = profile.source(region)
        return base if login.role is None else _assumed(profile.session, base, login, self._ask)


class Profile:
    """A profile of the configuration files, or the default chain where `name` is None; raise ConfigError."""

    def __init__(self, name: str | None, ask: Ask):
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        self.session = Session(profile=name)
        self._name = str(Login(name))
        self._source: _Source | None = None
        try:
            self.session.get_scoped_config()
        except BotoCoreError as error:
            raise ConfigError(f"{_said(error)}; see `aws configure list-profiles`") from None
        # a profile that itself assumes a role with MFA asks in the same way as the flags do
        self.session.get_component("credential_provider").get_provider("assume-role")._prompter = ask

    def source(self, region: str) -> _Source:
        """Give the profile's own credentials; raise TableError where there are none."""
        if self._source is None:
            if self.session.get_config_variable("region") is None:
                self.session.set_config_variable("region", region)  # STS and SSO are asked in some region
            with _in_words(self._name):
                found = self.session.get_credentials()
            if found is None:
                raise TableError(f"no credentials were found in {self._name}; set AWS_PROFILE or give --profile")
            self._source = _Source(found, self._name)
        return self._source

    def check_address(self, service: str, needed: bool) -> None:
        """Raise ConfigError where the address of a service in environment or file holds a user or a password.

        Where it is needed, raise ConfigError also where it is no address.
        """
        address = _configured_address(self.session, service)
        if address is not None and (needed or holds_user(address)):
            names = f"AWS_ENDPOINT_URL_{service.upper()}, AWS_ENDPOINT_URL or endpoint_url in the configuration file"
            check_address(names, address)

    def endpoint(self, ref: TableRef) -> Endpoint:
        """Find where a table is reached, by botocore's rules: flags, environment, configuration file, region."""
        return Endpoint(*_address(self.session, ref))


class _Source:
    """Credentials of botocore, which refresh themselves where they end."""

    def __init__(self, credentials: Any, name: str, last: bool = False):
        self._credentials = credentials
        self._name = name
        self._ends = getattr(credentials, "refresh_needed", None)
        self._renewable = self._ends is not None and not last

    def fetch(self) -> Credentials:
        with _in_words(self._name):
            frozen = self._credentials.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token, self._renewable)

    def ends_within(self, seconds: float) -> bool:
        return self._ends is not None and bool(self._ends(seconds))


def _assumed(session: Session, base: _Source, login: Login, ask: Ask) -> _Source:
    """Give the credentials of a role that is assumed with those of `base`, now and whenever they are about to end."""
    from botocore.credentials import DeferredRefreshableCredentials

    role = login.role
    assert role is not None
    asked = False

    def assume() -> dict[str, Any]:
        nonlocal asked
        if asked and role.mfa_serial is not None:
            raise TableError("an MFA code was given for one session only; start again with another")
        asked = True
        code = None if role.mfa_serial is None else role.mfa_token or ask(_question(role))
        return _assume(session, base.fetch(), login, code)

    return _Source(DeferredRefreshableCredentials(assume, "assume-role"), str(login), role.mfa_serial is not None)


def _question(role: Role) -> str:
    return f"MFA code of {role.mfa_serial} for {role.arn}: "


def _assume(session: Session, keys: Credentials, login: Login, code: str | None) -> dict[str, Any]:
    from botocore.config import Config
    from botocore.exceptions import ClientError

    role = login.role
    assert role is not None
    wanted = {
        "RoleArn": role.arn,
        "RoleSessionName": role.session_name,
        "DurationSeconds": role.duration,
        "ExternalId": role.external_id,
        "SerialNumber": role.mfa_serial,
        "TokenCode": code,
    }
    sts = session.create_client(
        "sts",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
        config=Config(connect_timeout=STS_TIMEOUT),
    )
    try:
        answer = sts.assume_role(**{name: value for name, value in wanted.items() if value is not None})
    except ClientError as error:
        raise TableError(_told(login, error.response.get("Error", {}), keys, code)) from None
    given = answer["Credentials"]
    return {
        "access_key": given["AccessKeyId"],
        "secret_key": given["SecretAccessKey"],
        "token": given["SessionToken"],
        "expiry_time": given["Expiration"].isoformat(),
    }


def _told(login: Login, error: dict[str, str], keys: Credentials, code: str | None) -> str:
    """Say why a role was not assumed, and what to do; a refusal may repeat what was sent, so that is taken out."""
    name, message = error.get("Code", ""), keys.hide(error.get("Message", "no message"))
    if login.role is not None:
        message = hide_secrets(message, login.role.external_id)
    if code:
        message = re.sub(rf"(?<!\d){re.escape(code)}(?!\d)", "***", message)
    text = f"{login} could not be assumed with {login.base}: {advice(name, message)}"
    if name == "AccessDenied":
        text += f" ({DENIED.format(base=f'the caller in {login.base}')}"
        text += f"{WRONG_CODE if login.role and login.role.mfa_serial else ''})"
    return text


@contextmanager
def _in_words(name: str) -> Iterator[None]:
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
    """Say whether a proxy's address has a user or password that a parser of URLs would split elsewhere."""
    _, _, rest = proxy.rpartition("://")
    user = rest.rpartition("@")[0]
    return user.count(":") > 1 or not set("/#?@[]").isdisjoint(user)


def _address(session: Session, ref: TableRef) -> tuple[str, str | None, str | None]:
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
