"""S3, through a client of botocore. Each call is one request; the caller retries.

One of three doors to botocore. It is imported inside functions, and so is what finds addresses by its rules: only a
process that reads an export from S3 loads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.failures import FAULTS, THROTTLES, Fault, Throttled
from fastsync.aws.network.opening import CONNECT_TIMEOUT, TIMEOUT
from fastsync.errors import ConfigError, TableError
from fastsync.model.table import S3Access

if TYPE_CHECKING:
    from botocore.session import Session

DEFAULT_REGION = "us-east-1"
"""Where any bucket can be asked for; S3 answers with its real region, and botocore goes there."""
S3_FAULTS = FAULTS | {"InternalError", "RequestTimeout", "OperationAborted"}
"""Errors of S3 that may be gone at the next try (API reference of S3, list of error codes)."""


class S3Error(Exception):
    """S3 rejected a request: its `code`, and a message without secrets."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class ListedObject:
    """An object in an answer to ListObjectsV2."""

    key: str
    size_bytes: int
    etag: str | None


@dataclass(frozen=True)
class ListedPage:
    """One answer to ListObjectsV2: objects, prefixes that end in /, and what continues it, None at the end."""

    objects: tuple[ListedObject, ...]
    prefixes: tuple[str, ...]
    token: str | None


class Body:
    """The rest of an object, as it arrives."""

    def __init__(self, stream: Any):
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end; raise Fault where the connection breaks, S3Error for damage."""
        from botocore.exceptions import FlexibleChecksumError

        from fastsync.aws.auth.endpoints import describe_error

        try:
            return bytes(self._stream.read(size))
        except FlexibleChecksumError:
            raise S3Error("BadChecksum", "what arrived has another checksum than S3 tells") from None
        except Exception as error:  # whatever botocore and urllib3 make of a connection that breaks
            raise Fault(describe_error(error)) from None

    def close(self) -> None:
        """Close it, wherever it is."""
        self._stream.close()


class S3Client:
    """S3 with the credentials of one account as they are valid at each request."""

    def __init__(self, access: S3Access, credentials: Callable[[], Credentials]):
        self._client = _open_client(access, credentials)
        self._credentials = credentials

    def list_objects(self, bucket: str, prefix: str, token: str | None) -> ListedPage:
        """Return what lies directly under a prefix; raise S3Error, Fault or Throttled."""
        more = {"ContinuationToken": token} if token else {}
        with self._classify_errors():
            answer = self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/", **more)
        return ListedPage(
            tuple(ListedObject(each["Key"], each["Size"], each.get("ETag")) for each in answer.get("Contents", ())),
            tuple(each["Prefix"] for each in answer.get("CommonPrefixes", ())),
            answer.get("NextContinuationToken") if answer.get("IsTruncated") else None,
        )

    def get_object(self, bucket: str, key: str, start: int, etag: str | None) -> Body:
        """Open an object from a byte on; raise S3Error, Fault or Throttled.

        Where it has another ETag by now, that is an S3Error with the code PreconditionFailed.
        """
        wanted: dict[str, str] = {}
        if etag is not None:
            wanted["IfMatch"] = etag
        if start:
            wanted["Range"] = f"bytes={start}-"
        with self._classify_errors():
            answer = self._client.get_object(Bucket=bucket, Key=key, **wanted)
        if start and not str(answer.get("ContentRange", "")).startswith(f"bytes {start}-"):
            answer["Body"].close()
            raise S3Error("NoRange", "the server answered a request for a part of the object with something else")
        return Body(answer["Body"])

    @contextmanager
    def _classify_errors(self) -> Iterator[None]:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectTimeoutError,
            HTTPClientError,
            ReadTimeoutError,
        )
        from botocore.exceptions import ConnectionError as NoConnection
        from botocore.parsers import ResponseParserError

        from fastsync.aws.auth.endpoints import describe_error

        try:
            yield
        except ClientError as error:
            raise self._classify_answer(error.response) from None
        except (NoConnection, HTTPClientError, ResponseParserError) as error:
            timed_out = isinstance(error, ConnectTimeoutError | ReadTimeoutError)
            raise Fault(describe_error(error), timed_out=timed_out) from None
        except BotoCoreError as error:
            raise S3Error("", describe_error(error)) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Fault(f"an answer that cannot be true: {type(error).__name__}") from None

    def _classify_answer(self, answer: Mapping[str, Any]) -> Exception:
        told = answer.get("Error", {})
        code = str(told.get("Code", ""))
        message = self._credentials().hide(str(told.get("Message", "no message")))
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in THROTTLES or status == 429:
            return Throttled(f"{code}: {message}")
        if code in S3_FAULTS or status >= 500 or not status:
            return Fault(f"{code or f'HTTP {status}'}: {message}")
        return S3Error(code, message)


def _open_client(access: S3Access, credentials: Callable[[], Credentials]) -> Any:
    from botocore.config import Config
    from botocore.exceptions import InvalidRegionError
    from botocore.session import Session

    from fastsync.aws.auth.endpoints import describe_error

    session = Session(profile=access.profile)
    session.register_component("credential_provider", _make_resolver(credentials))
    try:
        url = _find_address(session, access.endpoint_url)
        return session.create_client(
            "s3",
            access.region or session.get_config_variable("region") or DEFAULT_REGION,
            endpoint_url=url,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=TIMEOUT,
                retries={"total_max_attempts": 1},
                s3=_choose_addressing(session, url),
            ),
        )
    except InvalidRegionError as error:
        raise TableError(f"S3 cannot be reached: {describe_error(error)}") from None
    except Exception as error:  # whatever it makes of settings that are damaged
        raise ConfigError(f"the settings of AWS for S3 cannot be used: {describe_error(error)}") from None


def _find_address(session: Session, given: str | None) -> str | None:
    """Return the address of S3: its own setting, else the one that was given, else None, for botocore to find it."""
    from fastsync.aws.auth import endpoints

    return endpoints.find_own_address(session, "s3") or given


def _choose_addressing(session: Session, url: str | None) -> dict[str, str] | None:
    """Return that buckets are named in the path, where S3 is another server: few of them have a name for each bucket.

    A setting of the profile goes before it.
    """
    from fastsync.aws.auth import endpoints

    settings = session.get_scoped_config().get("s3")
    configured = isinstance(settings, dict) and "addressing_style" in settings
    elsewhere = url is not None or endpoints.has_other_address(session, "s3")
    if configured or not elsewhere:
        return None
    return {"addressing_style": "path"}


def _make_resolver(credentials: Callable[[], Credentials]) -> Any:
    """Return what botocore asks for credentials: it gets those that are valid at each request."""
    from botocore.credentials import CredentialProvider, CredentialResolver, ReadOnlyCredentials
    from botocore.credentials import Credentials as BotocoreCredentials

    class LiveCredentials(BotocoreCredentials):  # type: ignore[misc]
        """Credentials that somebody else renews."""

        def get_frozen_credentials(self) -> Any:
            """Return those that are valid now."""
            held = credentials()
            return ReadOnlyCredentials(held.access_key, held.secret_key, held.token)

    class LiveProvider(CredentialProvider):  # type: ignore[misc]
        METHOD = "fastsync"

        def load(self) -> Any:
            """Return credentials that are never asked for their keys."""
            held = credentials()
            return LiveCredentials(held.access_key, held.secret_key, held.token)

    return CredentialResolver([LiveProvider()])
