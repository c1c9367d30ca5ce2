"""Help: short, whole, and of every command, as wide as the terminal."""

from __future__ import annotations

import pytest

from fastsync import cli
from fastsync.cli.entry import COMMANDS
from fastsync.config.flags.flag import RUN
from fastsync.config.flags.options import list_flags

NAMES = ["", *COMMANDS]


def show(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command prints on stdout, and check that it ends well and prints nothing else."""
    try:
        code = cli.main(arguments)
    except SystemExit as ended:
        code = int(str(ended.code))
    told = capsys.readouterr()
    assert (code, told.err) == (0, "")
    return told.out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("columns", [60, 80, 100, 200])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_fits(
    flag: str, columns: int, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is wider than the terminal, from 80 columns on, or than 100 columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = show([name, flag] if name else [flag], capsys)
    assert shown.startswith("usage: fastsync")
    assert max(map(len, shown.splitlines())) <= min(max(columns, 80), 100)


@pytest.mark.parametrize("name", NAMES)
def test_short_and_whole_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """-h fits on a screen and says where the rest is, --help has every flag, and `help COMMAND` shows the same."""
    words = [name] if name else []
    short, whole = show([*words, "-h"], capsys), show([*words, "--help"], capsys)
    assert len(short.splitlines()) <= 45
    assert short == whole or "--help shows all flags" in short
    assert show(["help", name or "sync"], capsys) == whole


def test_every_flag_is_in_the_whole_help(capsys: pytest.CaptureFixture[str]) -> None:
    """All spellings of all flags of the table are in `fastsync --help`, and only some in `fastsync -h`."""
    short, whole = show(["-h"], capsys), show(["--help"], capsys)
    for flag in list_flags(RUN):
        assert all(spelling in whole for spelling in flag.spellings)
        assert flag.common is (f" {flag.spelling}" in short)


def test_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`fastsync` alone lists every command on stderr (2), and `fastsync help` on stdout (0)."""
    listed = show(["help"], capsys)
    for name, command in COMMANDS.items():
        assert f"  {name} " in listed
        assert command.about in listed
    assert max(map(len, listed.splitlines())) <= 80
    assert cli.main([]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", listed)
