"""Files of a command: none is another one under a second name, and none is a folder; told before any is touched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from fastsync.cli import main
from fastsync.config.paths import check_outputs
from fastsync.errors import ConfigError
from fastsync.nightly import command as nightly

TABLES = ("-m", "us-east-1:a", "-s", "us-west-2:b", "--endpoint-url", "http://127.0.0.1:1")
OUTPUTS = ("--report", "--stats", "--checkpoint", "--undo-log", "--metrics-file")
TOLD = "fastsync: "


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a file that has three names, and a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("content")
    os.link("file", "hard")
    (tmp_path / "soft").symlink_to("file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "c.toml").write_text('master = "us-east-1:a"\nslave = "us-west-2:b"\n')
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command line, which is to end with 2, and return its one sentence."""
    assert main([*arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith(TOLD)
    assert told.count("\n") == 1, told
    assert Path("file").read_text() == "content"
    return told


PAIRS = [(one, other) for one in OUTPUTS for other in OUTPUTS if one < other]


@pytest.mark.parametrize("names", [("new", "./new"), ("file", "hard"), ("file", "soft"), ("hard", "soft")])
@pytest.mark.parametrize("flags", PAIRS, ids=" ".join)
def test_two_outputs_in_one_file(
    flags: tuple[str, str], names: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two outputs that are one file, by its name, a hard link or a symbolic one, are refused; both are named."""
    told = refused(capsys, *TABLES, flags[0], names[0], flags[1], names[1])
    assert all(flag in told for flag in flags)


@pytest.mark.parametrize("flag", OUTPUTS)
@pytest.mark.parametrize("link", ["c.toml", "hard.toml"])
def test_an_output_over_the_configuration(flag: str, link: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An output never replaces the file that the flags come from."""
    os.link("c.toml", "hard.toml")
    told = refused(capsys, "--config", "c.toml", flag, link)
    assert f"{flag} cannot go to {link}" in told
    assert "master" in Path("c.toml").read_text()


FOLDERS: list[tuple[Sequence[str], str]] = [
    *(((*TABLES, flag, "folder"), flag) for flag in OUTPUTS),
    *(((*TABLES, "--resume", "--checkpoint", "folder"), "--checkpoint") for _ in range(1)),
    (("--config", "folder"), "--config"),
    (("undo", "folder"), "folder"),
    (("combine", "folder"), "folder"),
    (("combine", "file", "--stats", "folder"), "--stats"),
    (("combine", "file", "--report", "folder"), "--report"),
    (("report", "folder"), "folder"),
    (("report", "file", "-o", "folder"), "--output"),
]


@pytest.mark.parametrize(("arguments", "named"), FOLDERS, ids=lambda each: each if isinstance(each, str) else each[0])
def test_a_folder_where_a_file_belongs(
    arguments: Sequence[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder where a file belongs is called one, for every file that is written or read."""
    told = refused(capsys, *arguments)
    assert named in told
    assert "folder" in told.replace("folder", "", 1) or "Is a directory" in told


def test_a_configuration_that_is_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """A scheduled run says so too."""
    assert nightly.main(["report", "folder", "--folder", "runs"]) == 2
    assert "Is a directory" in capsys.readouterr().err
    assert nightly.main(["report", "c.toml", "--folder", "file"]) == 2
    assert "Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize("beside", ["cp.report", "cp.extras-0", "./cp.extras-0"])
@pytest.mark.parametrize("flag", ["--report", "--stats", "--undo-log", "--metrics-file"])
def test_what_a_checkpoint_keeps_beside_it(flag: str, beside: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No output takes the name of a file that belongs to the checkpoint."""
    assert beside in refused(capsys, *TABLES, "--checkpoint", "cp", flag, beside)


@pytest.mark.parametrize("output", ["file", "hard", "soft"])
def test_the_page_over_what_it_is_made_of(output: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A page never replaces one of its sources."""
    assert f"--output cannot go to {output}" in refused(capsys, "report", "file", "-o", output)


@pytest.mark.parametrize("name", ["a\0b", "", "a" * 300 + "\udcff", "x" * 5000])
@pytest.mark.parametrize("flag", OUTPUTS)
def test_what_is_no_name(flag: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be the name of a file is refused by its flag."""
    for config in ((), ("--config", "c.toml")):
        assert flag in refused(capsys, *TABLES, *config, flag, name)


def test_the_file_that_a_stream_goes_to(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An output in the very file that stdout or stderr is sent to is refused."""
    handle = os.open(tmp_path / "file", os.O_WRONLY)
    before = [os.dup(stream) for stream in (1, 2)]
    try:
        os.dup2(handle, 1)
        check_outputs({"--report": "file"})  # nothing goes to stdout
        with pytest.raises(ConfigError, match="--stats cannot go to file: that is where --report goes"):
            check_outputs({"--report": "-", "--stats": "file"})
        os.dup2(handle, 2)
        check_outputs({"--report": "-"})  # as with 2>&1
        with pytest.raises(ConfigError, match="--stats cannot go to hard: that is where stderr goes"):
            check_outputs({"--stats": "hard"})
    finally:
        for stream, old in enumerate(before, 1):
            os.dup2(old, stream)
            os.close(old)
        os.close(handle)


def test_files_apart() -> None:
    """Different files, devices and streams go together."""
    check_outputs({"--report": "-", "--stats": "x", "--checkpoint": "y", "--undo-log": None})
    check_outputs({"--report": "folder", "--stats": "x"}, folders=["--report"])
