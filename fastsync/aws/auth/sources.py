"""Sources of credentials: profiles and the default chain, as botocore finds them, and sessions that STS gives.

The only door to botocore. It is imported inside functions, since it takes 0.15 s; workers never load it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.failures import Fault
from fastsync.aws.network.opening import TIMEOUT
from fastsync.errors import ConfigError, TableError
from fastsync.model.addresses import check_address, hide_users, holds_user, parse_proxy
from fastsync.model.settings import Retrying
from fastsync.model.table import Endpoint, Login, TableRef

if TYPE_CHECKING:
    from botocore.session import Session

Ask = Callable[[str], str]
"""Asks a question and returns the answer, the code of an MFA device."""
STS_TIMEOUT = 10
"""Seconds that connecting to STS may take: somebody may be waiting before a terminal."""
LOG_IN = "log in again: aws sso login, with --profile NAME for a profile that is not the default one"
ONE_SESSION = "an MFA code was given for one session only; start again with another"


class Profile:
    """A profile of the configuration files, or the default chain where `name` is None.

    Raises ConfigError where the profile does not exist.
    """

    def __init__(self, name: str | None, ask: Ask, retrying: Retrying):
        self._given = name
        self._ask = ask
        self._retrying = retrying
        self._name = str(Login(name))
        self._source: BotocoreSource | None = None
        self._renewed = False
        self._session = self._open_session()

    def _open_session(self) -> Session:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        session = Session(profile=self._given)
        try:  # first: a profile that does not exist fails whatever else is asked of the session
            session.get_scoped_config()
        except BotoCoreError as error:
            raise ConfigError(f"{_describe(error)}; see `aws configure list-profiles`") from None
        # these are for the requests that botocore makes by itself, such as those to SSO
        session.set_config_variable("max_attempts", 1 + self._retrying.max_retries)
        session.set_config_variable("retry_mode", "standard")
        # a profile that itself assumes a role with MFA asks in the same way as the flags do
        session.get_component("credential_provider").get_provider("assume-role")._prompter = self._ask_once
        return session

    def find_source(self, region: str) -> BotocoreSource:
        """Return the profile's own credentials; raise TableError where there are none."""
        if self._source is None:
            if self._session.get_config_variable("region") is None:
                self._session.set_config_variable("region", region)  # STS and SSO are asked in some region
            self._source = BotocoreSource(self._find_credentials, self._name)
        return self._source

    def _ask_once(self, question: str) -> str:
        """Ask for an MFA code; raise TableError in mid-run, where nobody may be there to answer."""
        if self._renewed:
            raise TableError(ONE_SESSION)
        return self._ask(question)

    def _find_credentials(self) -> Any:
        """Return botocore's credentials; from the second time on others, from a session that has cached none."""
        session = self._session
        if self._source is not None:
            self._renewed = True
            session = self._open_session()
            session.set_config_variable("region", self._session.get_config_variable("region"))
        found = session.get_credentials()
        if found is None:
            raise TableError(f"no credentials were found in {self._name}; set AWS_PROFILE or give --profile")
        return found

    def open_sts(self, keys: Credentials) -> Sts:
        """Return STS for requests with these keys; the caller retries."""
        from botocore.config import Config

        client = self._session.create_client(
            "sts",
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
            config=Config(connect_timeout=STS_TIMEOUT, read_timeout=TIMEOUT, retries={"total_max_attempts": 1}),
        )
        return Sts(client)

    def check_address(self, service: str, needed: bool) -> None:
        """Raise ConfigError where the configured address of a service holds a user or a password.

        Where the address is needed, also raise ConfigError where it is none that can be connected to.
        """
        address = _configured_address(self._session, service)
        if address is not None and (needed or holds_user(address)):
            names = f"AWS_ENDPOINT_URL_{service.upper()}, AWS_ENDPOINT_URL or endpoint_url in the configuration file"
            check_address(names, address)

    def find_endpoint(self, ref: TableRef) -> Endpoint:
        """Return where a table is reached, by botocore's rules: flags, environment, configuration file, region."""
        url = ref.endpoint_url or self._regional_url(ref)
        return Endpoint(url, self._find_ca_bundle(url), _find_proxy(ref, url))

    def _regional_url(self, ref: TableRef) -> str:
        from botocore.exceptions import BotoCoreError

        try:
            # with dummy keys, so that nobody is asked for credentials here
            client = self._session.create_client(
                "dynamodb", ref.region, aws_access_key_id="-", aws_secret_access_key="-"
            )
        except (BotoCoreError, ValueError) as error:
            raise TableError(f"{ref}: no endpoint is known for region {ref.region}: {_describe(error)}") from None
        url: str = client.meta.endpoint_url
        return url

    def _find_ca_bundle(self, url: str) -> str | None:
        bundle: str | None = self._session.get_config_variable("ca_bundle")
        if bundle is not None or not url.startswith("https"):
            return bundle
        from botocore.httpsession import where

        return str(where())


