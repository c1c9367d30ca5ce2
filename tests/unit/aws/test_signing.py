"""Signatures against botocore's own."""

from __future__ import annotations

import calendar
import datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.auth.signing import Signer
from fastsync.aws.network.target import make_target

NOW = datetime.datetime(2026, 11, 23, 9, 8, 7, tzinfo=datetime.timezone.utc)
CASES = {
    "plain": ("dynamodb.us-east-1.amazonaws.com", "/", None, b"{}"),
    "session token": ("dynamodb.eu-west-1.amazonaws.com", "/", "token/with+signs==", b'{"TableName":"t"}'),
    "local port": ("localhost:8000", "/", None, "{'ü'}".encode()),
    "path": ("gateway.example", "/dynamo", None, b""),
}


class Frozen(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return NOW

    @classmethod
    def utcnow(cls) -> Any:
        return NOW.replace(tzinfo=None)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_signatures_are_botocores(case: tuple[str, str, str | None, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every header that is signed, and the signature itself, is what botocore's signer computes."""
    host, path, token, body = case
    ours = Signer(make_target(f"https://{host}{path}"), "us-east-1").sign(
        "DynamoDB_20120810.Scan", body, Credentials("AKID", "secret", token), calendar.timegm(NOW.timetuple())
    )
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.Scan"}
    request = AWSRequest("POST", f"https://{host}{path}", data=body, headers=headers)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: NOW.replace(tzinfo=None), raising=False)
    monkeypatch.setattr("botocore.auth.datetime", Frozen, raising=False)
    SigV4Auth(BotoCredentials("AKID", "secret", token), "dynamodb", "us-east-1").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]


def test_secrets_are_not_shown() -> None:
    """Neither secret key nor token is in what is printed of credentials."""
    shown = repr(Credentials("AKID", "top-secret", "session-token"))
    assert "top-secret" not in shown
    assert "session-token" not in shown
