"""Cases: slaves that are newer, attributes that are kept, batch writes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.e2e.cases import ALL, NULL, B, Case, N, S, Slave, differing, done, extra, item, missing
from tests.tables import Item

NEWER = {
    "a higher number": (N(9), N(10)),
    "a number that is higher by its value": (N("9.5"), N("9.75")),
    "a number of 38 digits": (N("12345678901234567890123456789012345678"), N("12345678901234567890123456789012345679")),
    "a negative number nearer to zero": (N(-10), N(-9)),
    "a later string": (S("2026-01-09"), S("2026-01-10")),
    "a string later by its bytes": (S("Z"), S("a")),
    "a string beyond the basic plane": (S("\uffee"), S("\U0001f600")),
    "a version where the master has none": (None, N(1)),
    "a version of another type": (N(9), S("1")),
    "a version of a type without order": (B(b"9"), B(b"1")),
    "a version that is null": (N(9), NULL),
}
"""Versions of master and slave where the slave is newer, or could be."""
NOT_NEWER = {
    "a higher number": (N(10), N(9)),
    "the same number": (N(7), N(7)),
    "a later string": (S("b"), S("a")),
    "a version where the slave has none": (N(1), None),
    "no version, as the slave has none": (None, None),
}
"""Versions of master and slave where the master is newer, or as new."""


def _side(who: str, version: Item | None) -> Item:
    return item("a", v=S(who), **({} if version is None else {"rev": version}))


def _versions() -> Iterator[Case]:
    flags = {"write_differing": True, "version_attribute": "rev"}
    for what, (master, slave) in NEWER.items():
        found = differing("a", "rev", "v", action="slave-newer")
        yield Case(
            f"a slave that has {what} is left alone",
            [_side("master", master)],
            [Slave([_side("slave", slave)], [found], {"differing": 1, "slave_newer": 1})],
            flags,
            exit_code=1,
        )
    for what, (before, after) in NOT_NEWER.items():
        found = differing("a", *(["v"] if before == after else ["rev", "v"]))
        yield Case(
            f"a master that has {what} is written",
            [_side("master", before)],
            [
                Slave(
                    [_side("slave", after)],
                    done([found]),
                    {"differing": 1, "written": 1},
                    [_side("master", before)],
                )
            ],
            flags,
        )


VERSIONS = [
    *_versions(),
    Case(
        "a newer slave is reported as such where nothing is written",
        [_side("master", N(1))],
        [
            Slave(
                [_side("slave", N(2))],
                [differing("a", "rev", "v", action="slave-newer")],
                {"differing": 1, "slave_newer": 1},
            )
        ],
        {"version_attribute": "rev"},
        exit_code=1,
    ),
    Case(
        "a version that is not compared counts all the same",
        [_side("master", N(1)), item("b", v=S("master"), rev=N(3))],
        [
            Slave(
                [_side("slave", N(2)), item("b", v=S("slave"), rev=N(2))],
                [differing("a", "v", action="slave-newer"), differing("b", "v", action="written")],
                {"differing": 2, "slave_newer": 1, "written": 1},
                [_side("slave", N(2)), item("b", v=S("master"), rev=N(3))],
            )
        ],
        {"write_differing": True, "version_attribute": "rev", "ignore": ["rev"]},
        exit_code=1,
    ),
    Case(
        "versions say nothing of what is missing or extra",
        [_side("master", N(1))],
        [
            Slave(
                [item("x", rev=N(2))],
                done([missing("a"), extra("x")]),
                {"missing": 1, "extra": 1, "written": 1, "deleted": 1},
                [_side("master", N(1))],
            )
        ],
        {**ALL, "version_attribute": "rev"},
    ),
]

_MASTER = [item("a", v=N(1), seen=N(100), by=S("m")), item("b", v=N(2), seen=N(100)), item("c", v=N(3), seen=N(100))]
_SLAVE = [item("a", v=N(9), seen=N(7)), item("b", v=N(2), seen=N(8))]

KEPT = [
    Case(
        "--keep-ignored leaves a slave its own values, also that it has none, and copies them with what is missing",
        _MASTER,
        [
            Slave(
                _SLAVE,
                done([differing("a", "v"), missing("c")]),
                {"same": 1, "differing": 1, "missing": 1, "written": 2},
                [item("a", v=N(1), seen=N(7)), _SLAVE[1], _MASTER[2]],
            )
        ],
        {"write_missing": True, "write_differing": True, "ignore": ["seen", "by"], "keep_ignored": True},
    ),
]

_MANY = [item(f"k{number:02}", v=N(number)) for number in range(60)]

BATCHES = [
    Case(
        "--writes batch fills a slave, more than one batch of it",
        _MANY,
        [Slave([], done([missing(each["id"]["S"]) for each in _MANY]), {"missing": 60, "written": 60}, _MANY)],
        {"write_missing": True, "writes": "batch"},
    ),
    Case(
        "--writes batch writes what is missing and what differs, and deletes one by one",
        _MASTER,
        [
            Slave(
                [*_SLAVE, item("x")],
                done([differing("a", "v"), missing("c"), extra("x")]),
                {"same": 1, "differing": 1, "missing": 1, "extra": 1, "written": 2, "deleted": 1},
                [item("a", v=N(1), seen=N(7)), _SLAVE[1], _MASTER[2]],
            ),
            Slave([], done([missing("a"), missing("b"), missing("c")]), {"missing": 3, "written": 3}, _MASTER),
        ],
        {**ALL, "writes": "batch", "ignore": ["seen", "by"], "keep_ignored": True},
    ),
    Case(
        "--writes batch writes what is allowed only",
        _MASTER,
        [
            Slave(
                _SLAVE,
                [differing("a", "by", "seen", "v"), differing("b", "seen"), missing("c", "written")],
                {"differing": 2, "missing": 1, "written": 1},
                [*_SLAVE, _MASTER[2]],
            )
        ],
        {"write_missing": True, "writes": "batch", "no_recheck": True},
        exit_code=1,
    ),
]

SAFETY = [*VERSIONS, *KEPT, *BATCHES]
