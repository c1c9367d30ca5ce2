"""What a process needs to reach S3 as one side of a run, besides credentials."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_REGION = "us-east-1"
"""Where any bucket can be asked for; S3 answers with its real region, and botocore goes there."""


@dataclass(frozen=True)
class S3Access:
    """A value that workers get, so that they can open a client of their own.

    `profile` is the profile whose settings hold, None for the default one. `endpoint_url` is the address that a flag
    gives; a setting for S3 alone, such as AWS_ENDPOINT_URL_S3, goes before it. `region` is where a bucket is looked for
    first; S3 says where it really is. `account` is the number of the credentials.
    """

    profile: str | None
    account: int
    endpoint_url: str | None = None
    region: str | None = None
