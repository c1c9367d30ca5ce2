"""Policies: what `fastsync iam-policy` allows is what runs with the same flags call, neither more nor less."""

from __future__ import annotations

import json
import shutil
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from fastsync import Synchronizer
from fastsync.cli import main
from fastsync.config.config import Config
from fastsync.plan.permissions import make_policies
from fastsync.run.undo import undo_run
from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import Table, World, item, options
from tests.tables import Ran, run_fastsync

STRATEGIES = [("--strategy", "lookup"), ("--strategy", "merge")]
RECHECKS = [(), ("--no-recheck",)]
EXTRAS = [(), ("--scan-for-extra",), ("--delete-extra",)]
WRITES = [
    (),
    ("--write-missing",),
    ("--write-missing", "--write-differing"),
    ("--write-differing", "--writes", "batch"),
]
OTHERS = [("--ignore-expired",), ("--segments", "3", "--consistent-read"), ("--segments", "2", "--sample", "1")]
COMBINATIONS = [
    *([*by, *one, *two, *three] for by, one, two, three in product(STRATEGIES, RECHECKS, EXTRAS, WRITES)),
    *([*by, *RECHECKS[0], *EXTRAS[2], *WRITES[2], *other] for by, other in product(STRATEGIES, OTHERS)),
]


def allowed(told: Any, side: str) -> set[str]:
    """Give the calls that a policy allows on one side."""
    (statement,) = told[side]["Statement"]
    assert statement["Effect"] == "Allow"
    return {action.removeprefix("dynamodb:") for action in statement["Action"]}


def called(made: World, table: Table) -> set[str]:
    """Give the calls that the proxy saw on a table."""
    return {request.operation for request in made.proxy.requests if request.table == table.name}


def policy(made: World, *flags: str) -> Any:
    """Ask for the policies, at an endpoint where nobody listens."""
    ran: Ran = run_fastsync("iam-policy", *made.tables, *flags, env={"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"})
    assert (ran.exit_code, ran.stderr) == (0, "")
    return json.loads(ran.stdout)


@pytest.mark.parametrize("flags", COMBINATIONS, ids=" ".join)
def test_policies_are_what_runs_call(make_world: MakeWorld, flags: list[str]) -> None:
    """Every call of a run that meets all kinds of differences and loses a race is allowed, and nothing else is."""
    made = make_world([item(key, v=1) for key in "abcd"], [item("c", v=1), item("d", v=2), item("x")])
    changed = iter([2, 3])
    for key in "ad":  # somebody changes the item right before it is written
        made.proxy.add(
            faults.before(lambda key=key: made.slave.put(item(key, v=10 + next(changed)))),  # type: ignore[misc]
            "PutItem",
            where=lambda request, key=key: request.body["Item"]["id"]["S"] == key,
            nth=[1],
        )
    ran = made.run_inline(*flags)
    assert ran.stats["complete"], ran.stats["errors"]
    told = make_policies(_config(made, *flags))
    for side, table in (("master", made.master), ("slave", made.slave)):
        assert called(made, table) == allowed(told, side), side


@pytest.mark.parametrize("flags", [["--no-recheck"], ["--write-missing", "--delete-extra"]], ids=" ".join)
def test_auto_may_do_what_either_strategy_does(make_world: MakeWorld, flags: list[str]) -> None:
    """Where the strategy is left to the run, its policy is that of both together; asking a slave takes no more."""
    made = make_world([item("a", v=1)], [item("b", v=1)])
    told = {by: make_policies(_config(made, "--strategy", by, *flags)) for by in ("auto", "lookup", "merge")}
    for side in ("master", "slave"):
        assert allowed(told["auto"], side) == allowed(told["lookup"], side) | allowed(told["merge"], side)
    made.run_inline("--strategy", "auto", *flags)
    assert called(made, made.master) == allowed(told["auto"], "master")
    assert called(made, made.slave) == allowed(told["auto"], "slave")


