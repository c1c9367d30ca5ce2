"""What answers that are no success mean."""

from __future__ import annotations

import json
from email.utils import formatdate

import pytest

from fastsync.aws.failures import Fault, Throttled, clock_offset, describe_error, is_refusal, raise_if_retryable
from fastsync.aws.retries import draw_pause
from fastsync.model.settings import BACKOFF_CAP, Retrying

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
        raise_if_retryable(400, body(code, **{reasons: [{"reason": "TableReadKeyRangeThroughputExceeded"}]}))


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, b""), (503, b"<html>"), (400, body("InternalServerError")), (302, b""),
        (408, b""), (408, b"<html>"), (408, body("RequestTimedOut")), (421, b""), (425, b""), (499, b""),
    ],
)  # fmt: skip
def test_faults_are_tried_again(status: int, answer: bytes) -> None:
    """Errors of the server, and answers that make no sense, may go right next time."""
    with pytest.raises(Fault):
        raise_if_retryable(status, answer)


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
    assert raise_if_retryable(400, body(code)) == (code, "why")
    assert is_refusal(code)
    assert word in describe_error(code, "why")


def test_validation_is_no_refusal() -> None:
    """One rejected request says nothing about the next."""
    assert not is_refusal("ValidationException")


def test_backoff_is_jittered_and_capped() -> None:
    """Pauses lie between nothing and the capped exponential."""
    assert all(0 <= draw_pause(3, Retrying(base=0.05)) <= 0.2 for _ in range(100))
    assert all(draw_pause(1000, Retrying(base=0.05)) <= BACKOFF_CAP for _ in range(100))
    assert len({draw_pause(5, Retrying(base=1)) for _ in range(10)}) > 1


@pytest.mark.parametrize(
    ("reason", "widely"),
    [
        ("TableReadProvisionedThroughputExceeded", True),
        ("IndexWriteProvisionedThroughputExceeded", True),
        ("TableWriteMaxOnDemandThroughputExceeded", True),
        ("TableReadAccountLimitExceeded", True),
        ("TableReadKeyRangeThroughputExceeded", False),
        ("SomethingNew", False),
    ],
)
@pytest.mark.parametrize("spelling", ["ThrottlingReasons", "throttlingReasons"])
def test_reasons_tell_table_from_partition(reason: str, widely: bool, spelling: str) -> None:
    """What concerns the whole table or account is told apart from one hot partition, in both spellings."""
    with pytest.raises(Throttled, match=reason) as caught:
        raise_if_retryable(400, body("ThrottlingException", **{spelling: [{"reason": reason, "resource": "arn"}]}), 1.5)
    assert (caught.value.widely, caught.value.after) == (widely, 1.5)


@pytest.mark.parametrize("reasons", [None, [], "x", [{}], [None], {"reason": "x"}])
def test_strange_reasons_are_borne(reasons: object) -> None:
    """Throttling whose reasons are missing or malformed is throttling all the same."""
    with pytest.raises(Throttled):
        raise_if_retryable(400, body("ThrottlingException", ThrottlingReasons=reasons))


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (3600.0, "60 minutes ahead of the service's"),
        (-1080.0, "18 minutes behind the service's"),
        (90.0, "90 seconds ahead"),
        (5.0, "check the secret key"),
        (None, "check the secret key"),
    ],
)
def test_a_wrong_clock_is_told(ahead: float | None, words: str) -> None:
    """A refused signature is put down to the clock where the service's Date says so, with by how much it is wrong."""
    assert words in describe_error("InvalidSignatureException", "Signature expired", ahead)


def test_the_services_date() -> None:
    """The difference to the service's clock is taken from the Date header; what is no date tells nothing."""
    assert clock_offset(formatdate(NOW - 60, usegmt=True), NOW) == 60
    assert [clock_offset(text, NOW) for text in ("", "yesterday", "0")] == [None] * 3


@pytest.mark.parametrize("code", ["ValidationException", "SerializationException"])
def test_rejected_requests_say_what_is_wrong(code: str) -> None:
    """One rejected request or item has its own advice, and says nothing about the next."""
    assert "(" in describe_error(code, "why")
    assert not is_refusal(code)