class BotocoreSource:
    """Credentials of botocore, which refresh themselves before they end. `find` returns them, and later others.

    With `last` there are no others: an MFA code was given for one session only.
    """

    def __init__(self, find: Callable[[], Any], name: str, last: bool = False):
        self._find = find
        self._name = name
        self._last = last
        with _explain_errors(name):
            self._credentials = find()

    def fetch(self) -> Credentials:
        """Return credentials, new ones where the old ones are about to end; raise TableError."""
        with _explain_errors(self._name):
            frozen = self._credentials.get_frozen_credentials()
        renewable = self._ends is not None and not self._last
        return Credentials(frozen.access_key, frozen.secret_key, token=frozen.token, renewable=renewable)

    def renew(self) -> Credentials:
        """Return other credentials, even where the old ones seem to be valid; raise TableError."""
        with _explain_errors(self._name):
            self._credentials = self._find()
        return self.fetch()

    def ends_within(self, seconds: float) -> bool:
        """Return whether the credentials that were fetched last end within so many seconds."""
        return self._ends is not None and bool(self._ends(seconds))

    @property
    def _ends(self) -> Callable[[float], bool] | None:
        return getattr(self._credentials, "refresh_needed", None)


class StsError(Exception):
    """STS answered with an error: its `code` and `message` as they came, and the HTTP `status`, 0 where unknown."""

    def __init__(self, response: Mapping[str, Any]):
        error = response.get("Error", {})
        super().__init__("STS answered with an error")  # its message may repeat secrets
        self.code = str(error.get("Code", ""))
        self.message = str(error.get("Message", "no message"))
        self.status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


class Sts:
    """STS, through a client of botocore. Each call is one request."""

    def __init__(self, client: Any):
        self._client = client

    def assume_role(self, parameters: Mapping[str, object]) -> Mapping[str, Any]:
        """Return the answer of AssumeRole; raise StsError where it is an error, Fault where none came."""
        from botocore.exceptions import ClientError, ConnectTimeoutError, HTTPClientError, ReadTimeoutError
        from botocore.exceptions import ConnectionError as NoConnection
        from botocore.parsers import ResponseParserError

        try:
            answer: Mapping[str, Any] = self._client.assume_role(**parameters)
        except ClientError as error:
            raise StsError(error.response) from None
        except (NoConnection, HTTPClientError, ResponseParserError) as error:
            timed_out = isinstance(error, ConnectTimeoutError | ReadTimeoutError)
            raise Fault(_describe(error), timed_out=timed_out) from None
        return answer


def open_session(assume: Callable[[], dict[str, str]]) -> Any:
    """Return credentials of botocore that call `assume` when they are needed first, and before each session ends."""
    from botocore.credentials import DeferredRefreshableCredentials

    return DeferredRefreshableCredentials(assume, "assume-role")


@contextmanager
def _explain_errors(name: str) -> Iterator[None]:
    """Turn errors of botocore into one sentence: ConfigError where a file is wrong, else TableError."""
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
        raise ConfigError(f"{name} cannot be used: {_describe(error)}") from None
    except (SSOError, TokenRetrievalError) as error:
        raise TableError(f"no credentials could be had from {name}: {_describe(error)}; {LOG_IN}") from None
    except (BotoCoreError, ClientError, RuntimeError, OSError, ValueError) as error:
        raise TableError(f"no credentials could be had from {name}: {_describe(error)}") from None


def _describe(error: Exception) -> str:
    """Return the message of an error of botocore, with user and password removed from every address.

    botocore cannot read the address of a proxy whose password holds / or the like, and may repeat a part of it.
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


def _find_proxy(ref: TableRef, url: str) -> str | None:
    from botocore.utils import get_environ_proxies

    proxy: str | None = get_environ_proxies(url).get(url.split(":", 1)[0])
    if not proxy:
        return None
    try:
        parse_proxy(proxy)
    except ValueError as error:
        raise ConfigError(f"{ref} cannot be reached through the proxy that the environment names: {error}") from None
    return proxy


def _configured_address(session: Session, service: str) -> str | None:
    """Return the address of a service in environment or configuration file, looked for where botocore does."""
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {}).get(service, {})
    in_services = services.get("endpoint_url") if isinstance(services, dict) else None
    return (
        os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        or os.environ.get("AWS_ENDPOINT_URL")
        or in_services
        or profile.get("endpoint_url")
        or None
    )
