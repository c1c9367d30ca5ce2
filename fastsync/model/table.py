"""Tables: their names, logins, endpoints, keys and descriptions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from fastsync.errors import ConfigError
from fastsync.model.throughput import UNKNOWN, UNLIMITED, Capacity, Pace
from fastsync.model.wording import quote

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*):([A-Za-z0-9_.-]{1,255})")
_ARN = re.compile(r"arn:[a-z0-9-]+:dynamodb:([a-z0-9-]+):\d*:table/([A-Za-z0-9_.-]{1,255})")
SESSION_NAME = "fastsync"
"""The name of assumed roles' sessions in the audit trail, where no other is given."""
EXPORT_SCHEME = "export:"
TABLE_FORM = (
    "a table is written as <region>:<name>, for example us-east-1:orders, or as its full ARN, "
    "for example arn:aws:dynamodb:us-east-1:123456789012:table/orders; an export of one as export:FOLDER or "
    "export:s3://BUCKET/PREFIX"
)


class AwsSession(Protocol):
    """A session of boto3 or botocore, as far as type checkers are concerned."""

    def get_credentials(self) -> Any:
        """Return its credentials, None where it has none."""


@dataclass(frozen=True)
class TableRef:
    """A table as the user named it.

    `text` is its name in reports, `name` its name in requests: the bare name, or the ARN where one was given, so that
    a resource-based policy of another account applies. `profile` or `session` (of boto3 or botocore), `role_arn` and
    `external_id` are given where the table has credentials of its own. With `is_export` it is an export of a table,
    and `name` its place.
    """

    text: str
    region: str
    name: str
    endpoint_url: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)
    session: AwsSession | None = field(default=None, repr=False)
    is_export: bool = False

    @classmethod
    def parse(cls, text: str, endpoint_url: str | None = None, session: AwsSession | None = None) -> TableRef:
        """Parse `<region>:<name>`, a table ARN, or `export:PLACE`; raise ConfigError on anything else."""
        if text.startswith(EXPORT_SCHEME):
            return cls(text, region="", name=text.removeprefix(EXPORT_SCHEME), is_export=True)
        arn = _ARN.fullmatch(text)
        if arn is not None:
            return cls(text, region=arn[1], name=text, endpoint_url=endpoint_url, session=session)
        named = _NAMED.fullmatch(text)
        if named is not None:
            return cls(text, region=named[1], name=named[2], endpoint_url=endpoint_url, session=session)
        raise ConfigError(f"{quote(text)} is not a table: {TABLE_FORM}")

    def __str__(self) -> str:
        return self.text

    def may_be(self, other: TableRef) -> bool:
        """Return whether both may name the same table: only an ARN tells the account."""
        if self.is_export or other.is_export:
            return self.text.rstrip("/") == other.text.rstrip("/")
        accounts = {ref.account for ref in (self, other)} - {None}
        return (self.region, self.bare_name) == (other.region, other.bare_name) and len(accounts) < 2

    @property
    def may_need_tls(self) -> bool:
        """Whether it is a table that is not known to be reached by plain http."""
        return not self.is_export and not (self.endpoint_url or "").startswith("http://")

    @property
    def account(self) -> str | None:
        """The account in the table's ARN, None where its name was given."""
        parts = self.name.split(":")
        return parts[4] if len(parts) > 4 else None

    @property
    def bare_name(self) -> str:
        """The table's name, without the rest of its ARN."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True)
class Role:
    """A role to assume, for sessions of `duration` seconds. Neither the MFA code nor the external id is ever shown."""

    arn: str
    session_name: str = SESSION_NAME
    duration: int = 3600
    external_id: str | None = field(default=None, repr=False)
    mfa_serial: str | None = None
    mfa_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Login:
    """A profile (None: the default chain), and the role that is assumed with its credentials where there is one.

    `session` is one of botocore that a program has made, and stands in the place of a profile.
    """

    profile: str | None = None
    role: Role | None = None
    session: Any = field(default=None, repr=False)

    @property
    def asks_for_code(self) -> bool:
        """Whether the role needs an MFA code that was not given, so that the terminal is asked."""
        return self.role is not None and bool(self.role.mfa_serial) and not self.role.mfa_token

    @property
    def base(self) -> str:
        """The name of the profile, or of the default chain."""
        if self.session is not None:
            return "the session that was given"
        if self.profile is None:
            return "the default credential chain"
        return f"profile {self.profile!r}"

    def __str__(self) -> str:
        if self.role is None:
            return self.base
        return f"role {self.role.arn}"


@dataclass(frozen=True)
class Endpoint:
    """Where requests for a table go: `url` with scheme and host, a CA bundle's path or None, a proxy's URL or None.

    The proxy's URL may hold a password, and is never shown. `compress` asks for gzip answers. `signed_region` is the
    region that requests are signed for where that is not the table's own, as for `fips-us-east-1`.
    """

    url: str
    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)
    compress: bool = False
    signed_region: str | None = None


@dataclass(frozen=True)
class S3Access:
    """How one side of a run reaches S3, besides credentials.

    `profile` is the profile whose settings hold, None for the default one. `endpoint_url` is the address that a flag
    gives; a setting for S3 alone, such as AWS_ENDPOINT_URL_S3, goes before it. `region` is where a bucket is looked for
    first; S3 says where it really is. `account` is the number of the credentials.
    """

    profile: str | None
    account: int
    endpoint_url: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class KeySchema:
    """Names and types ("S", "N" or "B") of the partition key and, where there is one, of the sort key."""

    hash: str
    hash_type: str
    range: str | None = None
    range_type: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The key attributes, partition key first."""
        if self.range is None:
            return (self.hash,)
        return (self.hash, self.range)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of the key attributes, the partition key's first."""
        if self.range_type is None:
            return (self.hash_type,)
        return (self.hash_type, self.range_type)

    def __str__(self) -> str:
        return ", ".join(f"{name} ({kind})" for name, kind in zip(self.names, self.types, strict=True))


