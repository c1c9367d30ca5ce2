"""Roles: who assumes which, with what; sessions that are renewed or end in mid-run; MFA codes; refusals."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.processes import cmdlines, running
from tests.functional.proxy import Exchange, Fault, Reply, Request
from tests.functional.sts import Sts
from tests.functional.tables_behind_proxy import item
from tests.servers import Server, environment
from tests.tables import ROOT, call, create_table, put_items, run_fastsync, unique

ROLE, OTHER = "arn:aws:iam::111111111111:role/sync", "arn:aws:iam::222222222222:role/sync"
SERIAL = "arn:aws:iam::123456789012:mfa/ada"
CODE = "271828"
ITEMS = [item(f"{n}", n=n) for n in range(6)]


@pytest.fixture
def sts(moto: Server) -> Iterator[Sts]:
    """STS as it should be."""
    with Sts(moto.url) as running_sts:
        yield running_sts


def _env(sts: Sts, **more: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL_STS": sts.url, **more}


def _profiles(tmp_path: Path, text: str = "") -> dict[str, str]:
    """Write configuration files with a profile `base`, and others as told."""
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    config.write_text(f"[profile base]\n{text}")
    credentials.write_text("[base]\naws_access_key_id = AKIABASEBASEBASEBASE\naws_secret_access_key = hidden\n")
    return {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}


def _key(request: Request) -> str:
    """Give the access key that a request was signed with."""
    return request.headers["authorization"].partition("Credential=")[2].partition("/")[0]


def test_a_role_serves_all_tables(make_world: MakeWorld, sts: Sts) -> None:
    """The master's role is assumed once, whatever the number of workers, and serves the slaves too."""
    made = make_world(ITEMS, ITEMS[1:], ITEMS[2:])
    flags = ["--role-arn", ROLE, "--external-id", "ext-1", "--role-session-name", "night", "--role-duration", "7200"]
    ran = made.run(*flags, "--write-missing", "--parallel", "3", "--segments", "5", env=_env(sts))
    assert ran.exit_code == 0, ran.stderr
    (asked,) = sts.asked
    wanted = {"Action": "AssumeRole", "RoleArn": ROLE, "ExternalId": "ext-1"}
    wanted |= {"RoleSessionName": "night", "DurationSeconds": "7200"}
    assert wanted.items() <= asked.items()
    assert len({_key(request) for request in made.proxy.requests}) == 1
    assert _key(made.proxy.requests[0]).startswith("ASIA")
    assert all(request.headers["x-amz-security-token"] for request in made.proxy.requests)


def test_slaves_have_a_role_of_their_own(make_world: MakeWorld, sts: Sts) -> None:
    """The slaves' role is for the slaves only, and the master keeps what it has."""
    made = make_world(ITEMS, ITEMS[1:])
    ran = made.run("--slave-role-arn", OTHER, "--slave-external-id", "ext-2", env=_env(sts))
    assert ran.exit_code == 1, ran.stderr
    assert [(asked["RoleArn"], asked["ExternalId"]) for asked in sts.asked] == [(OTHER, "ext-2")]
    keys = {request.table: _key(request) for request in made.proxy.requests}
    assert keys[made.master.name] == "AKIDEXAMPLE"
    assert keys[made.slave.name].startswith("ASIA")


def test_two_accounts_of_one_server(moto: Server, sts: Sts) -> None:
    """A table of the same name in another account is another table, and is repaired with that account's role."""
    name = unique()
    table = create_table(moto, "us-east-1", name)
    put_items(moto, "us-east-1", name, ITEMS)
    there = run_fastsync("-m", table, "-s", table, "--slave-role-arn", OTHER, server=moto, env=_env(sts))
    assert there.exit_code == 3
    assert "ResourceNotFound" in there.stderr
    same = run_fastsync("-m", table, "-s", table, server=moto, env=_env(sts))
    assert "is the master already" in same.stderr
    arn = call(moto, "us-east-1", "DescribeTable", {"TableName": name})["Table"]["TableArn"]
    by_arn = run_fastsync("-m", table, "-s", arn, server=moto)
    assert (by_arn.exit_code, "same table" in by_arn.stderr) == (3, True)


