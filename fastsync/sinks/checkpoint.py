"""Checkpoint: how far a run has come, in a file that is always whole: written aside, synced, renamed.

It is moved last: what it says is on record is in the report, which was synced before.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from fastsync.config import Config
from fastsync.deletes import Chunks
from fastsync.errors import ConfigError, OutputFailed
from fastsync.legs import Left
from fastsync.mark import NOTHING, Mark, sync_folder
from fastsync.outcome import Totals
from fastsync.table import TableRef

VERSION = 2
"""Of the file's form: another one is refused."""
EVERY = 1.0
"""Seconds between two writes at least: what is lost at worst is the work of so long."""
SHARE = 0.1
"""Of the time at most goes into writing checkpoints, where there are so many segments that one takes long."""
FREE = frozenset(
    (
        *("parallel", "scan_limit", "batch_read_limit", "max_retries", "retry_delay_base", "max_duration"),
        *("max_read_units", "max_write_units", "compress", "executor"),
        *("profile", "role_arn", "mfa_serial", "mfa_token", "external_id", "role_session_name", "role_duration"),
        *("slave_profile", "slave_role_arn", "slave_mfa_serial", "slave_mfa_token", "slave_external_id"),
        *("accounts", "verbose", "progress", "quiet", "stats", "metrics_file", "log_format", "checkpoint", "resume"),
    )
)
"""What may be another in the run that goes on: pace, access, and what is only shown. Everything else may not."""


@dataclass(frozen=True)
class Checkpoint:
    """How far a run has come.

    `tables` are the identities of tables that were described, `strategy` is the one that was chosen, `total` the number
    of segments. `report` and `extras` say how far those files are good, `deleted` which chunks of extras are done.
    `log` is the size of the undo log behind which lines may stand of what is not on record yet.
    `ended`: nothing is left but items that failed.
    """

    settings: dict[str, Any]
    tables: dict[str, tuple[str, ...]]
    strategy: str
    total: int
    left: Left
    totals: Totals
    report: Mark = NOTHING
    extras: dict[str, Mark] = field(default_factory=dict)
    deleted: dict[str, Chunks] = field(default_factory=dict)
    log: int = 0
    ended: bool = False
    version: int = VERSION


