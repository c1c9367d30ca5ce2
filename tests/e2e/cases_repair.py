"""Cases: what is found, what is repaired, and what is refused."""

from tests.e2e.cases import ALL, Case, N, S, Slave, differing, done, extra, item, missing

MASTER = [item("same", v=N(1)), item("gone", v=N(2)), item("old", v=N(3), w=S("w"), more=S("m"))]
SLAVE = [item("same", v=N(1)), item("old", v=N(2), w=S("w")), item("left", v=N(9))]
FOUND = [missing("gone"), differing("old", "more", "v")]
EXTRA = [extra("left")]
COUNTS = {"same": 1, "missing": 1, "differing": 1}

REPORTS = [
    Case("two empty tables are equal", [], [Slave([])]),
    Case("two empty tables are equal, extras included", [], [Slave([], stats={"extra": 0})], ALL),
    Case("equal tables are equal", MASTER, [Slave(MASTER, stats={"same": 3})]),
    Case("equal tables are left alone by all flags", MASTER, [Slave(MASTER, stats={"same": 3})], ALL),
    Case(
        "everything is missing from an empty slave",
        MASTER,
        [Slave([], [missing("same"), missing("gone"), missing("old")], {"missing": 3})],
        exit_code=1,
    ),
    Case("an item that only the slave has is not looked for", MASTER[:1], [Slave(SLAVE[::2], stats={"same": 1})]),
    Case(
        "an item that only the slave has is extra",
        MASTER[:1],
        [Slave(SLAVE[::2], EXTRA, {"same": 1, "extra": 1})],
        {"scan_for_extra": True},
        exit_code=1,
    ),
    Case("a run without flags reports and writes nothing", MASTER, [Slave(SLAVE, FOUND, COUNTS)], exit_code=1),
    Case(
        "a run that looks for extras reports and writes nothing",
        MASTER,
        [Slave(SLAVE, FOUND + EXTRA, {**COUNTS, "extra": 1})],
        {"scan_for_extra": True},
        exit_code=1,
    ),
    Case(
        "an attribute that only one side has differs",
        [item("a", x=S("x")), item("b")],
        [Slave([item("a"), item("b", y=S("y"))], [differing("a", "x"), differing("b", "y")], {"differing": 2})],
        exit_code=1,
    ),
]

WRITES = [
    Case(
        "an empty slave is filled",
        MASTER,
        [Slave([], done([missing("same"), missing("gone"), missing("old")]), {"missing": 3, "written": 3}, MASTER)],
        {"write_missing": True},
    ),
    Case(
        "write-missing writes only what is missing",
        MASTER,
        [Slave(SLAVE, [*done(FOUND[:1]), FOUND[1]], {**COUNTS, "written": 1}, [*SLAVE, MASTER[1]])],
        {"write_missing": True},
        exit_code=1,
    ),
    Case(
        "write-differing writes only what differs",
        MASTER,
        [Slave(SLAVE, [FOUND[0], *done(FOUND[1:])], {**COUNTS, "written": 1}, [SLAVE[0], MASTER[2], SLAVE[2]])],
        {"write_differing": True},
        exit_code=1,
    ),
    Case(
        "delete-extra deletes only what is extra",
        MASTER,
        [Slave(SLAVE, FOUND + list(done(EXTRA)), {**COUNTS, "extra": 1, "deleted": 1}, SLAVE[:2])],
        {"delete_extra": True},
        exit_code=1,
    ),
    Case(
        "both write flags leave an extra item that nobody asked for",
        MASTER,
        [Slave(SLAVE, done(FOUND), {**COUNTS, "written": 2}, [*MASTER, SLAVE[2]])],
        {"write_missing": True, "write_differing": True},
    ),
    Case(
        "both write flags leave an extra item that was asked for, and say so",
        MASTER,
        [Slave(SLAVE, [*done(FOUND), *EXTRA], {**COUNTS, "extra": 1, "written": 2}, [*MASTER, SLAVE[2]])],
        {"write_missing": True, "write_differing": True, "scan_for_extra": True},
        exit_code=1,
    ),
    Case(
        "all flags make the slave equal to the master",
        MASTER,
        [Slave(SLAVE, done(FOUND + EXTRA), {**COUNTS, "extra": 1, "written": 2, "deleted": 1}, MASTER)],
        ALL,
    ),
    Case(
        "without rechecking, what was scanned is written and deleted",
        MASTER,
        [Slave(SLAVE, done(FOUND + EXTRA), {**COUNTS, "extra": 1, "written": 2, "deleted": 1}, MASTER)],
        {**ALL, "no_recheck": True},
    ),
    Case(
        "an attribute that the master no longer has is taken away",
        [item("a", x=S("x"))],
        [
            Slave(
                [item("a", x=S("x"), y=S("y"))],
                done([differing("a", "y")]),
                {"differing": 1, "written": 1},
                [item("a", x=S("x"))],
            )
        ],
        {"write_differing": True},
    ),
]

