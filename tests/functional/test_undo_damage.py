"""Undo logs that are damaged: everything is checked before the first write, and what is wrong is one sentence."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import HASTE, World, item
from tests.tables import Item, Ran, run_fastsync

ALL = ("--write-missing", "--write-differing", "--delete-extra")
OLD = ("slave", "key", "before", "after")
Line = dict[str, Any]


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A slave that lacks items, has other versions, and has items of its own."""
    master = [item(f"{n:02}", v=f"value-{n}") for n in range(12)]
    slave = [item(f"{n:02}", v=f"old-{n}") for n in range(0, 12, 2)]
    return make_world(master, [*slave, *(item(f"x{n}", v=n) for n in range(3))])


def _undo(made: World, log: Path, *flags: str) -> Ran:
    return run_fastsync("undo", str(log), *HASTE, *flags, server=made.via)


def _logged(made: World, tmp_path: Path, old: bool = False) -> tuple[Path, list[bytes]]:
    """Run with an undo log and return its lines, where asked in the form of an older version."""
    log = tmp_path / "undo.jsonl"
    assert made.run(*ALL, "--undo-log", str(log)).exit_code == 0
    lines = log.read_bytes().splitlines(keepends=True)
    if old:
        lines = [_spelled({name: json.loads(line)[name] for name in OLD}) for line in lines]
        log.write_bytes(b"".join(lines))
    return log, lines


def _spelled(line: Any) -> bytes:
    return json.dumps(line).encode() + b"\n"


def _holds_sentence(ran: Ran, made: World, log: Path, offset: int) -> None:
    """Hold that a damage was found before anything was asked, and told with its place."""
    tables_behind_proxy.no_traceback(ran)
    assert ran.exit_code == 2, ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert str(log) in ran.stderr
    assert f"at byte {offset}:" in ran.stderr
    assert made.proxy.requests == []


def _with(**changes: Any) -> Callable[[Line], bytes]:
    return lambda line: _spelled(line | changes)


