"""Flags: what is valid, what follows from them, and one clear sentence where they are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from fastsync.config.config import Config
from fastsync.config.limits import DeleteLimit
from fastsync.errors import ConfigError
from fastsync.model.settings import SELECTABLE, StrategyName
from fastsync.model.table import TableRef
from fastsync.plan.segments import Plan

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"paralel": 2}, "paralel"),
    "batch too large": ({"batch_read_limit": 101}, "--batch-read-limit"),
    "batch too small": ({"batch_read_limit": 0}, "--batch-read-limit"),
    "no scan": ({"scan_limit": 0}, "--scan-limit"),
    "no process": ({"parallel": 0}, "--parallel"),
    "a truth for a number": ({"parallel": True}, "--parallel"),
    "too many segments": ({"segments": 1_000_001}, "--segments"),
    "negative retries": ({"max_retries": -1}, "--max-retries"),
    "negative delay": ({"recheck_delay": -1}, "--recheck-delay"),
    "starting key in parallel": ({"starting_key": '{"id": "a"}', "parallel": 2}, "--checkpoint"),
    "both recheck flags": ({"no_recheck": True, "recheck_delay": 1}, "--no-recheck"),
    "both on stdout": ({"report": "-", "stats": "-"}, "stdout"),
    "both in one file": ({"report": "x", "stats": "./x"}, "x"),
    "checkpoint in the report": ({"report": "x", "checkpoint": "./x"}, "x"),
    "quiet progress": ({"quiet": True, "progress": True}, "--quiet"),
    "merge from a key": ({"strategy": "merge", "starting_key": '{"id": "a"}'}, "lookup only"),
    "no strategy": ({"strategy": "guess"}, "--strategy takes auto, lookup or merge, not 'guess'"),
    "a number for a strategy": ({"strategy": 1}, "--strategy takes text"),
    "no address": ({"endpoint_url": "localhost:8000"}, "--endpoint-url"),
    "no slave address": ({"slave_endpoint_url": "ftp://x"}, "--slave-endpoint-url"),
    "more than all": ({"max_deletes": "101%"}, "--max-deletes"),
    "no number": ({"max_deletes": "some"}, "--max-deletes"),
    "a shard of its own": ({"shard": "3/3", "segments": 3}, "--shard"),
    "no shard": ({"shard": "1", "segments": 3}, "--shard"),
    "shards of nothing": ({"shard": "0/0", "segments": 3}, "--shard"),
    "a shard without segments": ({"shard": "0/3"}, "--segments"),
    "more shards than segments": ({"shard": "0/3", "segments": 2, "parallel": 4}, "--segments"),
    "a sample of a shard": ({"shard": "0/3", "segments": 3, "sample": 0.5}, "--sample"),
    "a sample of nothing": ({"sample": 0}, "--sample"),
    "more than a sample": ({"sample": 1.1}, "--sample"),
    "not a sample": ({"sample": float("nan")}, "--sample"),
    "a sample from a key": ({"sample": 0.5, "starting_key": '{"id": "a"}'}, "--sample"),
    "a seed for nothing": ({"seed": 1}, "--seed"),
    "no seed": ({"sample": 0.5, "seed": 1.5}, "--seed"),
    "no executor": ({"executor": "magic"}, "magic"),
    "empty attribute": ({"ignore": [""]}, "--ignore"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_flags_are_named(case: tuple[dict[str, Any], str]) -> None:
    """A wrong flag is a ConfigError whose one sentence names it."""
    flags, named = case
    with pytest.raises(ConfigError) as caught:
        Config.of("us-east-1:a", ["us-east-1:b"], flags)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_slave_is_needed() -> None:
    """A run without a slave is refused."""
    with pytest.raises(ConfigError):
        Config.of("us-east-1:a", [], {})


@pytest.mark.parametrize(
    "text", ["orders", "us-east-1:", ":orders", "us-east-1/orders", "arn:aws:s3:::bucket", "a:b:c", ""]
)
def test_what_is_no_table_is_refused_with_the_form(text: str) -> None:
    """A table that is not written in one of the two forms is refused, and the form is shown."""
    with pytest.raises(ConfigError, match="<region>:<name>"):
        TableRef.parse(text)


def test_tables_by_name_and_by_arn() -> None:
    """A name is sent bare, an ARN whole; the region is taken from both; reports use the text as given."""
    named = TableRef.parse("us-east-1:orders")
    assert (named.region, named.name, str(named)) == ("us-east-1", "orders", "us-east-1:orders")
    arn = "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/or.ders"
    by_arn = TableRef.parse(arn)
    assert (by_arn.region, by_arn.name, str(by_arn)) == ("cn-north-1", arn, arn)


def test_what_follows_from_flags() -> None:
    """Segments default to processes, deletes imply looking for extras, the master's endpoint serves the slaves too."""
    config = Config.of(
        "us-east-1:a", "us-east-1:b", {"parallel": 4, "delete_extra": True, "endpoint_url": "http://h:1"}
    )
    assert Plan.of(config.slicing).total == 4
    assert config.repairing.find_extras
    assert [ref.endpoint_url for ref in config.tables] == ["http://h:1", "http://h:1"]
    other = Config.of("us-east-1:a", "us-east-1:b", {"endpoint_url": "http://h:1", "slave_endpoint_url": "http://h:2"})
    assert other.slaves[0].endpoint_url == "http://h:2"


