"""The recipes for job arrays are held against the program: a shell takes their commands, it takes their flags."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from fastsync.cli.sync import make_parser
from fastsync.config.config import Config
from tests.documents import ROOT

BATCH: Any = json.loads((ROOT / "examples/batch/job-definition.json").read_text())
KUBERNETES: Any = yaml.safe_load((ROOT / "examples/kubernetes/job.yaml").read_text())
POD = KUBERNETES["spec"]["template"]["spec"]
PROGRAM = "/opt/fastsync/bin/fastsync"
COMMANDS: list[tuple[str, Mapping[str, str], str]] = [
    (
        BATCH["containerProperties"]["command"][0],
        {"AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "8", "AWS_BATCH_JOB_ID": "run:3"},
        "3/8",
    ),
    (POD["containers"][0]["args"][0], {"JOB_COMPLETION_INDEX": "3", "RUN": "run"}, "3/8"),
]


def words(command: str, environment: Mapping[str, str], folder: Path) -> Sequence[str]:
    """Let a shell expand a command, and give the arguments that the program would get."""
    here = command.replace("/results", str(folder)).replace(f"exec {PROGRAM}", "printf '%s\\n'")
    shell = ["/bin/sh", "-c", here]
    return subprocess.run(shell, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(("command", "environment", "shard"), COMMANDS, ids=["batch", "kubernetes"])
def test_commands_of_job_arrays(
    command: str, environment: Mapping[str, str], shard: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each member of an array is a shard of its own, with files of its own in the folder of its job."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    flags = make_parser().parse_flags(words(command, environment, tmp_path))
    assert (tmp_path / "run").is_dir()
    assert flags["shard"] == shard
    assert all("-3" in flags[name] for name in ("report", "stats", "checkpoint"))
    flags.pop("policy")
    Config.of(flags.pop("master"), flags.pop("slave"), flags)


def test_what_is_tried_again() -> None:
    """Neither recipe repeats a run whose end would be the same: differences, wrong flags, tables, safety limits."""
    final = {int(each["onExitCode"]) for each in BATCH["retryStrategy"]["evaluateOnExit"] if each["action"] == "EXIT"}
    (rule,) = [each for each in KUBERNETES["spec"]["podFailurePolicy"]["rules"] if each["action"] == "FailIndex"]
    assert final == set(rule["onExitCodes"]["values"]) == {1, 2, 3, 5}
    assert rule["onExitCodes"]["containerName"] == POD["containers"][0]["name"]


def test_the_array_of_kubernetes() -> None:
    """The number of pods is the number of shards, and the volume that is mounted is there."""
    assert KUBERNETES["spec"]["completionMode"] == "Indexed"
    assert f"--shard auto/{KUBERNETES['spec']['completions']} " in POD["containers"][0]["args"][0]
    mounts = [each["name"] for each in POD["containers"][0]["volumeMounts"]]
    assert mounts == [each["name"] for each in POD["volumes"]]
    image = (ROOT / "Dockerfile").read_text()
    assert f"--uid {POD['securityContext']['runAsUser']} " in image
    assert f'ENTRYPOINT ["{PROGRAM}"]' in image
