"""Secrets: neither the secret key nor the session token shows up anywhere, whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.processes import cmdlines, running
from tests.functional.proxy import Exchange, Fault, Reply
from tests.functional.tables_behind_proxy import item

SECRET = "SecretKeyThatNobodyMaySee0123456789abcdef"
TOKEN = "SessionTokenThatNobodyMaySee/0123456789+abcdef=="
CREDENTIALS = {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}


def signature_refused(exchange: Exchange) -> Reply:
    """Refuse the signature in the service's words, which quote the request's headers, the token among them."""
    headers = "\n".join(f"{name.lower()}:{value}" for name, value in sorted(exchange.request.headers.items()))
    message = (
        "The request signature we calculated does not match the signature you provided. "
        f"The Canonical String for this request should have been\n'POST\n/\n\n{headers}\n'"
    )
    return faults.error("InvalidSignatureException", message=message)(exchange)


GOING_WRONG: Mapping[str, tuple[Fault, str | tuple[str, ...]]] = {
    "throttled writes": (faults.THROTTLED, "PutItem"),
    "denied look-ups": (faults.DENIED, "BatchGetItem"),
    "expired credentials": (faults.EXPIRED, "Scan"),
    "cut connections": (faults.cut, "Scan"),
    "a gateway's answer": (faults.gateway, "DescribeTable"),
    "a refused signature": (signature_refused, "Scan"),
    "a refused signature at first": (signature_refused, "DescribeTable"),
}


@pytest.mark.parametrize("case", GOING_WRONG)
def test_no_secret_is_shown(make_world: MakeWorld, case: str) -> None:
    """Not on stdout or stderr with --verbose, not in report or statistics, not in a command line."""
    made = make_world([item("a"), item("b", v=1)], [item("b", v=2), item("x")])
    lines: list[str] = []
    made.proxy.add(faults.before(lambda: lines.append(cmdlines())), ("Scan", "DescribeTable"))
    fault, operation = GOING_WRONG[case]
    made.proxy.add(fault, operation)
    flags = ("--verbose", "--write-missing", "--delete-extra", "--report-values", "--max-retries", "1")
    with running(made, *flags, "--parallel", "2", env=CREDENTIALS) as run:
        ran = run.ended()
    assert ran.exit_code in (3, 4)
    assert lines
    # it was used, so it could have been shown
    assert made.proxy.requests[0].headers["x-amz-security-token"] == TOKEN
    shown = "\n".join([ran.stdout, ran.stderr, str(ran.report), str(ran.stats), *lines])
    for secret in (SECRET, TOKEN, SECRET[:20], TOKEN[:20]):
        assert secret not in shown


def condition_once(exchange: Exchange) -> Reply:
    """Carry a write out, and lose its answer, so that its repetition fails its own condition."""
    exchange.forward()
    return faults.INTERNAL(exchange)


SHORT = ("x", "E", "e", "secret", "ception", '"', "15characterslong")
"""Secret keys as people give them to local servers."""


@pytest.mark.parametrize("secret", SHORT)
@pytest.mark.parametrize("token", [None, "n"])
def test_short_secrets_hide_nothing(make_world: MakeWorld, secret: str, token: str | None) -> None:
    """Errors are told apart by what the service sent: throttling is waited out, lost races are looked at again."""
    master = [item(f"ex{n}", v="ExceptionItem") for n in range(6)]
    made = make_world(master, [])
    made.proxy.add(faults.THROTTLED, "Scan", nth=(1,))
    made.proxy.add(faults.THROTTLED, "PutItem", nth=(1,))
    made.proxy.add(condition_once, "PutItem", nth=(3,))
    raced = made.proxy.add(faults.before(lambda: made.slave.put(master[5])), "PutItem", nth=(5,))
    env = {"AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
    ran = made.run("--write-missing", env=env)
    assert raced.struck
    assert (ran.exit_code, ran.stats["errors"]) == (0, [])
    assert made.slave.all() == made.master.all()


def test_an_item_that_holds_the_secret(make_world: MakeWorld) -> None:
    """The item that a failed condition brings is compared as it is."""
    made = make_world([item("a", v=SECRET, token=TOKEN)], [])
    made.proxy.add(condition_once, "PutItem", nth=(1,))
    ran = made.run("--write-missing", env=CREDENTIALS)
    assert (ran.exit_code, tables_behind_proxy.actions(ran)) == (0, [("a", "missing", "written")])


@pytest.mark.parametrize("status", [400, 403, 500, 503, 200])
@pytest.mark.parametrize("at", [0, 150, 190, 5000])
def test_no_piece_of_a_secret_is_shown(make_world: MakeWorld, status: int, at: int) -> None:
    """A page that repeats the request is cut after the secrets have been taken out, not in the middle of one."""
    made = make_world([item("a")], [item("a")])
    page = "z" * at + json.dumps([SECRET, TOKEN]) + json.dumps(TOKEN).replace("/", "\\/") + quote(TOKEN, safe="")
    made.proxy.add(lambda _: Reply(status, page.encode()), "Scan")
    ran = made.run("--verbose", "--max-retries", "1", env=CREDENTIALS)
    assert ran.exit_code == 4
    shown = f"{ran.stdout}{ran.stderr}{ran.stats}"
    for secret in (SECRET, TOKEN):
        assert not any(secret[place : place + 6] in shown for place in range(len(secret) - 6))
