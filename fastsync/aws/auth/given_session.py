"""A session of boto3 or botocore that a program has made, in the place of a profile."""

from __future__ import annotations

from typing import Any

from fastsync.aws.auth.sources import Ask, BotocoreSource, Profile
from fastsync.errors import TableError
from fastsync.model.settings import Retrying
from fastsync.model.table import Login


class GivenSession(Profile):
    """The session's own credentials, which it refreshes itself. It is used as it is: nothing is set in it.

    Endpoints and CA bundles are those of its profile.
    """

    def __init__(self, session: Any, ask: Ask, retrying: Retrying):
        self._opened = session
        super().__init__(getattr(session, "profile", None), ask, retrying)
        self._name = str(Login(session=session))

    def _open_session(self) -> Any:
        return self._opened

    def find_source(self, region: str) -> BotocoreSource:
        """Return the session's credentials; raise TableError where it has none."""
        if self._session.get_config_variable("region") is None:
            self._sts_region = region
        if self._source is None:
            self._source = BotocoreSource(self._find_credentials, self._name, explain=self._explain)
        return self._source

    def _find_credentials(self) -> Any:
        found = self._session.get_credentials()
        if found is None:
            raise TableError(f"no credentials were found in {self._name}; make it with keys or with a profile")
        return found