def test_what_a_killed_attempt_had_written_is_read_again(make_world: MakeWorld, tmp_path: Path) -> None:
    """Going on by an undo log may look keys up on the master, under flags by which nothing else does."""
    made = make_world([item("a", v=1)], [])
    checkpoint, then = tmp_path / "checkpoint", tmp_path / "then"
    flags = ["--strategy", "lookup", "--no-recheck", "--write-missing", "--writes", "batch"]
    flags += ["--undo-log", str(tmp_path / "undo"), "--checkpoint", str(checkpoint)]
    made.proxy.add(faults.before(lambda: shutil.copy(checkpoint, then)), "BatchWriteItem")
    run = partial(Synchronizer, str(made.master), [str(made.slave)], executor="inline", endpoint_url=made.proxy.url)
    run(**options(flags)).run()
    assert called(made, made.master) == allowed(make_policies(_config(made, *flags)), "master")
    then.rename(checkpoint)  # as if the run had been killed when all was written and nothing told
    assert run(**options(flags), resume=True).run().stats["slaves"][str(made.slave)]["written"] == 1
    assert called(made, made.master) == allowed(make_policies(_config(made, *flags, "--resume")), "master")


def test_undo_is_allowed_what_the_run_was(make_world: MakeWorld, tmp_path: Path) -> None:
    """A run that may write and delete may be taken back with the same policy, which says no more on the slave."""
    made = make_world([item(key, v=1) for key in "ab"], [item("b", v=2), item("x")])
    flags = ["--strategy", "lookup", "--write-missing", "--write-differing", "--delete-extra"]
    log = tmp_path / "undo"
    made.run_inline(*flags, "--undo-log", str(log))
    made.proxy.requests.clear()
    result = undo_run(str(log), {"endpoint_url": made.proxy.url})
    assert result.exit_code == 0
    assert called(made, made.master) == set()
    assert called(made, made.slave) == allowed(make_policies(_config(made, *flags)), "slave") - {"Scan"}


def test_no_run_is_denied_what_it_calls(make_world: MakeWorld) -> None:
    """The command says the same offline, and allows whatever a run with workers calls."""
    made = make_world([item(key, v=1) for key in "abcd"], [item("c", v=1), item("d", v=2), item("x")])
    flags = ("--strategy", "auto", "--write-missing", "--write-differing", "--delete-extra", "--parallel", "2")
    told = policy(made, *flags)
    assert made.run(*flags).exit_code == 0
    for request in made.proxy.requests:
        side = "master" if request.table == made.master.name else "slave"
        assert request.operation in allowed(told, side)


def test_the_tables_are_named_by_their_arns() -> None:
    """A table's ARN is as given, or has the account that a role tells, or else any account."""
    arn = "arn:aws:dynamodb:eu-west-1:210987654321:table/b"
    role = "arn:aws-cn:iam::123456789012:role/sync"
    ran = run_fastsync(
        *("iam-policy", "-m", "us-east-1:a", "-s", arn, "-s", "cn-north-1:c", "-s", "us-gov-west-1:d"),
        *("--slave-role-arn", role),
    )
    told = json.loads(ran.stdout)
    assert list(told) == ["master", "slave"]
    assert told["master"]["Statement"][0]["Resource"] == ["arn:aws:dynamodb:us-east-1:*:table/a"]
    assert told["slave"]["Statement"][0]["Resource"] == [
        arn,
        "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/c",
        "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/d",
    ]
    assert told["master"]["Version"] == told["slave"]["Version"] == "2012-10-17"


def test_wrong_flags_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Flags that a run would refuse have no policy."""
    for flags in (["-m", "us-east-1:a"], ["-m", "us-east-1:a", "-s", "b"], ["--nothing"]):
        assert main(["iam-policy", *flags]) == 2
        assert capsys.readouterr().out == ""


def test_a_run_that_only_reports_may_not_write() -> None:
    """Without a write flag no action that writes is allowed."""
    told = make_policies(Config.of("us-east-1:a", ["us-west-2:b"], {"scan_for_extra": True}))
    assert not {"PutItem", "BatchWriteItem", "DeleteItem", "UpdateItem"} & (
        allowed(told, "slave") | allowed(told, "master")
    )


def _config(made: World, *flags: str) -> Config:
    from fastsync.cli.sync import make_parser  # noqa: PLC0415

    given = make_parser().parse_flags([*made.tables, *flags])
    given.pop("policy")
    return Config.of(given.pop("master"), given.pop("slave"), given)
