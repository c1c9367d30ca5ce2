"""Whose credentials a table's requests use: a profile or the default chain, and perhaps a role assumed with it."""

from __future__ import annotations

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
    """The flags that say who asks, the master's (`--profile`) or the slaves' (`--slave-profile`)."""

    prefix: str
    profile: str | None
    role_arn: str | None
    external_id: str | None
    mfa_serial: str | None
    mfa_token: str | None

    def speaks_of(self, ref: TableRef) -> bool:
        """Return whether a table has credentials of its own."""
        return (ref.profile or self.profile or ref.role_arn or self.role_arn) is not None

    def login(self, ref: TableRef | None, session: Role) -> Login:
        """Return the login of these flags; for a table, its own entry comes first."""
        profile, arn, external_id = self.profile, self.role_arn, self.external_id
        if ref is not None:
            profile, arn, external_id = ref.profile or profile, ref.role_arn or arn, ref.external_id or external_id
        if arn is None:
            return Login(profile)
        role = replace(session, arn=arn, external_id=external_id, mfa_serial=self.mfa_serial, mfa_token=self.mfa_token)
        return Login(profile, role)

    def check(self, refs: Sequence[TableRef]) -> None:
        """Raise ConfigError where a flag is malformed, or has no role to go with."""
        if self.profile == "":
            raise ConfigError(f"{self.prefix}profile takes the name of a profile")
        self._check_form("role-arn", self.role_arn, _ROLE, "an ARN such as arn:aws:iam::123456789012:role/sync")
        self._check_form("external-id", self.external_id, _EXTERNAL_ID, "2 to 1224 letters, digits and +=,.@:/-_")
        self._check_form("mfa-serial", self.mfa_serial, _SERIAL, "a device's serial number or ARN")
        self._check_form("mfa-token", self.mfa_token, _TOKEN, "the six digits that the device shows")
        roles = [ref for ref in refs if ref.role_arn is not None]
        if self.role_arn is None and not roles:
            for name, value in (("mfa-token", self.mfa_token), ("mfa-serial", self.mfa_serial)):
                if value is not None:
                    raise ConfigError(f"{self.prefix}{name} goes with {self.prefix}role-arn, and no role is given")
            if self.external_id is not None or any(ref.external_id for ref in refs):
                raise ConfigError(f"{self.prefix}external-id goes with {self.prefix}role-arn, and no role is given")
        if self.mfa_token is not None and self.mfa_serial is None:
            raise ConfigError(f"{self.prefix}mfa-token needs {self.prefix}mfa-serial, the device that shows it")

    def _check_form(self, name: str, value: str | None, form: re.Pattern[str], what: str) -> None:
        # the value is not repeated: it may be a code
        if value is not None and not (isinstance(value, str) and form.fullmatch(value)):
            raise ConfigError(f"{self.prefix}{name} takes {what}")


def resolve_logins(
    master: LoginFlags,
    slaves: LoginFlags,
    session: tuple[str | None, int],
    master_ref: TableRef | None,
    slave_refs: Sequence[TableRef],
) -> tuple[Login, ...]:
    """Return the login of the master, or that of its flags where there is none, then of each slave.

    `session` is name and seconds of a role session. Raises ConfigError.
    """
    name, duration = session
    if name is not None and not (isinstance(name, str) and _SESSION.fullmatch(name)):
        raise ConfigError("--role-session-name takes 2 to 64 letters, digits and +=,.@-_")
    master_refs = [] if master_ref is None else [master_ref]
    master.check(master_refs)
    slaves.check(slave_refs)
    for ref in (*master_refs, *slave_refs):
        if ref.role_arn is not None and not _ROLE.fullmatch(ref.role_arn):
            raise ConfigError(f"the role-arn of {ref} is not an ARN such as arn:aws:iam::123456789012:role/sync")
    any_role = Role("", name or SESSION_NAME, duration)
    first = master.login(master_ref, any_role)
    found = (first, *(slaves.login(ref, any_role) if slaves.speaks_of(ref) else first for ref in slave_refs))
    if name is not None and not any(login.role for login in found):
        raise ConfigError("--role-session-name goes with --role-arn or --slave-role-arn, and no role is given")
    _check_codes(found)
    return found


def account_of_role(login: Login) -> str | None:
    """Return the number of the account that a login's role is in."""
    found = None if login.role is None else _ROLE.fullmatch(login.role.arn)
    return None if found is None else found[1]


def _check_codes(found: Sequence[Login]) -> None:
    roles = [login.role for login in dict.fromkeys(found) if login.role and login.role.mfa_token]
    if len({(role.mfa_serial, role.mfa_token) for role in roles}) < len(roles):
        raise ConfigError(
            "an MFA code is good for one role only, and several are to be assumed with it; "
            "leave it away to be asked for each"
        )