@pytest.mark.parametrize("given", ["auto", "lookup", "merge", *SELECTABLE])
def test_strategies_are_given_as_text_or_by_name(given: str) -> None:
    """A strategy is given as text or as the enum's member, and prints as its text."""
    config = Config.of("us-east-1:a", "us-east-1:b", {"strategy": given})
    assert config.strategy is StrategyName(given)
    assert f"{config.strategy}" in ("auto", "lookup", "merge")


def test_delete_limits_may_be_numbers() -> None:
    """In the library a limit of deletes may be a number as well as its text."""
    limit = Config.of("us-east-1:a", "us-east-1:b", {"max_deletes": 7}).delete_limit
    assert limit is not None
    assert limit.allowed_for(100) == 7


@pytest.mark.parametrize(("text", "allowed"), [("0", 0), ("7", 7), ("10%", 20), ("0.5%", 1), ("100%", 200)])
def test_delete_limits(text: str, allowed: int) -> None:
    """A limit is a number, or a share of the slave's items scanned, rounded down."""
    assert DeleteLimit.parse(text).allowed_for(200) == allowed


@pytest.mark.parametrize(
    ("limit", "scanned", "allowed"),
    [
        ("22.33%", 10_000, 2_233),
        ("0.57%", 10_000, 57),
        ("0%", 10**9, 0),
        ("100%", 10**9 + 7, 10**9 + 7),
        ("1e-3%", 100_000, 1),
        ("1e-3%", 99_999, 0),
        ("1E+1%", 19, 1),
        ("99.9999%", 25, 24),
        ("7", 0, 7),
        ("0", 100, 0),
        ("00005%", 100, 5),
    ],
)
def test_max_deletes_is_exact(limit: str, scanned: int, allowed: int) -> None:
    """As many deletes are allowed as exact arithmetic allows, neither one fewer nor one more."""
    assert DeleteLimit.parse(limit).allowed_for(scanned) == allowed


def test_max_deletes_is_exact_for_any_share() -> None:
    """Shares that floats cannot hold come out as in decimal arithmetic."""
    for hundredths in range(0, 10_001, 7):
        for scanned in (0, 1, 99, 100, 10_000, 999_983):
            limit = DeleteLimit.parse(f"{hundredths // 100}.{hundredths % 100:02}%")
            assert limit.allowed_for(scanned) == scanned * hundredths // 10_000


@pytest.mark.parametrize(
    "given",
    ["", "%", "-1", "-1%", "100.01%", "1e3%", "1e-9999%", "nan%", "inf%", "1.5", "0x10", "5 %", "٣", "9" * 5000],
)
def test_max_deletes_that_is_none(given: str) -> None:
    """What is neither a number nor a percentage up to 100 is refused in one short sentence."""
    with pytest.raises(ConfigError, match="--max-deletes takes") as caught:
        DeleteLimit.parse(given)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("given", "meant"), [("paralel", "; is 'parallel' meant?"), ("zzz", "")])
def test_the_option_that_was_probably_meant(given: str, meant: str) -> None:
    """An option that there is not is refused with the one that it comes nearest to."""
    with pytest.raises(ConfigError) as caught:
        Config.of("us-east-1:a", "us-east-1:b", {given: 4})
    assert str(caught.value) == f"there is no option called {given!r}{meant}"