class ReplicaMode(str, Enum):
    """How the replicas of a global table follow each other (API reference, MultiRegionConsistency)."""

    EVENTUAL = "eventual"
    STRONG = "strong"


@dataclass(frozen=True)
class Replication:
    """What the description of a table says of its global table.

    `replicas` are region and ARN of each replica, as far as they are told; the table itself may be among them.
    """

    arn: str | None = None
    replicas: tuple[tuple[str | None, str | None], ...] = ()
    version: str | None = None
    consistency: str | None = None


NOT_REPLICATED = Replication()


@dataclass(frozen=True)
class Table:
    """A table as DescribeTable describes it.

    `identity` is the same for two descriptions of one table however it was named. `item_count` and `size_bytes` are
    the service's estimates, refreshed about every six hours: for progress and first guesses only. `ttl` is the
    attribute by which items expire, None where none do or nobody asked. `description` is all that the service says of
    it, in the service's words, where somebody needs it yet.
    """

    ref: TableRef
    keys: KeySchema
    identity: tuple[str, ...]
    item_count: int = 0
    size_bytes: int = 0
    ttl: str | None = None
    capacity: Capacity = UNKNOWN
    replication: Replication = NOT_REPLICATED
    description: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def item_bytes(self) -> float | None:
        """The average size of an item in bytes, None where the service reports none."""
        if not self.item_count or not self.size_bytes:
            return None
        return self.size_bytes / self.item_count


def same_identity(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether two identities (see `Table`) are of one table, and not of two tables with one name."""
    return tuple(one) == tuple(other)


def describe_replacement(then: Table, now: Table) -> str | None:
    """Return a sentence where a table was replaced by another, or has another key; None where it is the same."""
    if not same_identity(then.identity, now.identity):
        return (
            f"{then.ref} was replaced during the run: the table was deleted, and another one has its name now, "
            "so nothing that was found is certain; run again"
        )
    if then.keys != now.keys:
        return f"{then.ref} was replaced during the run: its key was {then.keys}, and is {now.keys} now; run again"
    return None


@dataclass(frozen=True)
class Side:
    """One table of the run, with everything that a worker needs to reach it as fast as `pace` allows.

    `account` is the number of its credentials, `number` its own among the tables of the run, the master's being 0.
    `offset` is added to that among the tables of all runs that share their workers. `replica` says how it replicates to
    and from the master, where both are tables of one global table. `s3` is how an export is reached that lies in S3.
    """

    table: Table
    endpoint: Endpoint
    account: int
    number: int = 0
    offset: int = 0
    pace: Pace = UNLIMITED
    replica: ReplicaMode | None = None
    s3: S3Access | None = None

    def __str__(self) -> str:
        return str(self.table.ref)

    @property
    def is_export(self) -> bool:
        """Whether it is an export, which does not change and is never written to."""
        return self.table.ref.is_export
