"""Roles: assumed with the credentials of another source, at the start and whenever their session is about to end."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastsync.aws.auth.credentials import Credentials, hide_secrets
from fastsync.aws.auth.sources import ONE_SESSION, Ask, BotocoreSource, Profile, Sts, StsError, open_session
from fastsync.aws.budget import Budget, PrivateCell
from fastsync.aws.failures import FAULTS, THROTTLES, Fault, Throttled, describe_error
from fastsync.aws.retries import Tries
from fastsync.errors import EXPIRED, TableError
from fastsync.model.settings import Retrying
from fastsync.model.table import Login, Role

DENIED = "allow sts:AssumeRole on the role to {base}, and {base} in the role's trust policy"
WRONG_CODE = "; an MFA code is good for one use, within half a minute"
SESSION_FIELDS = {
    "AccessKeyId": "access_key",
    "SecretAccessKey": "secret_key",
    "SessionToken": "token",
    "Expiration": "expiry_time",
}
"""What AssumeRole always returns (STS API reference), and what botocore's credentials call it."""


class _BaseExpired(Exception):
    """STS calls the credentials expired that a role is assumed with."""


class AssumedRole:
    """The role of a login, assumed with the credentials of `base`. STS is reached as `profile` says."""

    def __init__(self, profile: Profile, base: BotocoreSource, login: Login, ask: Ask, retrying: Retrying):
        assert login.role is not None
        self._profile = profile
        self._base = base
        self._login = login
        self._role = login.role
        self._ask = ask
        self._retrying = retrying
        self._assumed = False

    def open_source(self) -> BotocoreSource:
        """Return the source of the role's credentials; raise TableError where the role cannot be assumed."""
        only_once = self._role.mfa_serial is not None
        return BotocoreSource(lambda: open_session(self._assume), str(self._login), only_once)

    def _assume(self) -> dict[str, str]:
        """Assume the role; raise TableError. A base session that has ended before its time is renewed once."""
        if self._assumed and self._role.mfa_serial is not None:
            raise TableError(ONE_SESSION)
        self._assumed = True
        code = self._ask_code()
        keys = self._base.fetch()
        try:
            return self._request_session(keys, code)
        except _BaseExpired as error:
            if not keys.renewable or code is not None:
                raise TableError(str(error)) from None
        try:
            return self._request_session(self._base.renew(), code)
        except _BaseExpired as error:
            raise TableError(str(error)) from None

    def _ask_code(self) -> str | None:
        """Return the code of the role's MFA device as it was given, or is typed now; None where the role has none."""
        role = self._role
        if role.mfa_serial is None:
            return None
        return role.mfa_token or self._ask(f"MFA code of {role.mfa_serial} for {role.arn}: ")

    def _request_session(self, keys: Credentials, code: str | None) -> dict[str, str]:
        """Call AssumeRole until it is answered. botocore does not retry it, so that --max-retries holds."""
        request = _Request(self._login, self._role, keys, code)
        sts = self._profile.open_sts(keys)
        tries = Tries(self._retrying, Budget(PrivateCell()))
        while True:
            try:
                return request.send(sts)
            except (Fault, Throttled) as failure:
                pause = tries.next_pause(failure)
                if pause is None:
                    text = f"AssumeRole failed {tries.failed_count} times, the last time with {failure}"
                    raise TableError(f"{self._login} could not be assumed with {self._login.base}: {text}") from None
                time.sleep(pause)


@dataclass(frozen=True)
class _Request:
    """One call of AssumeRole. No message repeats its credentials, MFA code or external id."""

    login: Login
    role: Role
    keys: Credentials
    code: str | None

    def send(self, sts: Sts) -> dict[str, str]:
        """Return the session; raise Throttled or Fault where a retry makes sense, else _BaseExpired or TableError."""
        try:
            return _read_session(sts.assume_role(self._parameters()))
        except StsError as error:
            raise self._classify_error(error) from None

    def _parameters(self) -> dict[str, object]:
        given: dict[str, object] = {
            "RoleArn": self.role.arn,
            "RoleSessionName": self.role.session_name,
            "DurationSeconds": self.role.duration,
            "ExternalId": self.role.external_id,
            "SerialNumber": self.role.mfa_serial,
            "TokenCode": self.code,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _classify_error(self, error: StsError) -> Exception:
        """Return the exception for an error of STS. Its name decides, as it came; only what is shown hides secrets."""
        text = self._hide_secrets(f"{error.code}: {error.message}")
        if error.code in THROTTLES or error.status == 429:
            return Throttled(text)
        if error.code in FAULTS or error.status >= 500:
            return Fault(text)
        refusal = self._describe_refusal(error)
        if error.code in EXPIRED:
            return _BaseExpired(refusal)
        return TableError(refusal)

    def _describe_refusal(self, error: StsError) -> str:
        """Return why the role was not assumed, and what to do."""
        base = self.login.base
        reason = describe_error(error.code, self._hide_secrets(error.message))
        if error.code == "AccessDenied":
            wrong_code = WRONG_CODE if self.role.mfa_serial else ""
            reason += f" ({DENIED.format(base=f'the caller in {base}')}{wrong_code})"
        return f"{self.login} could not be assumed with {base}: {reason}"

    def _hide_secrets(self, message: str) -> str:
        message = hide_secrets(self.keys.hide(message), self.role.external_id)
        if self.code is None:
            return message
        return re.sub(rf"(?<!\d){re.escape(self.code)}(?!\d)", "***", message)


def _read_session(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the session in an answer of AssumeRole, by botocore's names; raise Fault where the answer is not whole."""
    given = answer.get("Credentials") or {}
    absent = [name for name in SESSION_FIELDS if not given.get(name)]
    if absent:
        raise Fault(f"an answer that cannot be true: Credentials lack {', '.join(absent)}")
    end = given["Expiration"]
    if not isinstance(end, datetime):
        raise Fault("an answer that cannot be true: Expiration is no time")
    session = {ours: given[name] for name, ours in SESSION_FIELDS.items()} | {"expiry_time": end.isoformat()}
    user = answer.get("AssumedRoleUser") or {}
    account = re.match(r"arn:[^:]*:sts::(\d+):", str(user.get("Arn")))
    if account is not None:
        session["account_id"] = account[1]
    return session
