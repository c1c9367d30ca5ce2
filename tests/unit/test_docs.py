"""The documents are held against the program: every command line in them parses, every flag and link is there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from fastsync.cli import (
    combine,
    compare,
    completion,
    config_file,
    entry,
    estimate,
    iam_policy,
    report,
    settings,
    show,
    sync,
    undo,
)
from fastsync.config.config import Config
from fastsync.fleet import command as fleet
from fastsync.fleet.command import read_file
from fastsync.fleet.file import read_fleet
from fastsync.fleet.pairs import resolve_fleet
from tests.documents import DOCS, FLAG, ROOT, blocks, commands, text, words

COMMANDS = [(document, command) for document in DOCS for command in commands(document)]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
TOML = [(document, block) for document in DOCS for block in blocks(document, "toml")]
READERS = {
    "": sync.make_parser,
    "sync": sync.make_parser,
    "compare": compare.make_parser,
    "estimate": estimate.make_parser,
    "iam-policy": iam_policy.make_parser,
    "settings": settings.make_parser,
}
OTHERS = {
    "--build",
    "--rm",
    "--user",
    "--since",
    "--watch",
    "--archives",
    "--conf",
    "--deploy-mode",
    "--py-files",
    "--additional-python-modules",
}
OTHERS |= {"--cli-input-json", "--job-name", "--job-queue", "--job-definition", "--array-properties"}
OTHERS |= {"--table-units", "--check", "--strict"}
"""Flags of other programs in the documents."""


def known_flags() -> set[str]:
    """Give the flags of all commands."""
    readers = [
        command.make_parser() for command in (sync, estimate, iam_policy, combine, undo, report, show, settings, fleet)
    ]
    return set[str]().union(*(FLAG.findall(reader.format_help()) for reader in readers)) | OTHERS


def anchors(document: Path) -> set[str]:
    """Give the anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_there_are_commands() -> None:
    """The cases below are not an empty list."""
    assert len(COMMANDS) >= 40
    assert len(TOML) >= 2


@pytest.mark.parametrize(("document", "command"), COMMANDS)
def test_every_command_parses(document: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command line is taken by the program, and its flags go together."""
    monkeypatch.chdir(tmp_path)
    for place, block in enumerate(blocks(document, "toml")):
        (tmp_path / ("regions.toml" if place == 0 else f"{place}.toml")).write_text(block)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    given = words(command)
    name = given[0] if not given[0].startswith("-") else ""
    if name == "demo":
        assert given == ["demo"]
    elif name == "fleet":
        given_flags = fleet.make_parser().parse_given(given[1:])
        resolve_fleet(read_file(given_flags), {}, lambda ref, login: ["events", "orders"])
    elif name == "iam-policy" and "examples/fleet.toml" in given:
        read_fleet(given[given.index("--config") + 1])
    elif name == "completion":
        completion.make_parser().parse_args(given[1:])
    elif name == "help":
        assert set(given[1:]) <= set(entry.COMMANDS)
    elif given[-1] in ("-h", "--help"):
        assert name in ("", *entry.COMMANDS)
    elif name in ("combine", "show"):
        {"combine": combine.make_parser, "show": show.make_parser}[name]().parse_flags(given[1:])
    elif name in ("undo", "report"):
        {"undo": undo.make_parser, "report": report.make_parser}[name]().parse_args(given[1:])
    else:
        flags: dict[str, Any] = READERS[name]().parse_flags(given[1:] if name else given)
        for name_of_command in ("policy", "json", "ignore_setting"):
            flags.pop(name_of_command, None)
        Config.of(flags.pop("master"), flags.pop("slave"), flags)


@pytest.mark.parametrize(("document", "block"), TOML)
def test_every_configuration_is_valid(document: str, block: str, tmp_path: Path) -> None:
    """Every TOML block is a --config file."""
    (tmp_path / "x.toml").write_text(block)
    if "[[tables]]" in block:
        assert resolve_fleet(read_fleet(str(tmp_path / "x.toml")), {}, lambda ref, login: ["events"]).pairs
        return
    options = config_file.read_options(str(tmp_path / "x.toml"))
    options.pop("policy", None)
    Config.of(options.pop("master"), options.pop("slave"), options)


@pytest.mark.parametrize("document", DOCS)
def test_every_flag_is_known(document: str) -> None:
    """A flag that is named anywhere is one of the program's (or, in the guide, said to be misspelt)."""
    misspelt = {"--write-mising", "--slaves", "--ignore-atts"}
    assert set(FLAG.findall(text(document))) - misspelt <= known_flags()


@pytest.mark.parametrize("document", DOCS)
def test_every_link_leads_somewhere(document: str) -> None:
    """Files and headings that a document links to are there."""
    here = ROOT / document
    for path, anchor in LINK.findall(text(document)):
        if path.startswith("http"):
            continue
        target = (here.parent / path).resolve() if path else here
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"
