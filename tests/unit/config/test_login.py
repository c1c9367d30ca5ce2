"""Logins: who asks for which table, and what does not go together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fastsync.config.config import Config
from fastsync.errors import ConfigError
from fastsync.model.table import Login, Role, TableRef

ARN, OTHER = "arn:aws:iam::123456789012:role/sync", "arn:aws:iam::210987654321:role/path/to/sync"
SERIAL = "arn:aws:iam::123456789012:mfa/ada"
CODE = "271828"
MFA = {"mfa_serial": SERIAL, "mfa_token": CODE}
SLAVE_MFA = {f"slave_{name}": value for name, value in MFA.items()}
ROLE, SLAVE_ROLE = {"role_arn": ARN}, {"slave_role_arn": OTHER}


def logins(*slaves: TableRef, **flags: Any) -> tuple[Login, ...]:
    """Give the logins of a master and its slaves (one, where none is given)."""
    return Config.of("us-east-1:a", slaves or ["us-west-2:b"], flags).logins


GOOD: dict[str, tuple[dict[str, Any], Login, Login]] = {
    "nothing": ({}, Login(), Login()),
    "the master's profile": ({"profile": "p"}, Login("p"), Login("p")),
    "the slaves' profile": ({"slave_profile": "s"}, Login(), Login("s")),
    "two profiles": ({"profile": "p", "slave_profile": "s"}, Login("p"), Login("s")),
    "the master's role": (ROLE, Login(None, Role(ARN)), Login(None, Role(ARN))),
    "a role from a profile": ({"profile": "p", **ROLE}, Login("p", Role(ARN)), Login("p", Role(ARN))),
    "the slaves' role from the default chain": ({"profile": "p", **SLAVE_ROLE}, Login("p"), Login(None, Role(OTHER))),
    "the slaves' role from their profile": (
        {"slave_profile": "s", **SLAVE_ROLE},
        Login(),
        Login("s", Role(OTHER)),
    ),
    "the slaves' profile beside the master's role": (
        {**ROLE, "external_id": "ext", "slave_profile": "s"},
        Login(None, Role(ARN, external_id="ext")),
        Login("s"),
    ),
    "everything": (
        {**ROLE, **MFA, "external_id": "ext", "role_session_name": "night", "role_duration": 900},
        Login(None, Role(ARN, "night", 900, "ext", SERIAL, CODE)),
        Login(None, Role(ARN, "night", 900, "ext", SERIAL, CODE)),
    ),
    "codes of two devices": (
        {**ROLE, **MFA, **SLAVE_ROLE, **SLAVE_MFA, "slave_mfa_token": "314159"},
        Login(None, Role(ARN, mfa_serial=SERIAL, mfa_token=CODE)),
        Login(None, Role(OTHER, mfa_serial=SERIAL, mfa_token="314159")),
    ),
}


@pytest.mark.parametrize("case", GOOD.values(), ids=GOOD)
def test_who_asks(case: tuple[dict[str, Any], Login, Login]) -> None:
    """The slaves have the master's credentials unless a flag gives them their own."""
    flags, master, slave = case
    assert logins(**flags) == (master, slave)


