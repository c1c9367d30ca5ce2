"""What a fleet's file stands for: pairs by name and by pattern, whose flags, whose names; and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fastsync.errors import ConfigError, TableError
from fastsync.fleet.file import read_fleet
from fastsync.fleet.pairs import Fleet, resolve_fleet
from fastsync.model.table import Login, TableRef

TABLES: Mapping[str, Sequence[str]] = {
    "us-east-1": ("prod-orders", "prod-users", "prod-tmp-1", "prod-", "other", "orders"),
    "us-west-2": ("backup-orders", "backup-users", "backup-old", "backup-tmp-2", "orders"),
}
ONE = '[[tables]]\nmaster = "us-east-1:orders"\nslave = "us-west-2:orders"\n'
ALL = '[[tables]]\nmaster = "us-east-1:prod-*"\nslave = "us-west-2:backup-*"\n'
BACK = '[[tables]]\nmaster = "us-west-2:orders"\nslave = "eu-west-1:orders"\n'


def list_tables(ref: TableRef, login: Login) -> Sequence[str]:
    """Stand in for ListTables."""
    return TABLES[ref.region]


def list_nothing(ref: TableRef, login: Login) -> Sequence[str]:
    """Refuse every request."""
    raise TableError(f"ListTables on {ref.region} was asked")


def resolve(text: str, tmp_path: Path, **given: Any) -> Fleet:
    """Return the pairs of a file with this text."""
    file = tmp_path / "fleet.toml"
    file.write_text(text)
    return resolve_fleet(read_fleet(str(file)), given, list_tables)


def pairs_of(fleet: Fleet) -> list[tuple[str, str, list[str]]]:
    """Return name, master and slaves of each pair."""
    return [(pair.name, str(pair.master), list(map(str, pair.slaves))) for pair in fleet.pairs]


def test_pairs_by_name(tmp_path: Path) -> None:
    """An entry is a pair, with one slave or several, in the order of the file."""
    text = (
        ONE + '[[tables]]\nname = "all"\nmaster = "eu-west-1:users"\nslave = ["us-west-2:users", "us-east-1:users"]\n'
    )
    assert pairs_of(resolve(text, tmp_path)) == [
        ("orders", "us-east-1:orders", ["us-west-2:orders"]),
        ("all", "eu-west-1:users", ["us-west-2:users", "us-east-1:users"]),
    ]


def test_pairs_by_pattern(tmp_path: Path) -> None:
    """A star stands for any characters, also none, and what it stood for is put into the slave."""
    fleet = resolve(ALL + 'exclude = ["prod-tmp-*"]\n', tmp_path)
    assert pairs_of(fleet) == [
        ("prod-", "us-east-1:prod-", ["us-west-2:backup-"]),
        ("prod-orders", "us-east-1:prod-orders", ["us-west-2:backup-orders"]),
        ("prod-users", "us-east-1:prod-users", ["us-west-2:backup-users"]),
    ]


@pytest.mark.parametrize("place", ["top", "entry"])
def test_exclude(place: str, tmp_path: Path) -> None:
    """Names are left out at the top and in an entry, with stars or whole."""
    exclude = 'exclude = ["*tmp*", "prod-users"]\n'
    text = exclude + ALL if place == "top" else ALL + exclude
    assert [pair.name for pair in resolve(text, tmp_path).pairs] == ["prod-", "prod-orders"]


def test_an_entry_of_its_own(tmp_path: Path) -> None:
    """A table with an entry of its own is left out of patterns, whichever stands first."""
    own = '[[tables]]\nmaster = "us-east-1:prod-orders"\nslave = "us-west-2:elsewhere"\n'
    for text in (ALL + own, own + ALL):
        slaves = {pair.name: [str(ref) for ref in pair.slaves] for pair in resolve(text, tmp_path).pairs}
        assert slaves["prod-orders"] == ["us-west-2:elsewhere"]
        assert len(slaves) == 4


def test_unmatched(tmp_path: Path) -> None:
    """Tables that fit a slave's pattern and have no master are named, but for those that are left out."""
    assert resolve(ALL, tmp_path).unmatched == ("us-west-2:backup-old", "us-west-2:backup-tmp-2")
    assert resolve('exclude = ["*-tmp-*"]\n' + ALL, tmp_path).unmatched == ("us-west-2:backup-old",)
    assert resolve(ONE, tmp_path).unmatched == ()
    assert resolve('exclude = "prod-orders"\n' + ALL, tmp_path).unmatched == resolve(ALL, tmp_path).unmatched


