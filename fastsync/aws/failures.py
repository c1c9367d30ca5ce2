"""What an answer that is not a success means: try again, be patient, or give up, in a sentence that says what to do.

Error names: developer guide "Error handling"; the API model's error lists; dynamodb-facts section 7.1.
"""

from __future__ import annotations

import json
from typing import Any

THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "RequestLimitExceeded",
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
EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken"})
CONDITION_FAILED = "ConditionalCheckFailedException"

_REFUSED = {
    "AccessDeniedException": "allow the action in the policy of these credentials or of the table",
    "UnrecognizedClientException": "the credentials are not known to the service; check the access key",
    "InvalidSignatureException": "check the secret key, and that this machine's clock is right",
    "MissingAuthenticationTokenException": "the request had no valid credentials; check the profile",
    "IncompleteSignatureException": "check the access key and the secret key",
    "InvalidClientTokenId": "the credentials are not known to the service; check the access key",
    "SignatureDoesNotMatch": "check the secret key, and that this machine's clock is right",
    "ExpiredTokenException": "the credentials have expired; renew them (for SSO: aws sso login)",
    "ExpiredToken": "the credentials have expired; renew them (for SSO: aws sso login)",
    "ResourceNotFoundException": "no such table; check its name, region and account",
}


class Throttled(Exception):
    """The service asks for patience."""


class Fault(Exception):
    """Something went wrong that may go right next time."""


def error_of(body: bytes) -> tuple[str, str]:
    """Take error name and message from an answer's body; ("", excerpt) where it is not the service's."""
    try:
        answer: Any = json.loads(body)
        code = str(answer["__type"]).rpartition("#")[2].partition(":")[0]
        return code, str(answer.get("message") or answer.get("Message") or "no message")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", body[:200].decode(errors="replace")


def refused(code: str) -> bool:
    """Say whether every further request to the table would fail alike."""
    return code in _REFUSED


def advice(code: str, message: str) -> str:
    """Put a final error into words, with what to do where that is known."""
    text = f"{code}: {message}" if code else message
    return f"{text} ({_REFUSED[code]})" if code in _REFUSED else text


def sort_out(status: int, body: bytes) -> tuple[str, str]:
    """Raise Throttled or Fault where trying again makes sense, else give the error's name and message."""
    code, message = error_of(body)
    if code in THROTTLES or status == 429:
        raise Throttled(f"{code or status}: {message}")
    if code in FAULTS or status >= 500 or status < 400:
        raise Fault(f"{code or f'HTTP {status}'}: {message}")
    return code, message
