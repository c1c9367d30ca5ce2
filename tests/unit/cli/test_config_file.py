"""The configuration file: names and types of the flags, entries for slaves, and one sentence where it is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fastsync import cli
from fastsync.cli import config_file
from fastsync.cli.sync import make_parser
from fastsync.cli.undo import make_parser as make_parser_of_undo
from fastsync.config.config import Config
from fastsync.errors import ConfigError
from fastsync.model.table import Login, Role, TableRef

ROOT = Path(__file__).parents[3]
TABLES = 'master = "us-east-1:a"\nslave = "us-west-2:b"\n'
ROLE = "arn:aws:iam::123456789012:role/sync"


def flags(tmp_path: Path, text: str, *argv: str) -> dict[str, Any]:
    """Read a file with this text, and the arguments, as the command line does."""
    file = tmp_path / "sync.toml"
    file.write_text(text, encoding="utf-8")
    return make_parser().parse_flags(["--config", str(file), *argv])


def differing(tmp_path: Path, text: str, *argv: str) -> dict[str, Any]:
    """Give the flags that are not what they are without a file."""
    plain = make_parser().parse_flags(["-m", "us-east-1:a", "-s", "us-west-2:b"])
    return {name: value for name, value in flags(tmp_path, TABLES + text, *argv).items() if plain[name] != value}


GOOD: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "nothing": ("", (), {}),
    "a switch": ("write-missing = true", (), {"write_missing": True}),
    "a switch that is off": ("write-missing = false", (), {}),
    "a number": ("parallel = 8", (), {"parallel": 8}),
    "a whole number for a fraction": ("recheck-delay = 2", (), {"recheck_delay": 2}),
    "a fraction": ("recheck-delay = 0.5", (), {"recheck_delay": 0.5}),
    "a number or text": ("max-deletes = 5", (), {"max_deletes": 5}),
    "text or a number": ('max-deletes = "5%"', (), {"max_deletes": "5%"}),
    "one name": ('ignore = "a"', (), {"ignore": ["a"]}),
    "names": ('ignore = ["a", "b"]', (), {"ignore": ["a", "b"]}),
    "names by their other name": ('ignore-att = ["a", "b"]', (), {"ignore": ["a", "b"]}),
    "no progress": ("no-progress = true", (), {"progress": False}),
    "progress": ("progress = true", (), {"progress": True}),
    "a flag replaces a number": ("parallel = 8", ("--parallel", "3"), {"parallel": 3}),
    "a flag replaces a list": ('ignore = ["a", "b"]', ("--ignore", "c"), {"ignore": ["c"]}),
    "a flag replaces a flag": ("progress = true", ("--no-progress",), {"progress": False}),
    "a flag replaces its own default": ("parallel = 8", ("--parallel", "1"), {}),
    "a flag replaces the master": ("", ("-m", "us-east-1:c"), {"master": "us-east-1:c"}),
    "a flag replaces the slaves": (
        '[[slaves]]\ntable = "us-west-1:b"',
        ("-s", "eu-west-1:c", "-s", "eu-west-2:c"),
        {"slave": ["eu-west-1:c", "eu-west-2:c"]},
    ),
    "flags beside the file": ("parallel = 8", ("--write-missing",), {"parallel": 8, "write_missing": True}),
}


@pytest.mark.parametrize("case", GOOD.values(), ids=GOOD)
def test_a_file_says_what_flags_say(tmp_path: Path, case: tuple[str, tuple[str, ...], dict[str, Any]]) -> None:
    """A file gives flags by their names, and a flag of the command line replaces what it says."""
    text, argv, expected = case
    assert differing(tmp_path, text, *argv) == expected


def test_every_flag_has_its_name_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no flag in `fastsync --help` that a file does not know."""
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = set(re.findall(r"^  (?:-\w[^-]*?, )?--([a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert len(shown) > 40
    for name in shown - {"help", "version", "config"}:
        with pytest.raises(ConfigError, match=f"{name} takes "):
            flags(tmp_path, f"{name} = {{}}")


def test_other_names_of_tables(tmp_path: Path) -> None:
    """`source` and `target` name tables as `master` and `slave` do; names of slaves, and of attributes, add up."""
    text = 'source = "us-east-1:a"\ntarget = ["us-west-2:b"]\nslave = "eu-west-1:c"\nignore = "x"\nignore-att = ["y"]\n'
    given = flags(tmp_path, text)
    assert given["master"] == "us-east-1:a"
    assert given["slave"] == ["us-west-2:b", "eu-west-1:c"]
    assert given["ignore"] == ["x", "y"]


def test_entries_of_slaves(tmp_path: Path) -> None:
    """A slave's entry gives it its own account and endpoint, beside the slaves that are only named."""
    entries = f"""
[[slaves]]
table = "eu-west-1:b"
profile = "europe"
endpoint-url = "http://localhost:8000"
[[slaves]]
table = "arn:aws:dynamodb:eu-west-1:123456789012:table/b"
role-arn = "{ROLE}"
external-id = "ext"
"""
    given = flags(tmp_path, TABLES + entries)
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/b"
    assert given["slave"] == [
        "us-west-2:b",
        TableRef("eu-west-1:b", "eu-west-1", "b", "http://localhost:8000", "europe"),
        TableRef(arn, "eu-west-1", arn, None, None, ROLE, "ext"),
    ]
    config = Config.of(given["master"], given["slave"], {"endpoint_url": "http://localhost:1"})
    assert [ref.endpoint_url for ref in config.slaves] == [
        "http://localhost:1",
        "http://localhost:8000",
        "http://localhost:1",
    ]
    assert config.logins[1:] == (Login(), Login("europe"), Login(None, Role(ROLE, external_id="ext")))


BAD: dict[str, tuple[str, str]] = {
    "no TOML": ("master", "TOML"),
    "an unknown name": ("paralel = 8", "'paralel'; is 'parallel' meant?"),
    "a name with underscores": ("write_missing = true", "is 'write-missing' meant?"),
    "an unknown table": ("[parallel]\nn = 8", "parallel"),
    "another section": ("[master2]\nn = 8", "master2"),
    "the file itself": ('config = "other.toml"', "config"),
    "text for a number": ('parallel = "8"', "parallel takes a whole number"),
    "a fraction for a number": ("parallel = 8.0", "parallel takes a whole number"),
    "a truth for a number": ("parallel = true", "parallel takes a whole number"),
    "a truth for a fraction": ("recheck-delay = true", "recheck-delay takes a number"),
    "a number for a truth": ("write-missing = 1", "write-missing takes true or false"),
    "text for a truth": ('write-missing = "yes"', "write-missing takes true or false"),
    "a number for text": ("profile = 5", "profile takes text"),
    "a list for text": ('profile = ["a"]', "profile takes text"),
    "a date for text": ("report = 2025-01-01", "report takes text"),
    "a number among names": ('ignore = ["a", 1]', "ignore takes text"),
    "a number for names": ("ignore = 1", "ignore takes text"),
    "a master in a list": ('master = ["us-east-1:a"]', "master takes text"),
    "one thing by two names": ('master = "us-east-1:a"\nsource = "us-east-1:b"', "source is given twice"),
    "and by its opposite": ("progress = true\nno-progress = true", "no-progress is given twice"),
    "a slave that is no table": ('slaves = ["us-west-2:b"]', "[[slaves]]"),
    "slaves in a word": ('slaves = "us-west-2:b"', "[[slaves]]"),
    "an entry without table": ('[[slaves]]\nprofile = "a"', "entry 1 needs a table"),
    "a table's form": ('[[slaves]]\ntable = "b"', "us-east-1:orders"),
    "an entry's name": ('[[slaves]]\ntable = "us-west-2:b"\nregion = "x"', "'region'"),
    "a flag under an entry": ('[[slaves]]\ntable = "us-west-2:b"\nparallel = 8', "above the first [[slaves]]"),
    "an entry's type": ('[[slaves]]\ntable = "us-west-2:b"\nprofile = 5', "profile in [[slaves]] entry 1"),
    "nothing in an entry": ('[[slaves]]\ntable = "us-west-2:b"\nprofile = ""', "profile in [[slaves]] entry 1"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, case: tuple[str, str]) -> None:
    """An unknown name, a wrong type or bad TOML is a ConfigError that names the file and what is wrong in it."""
    text, named = case
    with pytest.raises(ConfigError) as caught:
        flags(tmp_path, text)
    assert named in str(caught.value)
    assert "sync.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is not there, is a folder, or is no text is a ConfigError with its name."""
    (tmp_path / "bytes.toml").write_bytes(b'master = "\xff"')
    for name in ("nowhere.toml", ".", "bytes.toml"):
        with pytest.raises(ConfigError, match=re.escape(str(tmp_path / name))):
            config_file.read_options(str(tmp_path / name))


def test_codes_are_not_repeated(tmp_path: Path) -> None:
    """An MFA code that is written as a number is refused without being shown."""
    with pytest.raises(ConfigError) as caught:
        flags(tmp_path, "mfa-token = 271828")
    assert "271828" not in str(caught.value)


@pytest.mark.parametrize("text", ["", 'master = "us-east-1:a"', 'slave = "us-west-2:b"', TABLES + "slave2 = 1"])
def test_tables_have_to_be_named(tmp_path: Path, text: str) -> None:
    """Master and slaves are needed, wherever they are named."""
    with pytest.raises(ConfigError):
        flags(tmp_path, text)


def test_an_undo_takes_what_concerns_it(tmp_path: Path) -> None:
    """The file of a run serves its undo, too: credentials and slaves count, what an undo does not do is left out."""
    file = tmp_path / "sync.toml"
    file.write_text(TABLES + 'write-missing = true\nprofile = "p"\n[[slaves]]\ntable = "eu-west-1:b"\nprofile = "q"\n')
    given = make_parser_of_undo().parse_flags(["undo.log", "--config", str(file)])
    assert (given["log"], given["profile"]) == ("undo.log", "p")
    assert "write_missing" not in given
    assert given["slave"][1].profile == "q"


def test_the_example_is_valid() -> None:
    """examples/orders.toml is a whole configuration, and README shows it as it is."""
    example = ROOT / "examples" / "orders.toml"
    given = make_parser().parse_flags(["--config", str(example)])
    given.pop("policy")
    config = Config.of(given.pop("master"), given.pop("slave"), given)
    assert len(config.slaves) == 4
    assert f"```toml\n{example.read_text()}```" in (ROOT / "docs/reference.md").read_text()