def test_slaves_in_other_accounts(tmp_path: Path) -> None:
    """`[[tables.slaves]]` gives each slave its own account, in patterns too."""
    text = '[[tables]]\nmaster = "us-east-1:prod-u*"\n[[tables.slaves]]\ntable = "us-west-2:b-*"\nprofile = "west"\n'
    (pair,) = resolve(text, tmp_path).pairs
    assert [(str(ref), ref.profile) for ref in pair.slaves] == [("us-west-2:b-sers", "west")]


def test_names_of_patterns(tmp_path: Path) -> None:
    """The name of an entry may have the star, too."""
    names = [pair.name for pair in resolve(ALL + 'name = "nightly-*"\nexclude = "prod-"', tmp_path).pairs]
    assert names == ["nightly-orders", "nightly-tmp-1", "nightly-users"]


def test_precedence(tmp_path: Path) -> None:
    """A flag of the command line comes before that of the entry, and that before the one at the top."""
    text = 'scan-limit = 1\nmax-retries = 1\nignore = "a"\n' + ONE + 'max-retries = 2\nsegments = 2\nignore = "b"\n'
    (pair,) = resolve(text, tmp_path, segments=3).pairs
    config = pair.config
    assert (config.scan_limit, config.max_retries, config.segments, config.ignore) == (1, 2, 3, ("b",))


@pytest.mark.parametrize(("top", "own", "kept"), [("", "", False), ("true", "", True), ("true", "false", False)])
def test_undo_logs(top: str, own: str, kept: bool, tmp_path: Path) -> None:
    """`undo-log = true` asks for undo logs, of all pairs or of one."""
    text = (f"undo-log = {top}\n" if top else "") + ONE + (f"undo-log = {own}\n" if own else "")
    assert resolve(text, tmp_path).pairs[0].undo_log is kept


def test_limits_of_the_whole(tmp_path: Path) -> None:
    """What limits all pairs together limits none by itself."""
    (pair,) = resolve("max-cost = 1\nmax-units = 2\nmax-duration = 3\nmax-differences = 4\n" + ONE, tmp_path).pairs
    assert [pair.flags[name] for name in ("max_cost", "max_units", "max_duration")] == [None, None, None]
    assert pair.flags["max_differences"] == 4


