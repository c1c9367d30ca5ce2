"""Credentials: the parent owns the refreshable sources, workers hold what the parent last sent them.

botocore is imported only where a source is opened, so that workers never load it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastsync.errors import ConfigError, TableError
from fastsync.table import Endpoint, TableRef

if TYPE_CHECKING:
    from botocore.session import Session


@dataclass(frozen=True)
class Credentials:
    """One set of keys; neither secret nor token is ever shown."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Account:
    """A refreshable source of credentials: a profile, or the default chain where `profile` is None.

    Raises ConfigError where the profile does not exist.
    """

    def __init__(self, profile: str | None = None):
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        self._session = Session(profile=profile)
        self._name = "the default credential chain" if profile is None else f"profile {profile!r}"
        try:
            self._session.get_scoped_config()
        except BotoCoreError as error:
            raise ConfigError(f"{error}; see `aws configure list-profiles`") from None
        self._source: Any = None

    def current(self) -> Credentials:
        """Give credentials that are valid now, refreshed where that is due; raise TableError where there are none."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._source = self._source or self._session.get_credentials()
            if self._source is None:
                raise TableError(f"no credentials were found in {self._name}; set AWS_PROFILE or give --profile")
            frozen = self._source.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise TableError(f"no credentials could be had from {self._name}: {error}") from None
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    def endpoint(self, ref: TableRef) -> Endpoint:
        """Find where a table is reached, by botocore's rules: flags, environment, configuration file, region."""
        return Endpoint(*_address(self._session, ref))


def _address(session: Session, ref: TableRef) -> tuple[str, str | None, str | None]:
    from botocore.exceptions import BotoCoreError
    from botocore.utils import get_environ_proxies

    url = ref.endpoint_url
    try:
        if url is None:
            url = session.create_client("dynamodb", region_name=ref.region).meta.endpoint_url
    except (BotoCoreError, ValueError) as error:
        raise TableError(f"{ref}: no endpoint is known for region {ref.region}: {error}") from None
    bundle = session.get_config_variable("ca_bundle")
    if bundle is None and url.startswith("https"):
        from botocore.httpsession import where

        bundle = where()
    proxies = get_environ_proxies(url)
    return url, bundle, proxies.get(url.split(":", 1)[0])
