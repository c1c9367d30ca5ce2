"""Every command line of the documents, run in the order in which a reader would, on tables of the names they use."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fastsync import Synchronizer, cli
from fastsync.cli import sync
from fastsync.output.console.progress import Lines
from fastsync.output.log import Log
from tests.documents import DOCS, ROOT, blocks, commands, words
from tests.exports import EXPORT_ID, write_export
from tests.servers import Server, environment
from tests.tables import Item

TABLES = {
    "": ("us-east-1:orders us-east-1:orders-copy us-east-1:orders-restored us-west-2:orders eu-west-1:orders "
         "eu-central-1:orders ap-southeast-2:orders us-east-1:events us-west-2:events us-east-1:sessions "
         "us-west-2:sessions us-west-2:orders-west eu-west-1:orders-europe"),
    "arn:aws:iam::210987654321:role/sync": "us-east-1:orders eu-west-1:orders us-east-1:orders-copy",
}  # fmt: skip
"""The tables in the account of each role; without one, in that of the environment."""
LOCAL = "http://localhost:8000"
"""Where another server stands, with tables of its own."""
PLACES = ("https://dynamodb.eu-central-1.amazonaws.com",)
"""Addresses that stand for that of the server with accounts."""
FOLDERS = ("/var/lib/node_exporter/textfile",)
"""Folders that stand for the test's."""
NOT_RUN = {
    "--mfa-serial": "asks for a code on a terminal; see test_roles",
    "arn:aws:dynamodb:us-east-1:210987654321:table/orders": "the emulator has no resource policies between accounts",
}
SAME: list[Item] = [{"id": {"S": "same"}}]
"""What every table holds."""
FEW = 8
"""Segments where the documents have hundreds: the emulator takes milliseconds for each request."""


