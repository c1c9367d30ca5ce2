"""What the service refuses: one slave, one item or everything, and the sentence that says what to do."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest

from tests.functional import faults, tables_behind_proxy
from tests.functional.conftest import MakeWorld
from tests.functional.proxy import Exchange, Fault, Reply
from tests.functional.tables_behind_proxy import item

MASTER = [item(f"{n}", n=n) for n in range(6)]


def test_access_denied_on_one_slave(make_world: MakeWorld) -> None:
    """A slave whose look-ups are denied does not keep the other from being compared and repaired completely."""
    made = make_world(MASTER, MASTER[2:], MASTER[3:])
    denied, fine = made.slaves
    made.proxy.add(faults.DENIED, "BatchGetItem", table=denied.name)
    ran = made.run("--write-missing", "--segments", "3")
    assert ran.exit_code == 4
    assert fine.all() == made.master.all()
    assert ran.stats["slaves"][str(fine)]["written"] == 3
    assert ran.stats["slaves"][str(denied)]["missing"] == 0
    assert ran.stats["errors"]
    assert all(str(denied) in error and "AccessDenied" in error for error in ran.stats["errors"])
    assert not ran.end["complete"]


@pytest.mark.parametrize("operation", ["DescribeTable", "Scan", "BatchGetItem"])
def test_access_denied_on_everything(make_world: MakeWorld, operation: str) -> None:
    """Where nothing could be compared because nothing was allowed the exit code is 3, without any retry."""
    made = make_world(MASTER, MASTER)
    made.proxy.add(faults.DENIED, operation)
    ran = made.run("--parallel", "2")
    assert ran.exit_code == 3
    assert "AccessDeniedException" in ran.stderr
    assert operation in ran.stderr
    assert "allow the action" in ran.stderr
    assert len(made.proxy.of(operation)) == 2
    tables_behind_proxy.no_traceback(ran)


@pytest.mark.parametrize("operation", ["DescribeTable", "Scan", "BatchGetItem"])
def test_expired_credentials(make_world: MakeWorld, operation: str) -> None:
    """Credentials that have expired are told as such, with what to do about it."""
    made = make_world(MASTER, MASTER)
    made.proxy.add(faults.EXPIRED, operation)
    ran = made.run()
    assert ran.exit_code == 3
    assert "expired" in ran.stderr
    assert "renew" in ran.stderr


@pytest.mark.parametrize("hours", [2, -1])
@pytest.mark.parametrize("operation", ["DescribeTable", "Scan"])
def test_a_wrong_clock(make_world: MakeWorld, operation: str, hours: int) -> None:
    """Where signatures are refused because of the clock, the error says by how much this machine's is wrong."""
    made = make_world(MASTER, MASTER)
    date = formatdate(time.time() - hours * 3600, usegmt=True)
    message = "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z"
    made.proxy.add(faults.error("InvalidSignatureException", message=message, headers={"Date": date}), operation)
    ran = made.run()
    assert ran.exit_code == 3
    side = "ahead of" if hours > 0 else "behind"
    assert f"this machine's clock is {abs(hours) * 60} minutes {side} the service's: set it" in ran.stderr
    assert len(made.proxy.of(operation)) <= 2


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("UnrecognizedClientException", "not known to the service"),
        ("MissingAuthenticationTokenException", "check the profile"),
        ("ResourceNotFoundException", "no such table"),
        ("ValidationException", "does not take this request"),
    ],
)
def test_refusals_are_told_apart(make_world: MakeWorld, code: str, words: str) -> None:
    """Each kind of refusal has a sentence that says what to do, and none is tried again."""
    made = make_world(MASTER, MASTER)
    made.proxy.add(faults.error(code), "Scan")
    ran = made.run_inline()
    assert words in ran.stats["errors"][0]
    assert len(made.proxy.of("Scan")) == 1


def test_credentials_that_expire_on_the_way(make_world: MakeWorld) -> None:
    """What was compared before the credentials expired stands, the rest is incomplete, nothing is deleted."""
    master = [item(f"{n:02}") for n in range(40)]
    made = make_world(master, [*master[4:], item("extra")])
    made.proxy.add(faults.EXPIRED, "Scan", table=made.master.name, nth=range(3, 999))
    ran = made.run("--scan-limit", "10", "--delete-extra")
    assert (ran.exit_code, ran.end["complete"]) == (4, False)
    assert "renew" in ran.stats["errors"][0]
    assert 0 < ran.stats["master"]["scanned"] <= 20
    assert made.slave.get("extra") is not None


def _only(keys: tuple[str, ...], fault: Fault) -> Fault:
    """Strike only where the item written, or the key deleted, is one of these."""

    def struck(exchange: Exchange) -> Reply:
        target = exchange.body.get("Item") or exchange.body.get("Key")
        return fault(exchange) if target and target["id"]["S"] in keys else exchange.forward()

    return struck


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_one_rejected_item(make_world: MakeWorld, parallel: str) -> None:
    """An item that the service rejects is recorded with key and reason; all others are written and deleted."""
    extras = [item("x1"), item("x2")]
    made = make_world(MASTER, [item("0", n=-1), *extras])
    made.proxy.add(_only(("3", "0", "x1"), faults.INVALID), ("PutItem", "DeleteItem"))
    ran = made.run("--write-missing", "--write-differing", "--delete-extra", "--parallel", parallel)
    assert tables_behind_proxy.actions(ran) == [
        ("0", "differing", "failed"),
        ("1", "missing", "written"),
        ("2", "missing", "written"),
        ("3", "missing", "failed"),
        ("4", "missing", "written"),
        ("5", "missing", "written"),
        ("x1", "extra", "failed"),
        ("x2", "extra", "deleted"),
    ]
    failed = [line for line in ran.differences if line["action"] == "failed"]
    assert all("does not like this item" in line["error"] and "ValidationException" in line["error"] for line in failed)
    assert all(line["error"] is None for line in ran.differences if line["action"] != "failed")
    assert (ran.exit_code, ran.end) == (4, {"complete": False, "differences": 8})
    counted = ran.stats["slaves"][str(made.slave)]
    assert (counted["failed"], counted["written"], counted["deleted"]) == (3, 4, 1)
    assert "could not be repaired" in ran.stderr


def test_denied_writes(make_world: MakeWorld) -> None:
    """Where writing is denied every difference is there with the reason, and the service is asked only a few times."""
    master = [item(f"{n:03}") for n in range(200)]
    made = make_world(master, [])
    made.proxy.add(faults.DENIED, "PutItem")
    ran = made.run("--write-missing")
    assert ran.exit_code == 4
    assert {line["action"] for line in ran.differences} == {"failed"}
    assert all("AccessDenied" in line["error"] for line in ran.differences)
    assert ran.stats["slaves"][str(made.slave)]["missing"] == 200
    assert len(made.proxy.of("PutItem")) <= 24


def test_an_answer_with_items_of_somebody_else(make_world: MakeWorld) -> None:
    """Items that were not asked for are a failure, not items that are missing."""
    made = make_world(MASTER, MASTER)

    def strange(exchange: Exchange) -> Reply:
        reply = exchange.forward()
        return Reply(reply.status, json.dumps(reply.json).replace('{"S": "3"}', '{"S": "33"}').encode())

    made.proxy.add(strange, "BatchGetItem", table=made.slave.name)
    ran = made.run_inline("--write-missing")
    assert (ran.exit_code, ran.differences) == (4, [])
