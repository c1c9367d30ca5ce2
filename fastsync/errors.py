"""What can go wrong, and the exit code that each kind ends in.

FastsyncError
├── ConfigError      2   usage or configuration; nothing was read
├── TableError       3   tables that cannot be compared; nothing was compared
├── IncompleteError  4   something is not known at the end
│   ├── RequestFailed    one request to DynamoDB failed for good
│   ├── KeysUnanswered   a table went on returning keys as unprocessed
│   ├── ExportDamaged    a file of an export is not what it has to be
│   │   └── FileReplaced     its bytes are others than were listed
│   ├── OutputFailed     a report or another file could not be written
│   └── CredentialsEnded credentials expire in mid-run, and there are no others
└── UnexpectedError  4   something that nobody foresaw, a listener's error too; 2 where nothing was read
"""

from __future__ import annotations

EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken"})
"""What the service calls credentials that have expired (API reference, common errors)."""


class FastsyncError(Exception):
    """Any failure that fastsync tells to people; the message is a whole sentence."""

    exit_code = 4


class ConfigError(FastsyncError):
    """A flag, argument or file is wrong; nothing was read."""

    exit_code = 2


class TableError(FastsyncError):
    """Tables cannot be compared: missing, different schemas, the same table, or out of reach."""

    exit_code = 3


class NoSuchTable(TableError):
    """The service knows no table of this name in this account and region."""


class IncompleteError(FastsyncError):
    """A part of the work failed for good.

    `refused`: every further request to the table would fail alike. `fatal`: so would the rest of the run, which ends.
    """

    refused = False
    fatal = False


class RequestFailed(IncompleteError):
    """One request failed for good: rejected, refused, or retried too often.

    `code` is the service's error name, or "" where no answer came. `refused` is True where every further request to
    the table would fail alike: access denied, credentials refused, no such table. `body` is the service's answer.
    Where credentials have expired it is fatal.
    """

    def __init__(self, message: str, code: str = "", refused: bool = False, body: bytes = b"", attempts: int = 1):
        super().__init__(message)
        self.code = code
        self.refused = refused
        self.fatal = code in EXPIRED
        self.body = body
        self.attempts = attempts


class KeysUnanswered(IncompleteError):
    """BatchGetItem returned the same keys as unprocessed, round after round, without any progress."""


class ExportDamaged(IncompleteError):
    """A file of an export is not whole, or not what the export's manifest says; what it held is not known."""


class FileReplaced(ExportDamaged):
    """The bytes of a file are not those that the export's manifest, or its listing, is of: nothing of it counts."""


class OutputFailed(IncompleteError):
    """A file that the run promised to write cannot be written any more."""

    fatal = True


class CredentialsEnded(IncompleteError):
    """Credentials expire in mid-run and cannot be renewed."""

    fatal = True


class UnexpectedError(FastsyncError):
    """Something that nobody foresaw: a bug, or an error of a listener or a sink; `__cause__` is the original.

    `exit_code` is 4, or 2 where nothing was read yet.
    """


class Interrupted(BaseException):
    """A signal ends what the main thread is doing: nothing has begun that could be finished, or it is the second one.

    Like KeyboardInterrupt it is no Exception, so that no listener's or policy's `except Exception` swallows it.
    """
