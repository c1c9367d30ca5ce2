"""Parse the parts of a configuration that have a form of their own: a key, a shard, limits, logins.

Each function raises ConfigError where a flag has another form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastsync.config.key_text import parse_key
from fastsync.config.limits import DeleteLimit, Limit, Limits
from fastsync.config.login import LoginFlags, resolve_logins, unwrap_session
from fastsync.config.slicing import Sample, Shard, Slicing
from fastsync.model.table import Login

if TYPE_CHECKING:
    from fastsync.config.config import Config


def parse_first_key(config: Config) -> Mapping[str, Any] | None:
    """Return the key of --starting-key as it was given, None where none was."""
    if config.starting_key is None:
        return None
    return parse_key("--starting-key", config.starting_key)


def parse_slicing(config: Config) -> Slicing:
    """Return how a run is cut into segments, and which part of them is compared. A scan from a key has one segment."""
    segments = config.segments
    if config.starting_key is not None:
        segments = 1
    shard = sample = None
    if config.shard is not None:
        shard = Shard.parse(config.shard)
    if config.sample is not None:
        sample = Sample(config.sample, config.seed or 0)
    return Slicing(config.processes, segments, shard, sample)


def parse_limits(config: Config) -> Limits:
    """Return how many units a second each table may be asked for."""
    return Limits(
        reads=_parse_limit("--max-read-units", config.max_read_units),
        writes=_parse_limit("--max-write-units", config.max_write_units),
    )


def _parse_limit(flag: str, given: str | float | None) -> Limit | None:
    if given is None:
        return None
    return Limit.parse(flag, given)


def parse_delete_limit(config: Config) -> DeleteLimit | None:
    """Return how many items may be deleted on each slave, None where no limit was given."""
    if config.max_deletes is None:
        return None
    return DeleteLimit.parse(str(config.max_deletes))


def parse_logins(config: Config) -> tuple[Login, ...]:
    """Return the login of the master, or that of its flags where there is none, then of each slave."""
    master = LoginFlags(
        prefix="--",
        profile=config.profile,
        role_arn=config.role_arn,
        external_id=config.external_id,
        mfa_serial=config.mfa_serial,
        mfa_token=config.mfa_token,
        session=unwrap_session("session", config.session),
    )
    slaves = LoginFlags(
        prefix="--slave-",
        profile=config.slave_profile,
        role_arn=config.slave_role_arn,
        external_id=config.slave_external_id,
        mfa_serial=config.slave_mfa_serial,
        mfa_token=config.slave_mfa_token,
        session=unwrap_session("slave_session", config.slave_session),
    )
    session = (config.role_session_name, config.role_duration)
    return resolve_logins(master, slaves, session, config.master, config.slaves)