REFUSED = {
    "no entries": ("ignore = 'a'", "no file of a fleet"),
    "not a list": ("tables = 1", "no file of a fleet"),
    "master at the top": ('master = "us-east-1:a"\n' + ONE, "master stands in an entry"),
    "slaves at the top": (
        ONE.replace("[[tables]]", '[[slaves]]\ntable = "x"\n[[tables]]'),
        "slaves stands in an entry",
    ),
    "unknown flag at the top": ("paralel = 2\n" + ONE, "'parallel' meant"),
    "unknown name in an entry": (ONE + BACK + "ignor = 'a'", "[[tables]] entry 2: there is no option 'ignor'"),
    "wrong type": (ONE + "scan-limit = 'a'", "[[tables]] entry 1: scan-limit takes a whole number"),
    "bad value": (ONE + "scan-limit = 0", "[[tables]] entry 1: --scan-limit"),
    "no master": ('[[tables]]\nslave = "us-west-2:a"', "entry 1: master is needed"),
    "no slave": ('[[tables]]\nmaster = "us-west-2:a"', "entry 1: slave is needed"),
    "bad table": ('[[tables]]\nmaster = "a"\nslave = "b"', "entry 1: 'a' is not a table"),
    "bad slave in another account": (
        '[[tables]]\nmaster = "us-east-1:a"\n[[tables.slaves]]\nprofile = "b"',
        "[[tables.slaves]] entry 1 needs a table",
    ),
    "star in the master only": (ALL.replace("backup-*", "backup"), "in every slave, or in none"),
    "star in the slave only": (ONE.replace("us-west-2:orders", "us-west-2:*"), "in every slave, or in none"),
    "two stars": (ALL.replace("prod-*", "*prod-*"), "more than one *"),
    "star in the region": (ALL.replace("us-east-1:prod-*", "us-*:prod"), "before the name"),
    "exclude without a star": (ONE + "exclude = 'a'", "the master has no *"),
    "exclude with a region": (ALL + "exclude = 'us-east-1:a'", "without a region"),
    "nothing fits": (ALL.replace("prod-*", "test-*"), "no table fits 'us-east-1:test-*'"),
    "all excluded": (ALL + "exclude = '*'", "every table that fits"),
    "one name": (ONE + ONE.replace("us-west-2", "eu-west-1").replace("us-east-1", "eu-west-2"), "give name"),
    "a pair twice": (ONE + ONE, "is given twice"),
    "a pair twice by its ARN": (
        ONE + ONE.replace("us-east-1:orders", "arn:aws:dynamodb:us-east-1::table/orders"),
        "is given twice",
    ),
    "a pattern twice": (ALL + ALL, "is given twice"),
    "in a circle": ("write-missing = true\n" + ONE + BACK + "name = 'b'\n", "and both write"),
    "in a circle of patterns": (
        'delete-extra = true\nexclude = "prod-"\n'
        + ALL
        + '[[tables]]\nmaster = "us-west-2:backup-u*"\nslave = "us-west-2:b-*"',
        "and both write",
    ),
    "a report": ("report = 'a'\n" + ONE, "report takes no file"),
    "statistics of an entry": (ONE + "stats = 'a'", "stats takes no file"),
    "a checkpoint": ("checkpoint = 'a'\n" + ONE, "checkpoint takes no file"),
    "an undo log": (ONE + "undo-log = 'a'", "undo-log takes true or false"),
    "processes of an entry": (ONE + "parallel = 2", "holds for all pairs together"),
    "costs of an entry": (ONE + "max-cost = 2", "holds for all pairs together"),
    "a name of a folder": (ONE + "name = '../a'", "cannot begin the names of files"),
    "a hidden name": (ONE + "name = '.a'", "cannot begin the names of files"),
    "a name that is no text": (ONE + "name = 1", "name takes text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path) -> None:
    """What is wrong is told in one sentence that begins with the file's name."""
    text, told = REFUSED[case]
    with pytest.raises(ConfigError) as refused:
        resolve(text, tmp_path)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_only_reading_in_one_of_both(tmp_path: Path) -> None:
    """A slave may be another pair's master where one of both does not write."""
    assert len(resolve(ONE + "write-missing = true\n" + BACK + "name = 'b'\n", tmp_path).pairs) == 2


def test_local_mistakes_come_first(tmp_path: Path) -> None:
    """What the file alone shows is refused before the first request, whatever stands before it."""
    file = tmp_path / "fleet.toml"
    file.write_text(ALL + ONE + ONE)
    with pytest.raises(ConfigError, match="given twice"):
        resolve_fleet(read_fleet(str(file)), {}, list_nothing)
    file.write_text(ALL + "scan-limit = 0")
    with pytest.raises(ConfigError, match="scan-limit"):
        resolve_fleet(read_fleet(str(file)), {}, list_nothing)
    file.write_text(ALL)
    with pytest.raises(TableError):
        resolve_fleet(read_fleet(str(file)), {}, list_nothing)