@pytest.fixture(scope="module")
def accounts(moto: Server, dynoxide: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make the tables and the profiles; give a folder that has what the documents speak of beside them."""
    from botocore.session import Session  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("reader")
    profiles = "[production]\n{0}\n[prod]\n{0}\n[analytics]\n{0}\n[backup]\n{1}\n"
    keys = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", moto.url)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
        (folder / "credentials").touch()
        for role, tables in TABLES.items():
            given = _keys(Session(), role)
            keys.append("".join(f"{name} = {value}\n" for name, value in given.items()))
            for table in tables.split():
                region, _, name = table.partition(":")
                _create(Session().create_client("dynamodb", region_name=region, **given), name)
        (folder / "credentials").write_text(profiles.format(*keys))
        for name in ("orders", "orders-copy"):
            local = {"endpoint_url": dynoxide.url, **_keys(Session(), "")}
            _create(Session().create_client("dynamodb", region_name="us-east-1", **local), name)
        _put_export(Session().create_client("s3", region_name="us-east-1"), folder)
        yield folder


def _keys(session: Any, role: str) -> dict[str, str]:
    if not role:
        return {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
    sts = session.create_client("sts", region_name="us-east-1")
    given = sts.assume_role(RoleArn=role, RoleSessionName="reader")["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def _create(client: Any, name: str) -> None:
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 1000, "WriteCapacityUnits": 1000},
    )
    client.put_item(TableName=name, Item={"id": {"S": "same"}})


def _put_export(client: Any, folder: Path) -> None:
    """Put an export of the one item that every table holds where the documents have one."""
    write_export(folder / "export", SAME)
    client.create_bucket(Bucket="backups")
    for file in (folder / "export").rglob("*.*"):
        key = f"AWSDynamoDB/{EXPORT_ID}/{file.relative_to(folder / 'export')}"
        client.put_object(Bucket="backups", Key=key, Body=file.read_bytes())


@pytest.mark.parametrize("document", DOCS)
def test_every_command_runs(
    document: str, accounts: Path, moto: Server, dynoxide: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader who types the commands of a document, one after the other, gets what they promise from each of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(accounts / "credentials"))
    _lay_out(document, moto)
    for command in commands(document):
        reason = [why for what, why in NOT_RUN.items() if what in command]
        if not reason:
            here = _here(command, moto).replace(LOCAL, dynoxide.url)
            log: list[str] = []
            assert _run(words(here), log.append) == 0, command
            if redirected := re.search(r" 2> (\S+)", here):
                Path(redirected[1]).write_text("".join(f"{line}\n" for line in log))


ELSEWHERE = ("pandas", "duckdb")
"""Packages of programs that are run only where they are installed."""


def test_every_program_runs(accounts: Path, moto: Server, tmp_path: Path) -> None:
    """A reader who runs the programs of the library's document, one after the other, sees no error and no warning."""
    (tmp_path / "differences.jsonl").write_text(REPORT)
    known = environment(AWS_ENDPOINT_URL=moto.url, AWS_SHARED_CREDENTIALS_FILE=str(accounts / "credentials"))
    programs = [block for block in blocks("docs/library.md", "python") if not _needs_more(block)]
    assert len(programs) >= 7
    for number, program in enumerate(programs):
        (tmp_path / f"program{number}.py").write_text(program)
        command = [sys.executable, "-W", "error", f"program{number}.py"]
        done = subprocess.run(command, cwd=tmp_path, env=known, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (program, done.stderr)
        assert "Traceback" not in done.stderr
        assert "logging" in program or done.stderr == ""


def _needs_more(program: str) -> bool:
    return any(f"import {name}\n" in program and find_spec(name) is None for name in ELSEWHERE)


REPORT = """\
{"slave": "us-west-2:orders", "verdict": "missing", "key": {"id": {"S": "a"}}, "attributes": [], "action": "none", "error": null}
{"complete": true, "differences": 1}
"""  # noqa: E501


CHOSEN = """\
{"slave": "us-west-2:orders", "verdict": "missing", "key": {"id": {"S": "a"}}, "attributes": [], "action": "none", "error": null, "master": {"id": {"S": "a"}}, "slave_item": null}
"""  # noqa: E501
"""What a reader has chosen from a report with another tool."""
SLAVES = {"README.md": "orders-west"}
"""The slave of that report, where it is another one."""


def _here(text: str, moto: Server) -> str:
    """Let a text speak of this server and this folder."""
    for place in PLACES:
        text = text.replace(place, moto.url)
    for folder in FOLDERS:
        text = text.replace(folder, ".")
    return text


def _lay_out(document: str, moto: Server) -> None:
    """Lay the files out that a reader of the document has."""
    for place, block in enumerate(blocks(document, "toml")):
        Path("regions.toml" if place == 0 else f"{place}.toml").write_text(_here(block, moto))
    Path("chosen.jsonl").write_text(CHOSEN.replace("orders", SLAVES.get(document, "orders")))
    shutil.copytree(ROOT / "examples", "examples")
    for account in ("production", "staging"):
        write_export(Path(account), SAME)
    example = Path("examples/orders.toml")
    example.write_text(_here(example.read_text(), moto))


def _expand(word: str) -> list[str]:
    """Return the files that a word stands for, as a shell does; a word that fits no file is itself."""
    return sorted(map(str, Path().glob(word))) if "*" in word and any(Path().glob(word)) else [word]


def _run(given: list[str], say: Callable[[str], None] = print) -> int:
    """Run one command in this process, with its segments one after the other; give its exit code."""
    given = [path for word in given for path in _expand(word)]
    if not given[0].startswith("-") or given[-1] in ("-h", "--help"):
        try:
            return cli.main(given)
        except SystemExit as ended:  # it has printed help
            return int(str(ended.code))
    flags: dict[str, Any] = sync.make_parser().parse_flags(given)
    flags["executor"] = "inline"
    if flags["segments"] is not None:
        flags["segments"] = min(FEW, flags["segments"])
    sinks = [Lines(Log(flags["log_format"], say))]
    result = Synchronizer(flags.pop("master"), flags.pop("slave"), sinks=sinks, **flags).run()
    assert result.errors == []
    return result.exit_code
