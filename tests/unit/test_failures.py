"""What answers that are no success mean."""

from __future__ import annotations

import json

import pytest

from fastsync.aws.failures import Fault, Throttled, advice, refused, sort_out
from fastsync.aws.retries import BACKOFF_CAP, backoff

PREFIX = "com.amazonaws.dynamodb.v20120810#"


def body(code: str, **more: object) -> bytes:
    return json.dumps({"__type": PREFIX + code, "message": "why", **more}).encode()


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"]
)
@pytest.mark.parametrize("reasons", ["ThrottlingReasons", "throttlingReasons"])
def test_throttling_is_patience(code: str, reasons: str) -> None:
    """All names of throttling are told apart from faults, whatever the spelling of their reasons."""
    with pytest.raises(Throttled):
        sort_out(400, body(code, **{reasons: [{"reason": "TableReadKeyRangeThroughputExceeded"}]}))


@pytest.mark.parametrize(
    ("status", "answer"), [(500, b""), (503, b"<html>"), (400, body("InternalServerError")), (302, b"")]
)
def test_faults_are_tried_again(status: int, answer: bytes) -> None:
    """Errors of the server, and answers that make no sense, may go right next time."""
    with pytest.raises(Fault):
        sort_out(status, answer)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("AccessDeniedException", "allow"),
        ("ExpiredTokenException", "renew"),
        ("InvalidSignatureException", "clock"),
        ("UnrecognizedClientException", "access key"),
        ("ResourceNotFoundException", "region"),
    ],
)
def test_final_errors_say_what_to_do(code: str, word: str) -> None:
    """Errors that no retry mends are told apart, and come with advice."""
    assert sort_out(400, body(code)) == (code, "why")
    assert refused(code)
    assert word in advice(code, "why")


def test_validation_is_no_refusal() -> None:
    """One rejected request says nothing about the next."""
    assert not refused("ValidationException")


def test_backoff_is_jittered_and_capped() -> None:
    """Pauses lie between nothing and the capped exponential."""
    assert all(0 <= backoff(3, 0.05) <= 0.2 for _ in range(100))
    assert all(backoff(1000, 0.05) <= BACKOFF_CAP for _ in range(100))
    assert len({backoff(5, 1) for _ in range(10)}) > 1
