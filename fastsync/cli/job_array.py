"""Find the shard of this host in an array of jobs, from the environment that AWS Batch or Kubernetes sets.

AWS Batch sets index and size (user guide, "AWS Batch job environment variables"). An indexed Job of Kubernetes sets
the index only (Job API, completionMode), so the number of shards must be given: auto/N.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fastsync.config.slicing import Shard
from fastsync.errors import ConfigError

AUTO = re.compile(r"auto(?:/([0-9]{1,7}))?")
BATCH_INDEX = "AWS_BATCH_JOB_ARRAY_INDEX"
BATCH_SIZE = "AWS_BATCH_JOB_ARRAY_SIZE"
KUBERNETES_INDEX = "JOB_COMPLETION_INDEX"
GIVE_IT = "give the shard as --shard I/N"


def resolve_shard(shard: str, environment: Mapping[str, str]) -> str:
    """Return a shard as I/N: `auto` and `auto/N` are resolved by the environment. Raises ConfigError."""
    found = AUTO.fullmatch(shard)
    if found is None:
        return shard
    source = _find_source(shard, environment)
    index = _read_number(source, environment)
    size = _find_size(found[1], source, environment)
    try:
        return str(Shard.parse(f"{index}/{size}"))
    except ConfigError:
        raise ConfigError(f"--shard {shard}: {source} is {index}, which is none of {size} shards from 0 on") from None


def _find_source(shard: str, environment: Mapping[str, str]) -> str:
    """Return the name of the variable that holds the index; raise ConfigError unless exactly one is set."""
    present = [name for name in (BATCH_INDEX, KUBERNETES_INDEX) if name in environment]
    if not present:
        raise ConfigError(f"--shard {shard}: neither {BATCH_INDEX} nor {KUBERNETES_INDEX} is set here; {GIVE_IT}")
    if len(present) > 1:
        raise ConfigError(f"--shard {shard}: both {BATCH_INDEX} and {KUBERNETES_INDEX} are set here; {GIVE_IT}")
    return present[0]


def _find_size(given: str | None, source: str, environment: Mapping[str, str]) -> int:
    if source == BATCH_INDEX and BATCH_SIZE in environment:
        size = _read_number(BATCH_SIZE, environment)
        if given is not None and int(given) != size:
            raise ConfigError(f"--shard auto/{given} does not agree with {BATCH_SIZE}, which is {size}")
        return size
    if given is None:
        raise ConfigError(f"--shard auto: {source} does not tell the number of shards; give it as --shard auto/N")
    return int(given)


def _read_number(name: str, environment: Mapping[str, str]) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", environment[name]):
        raise ConfigError(f"--shard auto: {name} is {environment[name]!r}, and no number; {GIVE_IT}")
    return int(environment[name])