DAMAGES: dict[str, Callable[[Line], bytes]] = {
    "after is a number": _with(after=5),
    "before is a number": _with(before=5),
    "before is a list": _with(before=[]),
    "before is text": _with(before="x"),
    "key is a number": _with(key=5),
    "key is null": _with(key=None),
    "key is empty": _with(key={}),
    "key of three attributes": _with(key={name: {"S": "1"} for name in "abc"}),
    "key is a map": _with(key={"id": {"M": {}}}),
    "key is untyped": _with(key={"id": "00"}),
    "key has two types": _with(key={"id": {"S": "00", "N": "0"}}),
    "key of another name": lambda line: _spelled({**line, "key": {"nope": {"S": "1"}}}),
    "key of another name all through": lambda line: _spelled(
        {"slave": line["slave"], "key": (key := {"nope": {"S": "1"}}), "before": None, "after": key}
    ),
    "key of another type all through": lambda line: _spelled(
        {"slave": line["slave"], "key": (key := {"id": {"N": "1"}}), "before": None, "after": key}
    ),
    "before of another key": _with(before={"id": {"S": "other"}, "v": {"S": "x"}}, after=None),
    "after of another key": _with(after={"id": {"S": "other"}, "v": {"S": "x"}}, before=None),
    "before without a key": _with(before={"v": {"S": "x"}}),
    "before with an untyped value": lambda line: _spelled({**line, "before": {**line["key"], "v": 5}}),
    "before with a value of no type": lambda line: _spelled({**line, "before": {**line["key"], "v": {}}}),
    "before with a number that is none": lambda line: _spelled({**line, "before": {**line["key"], "v": {"N": 5}}}),
    "before with a deep value": lambda line: _spelled(line).replace(b'"before": ', b'"before": ' + b'{"L":[' * 100_000),
    "deep": lambda line: b"[" * 100_000 + b"\n",
    "slave is no table": _with(slave="nowhere"),
    "slave is a number": _with(slave=7),
    "no slave": lambda line: _spelled({name: line[name] for name in OLD[1:]}),
    "bad UTF-8 in slave": lambda line: _spelled(line).replace(b"us-west-2", b"us-west-\xff"),
    "bad UTF-8 in a value": lambda line: _spelled({**line, "before": {**line["key"], "v": {"S": "#"}}}).replace(
        b"#", b"\xc3\x28"
    ),
    "a surrogate alone": lambda line: _spelled({**line, "before": {**line["key"], "v": {"S": "\ud800"}}}),
    "a NUL": lambda line: b"\0" * 100 + b"\n",
    "an empty line": lambda line: b"\n",
    "cut short": lambda line: _spelled(line)[:50] + b"\n",
    "two lines in one": lambda line: _spelled(line)[:-1] + _spelled(line),
    "a list": lambda line: _spelled([line]),
    "an identity that is a number": _with(table_id=7),
    "a checksum that is a number": _with(checksum=7),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_a_damaged_line_is_refused_before_anything_is_asked(
    made: World, tmp_path: Path, damage: str, old: bool
) -> None:
    """One line of many that is no line: exit 2 with its byte, in a sentence, and nothing is written."""
    log, lines = _logged(made, tmp_path, old)
    before = made.slave.all()
    place = len(lines) - 2
    lines[place] = DAMAGES[damage](json.loads(lines[place]))
    log.write_bytes(b"".join(lines))
    made.proxy.requests.clear()
    _holds_sentence(_undo(made, log), made, log, sum(map(len, lines[:place])))
    assert made.slave.all() == before


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_bit_is_found(made: World, tmp_path: Path, seed: int) -> None:
    """Whichever bit of a line flips, nothing wrong is put back: the line is refused, or says the same as before."""
    chance = random.Random(seed)
    log, lines = _logged(made, tmp_path)
    before = made.slave.all()
    place = chance.randrange(len(lines))
    line = bytearray(lines[place])
    byte = chance.randrange(len(line) - len('"checksum":"0123456789abcdef"}\n') - 1)
    line[byte] ^= 1 << chance.randrange(8)
    lines[place] = bytes(line)
    log.write_bytes(b"".join(lines))
    ran = _undo(made, log)
    tables_behind_proxy.no_traceback(ran)
    assert (ran.exit_code, made.slave.all()) == (2, before), line


def test_a_changed_value_is_found(made: World, tmp_path: Path) -> None:
    """A value of `before` that is another one by a letter is not put back."""
    log, lines = _logged(made, tmp_path)
    before = made.slave.all()
    place = next(number for number, line in enumerate(lines) if b"old-4" in line)
    lines[place] = lines[place].replace(b"old-4", b"old-5")
    log.write_bytes(b"".join(lines))
    made.proxy.requests.clear()
    ran = _undo(made, log)
    _holds_sentence(ran, made, log, sum(map(len, lines[:place])))
    assert "checksum" in ran.stderr
    assert made.slave.all() == before


@pytest.mark.parametrize("form", ["old", "mixed", "spaced", "in another order", "with other fields"])
def test_logs_of_other_forms_are_taken_back(made: World, tmp_path: Path, form: str) -> None:
    """Lines of an older version, or written anew by another program, take everything back; nothing is said of it."""
    before = made.slave.all()
    log, lines = _logged(made, tmp_path)
    parsed = [json.loads(line) for line in lines]
    old = [{name: line[name] for name in OLD} for line in parsed]
    forms: dict[str, list[Line]] = {
        "old": old,
        "mixed": [*old[:4], *parsed[4:]],
        "spaced": parsed,
        "in another order": [_reversed(line) for line in parsed],
        "with other fields": [{"note": 1, **line} for line in parsed],
    }
    log.write_bytes(b"".join(map(_spelled, forms[form])))
    ran = _undo(made, log, "--quiet")
    assert (ran.exit_code, ran.stderr, made.slave.all()) == (0, "", before)


def _reversed(value: Any) -> Any:
    return {name: _reversed(inner) for name, inner in reversed(value.items())} if isinstance(value, dict) else value


def test_a_key_spelled_differently_is_the_same_key(make_world: MakeWorld, tmp_path: Path) -> None:
    """Numbers and binary values of a key are compared as values, in whatever form an older log has them."""
    log = tmp_path / "undo.jsonl"
    keys = (("n", "N"), ("b", "B"))
    there: Item = {"n": {"N": "1.5"}, "b": {"B": "AAE="}, "v": {"S": "after"}}
    made = make_world([there], [there], keys=keys)
    key = {"n": {"N": "1.50"}, "b": {"B": "AAE="}}
    was = {**there, "n": {"N": "15E-1"}, "v": {"S": "before"}}
    lines = [
        {"slave": str(made.slave), "key": key, "before": was, "after": {**there, "v": {"S": "between"}}},
        {
            "slave": str(made.slave),
            "key": {name: there[name] for name in "nb"},
            "before": {**there, "v": {"S": "between"}},
            "after": there,
        },
    ]
    log.write_bytes(b"".join(map(_spelled, lines)))
    ran = _undo(made, log)
    assert (ran.exit_code, ran.stats["master"]["scanned"]) == (0, 1)
    assert made.slave.all() == [{**there, "v": {"S": "before"}}]


@pytest.mark.parametrize("damage", ["after is a number", "before of another key", "deep", "a NUL", "cut short"])
@pytest.mark.parametrize("stopped", [True, False], ids=["with a checkpoint", "without"])
def test_a_run_that_resumes_checks_its_undo_log(made: World, tmp_path: Path, damage: str, stopped: bool) -> None:
    """A resumed run whose undo log is damaged anywhere says so (2) before it asks for anything; a whole one goes on."""
    log, checkpoint = tmp_path / "undo.jsonl", tmp_path / "checkpoint"
    files = ("--undo-log", str(log), "--checkpoint", str(checkpoint), "--report", str(tmp_path / "report"))
    flags = (*ALL, *files, "--scan-limit", "4", "--segments", "2")
    if stopped:
        made.proxy.add(faults.DENIED, "Scan", nth=[2])
    ran = made.run(*flags)
    assert (ran.exit_code, checkpoint.exists()) == (4 if stopped else 0, stopped)
    made.proxy.rules.clear()
    lines = log.read_bytes().splitlines(keepends=True)
    whole = b"".join(lines)
    log.write_bytes(b"".join([DAMAGES[damage](json.loads(lines[0])), *lines[1:]]).ljust(len(whole), b"x"))
    made.proxy.requests.clear()
    ran = made.run(*flags, "--resume")
    tables_behind_proxy.no_traceback(ran)
    assert (ran.exit_code, made.proxy.requests) == (2, [])
    assert f"{log} is no undo log, or is damaged at byte 0" in ran.stderr
    log.write_bytes(whole)
    assert made.run(*flags, "--resume").exit_code == 0
    assert made.slave.all() == made.master.all()
