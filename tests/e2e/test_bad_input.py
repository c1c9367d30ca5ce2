"""What the program is told wrongly: exit code 2, one sentence on stderr, nothing on stdout, nothing read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.cases import item
from tests.servers import Server, environment
from tests.tables import ROOT, Ran, create_table, put_items, run_fastsync, unique

TABLES = ("--master", "us-east-1:nowhere-a", "--slave", "us-west-2:nowhere-b")
NOWHERE = {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}
"""An endpoint where nobody listens, so that what is wrongly accepted asks nobody."""
ROLE = "arn:aws:iam::123456789012:role/sync"
FORM = "us-east-1:orders"
"""What a sentence about a wrongly written table shows."""

MISSPELT = [
    (["--master", "us-east-1:a"], "--slave"),
    (["--slave", "us-east-1:a"], "--master"),
    ([*TABLES, "--master", "us-east-1:other"], "--master"),
    (["--master", "orders", "--slave", "us-west-2:b"], FORM),
    (["--master", "us-east-1:a", "--slave", "orders"], FORM),
    (["--master", "us-east-1:", "--slave", "us-west-2:b"], FORM),
    (["--master", ":a", "--slave", "us-west-2:b"], FORM),
    (["--master", "", "--slave", "us-west-2:b"], FORM),
    (["--master", "us-east-1:a b", "--slave", "us-west-2:b"], FORM),
    (["--master", "us east 1:a", "--slave", "us-west-2:b"], FORM),
    (["--master", "us-east-1:a:b", "--slave", "us-west-2:b"], FORM),
    (["--master", "arn:aws:s3:::bucket", "--slave", "us-west-2:b"], FORM),
    (["--master", "arn:aws:dynamodb:us-east-1:123456789012:index/a", "--slave", "us-west-2:b"], FORM),
    (["--master", "us-east-1:a\n", "--slave", "us-west-2:b"], FORM),
    ([*TABLES, "another"], "another"),
    (["synchronise", *TABLES], "synchronise"),
    ([*TABLES, "--frobnicate"], "--frobnicate"),
    ([*TABLES, "-x"], "-x"),
    ([*TABLES, "--write-mising"], "--write-mising"),
    ([*TABLES, "--writemissing"], "--writemissing"),
    ([*TABLES, "--write_missing"], "--write_missing"),
    ([*TABLES, "--write"], "--write"),
    ([*TABLES, "--write-m"], "--write-m"),
    ([*TABLES, "--delete"], "--delete"),
    ([*TABLES, "--par", "2"], "--par"),
    ([*TABLES, "--consistent"], "--consistent"),
    ([*TABLES, "--write-missing=yes"], "--write-missing"),
    ([*TABLES, "--write-missing", "yes"], "yes"),
    ([*TABLES, "--parallel"], "--parallel"),
    ([*TABLES, "--executor", "threads"], "--executor"),
    ([*TABLES, "--executor", "spark", "--report", "-"], "--report"),
    ([*TABLES, "--executor", "spark", "-v"], "--verbose"),
    ([*TABLES, "--parallel", "0"], "--parallel"),
    ([*TABLES, "--parallel", "-1"], "--parallel"),
    ([*TABLES, "--parallel", "two"], "--parallel"),
    ([*TABLES, "--parallel", "1.5"], "--parallel"),
    ([*TABLES, "--segments", "0"], "--segments"),
    ([*TABLES, "--segments", "1000001"], "--segments"),
    ([*TABLES, "--scan-limit", "0"], "--scan-limit"),
    ([*TABLES, "--batch-read-limit", "0"], "--batch-read-limit"),
    ([*TABLES, "--batch-read-limit", "101"], "--batch-read-limit"),
    ([*TABLES, "--max-retries", "-1"], "--max-retries"),
    ([*TABLES, "--retry-delay-base", "-1"], "--retry-delay-base"),
    ([*TABLES, "--retry-delay-base", "nan"], "--retry-delay-base"),
    ([*TABLES, "--recheck-delay", "-1"], "--recheck-delay"),
    ([*TABLES, "--recheck-delay", "nan"], "--recheck-delay"),
    ([*TABLES, "--recheck-delay", "inf"], "--recheck-delay"),
    ([*TABLES, "--recheck-delay", "1", "--no-recheck"], "--no-recheck"),
    ([*TABLES, "--max-deletes", "many"], "--max-deletes"),
    ([*TABLES, "--max-deletes", "-1"], "--max-deletes"),
    ([*TABLES, "--max-deletes", "101%"], "--max-deletes"),
    ([*TABLES, "--max-deletes", "5 %"], "--max-deletes"),
    ([*TABLES, "--max-deletes", "1.5"], "--max-deletes"),
    ([*TABLES, "--max-deletes", ""], "--max-deletes"),
    ([*TABLES, "--ignore", ""], "--ignore"),
    ([*TABLES, "--strategy", "fastest"], "--strategy"),
    ([*TABLES, "--strategy", "merge", "--starting-key", '{"id":"a"}'], "--starting-key"),
    ([*TABLES, "--shard", "0/3"], "--segments"),
    ([*TABLES, "--shard", "0/3", "--segments", "2"], "--segments"),
    ([*TABLES, "--shard", "3/3", "--segments", "9"], "--shard"),
    ([*TABLES, "--shard", "-1/3", "--segments", "9"], "--shard"),
    ([*TABLES, "--shard", "first", "--segments", "9"], "--shard"),
    ([*TABLES, "--shard", "0/3", "--segments", "9", "--sample", "0.5"], "--sample"),
    ([*TABLES, "--sample", "0"], "--sample"),
    ([*TABLES, "--sample", "-0.1"], "--sample"),
    ([*TABLES, "--sample", "1.01"], "--sample"),
    ([*TABLES, "--sample", "nan"], "--sample"),
    ([*TABLES, "--sample", "5%"], "--sample"),
    ([*TABLES, "--sample", "0.5", "--starting-key", '{"id":"a"}'], "--sample"),
    ([*TABLES, "--seed", "1"], "--seed"),
    ([*TABLES, "--resume"], "--checkpoint"),
    ([*TABLES, "--sample", "0.5", "--seed", "x"], "--seed"),
    ([*TABLES, "--starting-key", '{"id":"a"}', "--parallel", "2"], "--checkpoint"),
    ([*TABLES, "--starting-key", '{"id":"a"}', "--segments", "2"], "--checkpoint"),
    ([*TABLES, "--endpoint-url", "localhost:8000"], "--endpoint-url"),
    ([*TABLES, "--endpoint-url", "ftp://localhost"], "--endpoint-url"),
    ([*TABLES, "--endpoint-url", "http://"], "--endpoint-url"),
    ([*TABLES, "--endpoint-url", "http://localhost:port"], "--endpoint-url"),
    ([*TABLES, "--endpoint-url", "http://localhost:99999"], "--endpoint-url"),
    ([*TABLES, "--endpoint-url", ""], "--endpoint-url"),
    ([*TABLES, "--slave-endpoint-url", "localhost:8000"], "--slave-endpoint-url"),
    ([*TABLES, "--slave-endpoint-url", ""], "--slave-endpoint-url"),
    ([*TABLES, "--report", "-", "--stats", "-"], "--stats -"),
    ([*TABLES, "--report", "same.json", "--stats", "./same.json"], "--stats"),
    ([*TABLES, "--report", "same.json", "--metrics-file", "./same.json"], "--metrics-file"),
    ([*TABLES, "--metrics-file"], "--metrics-file"),
    ([*TABLES, "--log-format", "xml"], "--log-format"),
    ([*TABLES, "--log-format", "JSON"], "--log-format"),
    ([*TABLES, "--quiet", "--progress"], "--progress"),
    ([*TABLES, "--profile", "nobody"], "nobody"),
    ([*TABLES, "--slave-profile", "nobody"], "nobody"),
    ([*TABLES, "--policy", "nowhere:Policy"], "--policy"),
    ([*TABLES, "--policy", "tests.e2e.policies:Nowhere"], "--policy"),
    ([*TABLES, "--policy", "tests.e2e.policies:NoPolicy"], "--policy"),
    ([*TABLES, "--policy", "tests.e2e.policies"], "--policy"),
    ([*TABLES, "--policy", ""], "--policy"),
    ([*TABLES, "--mfa-token", "271828"], "--role-arn"),
    ([*TABLES, "--slave-mfa-token", "271828"], "--slave-role-arn"),
    ([*TABLES, "--role-arn", ROLE, "--mfa-token", "271828"], "--mfa-serial"),
    ([*TABLES, "--role-arn", ROLE, "--mfa-serial", "GAHT12345678", "--mfa-token", "27182"], "--mfa-token"),
    ([*TABLES, "--role-arn", ROLE, "--mfa-serial", "GAHT12345678"], "terminal"),
    ([*TABLES, "--slave-role-arn", ROLE, "--slave-mfa-serial", "GAHT12345678"], "terminal"),
    ([*TABLES, "--role-arn", "sync"], "--role-arn"),
    ([*TABLES, "--role-arn", ROLE, "--role-duration", "60"], "--role-duration"),
    ([*TABLES, "--role-session-name", "night"], "--role-arn"),
    ([*TABLES, "--external-id", "x1"], "--role-arn"),
    ([*TABLES, "--role-arn", ROLE, "--profile", "nobody"], "nobody"),
    ([*TABLES, "--config", "nowhere.toml"], "nowhere.toml"),
    ([*TABLES, "--config", "."], "--config"),
    ([*TABLES, "--config", "README.md"], "README.md"),
    ([*TABLES, "--config", "a", "--config", "b"], "--config"),
]
"""Arguments, and what the sentence about them has to mention."""


@pytest.mark.parametrize(
    ("arguments", "mentioned"), MISSPELT, ids=[" ".join(given) or "nothing" for given, _ in MISSPELT]
)
def test_misspelt(arguments: Sequence[str], mentioned: str) -> None:
    """Whatever is wrong is refused with one sentence that names it, before anything is read."""
    ran = run_fastsync(*arguments, env=NOWHERE)
    _refused(ran)
    assert mentioned in ran.stderr


def test_an_undo_log_that_is_not_there() -> None:
    """An undo of a file that is not there is refused."""
    ran = run_fastsync("undo", "nowhere.log", env=NOWHERE)
    _refused(ran)
    assert "nowhere.log" in ran.stderr


def test_unknown_profile_of_the_environment() -> None:
    """A profile that does not exist is an error also where the environment names it."""
    _refused(run_fastsync(*TABLES, env={**NOWHERE, "AWS_PROFILE": "nobody"}))


@pytest.mark.parametrize("flag", ["--report", "--stats", "--metrics-file"])
@pytest.mark.parametrize("path", ["", ".", "nowhere/file", "file/under"])
def test_unwritable_file(flag: str, path: str, tables: Sequence[str], dynoxide: Server, tmp_path: Path) -> None:
    """A file that cannot be written is refused before anything is read or written."""
    (tmp_path / "file").touch()
    ran = run_fastsync(*tables, flag, path, "--write-missing", server=dynoxide, cwd=tmp_path)
    _refused(ran)
    assert flag in ran.stderr
    ran = run_fastsync(*tables, server=dynoxide)
    assert ran.stats["slaves"][tables[3]]["missing"] == 1


@pytest.mark.parametrize(
    ("key", "mentioned"),
    [
        ("a", "JSON"),
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "id"),
        ('"a"', "id"),
        ("{}", "id"),
        ('{"other":"a"}', "id"),
        ('{"id":"a","other":"b"}', "id"),
        ('{"id":1}', "id"),
        ('{"id":null}', "id"),
        ('{"id":true}', "id"),
        ('{"id":["a"]}', "id"),
        ('{"id":{"N":"1"}}', "id"),
        ('{"id":{"S":1}}', "id"),
        ('{"id":{"S":"a","N":"1"}}', "id"),
        ('{"id":{}}', "id"),
    ],
)
def test_starting_key(key: str, mentioned: str, tables: Sequence[str], dynoxide: Server) -> None:
    """A starting key that is no key of the table is refused with what it should be."""
    ran = run_fastsync(*tables, "--starting-key", key, "--write-missing", server=dynoxide)
    _refused(ran)
    assert "--starting-key" in ran.stderr
    assert mentioned in ran.stderr


@pytest.mark.parametrize("key", ['{"n":"1"}', '{"n":"one"}', '{"n":{"N":"one"}}', '{"n":NaN}', '{"n":{"N":1}}'])
def test_starting_key_that_is_no_number(key: str, dynoxide: Server) -> None:
    """A starting key of a number table has to be a number."""
    master, slave = (create_table(dynoxide, "us-east-1", unique(), [("n", "N")]) for _ in range(2))
    ran = run_fastsync("--master", master, "--slave", slave, "--starting-key", key, server=dynoxide)
    _refused(ran)
    assert "--starting-key" in ran.stderr


def test_starting_key_that_is_no_base64(dynoxide: Server) -> None:
    """A starting key of a binary table has to be base64."""
    master, slave = (create_table(dynoxide, "us-east-1", unique(), [("b", "B")]) for _ in range(2))
    ran = run_fastsync("--master", master, "--slave", slave, "--starting-key", '{"b":"%%%"}', server=dynoxide)
    _refused(ran)
    assert "--starting-key" in ran.stderr


@pytest.fixture(scope="module")
def tables(dynoxide: Server) -> Sequence[str]:
    """A master of one item and an empty slave, as arguments."""
    name = unique()
    master = create_table(dynoxide, "us-east-1", name)
    put_items(dynoxide, "us-east-1", name, [item("a")])
    return ("--master", master, "--slave", create_table(dynoxide, "us-west-2", unique()))


def _refused(ran: Ran) -> None:
    assert ran.exit_code == 2, ran.stderr
    assert ran.stdout == ""
    assert ran.stderr.startswith("fastsync: ")
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.endswith("\n")


def test_spark_that_is_not_there(tmp_path: Path) -> None:
    """Without pyspark the flag that needs it names the extra to install."""
    (tmp_path / "pyspark.py").write_text("raise ImportError")
    command = [sys.executable, "-m", "fastsync", *TABLES, "--executor", "spark"]
    paths = environment(PYTHONPATH=f"{tmp_path}:{ROOT}", **NOWHERE)
    done = subprocess.run(command, cwd=ROOT, env=paths, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "fastsync[spark]" in done.stderr


@pytest.mark.parametrize(
    ("tables", "meant"),
    [
        (("-m", "us-esat-1:a", "-s", "us-west-2:b"), "there is no region us-esat-1; is us-east-1 meant?"),
        (("-m", "us-east-1:a", "-s", "eu-wset-1:b"), "there is no region eu-wset-1; is eu-west-1 meant?"),
        (("-m", "US-EAST-1:a", "-s", "us-west-2:b"), "there is no region US-EAST-1; is us-east-1 meant?"),
        (("-m", "localhost:a", "-s", "us-west-2:b"), "there is no region 'localhost'"),
    ],
)
def test_regions_that_do_not_exist(tables: Sequence[str], meant: str, dynoxide: Server) -> None:
    """A misspelt region is refused before anything is asked; with a server of one's own any name is taken."""
    for command in ((), ("estimate",)):
        ran = run_fastsync(*command, *tables)
        assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
        assert meant in ran.stderr
        own = run_fastsync(*command, *tables, "--endpoint-url", dynoxide.url)
        assert own.exit_code == 3
        assert "there is no region" not in own.stderr
