"""The accounts that all pairs share, and the tables that there are in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from threading import RLock

from fastsync.aws.auth.accounts import Accounts
from fastsync.aws.auth.mfa import ask_code
from fastsync.aws.describe import list_names
from fastsync.errors import RequestFailed, TableError
from fastsync.model.settings import Retrying
from fastsync.model.table import Login, TableRef
from fastsync.plan.access import SharedAccess


class FleetAccess:
    """Open each login once for all pairs. Safe for threads."""

    def __init__(self, retrying: Retrying):
        self._retrying = retrying.promptly()
        self._accounts = Accounts(ask_code, self._retrying)
        self._lock = RLock()

    def share_from(self, first: int) -> SharedAccess:
        """Return the access of a pair whose master has this number among all tables."""
        return SharedAccess(self._accounts, self._lock, first)

    def list_tables(self, ref: TableRef, login: Login) -> Sequence[str]:
        """Return the names of all tables in a table's region and account; raise TableError."""
        with self._lock:
            account = self._accounts.open_login(login, ref.region)
            profile = self._accounts.find_profile(login)
            endpoint = profile.find_endpoint(ref, self._accounts.number_of_account(account))
            transport = self._accounts.open_transport(account, ref, endpoint, self._retrying)
        try:
            return list_names(transport, math.inf)
        except RequestFailed as error:
            raise TableError(f"tables cannot be listed in {ref.region}: {error}") from None
        finally:
            transport.close()
