"""What users hand in: every flag with every odd value, and files with anything in them. One sentence, no traceback.

FASTSYNC_FUZZ is how many mutants there are of each file and kind of command (default 150; the seed is fixed).
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fastsync import cli
from fastsync.cli.config_file import KNOWN_KEYS
from fastsync.cli.estimate import make_parser
from fastsync.cli.iam_policy import make_parser as make_parser_of_iam_policy
from fastsync.cli.parser import Parser
from fastsync.cli.sync import make_parser as make_parser_of_sync
from fastsync.cli.undo import make_parser as make_parser_of_undo
from fastsync.config.key_text import parse_key, typed_key
from fastsync.errors import ConfigError
from fastsync.model.table import KeySchema
from fastsync.nightly import command as nightly
from fastsync.run.checkpoints.form import Checkpoint, encode_checkpoint
from fastsync.run.outcome import NOTHING_COUNTED
from fastsync.run.tasks.agenda import Backlog
from tests.functional.stand_in import HERE, Handler, StandIn
from tests.unit.reports.test_combine import end, line, lined, statistics

MUTANTS = int(os.environ.get("FASTSYNC_FUZZ", "150"))
TABLES = ("-m", "us-east-1:a", "-s", "us-west-2:b")
LONGEST = 2_500
"""Characters of a sentence at most."""

NUMBERS = (
    *("", " ", "0", "-1", "+1", "1.5", "nan", "inf", "-inf", "1e400", "1e-400", "1e308", "0x10", "1_000", "\u0663"),
    *("\uff11", "\u00b2", "1e3", "5%", "101%", "0.0000001%", "0.00000001", "9" * 400, "9" * 5000, "-" + "9" * 5000),
    *("0." + "9" * 5000, "9" * 5000 + "%", "1/0", "0/3", "9/9999999999", "auto", "auto/3", "1 000", "1,000", "true"),
)
TEXTS = (
    *(
        "\0",
        "a\0b",
        "\ud800",
        "\udcff\udcfe",
        "\u2028",
        "\x1b[31m",
        "a\nb",
        "\u202e",
        "a" * 5000,
        "/" * 5000,
        "%s",
        "{0}",
    ),
    *("-", "--", "=", ".", "..", "/", "/dev/full", "nowhere/x", ":", "a:b:c", "us-east-1:a", "us-east-1:" + "a" * 300),
    *(
        "http://",
        "http://[",
        "http://" + "a" * 300,
        "http://a:99999",
        "http://\ud800",
        "http://a\nb",
        "http://\xe9",
        "//",
    ),
    *("http://a b", "arn:aws:dynamodb:::table/a", "arn:aws:iam::123456789012:role/\0", "null", "os:path", "os:abort"),
)
KEYS = (
    *(
        "{}",
        "[]",
        "{",
        '{"id"',
        '{"id":1e99999999999999999999}',
        '{"id":{"N":"1e99999999999999999999"}}',
        "[" * 100_000,
    ),
    *('{"id":"\\ud800"}', '{"\\ud800":"a"}', '{"id":"a","id":"b"}', '{"id":' * 5000, '{"id":NaN}', '{"id":Infinity}'),
    *(
        '{"id":' + "9" * 5000 + "}",
        '{"id":-' + "9" * 5000 + "}",
        '{"id":{"S":["a"]}}',
        '{"id":{"S":{}}}',
        '{"id":true}',
    ),
    *('{"id":{"SS":["a"]}}', '{"id":"' + "a" * 200_000 + '"}', "\ufeff{}", '{"id":{"N":9}}', '{"a":1,"b":2,"c":3}'),
)
ODD = (*NUMBERS, *TEXTS, *KEYS)
NAMES = [f"{each[:12]!r}" for each in ODD]

TOML = (
    *("true", "false", "0", "-1", "1.5", "nan", "-inf", "1e400", "0x10", "9" * 400, "9" * 5000, "-" + "9" * 400, '""'),
    *(
        '"\\u0000"',
        '"a\\u0000b"',
        '"\\u001b[31m"',
        '"\\ud800"',
        '"' + "a" * 5000 + '"',
        "[]",
        "[1]",
        '["a", 1]',
        "[[]]",
    ),
    *('[["a"]]', "{}", "{a = 1}", "1979-05-27", "1979-05-27T07:32:00Z", "07:32:00", "[" * 100_000, "{a=" * 5000, "'x"),
    *(
        '["\\u0000"]',
        '["' + "a" * 5000 + '"]',
        '"9"',
        '"nan"',
        '"' + "9" * 5000 + '"',
        "[" * 200 + "]" * 200,
        '"\u2028"',
    ),
)


class Refusing(StandIn):
    """An endpoint that has no table; it counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        super().__init__(ThreadingHTTPServer(HERE, _handler(self)))