_TEN = [item(f"m{number}", v=N(number)) for number in range(10)]
_LEFT = [item(f"x{number}", v=N(number)) for number in range(5)]
_EXTRAS = [extra(f"x{number}") for number in range(5)]
_REFUSED = [extra(f"x{number}", "refused") for number in range(5)]

LIMITS = [
    Case(
        "as many extras as --max-deletes allows are deleted",
        _TEN,
        [Slave(_TEN + _LEFT, done(_EXTRAS), {"same": 10, "extra": 5, "deleted": 5}, _TEN)],
        {"delete_extra": True, "max_deletes": "5"},
    ),
    Case(
        "where there are more extras than --max-deletes allows, none is deleted, and the rest is done",
        [*_TEN, item("new")],
        [
            Slave(
                _TEN + _LEFT,
                [missing("new", "written"), *_REFUSED],
                {"same": 10, "missing": 1, "written": 1, "extra": 5, "refused": 5},
                [*_TEN, *_LEFT, item("new")],
            )
        ],
        {**ALL, "max_deletes": "4"},
        exit_code=5,
    ),
    Case(
        "--max-deletes 0 deletes nothing",
        _TEN,
        [Slave(_TEN + _LEFT, _REFUSED, {"same": 10, "extra": 5, "refused": 5})],
        {"delete_extra": True, "max_deletes": "0"},
        exit_code=5,
    ),
    Case(
        "a share of the slave's items is allowed",
        _TEN,
        [Slave(_TEN + _LEFT, done(_EXTRAS), {"same": 10, "extra": 5, "deleted": 5}, _TEN)],
        {"delete_extra": True, "max_deletes": "34%"},
    ),
    Case(
        "above a share of the slave's items none is deleted",
        _TEN,
        [Slave(_TEN + _LEFT, _REFUSED, {"same": 10, "extra": 5, "refused": 5})],
        {"delete_extra": True, "max_deletes": "33%"},
        exit_code=5,
    ),
    Case(
        "--max-deletes counts over all segments",
        _TEN,
        [Slave(_TEN + _LEFT, _REFUSED, {"same": 10, "extra": 5, "refused": 5})],
        {"delete_extra": True, "max_deletes": "4", "segments": 5},
        exit_code=5,
    ),
    Case(
        "--max-deletes holds for each slave by itself",
        _TEN,
        [
            Slave(_TEN + _LEFT, _REFUSED, {"same": 10, "extra": 5, "refused": 5}),
            Slave(_TEN + _LEFT[:3], done(_EXTRAS[:3]), {"same": 10, "extra": 3, "deleted": 3}, _TEN),
        ],
        {"delete_extra": True, "max_deletes": "3"},
        exit_code=5,
    ),
    Case(
        "an empty master deletes nothing",
        [],
        [Slave(_LEFT, _REFUSED, {"extra": 5, "refused": 5})],
        {"delete_extra": True},
        exit_code=5,
    ),
    Case(
        "an empty master reports extras",
        [],
        [Slave(_LEFT, _EXTRAS, {"extra": 5})],
        {"scan_for_extra": True},
        exit_code=1,
    ),
    Case("an empty master and an empty slave are equal", [], [Slave([])], {**ALL, "max_deletes": "0"}),
    Case(
        "an empty master that is allowed empties the slave",
        [],
        [Slave(_LEFT, done(_EXTRAS), {"extra": 5, "deleted": 5}, [])],
        {"delete_extra": True, "allow_empty_master": True},
    ),
    Case(
        "--allow-empty-master does not lift --max-deletes",
        [],
        [Slave(_LEFT, _REFUSED, {"extra": 5, "refused": 5})],
        {"delete_extra": True, "allow_empty_master": True, "max_deletes": "50%"},
        exit_code=5,
    ),
]

_OTHER = [item("same", v=N(7)), item("gone", v=N(2)), item("old", v=N(3), w=S("w"), more=S("m"))]

SEVERAL = [
    Case(
        "several slaves are compared in one pass",
        MASTER,
        [
            Slave(SLAVE, FOUND, COUNTS),
            Slave(MASTER, stats={"same": 3}),
            Slave([], [missing("same"), missing("gone"), missing("old")], {"missing": 3}),
            Slave(_OTHER, [differing("same", "v")], {"same": 2, "differing": 1}),
        ],
        exit_code=1,
    ),
    Case(
        "several slaves are repaired in one pass",
        MASTER,
        [
            Slave(SLAVE, done(FOUND + EXTRA), {**COUNTS, "extra": 1, "written": 2, "deleted": 1}, MASTER),
            Slave(MASTER, stats={"same": 3}),
            Slave([], done([missing("same"), missing("gone"), missing("old")]), {"missing": 3, "written": 3}, MASTER),
            Slave(_OTHER, done([differing("same", "v")]), {"same": 2, "differing": 1, "written": 1}, MASTER),
        ],
        ALL,
    ),
]

REPAIR = [*REPORTS, *WRITES, *LIMITS, *SEVERAL]
