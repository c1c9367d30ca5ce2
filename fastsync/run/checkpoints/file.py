"""The checkpoint file: how far a run has come; always whole, because it is written aside, synced and renamed.

It is moved last: what it says is on record is in the report, which was synced before.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from fastsync.config.config import Config
from fastsync.config.flags.options import MAY_CHANGE
from fastsync.errors import ConfigError, OutputFailed
from fastsync.model.addresses import hide_users
from fastsync.model.table import TableRef
from fastsync.output.durable import sync_folder
from fastsync.output.private_files import create_beside, refuse_irregular, remove_temporaries, reopen
from fastsync.run.checkpoints.form import Checkpoint, Damaged, OtherVersion, decode_checkpoint, encode_checkpoint

EVERY = 1.0
"""Seconds between two writes at least: what is lost at worst is the work of so long."""
SHARE = 0.1
"""Of the time at most goes into writing checkpoints, where there are so many segments that one takes long."""


class CheckpointFile:
    """The file, which belongs to one run at a time. Raises ConfigError where it cannot be had, or is another run's."""

    def __init__(self, path: str, resume: bool):
        self.path = Path(path)
        self._lock: int | None = None
        self._due = 0.0
        try:
            if os.path.lexists(path):
                self._claim_path(resume)
            elif not self.path.parent.is_dir():
                raise ConfigError(f"--checkpoint {path} cannot be written: there is no such folder")
            self._check_folder()
        except OSError as error:
            raise ConfigError(f"--checkpoint {path} cannot be read: {error.strerror or error}") from None

    def _check_folder(self) -> None:
        """Raise ConfigError where no file can be made beside this one, by which it is replaced."""
        try:
            handle, temporary = create_beside(self.path)
            os.close(handle)
            temporary.unlink()
        except OSError as error:
            why = error.strerror or error
            raise ConfigError(f"--checkpoint {self.path} cannot be written: in its folder: {why}") from None

    def _claim_path(self, resume: bool) -> None:
        refuse_irregular(self.path.stat().st_mode)
        if not resume:
            raise ConfigError(
                f"--checkpoint {self.path} is there already, of a run that did not complete: --resume continues it; "
                "delete the file to start afresh"
            )
        self._lock = reopen(self.path, os.O_RDONLY, follow=True)
        if not _try_lock(self._lock) or os.fstat(self._lock).st_ino != self.path.stat().st_ino:
            raise ConfigError(f"--checkpoint {self.path} belongs to a run that is still at work")
        remove_temporaries(self.path)

    def read_checkpoint(self) -> Checkpoint | None:
        """Return what the file says, None where there is no file; raise ConfigError where it is damaged."""
        if self._lock is None:
            return None
        try:
            return decode_checkpoint(self.path.read_bytes())
        except OSError as error:
            raise ConfigError(f"--checkpoint {self.path} cannot be read: {error.strerror or error}") from None
        except OtherVersion as error:
            raise ConfigError(
                f"--checkpoint {self.path} was written by another version of fastsync ({error}); "
                "finish that run with it, or delete the file to start afresh"
            ) from None
        except Damaged as error:
            raise damage_error(self.path, str(error)) from None

    @property
    def due(self) -> bool:
        """Return whether it is time to write again."""
        return time.monotonic() >= self._due

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the file; raise OutputFailed where that fails: the old one is still there then."""
        began = time.monotonic()
        try:
            lock = self._replaced(encode_checkpoint(checkpoint))
            sync_folder(self.path)
        except OSError as error:
            raise OutputFailed(f"the checkpoint {self.path} cannot be written: {error.strerror or error}") from None
        self._let_go()
        self._lock = lock
        self._due = time.monotonic() + max(EVERY, (time.monotonic() - began) / SHARE)

    def remove_file(self) -> None:
        """Take the file away: there is nothing left to resume."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            sync_folder(self.path)
        self._let_go()

    def path_beside(self, what: str) -> Path:
        """Name a file that goes with this one."""
        return self.path.with_name(f"{self.path.name}.{what}")

    def _replaced(self, data: bytes) -> int:
        """Write a new file, put it in place, and return its descriptor, which holds its lock."""
        handle, temporary = create_beside(self.path)
        try:
            _try_lock(handle)
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
            self._put_in_place(temporary)
        except BaseException:
            os.close(handle)
            with suppress(OSError):
                temporary.unlink()
            raise
        return handle

    def _put_in_place(self, temporary: Path) -> None:
        if self._lock is not None:
            temporary.rename(self.path)
            return
        try:
            os.link(temporary, self.path)  # which fails where another run was faster; a rename would not
        except FileExistsError:
            raise OSError(0, "another run has just begun to use it") from None
        except OSError:  # a file system without hard links
            if os.path.lexists(self.path):
                raise OSError(0, "another run has just begun to use it") from None
            temporary.rename(self.path)
        else:
            temporary.unlink()

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def close(self) -> None:
        """Leave the file as it is, to whoever resumes it."""
        self._let_go()


