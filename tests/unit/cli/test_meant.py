"""What the command line does not know is refused with what was probably meant."""

from __future__ import annotations

import pytest

from fastsync import cli

TABLES = ("-m", "us-east-1:a", "-s", "us-west-2:b")
FLAGS = {
    "--wirte-missing": "--write-missing",
    "--writemissing": "--write-missing",
    "--write_missing": "--write-missing",
    "--Write-Missing": "--write-missing",
    "--write-missing-items": "--write-missing",
    "--write": "--write-missing or --write-differing",
    "--scan-for-extras": "--scan-for-extra",
    "--delete-extras": "--delete-extra",
    "--delete": "--delete-extra",
    "--paralel": "--parallel",
    "--paralel=8": "--parallel",
    "--par": "--parallel",
    "--consistent": "--consistent-read",
    "--dryrun": "--dry-run",
    "--ignored": "--ignore",
    "--exclude": "--ignore",
    "--destination": "--target",
    "--sorce": "--source",
    "--slaves": "--slave",
    "--threads": "--parallel",
    "--no-colour": "--color never",
    "--colour": "--color",
    "--frobnicate": None,
    "-n": "--dry-run",
    "-y": "--yes",
    "-wirte-missing": "--write-missing",
    "-x": None,
}
COMMANDS = {
    "synch": "sync",
    "comprae": "compare",
    "estimat": "estimate",
    "iam": "iam-policy",
    "policy": "iam-policy",
    "diff": "compare",
    "check": "compare",
    "verify": "compare",
    "undoo": "undo",
    "version": "--version",
    "rollback": "undo",
    "hepl": "help",
    "Compare": "compare",
    "xyzzy": None,
    "": None,
    "x" * 10_000: None,
}
VALUES = {
    ("--strategy", "merg"): "merge",
    ("--strategy", "look-up"): "lookup",
    ("--writes", "guard"): "guarded",
    ("--executor", "process"): "processes",
    ("--log-format", "jsonl"): "json",
    ("--color", "alway"): "always",
    ("--color", "purple"): None,
}


def refuse(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line with which arguments are refused."""
    assert cli.main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    return told.err


def assert_meant(told: str, meant: str | None) -> None:
    """Check that a sentence names what was meant, and asks nothing where nothing is near."""
    assert (f"is {meant} meant?" if meant else "meant?") in told or meant is None
    assert meant is not None or "meant" not in told


@pytest.mark.parametrize("command", [(), ("sync",), ("compare",), ("estimate",), ("iam-policy",)], ids="-".join)
@pytest.mark.parametrize(("word", "meant"), FLAGS.items(), ids=FLAGS)
def test_flags(command: tuple[str, ...], word: str, meant: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command of a run refuses a flag that it does not have, whatever stands around it."""
    for around in ([*TABLES, word], [word, "x", *TABLES], [*TABLES, word, "--another"]):
        told = refuse([*command, *around], capsys)
        assert word.partition("=")[0] in told
        assert_meant(told, meant)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["undo", "--dryrun"], "--dry-run"),
        (["undo", "x", "--paralel", "2"], "--parallel"),
        (["undo", "x", "--write-mising"], None),
        (["combine", "x", "--stat", "y"], "--stats"),
        (["combine", "--log-fromat", "json"], "--log-format"),
        (["report", "--outptu", "y"], "--output"),
        (["report", "x", "--rwos", "1"], "--rows"),
        (["help", "--hlep"], "--help"),
    ],
)
def test_flags_of_other_commands(arguments: list[str], meant: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    """A command suggests only flags that it has, also where something else is wrong."""
    assert_meant(refuse(arguments, capsys), meant)


@pytest.mark.parametrize(("word", "meant"), COMMANDS.items(), ids=range(len(COMMANDS)))
@pytest.mark.parametrize("front", [(), ("help",)], ids=["command", "help"])
def test_commands(front: tuple[str, ...], word: str, meant: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    """A word in front that is no command is refused, with the command that was meant; `help` does the same."""
    assert_meant(refuse([*front, word, *(() if front else TABLES)], capsys), meant)


@pytest.mark.parametrize(("given", "meant"), VALUES.items(), ids=str)
def test_values(given: tuple[str, str], meant: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    """A value that a flag does not have is refused, with the nearest one that it has."""
    assert_meant(refuse([*TABLES, *given], capsys), meant and repr(meant))


@pytest.mark.parametrize("command", [(), ("sync",), ("compare",), ("estimate",), ("iam-policy",)], ids="-".join)
@pytest.mark.parametrize(
    ("tables", "form"),
    [
        (("us-east-1:a", "us-west-2:b"), "--master us-east-1:a --slave us-west-2:b"),
        (("us-east-1:a", "us-west-2:b", "eu-west-1:c"), "--slave us-west-2:b --slave eu-west-1:c"),
        (("us-east-1:a", "us-west-2:b", "--write-missing"), "--master us-east-1:a --slave us-west-2:b"),
        (("us-gov-west-1:a",), "--master us-gov-west-1:a --slave"),
        (("arn:aws:dynamodb:us-east-1:123456789012:table/a", "us-west-2:b"), "table/a --slave us-west-2:b"),
    ],
)
def test_tables_without_flags(
    command: tuple[str, ...], tables: tuple[str, ...], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables that stand by themselves, as with other programs, are answered with the right form."""
    assert form in refuse([*command, *tables], capsys)


@pytest.mark.parametrize(
    ("word", "meant"), [("write-missing", "--write-missing"), ("dry_run", "--dry-run"), ("yes", "--yes"), ("no", None)]
)
def test_flags_without_dashes(word: str, meant: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    """A word that stands by itself may be a flag whose dashes were forgotten."""
    told = refuse([*TABLES, word], capsys)
    assert word in told
    assert_meant(told, meant)


@pytest.mark.parametrize("word", ["--external-di=s3cretvalue", "--mfa-tokne=s3cretvalue"])
def test_values_of_misspelt_flags_are_not_shown(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands behind a misspelt flag may be a secret."""
    assert "s3cret" not in refuse([*TABLES, word], capsys)


@pytest.mark.parametrize("names", [("--master", "--source"), ("--source", "-m"), ("--source", "--source")])
def test_one_master(names: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """A master is given once, by whichever name."""
    told = refuse([names[0], "us-east-1:a", names[1], "us-east-1:b", "--target", "us-west-2:b"], capsys)
    assert "--master is given twice" in told