def test_each_slave_has_its_account(make_world: MakeWorld, sts: Sts, tmp_path: Path) -> None:
    """Entries of the file give each slave its own role or profile, for the run and for undoing it."""
    made = make_world(ITEMS, ITEMS[1:], ITEMS[1:], ITEMS[1:])
    first, second, third = made.slaves
    file, log = tmp_path / "sync.toml", tmp_path / "undo"
    file.write_text(
        f'master = "{made.master}"\nwrite-missing = true\nquiet = true\nendpoint-url = "{made.proxy.url}"\n'
        f'undo-log = "{log}"\n'
        f'slave = ["{first}"]\n'
        f'[[slaves]]\ntable = "{second}"\nprofile = "base"\n'
        f'[[slaves]]\ntable = "{third}"\nrole-arn = "{OTHER}"\nexternal-id = "ext-3"\n'
    )
    ran = run_fastsync("--config", str(file), env=_env(sts, **_profiles(tmp_path)))
    assert (ran.exit_code, ran.stderr) == (0, "")
    keys = {request.table: _key(request) for request in made.proxy.requests}
    assert keys[made.master.name] == keys[first.name] == "AKIDEXAMPLE"
    assert keys[second.name] == "AKIABASEBASEBASEBASE"
    assert keys[third.name].startswith("ASIA")
    assert [asked["ExternalId"] for asked in sts.asked] == ["ext-3"]
    for slave in made.slaves:
        assert slave.all() == made.master.all()
    made.proxy.requests.clear()
    undone = run_fastsync("undo", str(log), "--config", str(file), env=_env(sts, **_profiles(tmp_path)))
    assert (undone.exit_code, undone.stderr) == (0, "")
    again = {request.table: _key(request) for request in made.proxy.requests}
    assert again.keys() == {slave.name for slave in made.slaves}
    assert (again[first.name], again[second.name]) == ("AKIDEXAMPLE", "AKIABASEBASEBASEBASE")
    assert again[third.name].startswith("ASIA")
    assert [asked["ExternalId"] for asked in sts.asked] == ["ext-3", "ext-3"]
    for slave in made.slaves:
        assert slave.all() == sorted(ITEMS[1:], key=tables_behind_proxy.in_order)


def test_one_account_that_is_refused_is_one_slave_less(make_world: MakeWorld, moto: Server, tmp_path: Path) -> None:
    """A slave whose role cannot be assumed is told of, asked for once, and does not stop the others."""
    made = make_world(ITEMS, ITEMS[1:], ITEMS[1:])
    first, second = made.slaves
    file = tmp_path / "sync.toml"
    file.write_text(
        f'master = "{made.master}"\nslave = "{first}"\n[[slaves]]\ntable = "{second}"\nrole-arn = "{OTHER}"\n'
    )
    with Sts(moto.url, refuses=lambda *_: ("AccessDenied", "User is not authorized")) as sts:
        ran = run_fastsync("--config", str(file), "--write-missing", server=made.via, env=_env(sts))
        assert len(sts.asked) == 1
    assert ran.exit_code == 4, ran.stderr
    assert OTHER in ran.stats["errors"][0]
    assert first.all() == made.master.all()


