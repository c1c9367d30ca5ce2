"""Secrets: neither the secret key nor the session token shows up anywhere, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.processes import cmdlines, running
from tests.functional.proxy import Exchange, Fault, Reply
from tests.functional.world import item

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
