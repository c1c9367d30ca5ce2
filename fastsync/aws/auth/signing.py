"""Signature version 4 for one endpoint: what botocore's signer computes, at a fifth of its cost.

botocore's SigV4Auth takes 66 µs a request, this 15 µs, and workers need not import botocore (0.15 s, 15 MB). A test
holds every signature against botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from functools import lru_cache

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.network.target import Target

SERVICE = "dynamodb"


class Signer:
    """Make the signed headers of POST requests to one target and region."""

    def __init__(self, target: Target, region: str):
        self._host = target.host
        self._resource = f"{target.path}\n{target.query}"
        self._region = region

    def sign(self, target: str, body: bytes, credentials: Credentials, now: float | None = None) -> dict[str, str]:
        """Return all headers of a request for `target` (`DynamoDB_20120810.Scan`); `now` is epoch seconds."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        signed = {
            "content-type": "application/x-amz-json-1.0",
            "host": self._host,
            "x-amz-date": stamp,
            "x-amz-target": target,
        }
        if credentials.token:
            signed = {**signed, "x-amz-security-token": credentials.token}
        names = sorted(signed)
        lines = "".join(f"{name}:{signed[name]}\n" for name in names)
        listed = ";".join(names)
        request = f"POST\n{self._resource}\n{lines}\n{listed}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self._region}/{SERVICE}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = _signing_key(credentials.secret_key, stamp[:8], self._region)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"{credentials.access_key}/{scope}"
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={listed}, Signature={signature}"
        )
        return signed


@lru_cache(maxsize=16)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