def test_each_slave_may_have_its_own() -> None:
    """What a slave's own entry does not say, the flags of the slaves say."""
    west, east = TableRef.parse("us-west-2:b"), TableRef.parse("eu-west-1:b")
    own = replace(east, role_arn=OTHER, external_id="mine")
    assert logins(west, own) == (Login(), Login(), Login(None, Role(OTHER, external_id="mine")))
    assert logins(west, own, slave_profile="s") == (
        Login(),
        Login("s"),
        Login("s", Role(OTHER, external_id="mine")),
    )
    assert logins(replace(west, profile="w"), profile="p") == (Login("p"), Login("w"))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a code without a role": (MFA, "--mfa-token"),
    "a slave's code without a role": ({**ROLE, **SLAVE_MFA}, "--slave-mfa-token"),
    "a device without a role": ({"mfa_serial": SERIAL}, "--mfa-serial"),
    "an external id without a role": ({"external_id": "ext"}, "--external-id"),
    "a slave's external id without a role": ({**ROLE, "slave_external_id": "ext"}, "--slave-external-id"),
    "a session without a role": ({"role_session_name": "night"}, "--role-session-name"),
    "a code without a device": ({**ROLE, "mfa_token": CODE}, "--mfa-serial"),
    "a short code": ({**ROLE, **MFA, "mfa_token": "27182"}, "--mfa-token"),
    "a long code": ({**ROLE, **MFA, "mfa_token": "2718281"}, "--mfa-token"),
    "letters for a code": ({**ROLE, **MFA, "mfa_token": "27182a"}, "--mfa-token"),
    "other digits": ({**ROLE, **MFA, "mfa_token": "٢٧١٨٢٨"}, "--mfa-token"),
    "a line": ({**ROLE, **MFA, "mfa_token": "271828\n"}, "--mfa-token"),
    "a number for a code": ({**ROLE, **MFA, "mfa_token": 271828}, "--mfa-token"),
    "a name for a role": ({"role_arn": "sync"}, "--role-arn"),
    "a user for a role": ({"role_arn": "arn:aws:iam::123456789012:user/ada"}, "--role-arn"),
    "a slaves' name for a role": ({"slave_role_arn": "sync"}, "--slave-role-arn"),
    "a short session": ({**ROLE, "role_duration": 899}, "--role-duration"),
    "a long session": ({**ROLE, "role_duration": 43201}, "--role-duration"),
    "a session name with a space": ({**ROLE, "role_session_name": "a b"}, "--role-session-name"),
    "an external id with a space": ({**ROLE, "external_id": "a b"}, "--external-id"),
    "a device with a space": ({**ROLE, "mfa_serial": "my telephone"}, "--mfa-serial"),
    "an empty profile": ({"profile": ""}, "--profile"),
    "an empty slaves' profile": ({"slave_profile": ""}, "--slave-profile"),
    "one code for two roles": ({**ROLE, **MFA, **SLAVE_ROLE, **SLAVE_MFA}, "MFA code"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_does_not_go_together(case: tuple[dict[str, Any], str]) -> None:
    """A flag that is wrong or has nothing to go with is named, and a code is never repeated."""
    flags, named = case
    with pytest.raises(ConfigError) as caught:
        logins(**flags)
    assert named in str(caught.value)
    assert str(flags.get("mfa_token", CODE)) not in str(caught.value)


class Session:
    """What a session of botocore has, as far as the configuration looks."""

    def get_credentials(self) -> object:
        return None

    def get_scoped_config(self) -> object:
        return None

    def create_client(self) -> object:
        return None


class OfBoto3:
    """A session of boto3, which has one of botocore."""

    def __init__(self, session: Session):
        self._session = session

    def get_credentials(self) -> object:
        return None


class Later(Session):
    """A session of a library for asyncio."""

    async def get_credentials(self) -> object:
        return None


MINE, THEIRS = Session(), Session()


@pytest.mark.parametrize(
    ("given", "slave", "flags", "found"),
    [
        (MINE, None, {}, (Login(session=MINE), Login(session=MINE))),
        (OfBoto3(MINE), None, {}, (Login(session=MINE), Login(session=MINE))),
        (MINE, THEIRS, {}, (Login(session=MINE), Login(session=THEIRS))),
        (None, THEIRS, {}, (Login(), Login(session=THEIRS))),
        (MINE, None, {"slave_profile": "s"}, (Login(session=MINE), Login("s"))),
        (None, THEIRS, {"profile": "p"}, (Login("p"), Login(session=THEIRS))),
        (MINE, None, ROLE, (Login(None, Role(ARN), MINE), Login(None, Role(ARN), MINE))),
        (None, THEIRS, SLAVE_ROLE, (Login(), Login(None, Role(OTHER), THEIRS))),
        (MINE, None, SLAVE_ROLE, (Login(session=MINE), Login(None, Role(OTHER)))),
    ],
)
def test_a_session_in_the_place_of_a_profile(
    given: Any, slave: Any, flags: dict[str, Any], found: tuple[Login, Login]
) -> None:
    """The master's session serves the slaves that have nothing of their own; a role is assumed with a session too."""
    assert Config.of("us-east-1:a", ["us-west-2:b"], flags, (given, slave)).logins == found


def test_a_slave_has_a_session_of_its_own() -> None:
    """A table's own session or profile comes before those of all slaves."""
    own = TableRef.parse("us-west-2:b", session=OfBoto3(MINE))
    other = replace(TableRef.parse("us-west-2:c"), profile="p")
    config = Config.of("us-east-1:a", [own, other, "us-west-2:d"], {}, (None, THEIRS))
    assert config.logins == (Login(), Login(session=MINE), Login("p"), Login(session=THEIRS))
    assert "Session" not in repr(config)


BOTH = replace(TableRef.parse("us-west-2:b"), profile="p", session=MINE)


@pytest.mark.parametrize(
    ("slaves", "sessions", "flags", "told"),
    [
        (["us-west-2:b"], (MINE, None), {"profile": "p"}, "a session and --profile exclude each other"),
        (["us-west-2:b"], (None, MINE), {"slave_profile": "p"}, "a session and --slave-profile exclude each other"),
        ([BOTH], (None, None), {}, "the session of us-west-2:b and its profile exclude each other"),
        (["us-west-2:b"], ("prod", None), {}, "session must be one of boto3 or botocore, not str"),
        (["us-west-2:b"], (None, Later()), {}, "slave_session must be one of boto3 or botocore, not Later"),
        ([TableRef.parse("us-west-2:b", session=print)], (None, None), {}, "the session of us-west-2:b must be"),  # type: ignore[arg-type]
        (["us-west-2:b"], (MINE, None), {"mfa_serial": SERIAL}, "--mfa-serial goes with --role-arn"),
    ],
)
def test_sessions_that_are_refused(slaves: list[Any], sessions: Any, flags: dict[str, Any], told: str) -> None:
    """Two answers to the question whose credentials are used, and what is no session, are refused in a sentence."""
    with pytest.raises(ConfigError, match=told):
        Config.of("us-east-1:a", slaves, flags, sessions)


def test_nothing_secret_is_shown() -> None:
    """Neither a configuration nor a login shows codes and external ids when it is printed."""
    flags = {**ROLE, **MFA, "external_id": "ext", **SLAVE_ROLE, "slave_external_id": "other"}
    config = Config.of("us-east-1:a", ["us-west-2:b"], flags)
    for shown in (repr(config), repr(config.logins), str(config.logins[0])):
        for secret in (CODE, "'ext'", "'other'"):
            assert secret not in shown


@pytest.mark.parametrize("slaves", [[], ["us-west-2:b"], ["us-west-2:b", "us-west-2:c"]])
@pytest.mark.parametrize(
    ("flags", "first", "each"),
    [
        ({}, Login(), Login()),
        ({"profile": "p"}, Login("p"), Login("p")),
        ({"profile": "p", "slave_profile": "s"}, Login("p"), Login("s")),
        ({**ROLE, "slave_profile": "s"}, Login(None, Role(ARN)), Login("s")),
    ],
)
def test_who_asks_where_there_is_no_master(slaves: list[str], flags: dict[str, Any], first: Login, each: Login) -> None:
    """An undo, which reads no master, asks as the same flags say, and refuses the same ones."""
    config = Config.without_master(slaves, flags)
    assert config.logins == (first, *[each] * len(slaves))
    assert [str(ref) for ref in config.tables] == slaves
    with pytest.raises(ConfigError, match="--profile takes"):
        Config.without_master(slaves, {**flags, "profile": ""})
    with pytest.raises(ConfigError, match="is not a table"):
        Config.of(None, ["us-west-2:b"], flags)  # type: ignore[arg-type]