def _handler(endpoint: Refusing) -> type[Handler]:
    class Answering(Handler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            endpoint.asked += 1
            self.read_body()
            kind = b"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"
            self.reply(400, b'{"__type":"%b","message":"not found"}' % kind)

    return Answering


class Runner:
    """Run commands in this process, in a folder of their own, and hold what holds for whatever they are given."""

    def __init__(self, capture: pytest.CaptureFixture[str], endpoint: Refusing, folder: Path):
        self._capture = capture
        self._endpoint = endpoint
        self._folder = folder

    def run(
        self, *arguments: str, codes: Sequence[int] = (2, 3), program: Callable[[Sequence[str]], int] = cli.main
    ) -> tuple[int, str, str]:
        """Run a command that has to end with one of these codes; give its code, stdout and stderr."""
        before, self._endpoint.asked = self._there(), 0
        try:
            code = program(list(arguments))
        except BaseException as error:
            pytest.fail(f"{_shown(arguments)}: raised {error!r:.200}")
        out, err = self._capture.readouterr()
        what = f"{_shown(arguments)}: {code}, {err[:LONGEST]}"
        assert code in codes, what
        assert "Traceback" not in err, what
        assert "unforeseen" not in err, what
        assert all(len(line) <= LONGEST for line in err.splitlines()), what
        assert all(each == "\n" or each.isprintable() for each in err), what
        if code == 2:
            assert self._there() == before, what
            assert err.startswith("fastsync: "), what
            assert err.count("\n") == 1, what
            assert out == "", what
            assert self._endpoint.asked == 0, what
        return code, out, err

    def _there(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self._folder.rglob("*")) if path.is_file()}


def _shown(arguments: Sequence[str]) -> str:
    return ascii([each if len(each) < 60 else f"{each[:30]}... ({len(each)} characters)" for each in arguments])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Refusing]:
    """Give an endpoint that has no table."""
    with Refusing() as running:
        yield running


