"""The steps of the Dockerfile, in a clean environment: no engine is needed, and the image itself is not built."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import environment
from tests.tables import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def copied() -> list[str]:
    """Give what the first stage copies from the repository."""
    build = DOCKERFILE.split("FROM ")[1]
    return [word for line in re.findall(r"^COPY (.*)$", build, re.MULTILINE) for word in line.split()[:-1]]


def test_what_is_copied_is_not_ignored() -> None:
    """.dockerignore lets through exactly what the Dockerfile copies."""
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(kept) == sorted(copied())
    assert all((ROOT / name).exists() for name in kept)


def test_the_user_is_not_root_and_credentials_are_read_only() -> None:
    """The image ends with a user of its own, and compose mounts ~/.aws read-only where that user looks for it."""
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["fastsync"]
    home = re.search(r"HOME=(\S+)", DOCKERFILE)
    assert home
    assert f"${{HOME}}/.aws:{home[1]}/.aws:ro" in (ROOT / "compose.yaml").read_text()


def test_the_install_steps_work(tmp_path: Path) -> None:
    """From what is copied, and nothing else, pip installs a program that runs, its page's files included."""
    for name in copied():
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    (step,) = re.findall(r"pip (install .*) \.$", DOCKERFILE, re.MULTILINE)
    assert "--no-cache-dir" in step
    # the dependencies are there already; only what builds the package is fetched
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "",
        "--quiet",
        "--target",
        "out",
        ".",
    ]
    done = subprocess.run(pip, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr or "ConnectionError" in done.stderr:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    (tmp_path / "out" / "report.jsonl").write_text('{"complete": true, "differences": 0}\n')
    # from this folder the installed package is found first, and not the repository's
    made = subprocess.run(
        [sys.executable, "-m", "fastsync", "report", "report.jsonl"],
        cwd=tmp_path / "out",
        env=environment(PYTHONPATH=str(tmp_path / "out")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("<!DOCTYPE html>")
