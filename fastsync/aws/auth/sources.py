"""Sources of credentials: profiles and the default chain, as botocore finds them, and sessions that STS gives.

One of three doors to botocore. It is imported inside functions, since it takes 0.15 s; workers never load it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fastsync.aws.auth import endpoints
from fastsync.aws.auth.credentials import Credentials, find_key_fault
from fastsync.aws.auth.endpoints import describe_error
from fastsync.aws.failures import Fault
from fastsync.aws.network.opening import TIMEOUT
from fastsync.errors import ConfigError, FastsyncError, TableError
from fastsync.model.settings import Retrying
from fastsync.model.table import Endpoint, Login, S3Access, TableRef

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
        self._sts_region: str | None = None
        self._source: BotocoreSource | None = None
        self._renewed = False
        self._session = self._open_session()
        self._plain: dict[bool, Session] = {}

    def _open_session(self) -> Session:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        session = Session(profile=self._given)
        try:  # first: a profile that does not exist fails whatever else is asked of the session
            session.get_scoped_config()
        except BotoCoreError as error:
            raise ConfigError(f"{describe_error(error)}; see `aws configure list-profiles`") from None
        except Exception as error:  # whatever it makes of a file that is damaged
            raise ConfigError(f"AWS's configuration files cannot be read: {describe_error(error)}") from None
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
            self._source = BotocoreSource(self._find_credentials, self._name, explain=self._explain)
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

    def _explain(self, error: Exception) -> str:
        """Return why there are no credentials; raise ConfigError where the CA bundle is the reason."""
        self.check_ca_bundle()
        reason = describe_error(error)
        helper = self._session.get_scoped_config().get("credential_process")
        if helper and not isinstance(error, _of_botocore()):
            return f"what credential_process ({str(helper).split()[0]}) prints are no credentials: {reason}"
        return reason

    def open_sts(self, keys: Credentials) -> Sts:
        """Return STS for requests with these keys; the caller retries."""
        from botocore.config import Config

        try:
            client = self._session.create_client(
                "sts",
                self._sts_region,
                aws_access_key_id=keys.access_key,
                aws_secret_access_key=keys.secret_key,
                aws_session_token=keys.token,
                config=Config(connect_timeout=STS_TIMEOUT, read_timeout=TIMEOUT, retries={"total_max_attempts": 1}),
            )
        except Exception as error:  # whatever it makes of settings that are damaged
            raise ConfigError(f"the settings of AWS for STS cannot be used: {describe_error(error)}") from None
        if client.meta.endpoint_url.startswith("https"):
            self.check_ca_bundle()
        return Sts(client)

    def check_address(self, service: str, needed: bool) -> None:
        """Raise ConfigError where the configured address of a service cannot be used; see `endpoints`."""
        endpoints.check_configured_address(self._session, service, needed)

    def list_regions(self) -> list[str]:
        """Return the regions that are known; [] where DynamoDB is not reached by its region."""
        return endpoints.list_regions(self._session)

    def find_endpoint(self, ref: TableRef, account: str | None) -> Endpoint:
        """Return where a table is reached with credentials of this account; raise ConfigError or TableError."""
        from botocore.session import Session

        def open_plain(with_handlers: bool) -> Session:
            """Return a session without settings of its own. Clients need its handlers, which take 10 ms to register."""
            if with_handlers not in self._plain:
                self._plain[with_handlers] = Session(profile=self._given, include_builtin_handlers=with_handlers)
            return self._plain[with_handlers]

        session = open_plain(with_handlers=False)
        if endpoints.needs_client(session, ref):
            session = open_plain(with_handlers=True)
        return endpoints.find_endpoint(session, ref, account)

    def find_s3(self, account: int, endpoint_url: str | None) -> S3Access:
        """Return how S3 is reached with the credentials of an account, by a flag's address where one is given.

        Raises ConfigError where the configured address or the CA bundle cannot be used.
        """
        self.check_address("s3", needed=endpoint_url is None)
        self.check_ca_bundle()
        return S3Access(self._given, account, endpoint_url, self._session.get_config_variable("region"))

    def check_ca_bundle(self) -> None:
        """Raise ConfigError where the configured CA bundle cannot be used."""
        endpoints.check_ca_bundle(self._session)


class BotocoreSource:
    """Credentials of botocore, which refresh themselves before they end. `find` returns them, and later others.

    With `last` there are no others: an MFA code was given for one session only.
    """

    def __init__(
        self,
        find: Callable[[], Any],
        name: str,
        last: bool = False,
        explain: Callable[[Exception], str] = describe_error,
    ):
        self._find = find
        self._name = name
        self._last = last
        self._explain = explain
        with _explain_errors(name, explain):
            self._credentials = find()

    def fetch(self) -> Credentials:
        """Return credentials, new ones where the old ones are about to end; raise TableError."""
        with _explain_errors(self._name, self._explain):
            frozen = self._credentials.get_frozen_credentials()
        fault = find_key_fault(frozen.access_key, frozen.secret_key, frozen.token)
        if fault is not None:
            raise TableError(f"the credentials of {self._name} cannot be used: {fault}")
        renewable = self._ends is not None and not self._last
        account = getattr(frozen, "account_id", None)
        return Credentials(
            frozen.access_key,
            frozen.secret_key,
            token=frozen.token,
            renewable=renewable,
            account=account if isinstance(account, str) else None,
        )

    def renew(self) -> Credentials:
        """Return other credentials, even where the old ones seem to be valid; raise TableError."""
        with _explain_errors(self._name, self._explain):
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
            raise Fault(describe_error(error), timed_out=timed_out) from None
        return answer


def open_session(assume: Callable[[], dict[str, str]]) -> Any:
    """Return credentials of botocore that call `assume` when they are needed first, and before each session ends."""
    from botocore.credentials import DeferredRefreshableCredentials

    return DeferredRefreshableCredentials(assume, "assume-role")


def _of_botocore() -> tuple[type[Exception], ...]:
    """Return the errors that botocore raises on purpose, whose messages say what is wrong."""
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


@contextmanager
def _explain_errors(name: str, explain: Callable[[Exception], str]) -> Iterator[None]:
    """Turn errors of botocore into one sentence: ConfigError where a file is wrong, else TableError.

    It raises others than its own where a file, a cache or the output of a helper is damaged.
    """
    from botocore.exceptions import InvalidConfigError, ProfileNotFound, SSOError, TokenRetrievalError

    try:
        yield
    except FastsyncError:
        raise
    except (InvalidConfigError, ProfileNotFound) as error:
        raise ConfigError(f"{name} cannot be used: {describe_error(error)}") from None
    except (SSOError, TokenRetrievalError) as error:
        raise TableError(f"no credentials could be had from {name}: {explain(error)}; {LOG_IN}") from None
    except Exception as error:
        raise TableError(f"no credentials could be had from {name}: {explain(error)}") from None