@pytest.fixture
def runner(
    capfd: pytest.CaptureFixture[str], endpoint: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Runner:
    """Give what runs commands in an empty folder, against an endpoint that has no table."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing-that-anybody-has")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "FASTSYNC_DEBUG", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    return Runner(capfd, endpoint, tmp_path / "here")


def some(values: Sequence[str], of: str, most: int) -> Sequence[str]:
    """Choose some values, the same ones for the same name; all of them where FASTSYNC_FUZZ asks for more than that."""
    most = most * MUTANTS // 150
    return values if most >= len(values) else random.Random(of).sample(values, most)


def flags_of(reader: Parser) -> list[str]:
    """Give every flag that a command knows, as its parser has it."""
    flags = [action.option_strings[-1] for action in reader._actions if action.option_strings]
    return [flag for flag in flags if flag not in ("--help", "--version")]


@pytest.mark.parametrize("flag", flags_of(make_parser_of_sync()))
def test_a_flag_of_a_run(runner: Runner, flag: str) -> None:
    """Whatever the value of a flag is, it is taken, or refused with one sentence before any request."""
    for value in some(ODD, flag, 16):
        runner.run(*TABLES, f"{flag}={value}")


@pytest.mark.parametrize("flag", flags_of(make_parser()))
def test_a_flag_of_an_estimate(runner: Runner, flag: str) -> None:
    """The same holds for estimate."""
    for value in some(ODD, f"estimate {flag}", 6):
        runner.run("estimate", *TABLES, f"{flag}={value}")


@pytest.mark.parametrize("flag", flags_of(make_parser_of_iam_policy()))
def test_a_flag_of_iam_policy(runner: Runner, flag: str) -> None:
    """The same holds for iam-policy, which asks nobody and so prints policies or refuses."""
    for value in some(ODD, f"iam-policy {flag}", 12):
        code, out, _ = runner.run("iam-policy", *TABLES, f"{flag}={value}", codes=(0, 2))
        assert code == 2 or json.loads(out)


@pytest.mark.parametrize("flag", flags_of(make_parser_of_undo()))
def test_a_flag_of_an_undo(runner: Runner, flag: str, tmp_path: Path) -> None:
    """The same holds for undo."""
    line = {"slave": "us-west-2:b", "key": {"id": {"S": "a"}}, "before": None, "after": {"id": {"S": "a"}}}
    (tmp_path / "undo").write_text(json.dumps(line, separators=(",", ":")) + "\n")
    for value in some(ODD, f"undo {flag}", 12):
        runner.run("undo", str(tmp_path / "undo"), f"{flag}={value}")


@pytest.mark.parametrize("value", ODD, ids=NAMES)
def test_a_word_that_no_flag_takes(runner: Runner, value: str) -> None:
    """A table, a command, a file of a command, or a flag may be anything too."""
    runner.run("-m", value, "-s", "us-west-2:b")
    runner.run("-m", "us-east-1:a", "-s", value)
    runner.run(*TABLES, value)
    runner.run(*TABLES, f"--{value}")
    if value not in ("", "-", "--") and not value.startswith("-"):
        runner.run(value)
        if value != "/dev/full":  # which has no end
            runner.run("undo", value)
        runner.run("combine", value)
        runner.run("demo", value)
        runner.run("report", value, codes=(0, 2))
        runner.run("combine", "nothing", f"--stats={value}")
        runner.run("report", "nothing", f"--output={value}")
        runner.run("report", "nothing", f"--rows={value}")


@pytest.mark.parametrize("value", ODD, ids=NAMES)
def test_a_scheduled_run(runner: Runner, value: str, tmp_path: Path) -> None:
    """A scheduled run refuses what it cannot use before it makes a file or a folder, --keep above all."""
    (tmp_path / "good.toml").write_text('master = "us-east-1:a"\nslave = "us-west-2:b"\n')
    for what in ("report", "sync", "crontab"):
        for keep in (value, "0", "36501", "1000000", "999999999999"):
            codes = (0, 3) if keep.isascii() and keep.lstrip("+") in ("1",) else (2,)
            runner_keep(runner, tmp_path, what, f"--keep={keep}", codes)
    runner.run("crontab", value, program=nightly.main, codes=(0, 2))
    runner.run(value, str(tmp_path / "good.toml"), program=nightly.main, codes=(2,))


def runner_keep(runner: Runner, folder: Path, what: str, keep: str, codes: Sequence[int]) -> None:
    runner.run(what, str(folder / "good.toml"), f"--folder={folder / 'runs'}", keep, program=nightly.main, codes=codes)


@pytest.mark.parametrize("key", list(KNOWN_KEYS))
def test_a_value_in_a_configuration(runner: Runner, key: str, tmp_path: Path) -> None:
    """The same values, and those that TOML has besides, in a configuration; with a byte order mark in front."""
    config = tmp_path / "config.toml"
    for number, value in enumerate(some(TOML, key, 16)):
        mark = b"\xef\xbb\xbf" if number % 2 else b""
        config.write_bytes(mark + f"{key} = {value}\n".encode("utf-8", "surrogatepass"))
        tables = TABLES[2:] if key == "master" else TABLES[:2] if key == "slave" else TABLES
        runner.run(*tables, "--config", str(config))


def test_a_byte_order_mark(runner: Runner, tmp_path: Path) -> None:
    """A configuration that an editor has put a byte order mark before, and whose lines end in CRLF, is read."""
    (tmp_path / "c").write_bytes(b'\xef\xbb\xbfquiet = true\r\nmaster = "us-east-1:a"\r\nslave = ["us-west-2:b"]\r\n')
    code, _, err = runner.run("--config", str(tmp_path / "c"))
    assert code == 3
    assert "no such table" in err


JSON_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**53 + 1, 10**400, "", "a", "\0", "\ud800", "\u2028", [], {}, [None], {"": None}),
    *({"S": 5}, {"S": "a"}, "9" * 5000, [[]], {"a": {"b": {"c": []}}}),
)
PIECES = (
    *(
        b"",
        b"\0",
        b"\n",
        b"\r",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\x1f\x8b\x08",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b",",
        b":",
    ),
    *(b"[" * 100_000, b'{"a":' * 5000, b"9" * 400, b"9" * 5000, b"1e400", b"NaN", b"-Infinity", b"null", b'"\\ud800"'),
    *(b"\xed\xa0\x80", b'"\\u0000"', b"\xe2\x80\xa8", b"\x85", b'"complete":true,"complete":false,'),
)


def mutated(chance: random.Random, text: bytes) -> bytes:
    """Change a file as damage and mistakes do: bits, cuts, insertions, doubled parts, and other values in its JSON."""
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        place, other = (chance.randrange(len(text) + 1) for _ in range(2))
        low, high = sorted((place, other))
        change = chance.randrange(7)
        if change == 0 and text:
            place %= len(text)
            text = text[:place] + bytes([text[place] ^ (1 << chance.randrange(8))]) + text[place + 1 :]
        elif change == 1:
            text = text[:place]
        elif change == 2:
            text = text[:place] + chance.choice(PIECES) + text[place:]
        elif change == 3:
            text = text[:low] + text[high:]
        elif change == 4:
            text = text[:high] + text[low:]
        else:
            text = with_other_value(chance, text)
    return text


def with_other_value(chance: random.Random, text: bytes) -> bytes:
    """Put another value somewhere into one of the JSON lines of a file, or into all of it."""
    lines = text.split(b"\n") if text.startswith(b'{"') else [text]
    place = chance.randrange(len(lines))
    try:
        told = json.loads(lines[place])
    except (ValueError, RecursionError):
        return text
    lines[place] = json.dumps(replaced(chance, told)).encode()
    return b"\n".join(lines)


def replaced(chance: random.Random, told: Any) -> Any:
    """Give a value in which one value, at some depth, is another, is gone, or has another name."""
    if isinstance(told, dict) and told and chance.random() < 0.8:
        name = chance.choice(list(told))
        others = {key: value for key, value in told.items() if key != name}
        what = chance.randrange(4)
        if what == 0:
            return others
        if what == 1:
            return {**others, chance.choice(("", "x", "\ud800", name + " ")): told[name]}
        return {**told, name: replaced(chance, told[name])}
    if isinstance(told, list) and told and chance.random() < 0.8:
        place = chance.randrange(len(told))
        return [*told[:place], replaced(chance, told[place]), *told[place + 1 :]]
    deep: Any = told
    for _ in range(chance.choice((1, 30, 300, 900))):
        deep = [deep]
    return chance.choice((*JSON_VALUES, *JSON_VALUES, deep))


def shards(folder: Path) -> dict[Path, bytes]:
    """Give statistics and reports of two shards, which belong together."""
    texts = {}
    for number in range(2):
        told = statistics(f"{number}/2")
        texts[folder / f"stats-{number}"] = json.dumps(told, indent=chance_of(number)).encode()
        texts[folder / f"report-{number}"] = "".join(map(lined, [line(f"k{number}"), end(1)])).encode()
    return texts


def chance_of(number: int) -> int | None:
    return 2 if number else None


@pytest.mark.parametrize("seed", range(4))
def test_files_for_combine(runner: Runner, tmp_path: Path, seed: int) -> None:
    """Whatever stands in files of shards, they are refused, or what comes out is the sum of what stands there."""
    chance = random.Random(seed)
    outputs = ("--stats", str(tmp_path / "stats"), "--report", str(tmp_path / "report"))
    for _ in range(MUTANTS):
        texts = shards(tmp_path)
        victim = chance.choice(list(texts))
        texts[victim] = mutated(chance, texts[victim])
        for path, text in texts.items():
            path.write_bytes(text)
        for output in (tmp_path / "stats", tmp_path / "report"):
            output.unlink(missing_ok=True)
        code, _, _ = runner.run("combine", *map(str, texts), *outputs, codes=(0, 1, 2, 4, 5))
        if code == 2:
            assert not (tmp_path / "stats").exists()
            assert not (tmp_path / "report").exists()
            continue
        whole = json.loads((tmp_path / "stats").read_text())
        parts = [json.loads(text) for path, text in texts.items() if path.name.startswith("stats")]
        for name, counters in whole["slaves"].items():
            for counter in ("same", "missing", "differing", "written", "read_units"):
                assert counters[counter] == sum(part["slaves"][name][counter] for part in parts)


@pytest.mark.parametrize("seed", range(4))
def test_files_for_a_page(runner: Runner, tmp_path: Path, seed: int) -> None:
    """Whatever stands in files of a run, they are refused, or there is a page in ASCII of them."""
    chance = random.Random(seed)
    log = {"time": "2026-11-24T02:00:00.000Z", "level": "info", "message": "m", "elapsed_seconds": 1.5, "scanned": 5}
    segment = {**log, "segment": 3, "found": {"us-west-2:b": {"missing": 1, "differing": 0, "extra": None}}}
    warned = {**log, "level": "error"}
    for _ in range(MUTANTS):
        texts = {**shards(tmp_path), tmp_path / "log": "".join(map(lined, [log, segment, warned])).encode()}
        victim = chance.choice(list(texts))
        texts[victim] = mutated(chance, texts[victim])
        for path, text in texts.items():
            path.write_bytes(text)
        (tmp_path / "page").unlink(missing_ok=True)
        code, _, _ = runner.run("report", *map(str, texts), "-o", str(tmp_path / "page"), codes=(0, 2))
        assert (tmp_path / "page").exists() is (code == 0)
        assert code == 2 or (tmp_path / "page").read_bytes().isascii()


SETTINGS = b"""# a configuration
master = "us-east-1:a"
ignore = ["lastSeen", "b"]
segments = 4
recheck-delay = 0.5
max-read-units = "25%"
max-deletes = 5
report-values = true
starting-key = '{"id": "a"}'
[[slaves]]
table = "us-west-2:b"
endpoint-url = "http://127.0.0.1:9"
"""


@pytest.mark.parametrize("seed", range(2))
def test_a_configuration(runner: Runner, tmp_path: Path, seed: int) -> None:
    """Whatever stands in a configuration, it is taken, or refused with one sentence before any request."""
    chance = random.Random(seed)
    for _ in range(MUTANTS):
        (tmp_path / "c").write_bytes(mutated(chance, SETTINGS))
        runner.run("iam-policy", *TABLES[2:], "--config", str(tmp_path / "c"), codes=(0, 2))


def test_an_undo_log(runner: Runner, tmp_path: Path) -> None:
    """Whatever stands in an undo log, it is taken, or refused with one sentence before any request."""
    chance = random.Random(1)
    told = [{"slave": "us-west-2:b", "key": {"id": {"S": f"k{n}"}}, "before": None, "after": None} for n in range(3)]
    told[1]["before"] = {"id": {"S": "k1"}, "v": {"N": "1"}}
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in told).encode()
    for _ in range(MUTANTS):
        (tmp_path / "undo").write_bytes(mutated(chance, text))
        runner.run("undo", str(tmp_path / "undo"), codes=(0, 2, 3))


def test_a_checkpoint(runner: Runner, tmp_path: Path) -> None:
    """Whatever stands in a checkpoint, it is refused, with one sentence and before any request, or is what it was."""
    chance = random.Random(1)
    settings: dict[str, Any] = {}
    text = encode_checkpoint(Checkpoint(settings, {}, "merge", 1, Backlog.whole(["us-west-2:b"], []), NOTHING_COUNTED))
    for _ in range(MUTANTS):
        (tmp_path / "c").write_bytes(mutated(chance, text))
        runner.run(*TABLES, "--checkpoint", str(tmp_path / "c"), "--resume")


@pytest.mark.parametrize("seed", range(2))
def test_a_starting_key(seed: int) -> None:
    """Whatever a key is, it is one of the table, in DynamoDB JSON and within the service's limits, or refused."""
    chance = random.Random(seed)
    schemas = (KeySchema("id", "S"), KeySchema("id", "N"), KeySchema("id", "B"), KeySchema("id", "S", "n", "N"))
    keys = (
        '{"id":"abc"}',
        '{"id":{"S":"abc"}}',
        '{"id":17.50}',
        '{"id":{"N":"-1E5"}}',
        '{"id":"YQ=="}',
        '{"id":"a","n":7}',
    )
    taken = 0
    for _ in range(MUTANTS * 10):
        text = mutated(chance, chance.choice(keys).encode()).decode("utf-8", "surrogateescape")
        for schema in schemas:
            try:
                found = json.loads(typed_key("--starting-key", parse_key("--starting-key", text), schema))
            except ConfigError as error:
                assert len(str(error)) < LONGEST
                continue
            taken += 1
            assert set(found) == set(schema.names)
            for value in found.values():
                ((kind, given),) = value.items()
                assert given
                given.encode()
                assert kind != "N" or Decimal(given).adjusted() <= 125
    assert taken
