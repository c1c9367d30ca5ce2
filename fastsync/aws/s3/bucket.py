"""A bucket: its objects listed and read, each request retried as the run's settings have it.

A download that breaks is taken up again where it broke, on condition that the object is still the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.budget import Budget, PrivateCell
from fastsync.aws.failures import Fault, Throttled, describe_error, is_refusal
from fastsync.aws.retries import Tries
from fastsync.aws.s3.client import Body, ListedObject, S3Client, S3Error
from fastsync.errors import EXPIRED, RequestFailed
from fastsync.model.settings import Retrying
from fastsync.model.table import S3Access

LIST, GET = "ListObjectsV2", "GetObject"
REPLACED = frozenset({"PreconditionFailed", "NoSuchKey"})
"""What S3 answers where an object that was listed is another one, or gone."""
_ADVICE = {
    "AccessDenied": "allow s3:ListBucket on the bucket and s3:GetObject on its objects, and kms:Decrypt on the key "
    "where they are encrypted with one",
    "AllAccessDisabled": "access to the bucket is switched off",
    "NoSuchBucket": "no such bucket; check its name and account",
    "InvalidAccessKeyId": "the credentials are not known to S3; check the access key",
    "InvalidToken": "the session token is not known to S3; log in again",
    "InvalidObjectState": "the object is archived; restore it first",
    "PermanentRedirect": "the bucket is in another region; set AWS_REGION, or region in the profile",
}
T = TypeVar("T")


class Bucket:
    """A bucket as one side of a run reaches it.

    `credentials` returns those that are valid now; `ask_renewal` is called with renewable ones that S3 calls expired.
    """

    def __init__(
        self,
        access: S3Access,
        name: str,
        credentials: Callable[[], Credentials],
        retrying: Retrying,
        *,
        sleep: Callable[[float], object] = time.sleep,
        ask_renewal: Callable[[Credentials], object] = lambda _: None,
    ):
        self.name = name
        self.endpoint_url = access.endpoint_url
        self._client = S3Client(access, credentials)
        self._credentials = credentials
        self._retrying = retrying
        self._sleep = sleep
        self._ask_renewal = ask_renewal

    def list_folder(self, prefix: str) -> tuple[list[ListedObject], list[str]]:
        """Return the objects directly under a prefix, and the prefixes below it; raise RequestFailed."""
        objects: list[ListedObject] = []
        prefixes: list[str] = []
        token: str | None = None
        where = f"s3://{self.name}/{prefix}"
        while True:
            page = self._retry(LIST, where, partial(self._client.list_objects, self.name, prefix, token))
            objects += page.objects
            prefixes += page.prefixes
            if page.token is None:
                return objects, prefixes
            if page.token == token:
                raise RequestFailed(f"{where}: {LIST} does not get beyond one page of its answers")
            token = page.token

    def open_object(self, key: str, size_bytes: int, etag: str | None) -> Download:
        """Return an object of so many bytes and this ETag; reading it raises RequestFailed."""
        return Download(self, key, size_bytes, etag)

    def open_body(self, key: str, start: int, etag: str | None, tries: Tries) -> Body:
        """Open an object from a byte on; raise RequestFailed."""
        where = f"s3://{self.name}/{key}"
        return self._retry(GET, where, partial(self._client.get_object, self.name, key, start, etag), tries)

    def new_tries(self) -> Tries:
        """Return the tries of one request, none of which has failed yet."""
        return Tries(self._retrying, Budget(PrivateCell(), sleep=self._sleep))

    def wait_after(self, operation: str, where: str, failure: Throttled | Fault, tries: Tries) -> None:
        """Wait before the next try; raise RequestFailed where there is none."""
        pause = tries.next_pause(failure)
        if pause is None:
            count = tries.failed_count
            raise RequestFailed(f"{where}: {operation} failed {count} times, the last time with {failure}")
        self._sleep(pause)

    def refuse(self, operation: str, where: str, error: S3Error) -> RequestFailed:
        """Return the error for a request that would fail again."""
        told = describe_error(error.code, str(error))
        if error.code in _ADVICE:
            told = f"{error.code}: {error} ({_ADVICE[error.code]})"
        refused = error.code in _ADVICE or is_refusal(error.code)
        return RequestFailed(f"{where}: {operation} was rejected with {told}", error.code, refused)

    def _retry(self, operation: str, where: str, call: Callable[[], T], tries: Tries | None = None) -> T:
        tries = tries or self.new_tries()
        while True:
            used = self._credentials()
            try:
                return call()
            except (Throttled, Fault) as failure:
                self.wait_after(operation, where, failure, tries)
            except S3Error as error:
                if error.code not in EXPIRED or not used.renewable:
                    raise self.refuse(operation, where, error) from None
                if self._credentials() == used:
                    self._ask_renewal(used)
                    self.wait_after(operation, where, Fault(f"{error.code}: {error}"), tries)


class Download:
    """An object that is read from its beginning to its end. A connection that breaks is opened again."""

    def __init__(self, bucket: Bucket, key: str, size_bytes: int, etag: str | None):
        self._bucket = bucket
        self._key = key
        self._size = size_bytes
        self._etag = etag
        self._done = 0
        self._tries = bucket.new_tries()
        self._body: Body | None = None

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end; raise RequestFailed."""
        where = f"s3://{self._bucket.name}/{self._key}"
        while self._done < self._size:
            try:
                part = self._open().read(size)
                if not part:
                    raise Fault(f"{self._size - self._done:,} bytes less than there are")
            except Fault as failure:
                self.close()
                self._bucket.wait_after(GET, where, failure, self._tries)
                continue
            except S3Error as error:
                raise self._bucket.refuse(GET, where, error) from None
            self._done += len(part)
            self._tries = self._bucket.new_tries()  # any progress starts the count anew
            return part
        return b""

    def close(self) -> None:
        """Close the connection."""
        if self._body is not None:
            self._body.close()
            self._body = None

    def _open(self) -> Body:
        if self._body is None:
            self._body = self._bucket.open_body(self._key, self._done, self._etag, self._tries)
        return self._body