REFUSALS = {
    "access denied": (("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole"), "sts:AssumeRole"),
    "expired": (("ExpiredToken", "The security token included in the request is expired"), "aws sso login"),
    "unknown": (("InvalidClientTokenId", "The security token included in the request is invalid"), "access key"),
    "too long": (("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration"), "Duration"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_role_that_is_refused(make_world: MakeWorld, moto: Server, case: str) -> None:
    """Where the role cannot be had nothing is asked of DynamoDB, and one sentence says why and what to do."""
    refusal, advice = REFUSALS[case]
    made = make_world(ITEMS, ITEMS)
    with Sts(moto.url, refuses=lambda *_: refusal) as sts:
        ran = made.run("--role-arn", ROLE, env=_env(sts))
    assert ran.exit_code == 3
    assert ran.stderr.count("\n") == 1
    assert ROLE in ran.stderr
    assert advice in ran.stderr
    assert made.proxy.requests == []


def test_an_sts_that_is_out_of_reach(make_world: MakeWorld) -> None:
    """Where nobody answers for STS the run ends with 3."""
    made = make_world(ITEMS, ITEMS)
    ran = made.run("--role-arn", ROLE, env={"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"})
    assert ran.exit_code == 3
    assert "127.0.0.1:9" in ran.stderr
    tables_behind_proxy.no_traceback(ran)


def test_a_code_is_used_once_and_never_shown(make_world: MakeWorld, moto: Server) -> None:
    """The MFA code is sent once, and a refusal that repeats it is not."""
    made = make_world(ITEMS, ITEMS)
    flags = ("--role-arn", ROLE, "--mfa-serial", SERIAL, "--mfa-token", CODE, "--parallel", "2", "--verbose")
    with Sts(moto.url) as sts:
        lines: list[str] = []
        made.proxy.add(faults.before(lambda: lines.append(cmdlines())), "Scan")
        with running(made, *flags, env=_env(sts)) as run:
            ran = run.ended()
        assert ran.exit_code == 0, ran.stderr
        assert [(asked["SerialNumber"], asked["TokenCode"]) for asked in sts.asked] == [(SERIAL, CODE)]
        # only the command that the user typed has it
        assert sum(CODE in line for line in "\n".join(lines).splitlines()) <= len(lines)
    with Sts(moto.url, refuses=lambda _, asked: ("AccessDenied", f"invalid code {asked['TokenCode']}")) as sts:
        ran = made.run(*flags, env=_env(sts))
        assert len(sts.asked) == 1
    assert ran.exit_code == 3
    assert CODE not in ran.stderr
    assert "one use" in ran.stderr


@pytest.mark.parametrize("typed", [CODE, "12", ""], ids=["a code", "something else", "nothing"])
def test_the_terminal_is_asked(make_world: MakeWorld, sts: Sts, typed: str) -> None:
    """Without a code the terminal is asked, once, and shows nothing of it; what is no code is an error (2)."""
    made = make_world(ITEMS, ITEMS)
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "fastsync", *made.tables, "--endpoint-url", made.proxy.url]
    command += ["--role-arn", ROLE, "--mfa-serial", SERIAL, "--parallel", "2"]
    env = environment(PYTHONPATH=str(ROOT), **_env(sts))
    with subprocess.Popen(
        command, env=env, cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b""
        while b": " not in shown:
            shown += os.read(ours, 1000)
        assert SERIAL.encode() in shown
        os.write(ours, typed.encode() + (b"\n" if typed else b"\x04"))
        while True:
            try:
                shown += os.read(ours, 1000)
            except OSError:
                break
        code = process.wait(30)
    os.close(ours)
    assert code == (0 if typed == CODE else 2), shown
    assert not typed or typed.encode() not in shown.replace(SERIAL.encode(), b"").replace(b"127.0.0.1", b"")[:2000]
    assert [asked["TokenCode"] for asked in sts.asked] == [CODE] * (typed == CODE)


def test_a_profile_with_mfa_needs_a_terminal_too(make_world: MakeWorld, sts: Sts, tmp_path: Path) -> None:
    """A profile that assumes a role with MFA is asked for in the same way: without a terminal it is an error (2)."""
    made = make_world(ITEMS, ITEMS)
    text = f"[profile mfa]\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = {SERIAL}\n"
    text += f"[profile plain]\nrole_arn = {OTHER}\nsource_profile = base\n"
    text += f"[profile lost]\nrole_arn = {OTHER}\nsource_profile = nobody\n"
    env = _env(sts, **_profiles(tmp_path, text))
    ran = made.run("--profile", "mfa", env=env)
    assert (ran.exit_code, "terminal" in ran.stderr) == (2, True), ran.stderr
    ran = made.run("--profile", "lost", env=env)
    assert (ran.exit_code, "nobody" in ran.stderr) == (2, True), ran.stderr
    assert sts.asked == []
    ran = made.run("--profile", "plain", env=env)
    assert ran.exit_code == 0, ran.stderr
    assert len(sts.asked) == 1


def test_sessions_are_renewed_before_they_end(make_world: MakeWorld, moto: Server) -> None:
    """A session that ends soon is renewed beside the run, and the workers go on with the new one."""
    made = make_world([item(f"{n:03}", n=n) for n in range(60)], [])
    made.proxy.add(faults.delayed(0.15), "BatchGetItem")
    with Sts(moto.url, lasting=lambda number: 100 if number == 1 else 3600) as sts:
        ran = made.run("--role-arn", ROLE, "--scan-limit", "5", "--parallel", "2", env=_env(sts))
        assert len(sts.asked) == 2
    assert ran.exit_code == 1, ran.stderr
    keys = list(dict.fromkeys(_key(request) for request in made.proxy.requests))
    assert len(keys) == 2
    assert ran.stats["slaves"][str(made.slave)]["missing"] == 60


def test_a_session_that_cannot_be_renewed_ends_the_run(make_world: MakeWorld, moto: Server, tmp_path: Path) -> None:
    """Where credentials end for good the run stops like an interrupted one, says whose ended, and can be resumed."""
    made = make_world([item(f"{n:03}", n=n) for n in range(400)], [])
    made.proxy.add(faults.delayed(0.2), "BatchGetItem")
    denied = ("AccessDenied", "no longer")
    flags = ["--role-arn", ROLE, "--scan-limit", "5", "--delete-extra", "--checkpoint", str(tmp_path / "checkpoint")]
    flags += ["--report", str(tmp_path / "report")]
    with Sts(moto.url, lasting=lambda _: 62, refuses=lambda number, _: denied if number > 1 else None) as sts:
        began = time.monotonic()
        ran = made.run(*flags, env=_env(sts))
        assert time.monotonic() - began < 50
    assert ran.exit_code == 4, ran.stderr
    assert ran.stats["complete"] is ran.end["complete"] is False
    (error,) = ran.stats["errors"]
    assert ROLE in error
    assert "no longer" in error
    assert 0 < ran.stats["master"]["scanned"] < 400
    assert ran.stats["slaves"][str(made.slave)]["missing"] == ran.stats["master"]["scanned"]
    assert made.proxy.of("DeleteItem") == []
    assert "--resume" in ran.stderr
    tables_behind_proxy.no_traceback(ran)
    made.proxy.rules.clear()
    with Sts(moto.url) as sts:
        resumed = made.run(*flags, "--resume", env=_env(sts))
    assert (resumed.exit_code, resumed.stats["errors"], resumed.end["complete"]) == (1, [], True), resumed.stderr
    assert resumed.stats["master"]["scanned"] == resumed.stats["slaves"][str(made.slave)]["missing"] == 400
    assert (
        len({tables_behind_proxy.in_order(each["key"]) for each in resumed.differences})
        == len(resumed.differences)
        == 400
    )
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.parametrize("operation", ["Scan", "BatchGetItem"])
def test_credentials_that_expire_end_the_run(make_world: MakeWorld, operation: str) -> None:
    """Credentials that are refused as expired end the whole run at once: no further segment is tried."""
    made = make_world([item(f"{n:03}", n=n) for n in range(200)], [])
    made.proxy.add(faults.EXPIRED, operation, table=made.slave.name if operation == "BatchGetItem" else None)
    for rule in made.proxy.rules:
        rule.nth = range(4, 10_000)
    ran = made.run("--scan-limit", "4", "--segments", "24", "--parallel", "2", "--no-recheck")
    assert ran.exit_code == 4, ran.stderr
    assert "expired" in ran.stats["errors"][0]
    assert len(ran.stats["errors"]) <= 4
    assert len(made.proxy.of("Scan")) < 24
    tables_behind_proxy.no_traceback(ran)


def expiring(first: int, *operations: str) -> Fault:
    """Call the first session of a role expired from its so many-th request of these operations on."""
    keys: list[str] = []
    seen: list[str] = []

    def fault(exchange: Exchange) -> Reply:
        key = _key(exchange.request)
        if key not in keys:
            keys.append(key)
        if key == keys[0] and exchange.request.operation in operations:
            seen.append(key)
            if len(seen) >= first:
                return faults.EXPIRED(exchange)
        return exchange.forward()

    return fault


EARLY = {
    "scans": (("Scan",), ()),
    "look-ups": (("BatchGetItem",), ()),
    "writes": (("PutItem",), ("--write-missing",)),
    "batches": (("BatchWriteItem",), ("--write-missing", "--writes", "batch")),
    "everything": (("Scan", "BatchGetItem", "PutItem", "DeleteItem"), ("--write-missing", "--delete-extra")),
    "without retries": (("Scan", "BatchGetItem"), ("--max-retries", "0")),
    "merge": (("Scan", "BatchGetItem"), ("--strategy", "merge")),
    "in this process": (("Scan", "BatchGetItem"), ("--executor", "inline")),
}


@pytest.mark.parametrize("case", EARLY)
@pytest.mark.parametrize("after", [1, 3])
def test_a_session_that_ends_before_its_time_is_renewed_at_once(
    make_world: MakeWorld, sts: Sts, case: str, after: int
) -> None:
    """Where the service calls a session expired that should last, the role is assumed again and the run goes on."""
    operations, flags = EARLY[case]
    made = make_world([item(f"{n:03}", n=n) for n in range(60)], [item("x"), item("y")])
    made.proxy.add(expiring(after, *operations))
    began = time.monotonic()
    ran = made.run("--role-arn", ROLE, "--scan-limit", "5", "--parallel", "2", "--segments", "4", *flags, env=_env(sts))
    assert time.monotonic() - began < 15
    written = "--write-missing" in flags
    assert (ran.exit_code, ran.stats["errors"]) == (0 if written else 1, []), ran.stderr
    assert len(sts.asked) == 2
    assert ran.stats["slaves"][str(made.slave)]["missing"] == 60
    assert not written or len(made.slave.all()) >= 60


@pytest.mark.parametrize("operation", ["DescribeTable", "DescribeTimeToLive"])
def test_a_session_that_ends_while_tables_are_described(make_world: MakeWorld, sts: Sts, operation: str) -> None:
    """It is renewed too, before anything is read."""
    made = make_world(ITEMS, ITEMS)
    made.proxy.add(expiring(2, operation))
    ran = made.run("--role-arn", ROLE, "--ignore-expired", "--max-retries", "0", env=_env(sts))
    assert (ran.exit_code, ran.stats["errors"], len(sts.asked)) == (0, [], 2), ran.stderr


def test_a_profile_whose_session_ends_before_its_time(make_world: MakeWorld, sts: Sts, tmp_path: Path) -> None:
    """A role that the configuration file names is assumed again as well."""
    made = make_world([item(f"{n:03}", n=n) for n in range(60)], [])
    made.proxy.add(expiring(3, "Scan"))
    env = _env(sts, **_profiles(tmp_path, f"[profile plain]\nrole_arn = {OTHER}\nsource_profile = base\n"))
    ran = made.run("--profile", "plain", "--scan-limit", "5", "--parallel", "2", env=env)
    assert (ran.exit_code, ran.stats["errors"], len(sts.asked)) == (1, [], 2), ran.stderr


def test_a_session_that_ends_early_and_cannot_be_renewed(make_world: MakeWorld, moto: Server) -> None:
    """The run ends in seconds, with 4 and the reason, and nothing is deleted."""
    made = make_world([item(f"{n:03}", n=n) for n in range(60)], [item("x")])
    made.proxy.add(expiring(3, "Scan"))
    denied = ("AccessDenied", "no longer")
    with Sts(moto.url, refuses=lambda number, _: denied if number > 1 else None) as sts:
        began = time.monotonic()
        ran = made.run("--role-arn", ROLE, "--scan-limit", "5", "--delete-extra", env=_env(sts))
        assert time.monotonic() - began < 40
    assert ran.exit_code == 4
    assert any("no longer" in error and ROLE in error for error in ran.stats["errors"]), ran.stats["errors"]
    assert made.proxy.of("DeleteItem") == []


def test_every_session_ends_at_once(make_world: MakeWorld, sts: Sts) -> None:
    """Where every new session is called expired too, the run ends: renewals of one request are few."""
    made = make_world(ITEMS, ITEMS)
    made.proxy.add(faults.EXPIRED, "BatchGetItem")
    ran = made.run("--role-arn", ROLE, env=_env(sts))
    assert ran.exit_code in (3, 4)
    assert "expired" in ran.stats["errors"][0]
    assert len(sts.asked) <= 8


STS_FAULTS = {
    "throttled": ("Throttling", "Rate exceeded"),
    "at fault": ("InternalFailure", "by chance"),
}


@pytest.mark.parametrize("case", STS_FAULTS)
@pytest.mark.parametrize("retries", [0, 1, 5])
def test_sts_is_asked_as_often_as_allowed(make_world: MakeWorld, moto: Server, case: str, retries: int) -> None:
    """--max-retries holds for AssumeRole: so many retries after the first try, and success at the last is success."""
    made = make_world(ITEMS, ITEMS)
    with Sts(moto.url, refuses=lambda *_: STS_FAULTS[case]) as sts:
        ran = made.run("--role-arn", ROLE, "--max-retries", str(retries), env=_env(sts))
        assert (ran.exit_code, len(sts.asked)) == (3, 1 + retries), ran.stderr
    assert f"AssumeRole failed {1 + retries} times" in ran.stderr
    with Sts(moto.url, refuses=lambda number, _: STS_FAULTS[case] if number <= retries else None) as sts:
        ran = made.run("--role-arn", ROLE, "--max-retries", str(retries), env=_env(sts))
        assert (ran.exit_code, len(sts.asked)) == (0, 1 + retries), ran.stderr


@pytest.mark.parametrize("field", ["Credentials", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"])
def test_an_answer_of_sts_that_is_not_whole(make_world: MakeWorld, moto: Server, field: str) -> None:
    """An AssumeRole answer that lacks what is always there is a fault: asked for again, then exit code 3."""
    made = make_world(ITEMS, ITEMS)
    with Sts(moto.url, lacks=lambda number: field if number == 1 else None) as sts:
        ran = made.run("--role-arn", ROLE, env=_env(sts))
        assert (ran.exit_code, len(sts.asked)) == (0, 2), ran.stderr
    with Sts(moto.url, lacks=lambda _: field) as sts:
        ran = made.run("--role-arn", ROLE, "--max-retries", "2", env=_env(sts))
        assert (ran.exit_code, len(sts.asked)) == (3, 3), ran.stderr
    tables_behind_proxy.no_traceback(ran)
