"""Where a table is reached, by botocore's rules: address, region of the signature, CA bundle and proxy.

One of three doors to botocore. It is imported inside functions, since it takes 0.15 s; workers never load it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from fastsync.aws.network.tls import find_bundle_fault
from fastsync.errors import ConfigError, TableError
from fastsync.model.addresses import check_address, hide_users, holds_user, parse_proxy
from fastsync.model.table import Endpoint, TableRef
from fastsync.model.wording import quote

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.session import Session

ANY_KEY = "-"
"""Stands for keys where a client is only asked where it would send a request: nobody is asked for credentials here."""
STAND_IN = "http://localhost:8000"
"""Stands for the address that a flag gives, which botocore need not like: it refuses names with an underscore."""
CLIENT_SETTINGS = frozenset(
    {
        "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_DEFAULTS_MODE", "AWS_ACCOUNT_ID_ENDPOINT_MODE",
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION", "AWS_SIGV4A_SIGNING_REGION_SET",
        "AWS_DISABLE_REQUEST_COMPRESSION", "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "AWS_SDK_UA_APP_ID",
        "AWS_AUTH_SCHEME_PREFERENCE", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    }
)  # fmt: skip
"""Variables that botocore checks when it makes a client; their settings are called alike, in small letters."""


class _Bundle(NamedTuple):
    """The path of a CA bundle, and the setting that names it."""

    path: str
    setting: str


def find_endpoint(session: Session, ref: TableRef, account: str | None) -> Endpoint:
    """Return where a table is reached with the credentials of an account, None where its number is not known.

    The session has to be one without settings of its own, so that damaged ones are noticed.

    Raises ConfigError where a setting is wrong, TableError where there is no such region.
    """
    url, region = ref.endpoint_url, ref.region
    if url is None or needs_client(session, ref):
        request = _prepare_request(session, ref, account)
        url = url or request.url
        region = _signed_region(request)
    proxy = _find_proxy(ref, url)
    if not _needs_tls(url, proxy):
        return Endpoint(url, None, proxy, signed_region=region)
    return Endpoint(url, find_ca_bundle(session, url), proxy, signed_region=region)


def needs_client(session: Session, ref: TableRef) -> bool:
    """Return whether a client of botocore is to be asked where a table is reached, and whether settings are right."""
    return ref.endpoint_url is None or "fips" in ref.region or bool(_client_settings(session))


def _needs_tls(url: str, proxy: str | None) -> bool:
    if urlsplit(url).scheme == "https":
        return True
    return proxy is not None and parse_proxy(proxy).scheme == "https"


def _client_settings(session: Session) -> frozenset[str]:
    """Return the settings of environment and configuration file that botocore may refuse, by their variables."""
    configured = {f"AWS_{name.upper()}" for name in session.get_scoped_config()}
    return CLIENT_SETTINGS & (configured | set(os.environ))


def _prepare_request(session: Session, ref: TableRef, account: str | None) -> AWSPreparedRequest:
    """Return the request that botocore would send for DescribeTable; nothing is sent."""
    from botocore.exceptions import BotoCoreError, InvalidRegionError, NoRegionError, UnknownRegionError

    try:
        return _record_request(session, ref, account)
    except (InvalidRegionError, NoRegionError, UnknownRegionError) as error:
        raise TableError(f"{ref}: no endpoint is known for region {ref.region}: {describe_error(error)}") from None
    except BotoCoreError as error:
        raise ConfigError(f"{ref}: the settings of AWS cannot be used: {describe_error(error)}") from None
    except Exception as error:  # whatever it makes of settings that are damaged; its words do not name them
        names = ", ".join(sorted(_client_settings(session))) or "the configuration file"
        raise ConfigError(
            f"{ref}: the settings of AWS cannot be used: {describe_error(error)} (set by {names})"
        ) from None


def _record_request(session: Session, ref: TableRef, account: str | None) -> AWSPreparedRequest:
    from botocore.awsrequest import AWSResponse

    known: dict[str, Any] = {}
    if account is not None:
        known["aws_account_id"] = account
    if ref.endpoint_url is not None:
        known["endpoint_url"] = STAND_IN
    client = session.create_client(
        "dynamodb", ref.region, aws_access_key_id=ANY_KEY, aws_secret_access_key=ANY_KEY, **known
    )
    recorded: list[AWSPreparedRequest] = []

    def answer_request(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        recorded.append(request)
        return AWSResponse(request.url, 200, {}, _NoBody())

    client.meta.events.register("before-send.dynamodb", answer_request)
    client.describe_table(TableName=ref.name)
    return recorded[0]


class _NoBody:
    """The body of an answer that was never sent."""

    def stream(self) -> list[bytes]:
        """Return its chunks."""
        return [b"{}"]


def _signed_region(request: AWSPreparedRequest) -> str:
    """Return the region in a signature: Credential=KEY/DATE/REGION/SERVICE/aws4_request."""
    signature = request.headers["Authorization"]
    if isinstance(signature, bytes):
        signature = signature.decode()
    return str(signature).split("/")[2]


def check_configured_address(session: Session, service: str, needed: bool) -> None:
    """Raise ConfigError where the configured address of a service holds a user or a password.

    Where the address is needed, also raise ConfigError where it is none that can be connected to.
    """
    address = _configured_address(session, service)
    if address is not None and (needed or holds_user(address)):
        names = f"AWS_ENDPOINT_URL_{service.upper()}, AWS_ENDPOINT_URL or endpoint_url in the configuration file"
        check_address(names, address)


def list_regions(session: Session) -> list[str]:
    """Return the regions that botocore knows, of all partitions; [] where another address of DynamoDB is configured.

    There may be newer ones.
    """
    if _configured_address(session, "dynamodb") is not None:
        return []
    partitions = session.get_available_partitions()
    return [region for each in partitions for region in session.get_available_regions("dynamodb", each)]


def _configured_address(session: Session, service: str) -> str | None:
    """Return the address of a service in environment or configuration file, looked for where botocore does."""
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    profile = session.get_scoped_config()
    return (
        os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        or os.environ.get("AWS_ENDPOINT_URL")
        or _address_in_services(session, profile.get("services"), service)
        or profile.get("endpoint_url")
        or None
    )


def find_own_address(session: Session, service: str) -> str | None:
    """Return the address that is configured for one service alone, None where there is none."""
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    services = session.get_scoped_config().get("services")
    return os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or _address_in_services(session, services, service)


def has_other_address(session: Session, service: str) -> bool:
    """Return whether a service is reached at another address than that of AWS."""
    return _configured_address(session, service) is not None


def _address_in_services(session: Session, name: str | None, service: str) -> str | None:
    """Return the address of a service in the services section that a profile names, None where it has none."""
    if not isinstance(name, str):
        return None
    found = session.full_config.get("services", {})
    for part in (name, service):
        if not isinstance(found, dict):
            break
        found = found.get(part, {})
    if not isinstance(found, dict):
        raise ConfigError(
            f"in the section [services {quote(name)}] of AWS's configuration file, the settings of {service} have to "
            f"stand in lines of their own below `{service} =`, indented"
        )
    address = found.get("endpoint_url")
    return address if isinstance(address, str) else None


def find_ca_bundle(session: Session, url: str) -> str:
    """Return the CA bundle that vouches for an address; raise ConfigError where it cannot be used."""
    bundle = _configured_bundle(session)
    if bundle is None:
        from botocore.httpsession import where

        return str(where())
    _check_bundle(bundle, f", and {url} cannot be trusted without it")
    return bundle.path


def check_ca_bundle(session: Session) -> None:
    """Raise ConfigError where a CA bundle is configured and cannot be used."""
    bundle = _configured_bundle(session)
    if bundle is not None:
        _check_bundle(bundle)


def _configured_bundle(session: Session) -> _Bundle | None:
    """Return the bundle that environment or configuration file name, looked for where botocore does."""
    path = session.get_config_variable("ca_bundle")
    if path is not None:
        setting = "ca_bundle in AWS's configuration file"
        if os.environ.get("AWS_CA_BUNDLE") is not None:
            setting = "AWS_CA_BUNDLE"
        return _Bundle(str(path), setting)
    if "REQUESTS_CA_BUNDLE" in os.environ:
        return _Bundle(os.environ["REQUESTS_CA_BUNDLE"], "REQUESTS_CA_BUNDLE")
    return None


def _check_bundle(bundle: _Bundle, why: str = "") -> None:
    if not bundle.path.strip():
        raise ConfigError(f"{bundle.setting} is empty, and has to name a file of certificates{why}")
    fault = find_bundle_fault(bundle.path)
    if fault is not None:
        raise ConfigError(f"the CA bundle {quote(bundle.path)} of {bundle.setting} cannot be used: {fault}{why}")


def _find_proxy(ref: TableRef, url: str) -> str | None:
    from botocore.utils import get_environ_proxies

    proxy: str | None = get_environ_proxies(url).get(urlsplit(url).scheme)
    if not proxy:
        return None
    try:
        parse_proxy(proxy)
    except ValueError as error:
        raise ConfigError(f"{ref} cannot be reached through the proxy that the environment names: {error}") from None
    return proxy


def describe_error(error: Exception) -> str:
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