def damage_error(path: Path, why: str) -> ConfigError:
    """Return the error that says that a checkpoint cannot be used."""
    return ConfigError(
        f"--checkpoint {path} is no checkpoint of fastsync, or is damaged ({why}); delete the file to start afresh"
    )


def read_left_behind(path: Path) -> Checkpoint | None:
    """Return what a run left behind, None where this version cannot read it; the run that resumes it says why."""
    try:
        handle = reopen(path, os.O_RDONLY, follow=True)
        with os.fdopen(handle, "rb") as file:
            return decode_checkpoint(file.read())
    except (OSError, OtherVersion, Damaged):
        return None


def collect_settings(config: Config, policy: object) -> dict[str, Any]:
    """Return by option, as JSON holds it, what a resumed run must have in common with the one before."""
    may_change = {*MAY_CHANGE, "session", "slave_session"}
    given = {each.name: getattr(config, each.name) for each in fields(config) if each.name not in may_change}
    for file in ("report", "undo_log"):
        if given.get(file) not in (None, "-"):
            given[file] = str(Path(given[file]).resolve())
    if config.executor == "spark" and config.report is not None:  # which is no file, and not always of this machine
        given["report"] = f"the folder {config.report}"
    given["policy"] = None if policy is None else f"{type(policy).__module__}:{type(policy).__qualname__}"
    text = json.dumps(given, default=_as_plain, ensure_ascii=False)
    held: dict[str, Any] = json.loads(text.encode(errors="replace"))  # a path need not be text
    return held


def check_settings(checkpoint: Checkpoint, path: Path, now: Mapping[str, Any]) -> None:
    """Raise ConfigError, with what differs, where a checkpoint is of other tables or other settings."""
    then = checkpoint.settings
    differing = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    if differing:
        changes = "; ".join(
            f"--{name.replace('_', '-')} was {_format_value(then.get(name))} and is now {_format_value(now.get(name))}"
            for name in differing
        )
        raise ConfigError(f"--checkpoint {path} is of a run with other tables or settings: {changes}")


def check_tables(checkpoint: Checkpoint, path: Path, now: Mapping[str, tuple[str, ...]]) -> None:
    """Raise ConfigError where a table of this name is not the one that the checkpoint is of."""
    for name, identity in now.items():
        if checkpoint.tables.get(name, identity) != identity:
            raise ConfigError(
                f"--checkpoint {path} is of another table: {name} was deleted and made again since; "
                "delete the file to start afresh"
            )


def _as_plain(value: Any) -> Any:
    if isinstance(value, TableRef):  # without the credentials that it may have of its own: they are access
        return {"text": value.text, "endpoint_url": value.endpoint_url}
    return sorted(value) if isinstance(value, frozenset | set) else str(value)


def _format_value(value: Any) -> str:
    if isinstance(value, dict) and "text" in value:
        # a checkpoint of an earlier version may hold an address with a password
        return hide_users(" at ".join(each for each in (value["text"], value.get("endpoint_url")) if each))
    if isinstance(value, list):
        return "[" + ", ".join(map(_format_value, value)) + "]"
    return "not given" if value is None else hide_users(json.dumps(value, ensure_ascii=False))


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
