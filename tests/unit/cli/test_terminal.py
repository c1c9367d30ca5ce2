"""What is written down of a command."""

from __future__ import annotations

import pytest

from fastsync.cli.terminal import format_command


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "fastsync"),
        (["-m", "us-east-1:a", "--ignore", "a b"], "fastsync -m us-east-1:a --ignore 'a b'"),
        (["--external-id", "s3cret", "--quiet"], "fastsync --external-id '******' --quiet"),
        (["--slave-external-id=s3cret", "-v"], "fastsync '--slave-external-id=******' -v"),
        (["--external-id", "--mfa-token", "-v"], "fastsync --external-id '******' -v"),
        (["--mfa-token=", "s3"], "fastsync '--mfa-token=******' s3"),
        (["--mfa-token", "123456"], "fastsync --mfa-token '******'"),
        (["--slave-mfa-token", "123456"], "fastsync --slave-mfa-token '******'"),
        (["--metrics-file", "http://user:s3cret@host/x"], "fastsync --metrics-file http://host/x"),
        (["--external-id"], "fastsync --external-id"),
    ],
)
def test_commands_hide_secrets(words: list[str], expected: str) -> None:
    """A command is shown as a shell takes it, without what only its user may know."""
    assert format_command(["fastsync", *words]) == expected
