"""Other files of a run, given for a file of keys: what they are, and what takes them."""

from __future__ import annotations

from collections.abc import Collection

from fastsync.errors import ConfigError
from fastsync.model.wording import quote

_KINDS = (
    ({"slave", "key", "before", "after"}, "is an undo log; to restore what it tells, give it to `fastsync undo`"),
    ({"version", "checksum", "content"}, "is a checkpoint; its run goes on with --checkpoint and --resume"),
    ({"version", "left", "totals"}, "is a checkpoint; its run goes on with --checkpoint and --resume"),
    ({"complete", "elapsed_seconds", "slaves"}, "holds the statistics of a run; --keys takes the run's report"),
)
"""Names that a line of each file has, more than a key can have, and what is said of it."""
MOST_KEY_NAMES = 2


def refuse_other_file(name: str, fields: Collection[str]) -> None:
    """Raise ConfigError where a line with these names is one of another file than `--keys` takes."""
    if len(fields) <= MOST_KEY_NAMES:
        return
    for names, sentence in _KINDS:
        if names <= set(fields):
            raise ConfigError(f"--keys {quote(name)} {sentence}")
