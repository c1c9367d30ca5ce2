"""Which shard a host is, as its environment tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastsync.cli.job_array import resolve_shard
from fastsync.cli.sync import make_parser
from fastsync.errors import ConfigError

BATCH = {"AWS_BATCH_JOB_ARRAY_INDEX": "2", "AWS_BATCH_JOB_ARRAY_SIZE": "8"}
KUBERNETES = {"JOB_COMPLETION_INDEX": "0"}
TOLD = [
    ("auto", BATCH, "2/8"),
    ("auto/8", BATCH, "2/8"),
    ("auto/3", {"AWS_BATCH_JOB_ARRAY_INDEX": "2"}, "2/3"),
    ("auto/3", KUBERNETES, "0/3"),
    ("auto/1", KUBERNETES, "0/1"),
    ("1/3", BATCH, "1/3"),
    ("first", {}, "first"),
]
REFUSED = [
    ("auto", {}, "neither AWS_BATCH_JOB_ARRAY_INDEX nor JOB_COMPLETION_INDEX"),
    ("auto/3", {}, "neither"),
    ("auto/3", {**BATCH, **KUBERNETES}, "both"),
    ("auto/3", BATCH, "does not agree with AWS_BATCH_JOB_ARRAY_SIZE, which is 8"),
    ("auto", KUBERNETES, "auto/N"),
    ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "2"}, "auto/N"),
    ("auto/3", {"JOB_COMPLETION_INDEX": ""}, "no number"),
    ("auto/3", {"JOB_COMPLETION_INDEX": "-1"}, "no number"),
    ("auto/3", {"JOB_COMPLETION_INDEX": "9" * 5000}, "no number"),
    ("auto", {**BATCH, "AWS_BATCH_JOB_ARRAY_SIZE": "many"}, "no number"),
    ("auto/3", {"JOB_COMPLETION_INDEX": "3"}, "none of 3 shards"),
    ("auto/0", KUBERNETES, "none of 0 shards"),
]


@pytest.mark.parametrize(("shard", "environment", "expected"), TOLD)
def test_the_environment_tells(shard: str, environment: dict[str, str], expected: str) -> None:
    """AWS Batch tells index and size, Kubernetes the index; what is not auto stays as it is."""
    assert resolve_shard(shard, environment) == expected


@pytest.mark.parametrize(("shard", "environment", "words"), REFUSED)
def test_an_environment_that_does_not_tell(shard: str, environment: dict[str, str], words: str) -> None:
    """Nothing is guessed: what is missing, in two minds or no number is refused in one sentence."""
    with pytest.raises(ConfigError, match=words):
        resolve_shard(shard, environment)


@pytest.mark.parametrize("file", [False, True])
def test_it_is_told_wherever_the_flag_stands(file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag may stand on the command line as well as in a file."""
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    path = tmp_path / "run.toml"
    path.write_text('shard = "auto/4"\nmaster = "us-east-1:a"\nslave = "us-west-2:a"\n')
    given = ["--config", str(path)] if file else ["-m", "us-east-1:a", "-s", "us-west-2:a", "--shard", "auto/4"]
    assert make_parser().parse_flags(given)["shard"] == "1/4"
