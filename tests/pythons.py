"""Try every Python that is promised and that this machine has: `python -m tests.pythons`.

The one that runs this is left out, since `make test` runs with it. Each of the others gets an environment of its own
in `.cache/pythons/`, in which the unit tests run, and then the demo: whole runs of every kind against a server.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "pythons"
PROMISED = ("3.10", "3.11", "3.12", "3.13")
"""From the oldest that setup.cfg allows to the newest that has been tried."""
SETTINGS = ("setup.cfg", "pyproject.toml", "requirements-test.txt")
"""An environment is made again where one of these has changed since."""
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def main(workers: str = "2") -> int:
    """Try them all, and return 1 where one failed."""
    tried, failed = [], []
    for version in PROMISED:
        if version == RUNNING:
            continue
        interpreter = find_interpreter(version)
        if interpreter is None:
            print(f"Python {version}: not on this machine", flush=True)
            continue
        print(f"Python {version}: {interpreter}", flush=True)
        tried.append(version)
        if not _passes(version, interpreter, workers):
            failed.append(version)
    print(f"tried: {', '.join(tried) or 'none'}; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def find_interpreter(version: str) -> Path | None:
    """Return an interpreter of this version: from PATH, else one that pyenv keeps, else None."""
    for candidate in _candidates(version):
        if _version_of(candidate) == version:
            return Path(candidate)
    return None


def _candidates(version: str) -> Iterator[str]:
    yield f"python{version}"
    for folder in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*")):
        yield str(folder / "bin" / "python")


def _version_of(interpreter: str) -> str | None:
    try:
        asked = subprocess.run([interpreter, "-c", VERSION], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None


def _passes(version: str, interpreter: Path, workers: str) -> bool:
    python = _environment(version, interpreter)
    known = {**os.environ, "FASTSYNC_SERVERS": str(ROOT / ".cache" / "servers")}
    steps: Sequence[Sequence[str]] = (
        ("-m", "pytest", "-n", workers, "--dist", "worksteal", "tests/unit"),
        ("-m", "fastsync", "demo"),
    )
    for step in steps:
        if subprocess.run([python, *step], cwd=ROOT, env=known, check=False).returncode != 0:
            print(f"Python {version}: failed: python {' '.join(step)}", flush=True)
            return False
    return True


def _environment(version: str, interpreter: Path) -> Path:
    """Make an environment with all that the tests need, unless one is there that is newer than the settings."""
    folder = CACHE / version
    python, mark = folder / "bin" / "python", folder / "installed"
    newest = max((ROOT / name).stat().st_mtime for name in SETTINGS)
    if mark.exists() and mark.stat().st_mtime > newest:
        return python
    subprocess.run([interpreter, "-m", "venv", "--clear", folder], check=True)
    install: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*install, "--upgrade", "pip>=23"], check=True)
    subprocess.run([*install, "-r", "requirements-test.txt", "-e", ".[demo]"], cwd=ROOT, check=True)
    mark.touch()
    return python


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
