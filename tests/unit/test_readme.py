"""README.md is held against the program: flags and exit codes; `test_docs` holds its commands."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from fastsync import cli
from fastsync.errors import ConfigError, FastsyncError, TableError
from tests.documents import FLAG, blocks, flags_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """Return the text under a heading, up to the next one."""
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no section {title!r}"
    return found[1]


def help_text(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_table_of_flags_is_the_helps() -> None:
    """README lists every flag with the words of `--help`; `python -m tests.documents` prints the table."""
    assert flags_table() in section(README, "Flags")


def test_every_flag_of_the_help_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    """Every flag that `fastsync --help` shows has a row in a table of the reference, and no other flag has."""
    rows = [line for line in section(REFERENCE, "Flags").splitlines() if line.startswith("| `")]
    shown = set(FLAG.findall(help_text(capsys).replace("--write-*", "")))
    described = set(FLAG.findall("\n".join(row.split("|")[1] for row in rows)))
    assert described == shown - {"--help", "--version"}


def test_exit_codes_are_the_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of exit codes says what the help says."""
    table = re.findall(r"^\| ([\d, ]+) \| (.*) \|$", section(README, "Exit codes"), re.MULTILINE)
    shown = re.sub(r"\n {5,}", " ", help_text(capsys).split("exit codes:\n")[1])
    helped = re.findall(r"^  (\d[\d, ]*?)  (.*)$", shown, re.MULTILINE)
    assert table == helped
    assert [code for code, _ in table] == ["0", "1", "2", "3", "4", "5", "130, 143"]


@pytest.mark.parametrize(
    ("error", "words"),
    [(ConfigError, "configuration error"), (TableError, "cannot be compared"), (FastsyncError, "incomplete")],
)
def test_exit_codes_are_those_of_the_errors(error: type[FastsyncError], words: str) -> None:
    """The code of each kind of error stands in the table, with the right meaning."""
    assert re.search(rf"^\| {error.exit_code} \| .*{words}", section(README, "Exit codes"), re.MULTILINE)


def test_the_example_of_a_policy_is_valid() -> None:
    """The example with a policy compiles, and starts nothing when a worker imports it."""
    (source,) = [block for block in blocks("docs/library.md", "python") if "(Policy)" in block]
    *above, last = ast.parse(source).body
    assert isinstance(last, ast.If)
    assert ast.unparse(last.test) == "__name__ == '__main__'"
    assert all(isinstance(each, ast.ImportFrom | ast.ClassDef) for each in above)