class CheckpointFile:
    """The file, which belongs to one run at a time. Raises ConfigError where it cannot be had, or is another run's."""

    def __init__(self, path: str, resume: bool):
        self.path = Path(path)
        self._lock: int | None = None
        self._due = 0.0
        try:
            if self.path.exists():
                self._claim(resume)
            elif not self.path.parent.is_dir():
                raise ConfigError(f"--checkpoint {path} cannot be written: there is no such folder")
        except OSError as error:
            raise ConfigError(f"--checkpoint {path} cannot be read: {error.strerror or error}") from None

    def _claim(self, resume: bool) -> None:
        if not resume:
            raise ConfigError(
                f"--checkpoint {self.path} is there already, of a run that did not complete: --resume continues it; "
                "delete the file to start afresh"
            )
        self._lock = os.open(self.path, os.O_RDONLY)
        if not _locked(self._lock) or os.fstat(self._lock).st_ino != self.path.stat().st_ino:
            raise ConfigError(f"--checkpoint {self.path} belongs to a run that is still at work")

    def read(self) -> Checkpoint | None:
        """Give what the file says, None where there is no file."""
        if self._lock is None:
            return None
        try:
            data = self.path.read_bytes()
            version = msgspec.json.decode(data, type=_Versioned).version
            if version != VERSION:
                raise ConfigError(
                    f"--checkpoint {self.path} was written by another version of fastsync (form {version}, this one "
                    f"reads {VERSION}); finish that run with it, or delete the file to start afresh"
                )
            return msgspec.json.decode(data, type=Checkpoint)
        except OSError as error:
            raise ConfigError(f"--checkpoint {self.path} cannot be read: {error.strerror or error}") from None
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ConfigError(
                f"--checkpoint {self.path} is no checkpoint of fastsync, or is damaged ({error}); "
                "delete the file to start afresh"
            ) from None

    @property
    def due(self) -> bool:
        """Say whether it is time to write again."""
        return time.monotonic() >= self._due

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the file; raise OutputFailed where that fails: the old one is still there then."""
        began = time.monotonic()
        try:
            lock = self._written_aside(msgspec.json.encode(checkpoint))
            self._aside.rename(self.path)
            sync_folder(self.path)
        except OSError as error:
            raise OutputFailed(f"the checkpoint {self.path} cannot be written: {error.strerror or error}") from None
        self._let_go()
        self._lock = lock
        self._due = time.monotonic() + max(EVERY, (time.monotonic() - began) / SHARE)

    def remove(self) -> None:
        """Take the file away: there is nothing left to resume."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            sync_folder(self.path)
        self._let_go()

    def beside(self, what: str) -> Path:
        """Name a file that goes with this one."""
        return self.path.with_name(f"{self.path.name}.{what}")

    @property
    def _aside(self) -> Path:
        return self.beside("new")

    def _written_aside(self, data: bytes) -> int:
        handle = os.open(self._aside, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if not _locked(handle) or (self._lock is None and self.path.exists()):
                raise OSError(0, "another run has just begun to use it")
            os.ftruncate(handle, 0)
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def close(self) -> None:
        """Leave the file as it is, to whoever resumes it."""
        self._let_go()


class _Versioned(msgspec.Struct):
    version: int


def left_behind(path: Path) -> Checkpoint | None:
    """Give what a run left behind, None where there is nothing that this version reads: who resumes it is told why."""
    try:
        then = msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except (OSError, msgspec.DecodeError):
        return None
    return then if then.version == VERSION else None


def settings(config: Config, policy: object) -> dict[str, Any]:
    """Give by option, as JSON holds it, what a run that goes on must have in common with the one that it continues."""
    given = {each.name: getattr(config, each.name) for each in fields(config) if each.name not in FREE}
    for file in ("report", "undo_log"):
        if given.get(file) not in (None, "-"):
            given[file] = str(Path(given[file]).resolve())
    if config.executor == "spark" and config.report is not None:  # which is no file, and not always of this machine
        given["report"] = f"the folder {config.report}"
    given["policy"] = None if policy is None else f"{type(policy).__module__}:{type(policy).__qualname__}"
    told: dict[str, Any] = json.loads(json.dumps(given, default=_plain))
    return told


def refuse_others(checkpoint: Checkpoint, path: Path, now: Mapping[str, Any]) -> None:
    """Raise ConfigError, with what differs, where a checkpoint is of other tables or other settings."""
    then = checkpoint.settings
    differing = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    if differing:
        told = "; ".join(
            f"--{name.replace('_', '-')} was {_shown(then.get(name))} and is now {_shown(now.get(name))}"
            for name in differing
        )
        raise ConfigError(f"--checkpoint {path} is of a run with other tables or settings: {told}")


def refuse_other_tables(checkpoint: Checkpoint, path: Path, now: Mapping[str, tuple[str, ...]]) -> None:
    """Raise ConfigError where a table of this name is not the one that the checkpoint is of."""
    for name, identity in now.items():
        if checkpoint.tables.get(name, identity) != identity:
            raise ConfigError(
                f"--checkpoint {path} is of another table: {name} was deleted and made again since; "
                "delete the file to start afresh"
            )


def _plain(value: Any) -> Any:
    if isinstance(value, TableRef):  # without the credentials that it may have of its own: they are access
        return {"text": value.text, "endpoint_url": value.endpoint_url}
    return sorted(value) if isinstance(value, frozenset | set) else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "text" in value:
        return " at ".join(each for each in (value["text"], value.get("endpoint_url")) if each)
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return "not given" if value is None else json.dumps(value, ensure_ascii=False)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
