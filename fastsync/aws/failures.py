"""Classify answers that are not a success: retry, wait, or give up with a sentence that says what to do.

Error names: developer guide "Error handling"; the API model's error lists; dynamodb-facts section 7.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "ThrottledException",
        "Throttling",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "SlowDown",
        "LimitExceededException",
        "TooManyRequestsException",
    }
)
FAULTS = frozenset(
    {
        "InternalServerError",
        "InternalFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ReplicatedWriteConflictException",
        "RequestTimeout",
        "RequestTimeoutException",
    }
)
CLOSING = frozenset({408, 421, 425, 499})
"""What servers and proxies answer while they close a connection, or where another one would do (RFC 9110, RFC 8470)."""
CONDITION_FAILED = "ConditionalCheckFailedException"

_REFUSED = {
    "AccessDeniedException": "allow the action in the policy of these credentials or of the table",
    "UnrecognizedClientException": "the credentials are not known to the service; check the access key",
    "InvalidSignatureException": "check the secret key, and that this machine's clock is right",
    "MissingAuthenticationTokenException": "the request had no valid credentials; check the profile",
    "IncompleteSignatureException": "check the access key and the secret key",
    "InvalidClientTokenId": "the credentials are not known to the service; check the access key",
    "SignatureDoesNotMatch": "check the secret key, and that this machine's clock is right",
    "RequestExpired": "check that this machine's clock is right",
    "RequestTimeTooSkewed": "check that this machine's clock is right",
    "ExpiredTokenException": "the credentials have expired; renew them (for SSO: aws sso login)",
    "ExpiredToken": "the credentials have expired; renew them (for SSO: aws sso login)",
    "ResourceNotFoundException": "no such table; check its name, region and account",
}
_CLOCKED = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed"})
_REJECTED = {
    "ValidationException": "the service does not take this request as it is; where it names an attribute, the keys or "
    "indexes of the table do not allow its value",
    "SerializationException": "the service cannot read this request; a value in it is not of its type",
    "ItemCollectionSizeLimitExceededException": "the items of this partition key and their local indexes have reached "
    "10 GB; delete some",
}
"""Errors of one request or item; the next may succeed."""
_ADVICE = _REFUSED | _REJECTED
_WIDE = ("ProvisionedThroughputExceeded", "MaxOnDemandThroughputExceeded", "AccountLimitExceeded")
"""Endings of reasons that concern a whole table, index or account; KeyRangeThroughputExceeded is one partition's."""
EXCERPT = 200
"""Characters that are shown of an answer that does not come from the service."""
CLOCK_TOLERANCE = 60.0
"""Seconds by which a clock may be wrong before a message mentions it; the service tolerates some minutes."""


class Throttled(Exception):
    """The service asks to wait, for `after` seconds at least.

    `widely`: the whole table, or the account, is at its limit, rather than one partition.
    """

    def __init__(self, message: str, after: float = 0.0, widely: bool = False):
        super().__init__(message)
        self.after = after
        self.widely = widely


class Fault(Exception):
    """A request failed that may succeed next time, after `after` seconds at least.

    `unsent`: the request cannot have reached the service. `timed_out`: no answer came in time.
    """

    def __init__(self, message: str, after: float = 0.0, unsent: bool = False, timed_out: bool = False):
        super().__init__(message)
        self.after = after
        self.unsent = unsent
        self.timed_out = timed_out


def parse_error(body: bytes) -> tuple[str, str]:
    """Return error name and message from the body of an answer; ("", the body) where it is not the service's."""
    try:
        answer: Any = json.loads(body)
        code = str(answer["__type"]).rpartition("#")[2].partition(":")[0]
        return code, str(answer.get("message") or answer.get("Message") or "no message")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", body.decode(errors="replace")


def is_refusal(code: str) -> bool:
    """Return whether every further request to the table would fail in the same way."""
    return code in _REFUSED


def describe_error(code: str, message: str, ahead: float | None = None) -> str:
    """Return the sentence for a final error, with what to do where that is known.

    `ahead` is by how many seconds this machine's clock is ahead of the service's, None where that is not known.
    """
    text = message
    if code:
        text = f"{code}: {message}"
    advice = _ADVICE.get(code)
    if code in _CLOCKED and ahead is not None and abs(ahead) >= CLOCK_TOLERANCE:
        advice = _describe_clock(ahead)
    if advice is None:
        return text
    return f"{text} ({advice})"


def _describe_clock(ahead: float) -> str:
    amount = f"{abs(ahead):.0f} seconds"
    if abs(ahead) >= 120:
        amount = f"{round(abs(ahead) / 60):,} minutes"
    side = "behind"
    if ahead > 0:
        side = "ahead of"
    return f"this machine's clock is {amount} {side} the service's: set it"


def clock_offset(date: str, now: float) -> float | None:
    """Return by how many seconds `now` (epoch seconds) is ahead of an answer's Date header; None where it has none."""
    try:
        return now - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):  # Python 3.10 raises a TypeError
        return None


def raise_if_retryable(
    status: int, body: bytes, after: float = 0.0, hide: Callable[[str], str] = str
) -> tuple[str, str]:
    """Raise Throttled or Fault where a retry makes sense, else return the error's name and message.

    The body decides, as it came; `hide` removes secrets from messages only.
    """
    code, message = parse_error(body)
    message = hide(message)
    if not code:
        message = message[:EXCERPT]
    if code in THROTTLES or status == 429:
        reasons = _throttling_reasons(body)
        shown = str(code or status)
        if reasons:
            shown += hide(f" ({', '.join(reasons)})")
        widely = code == "RequestLimitExceeded" or any(reason.endswith(_WIDE) for reason in reasons)
        raise Throttled(f"{shown}: {message}", after, widely)
    if code in FAULTS or status in CLOSING or not 400 <= status < 500:
        raise Fault(f"{code or f'HTTP {status}'}: {message}", after)
    return code, message


def _throttling_reasons(body: bytes) -> list[str]:
    """Return the reasons of throttling in an answer; the service spells the field in two ways (API model)."""
    try:
        answer: Any = json.loads(body)
        reasons = answer.get("ThrottlingReasons") or answer.get("throttlingReasons") or ()
        return [str(each["reason"]) for each in reasons]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
