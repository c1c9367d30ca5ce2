"""Whose credentials a table's requests use: a profile or the default chain, and perhaps a role assumed with it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastsync.errors import ConfigError
from fastsync.model.table import SESSION_NAME, Login, Role, TableRef

DURATIONS = (900, 43_200)
"""Seconds that a role session may last (API reference, AssumeRole); the role's own maximum is lower."""
_ROLE = re.compile(r"arn:[a-z0-9-]+:iam::(\d{12}):role/[\w+=,.@/-]+", re.ASCII)
_SESSION = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_SERIAL = re.compile(r"[\w+=/:,.@-]{9,256}", re.ASCII)
_TOKEN = re.compile(r"\d{6}", re.ASCII)


@dataclass(frozen=True)
class LoginFlags:
    """The flags that decide on credentials: the master's (`--profile`) or the slaves' (`--slave-profile`).

    `session` is what a program gives in the place of a profile.
    """

    prefix: str
    profile: str | None
    role_arn: str | None
    external_id: str | None
    mfa_serial: str | None
    mfa_token: str | None
    session: object = None

    def login_of(self, ref: TableRef | None, session: Role) -> Login | None:
        """Return the login of these flags; for a table, its own entry comes first. None where neither names one.

        `session` is the role session to make if the login assumes a role.
        """
        base, arn, external_id = Login(self.profile, session=self.session), self.role_arn, self.external_id
        if ref is not None:
            if ref.profile or ref.session is not None:
                base = Login(ref.profile, session=unwrap_session(f"the session of {ref}", ref.session))
            arn, external_id = ref.role_arn or arn, ref.external_id or external_id
        if arn is not None:
            mfa = replace(session, mfa_serial=self.mfa_serial, mfa_token=self.mfa_token)
            return replace(base, role=replace(mfa, arn=arn, external_id=external_id))
        if base != Login():
            return base
        return None

    def check_flags(self, refs: Sequence[TableRef]) -> None:
        """Raise ConfigError if a flag is malformed, or if none of the tables `refs` has the role that it goes with."""
        if self.profile == "":
            raise ConfigError(f"{self.prefix}profile takes the name of a profile")
        _refuse_both(f"a session and {self.prefix}profile", self.session, self.profile)
        for ref in refs:
            _refuse_both(f"the session of {ref} and its profile", ref.session, ref.profile)
        self._check_form("role-arn", self.role_arn, _ROLE, "an ARN such as arn:aws:iam::123456789012:role/sync")
        self._check_form("external-id", self.external_id, _EXTERNAL_ID, "2 to 1224 letters, digits and +=,.@:/-_")
        self._check_form("mfa-serial", self.mfa_serial, _SERIAL, "a device's serial number or ARN")
        self._check_form("mfa-token", self.mfa_token, _TOKEN, "the six digits that the device shows")
        if self.role_arn is None and all(ref.role_arn is None for ref in refs):
            self._check_no_role(refs)
        if self.mfa_token is not None and self.mfa_serial is None:
            raise ConfigError(f"{self.prefix}mfa-token needs {self.prefix}mfa-serial, the device that shows it")

    def _check_form(self, name: str, value: str | None, form: re.Pattern[str], what: str) -> None:
        if value is not None and not _has_form(value, form):
            raise ConfigError(f"{self.prefix}{name} takes {what}")  # the value, which may be a code, is not repeated

    def _check_no_role(self, refs: Sequence[TableRef]) -> None:
        """Raise ConfigError if something is given that only goes with a role."""
        external_ids = [ref.external_id for ref in refs if ref.external_id]
        given = {
            "mfa-token": self.mfa_token,
            "mfa-serial": self.mfa_serial,
            "external-id": next(iter(external_ids), self.external_id),
        }
        for name, value in given.items():
            if value is not None:
                raise ConfigError(f"{self.prefix}{name} goes with {self.prefix}role-arn, and no role is given")


def unwrap_session(name: str, given: object) -> object:
    """Return the session of botocore in one of boto3, or that given; raise ConfigError where it is none. None stays."""
    if given is None:
        return None
    session = getattr(given, "_session", given)
    used = [getattr(session, method, None) for method in ("get_credentials", "get_scoped_config", "create_client")]
    if not all(map(callable, used)) or inspect.iscoroutinefunction(used[0]):
        raise ConfigError(f"{name} must be one of boto3 or botocore, not {type(given).__name__}")
    return session


def _refuse_both(what: str, session: object, profile: str | None) -> None:
    if session is not None and profile is not None:
        raise ConfigError(f"{what} exclude each other: both say whose credentials are used")


def resolve_logins(
    master: LoginFlags,
    slaves: LoginFlags,
    session: tuple[str | None, int],
    master_ref: TableRef | None,
    slave_refs: Sequence[TableRef],
) -> tuple[Login, ...]:
    """Return the login of the master, or that of its flags where there is no master, then of each slave.

    `session` is the name and the seconds of a role session. A slave without credentials of its own has the master's.
    Raises ConfigError.
    """
    name, duration = session
    if name is not None and not _has_form(name, _SESSION):
        raise ConfigError("--role-session-name takes 2 to 64 letters, digits and +=,.@-_")
    master_refs = [] if master_ref is None else [master_ref]
    master.check_flags(master_refs)
    slaves.check_flags(slave_refs)
    for ref in (*master_refs, *slave_refs):
        if ref.role_arn is not None and not _has_form(ref.role_arn, _ROLE):
            raise ConfigError(f"the role-arn of {ref} is not an ARN such as arn:aws:iam::123456789012:role/sync")
    any_role = Role("", name or SESSION_NAME, duration)
    first = master.login_of(master_ref, any_role) or Login()
    others = [slaves.login_of(ref, any_role) or first for ref in slave_refs]
    logins = (first, *others)
    if name is not None and not any(login.role for login in logins):
        raise ConfigError("--role-session-name goes with --role-arn or --slave-role-arn, and no role is given")
    _check_codes(logins)
    return logins


def account_of_role(login: Login) -> str | None:
    """Return the number of the account that a login's role belongs to; None for a login without a role."""
    if login.role is None:
        return None
    found = _ROLE.fullmatch(login.role.arn)
    return found and found[1]


def _has_form(value: object, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _check_codes(logins: Sequence[Login]) -> None:
    """Raise ConfigError if one MFA code would have to serve for two logins."""
    roles = [login.role for login in set(logins) if login.role is not None and login.role.mfa_token is not None]
    codes = {(role.mfa_serial, role.mfa_token) for role in roles}
    if len(codes) < len(roles):
        raise ConfigError(
            "an MFA code is good for one role only, and several are to be assumed with it; "
            "leave it away to be asked for each"
        )
