"""Cases: what each flag of comparing and reading does."""

from tests.e2e.cases import ALL, SS, Case, L, M, N, S, Slave, differing, done, extra, item, missing

_MASTER = [item("a", v=N(1), t=N(100), u=N(7)), item("b", v=N(2), t=N(100), u=N(7)), item("c", v=N(3))]
_SLAVE = [item("a", v=N(1), t=N(200), u=N(8)), item("b", v=N(9), t=N(200)), item("d", v=N(4))]

IGNORED = [
    Case(
        "an ignored attribute is not compared",
        _MASTER,
        [
            Slave(
                _SLAVE,
                [differing("a", "u"), differing("b", "u", "v"), missing("c")],
                {"differing": 2, "missing": 1},
            )
        ],
        {"ignore": ["t"]},
        exit_code=1,
    ),
    Case(
        "several attributes are ignored",
        _MASTER,
        [Slave(_SLAVE, [differing("b", "v"), missing("c")], {"same": 1, "differing": 1, "missing": 1})],
        {"ignore": ["t", "u"]},
        exit_code=1,
    ),
    Case(
        "--ignore-att is the same flag",
        _MASTER,
        [Slave(_SLAVE, [differing("b", "v"), missing("c")], {"same": 1, "differing": 1, "missing": 1})],
        {"ignore": ["t"], "ignore_att": ["u"]},
        exit_code=1,
    ),
    Case(
        "an item that is written is written whole, its ignored attributes too",
        _MASTER,
        [
            Slave(
                _SLAVE,
                done([differing("b", "v"), missing("c"), extra("d")]),
                {"same": 1, "differing": 1, "missing": 1, "extra": 1, "written": 2, "deleted": 1},
                [_SLAVE[0], *_MASTER[1:]],
            )
        ],
        {**ALL, "ignore": ["t", "u"]},
    ),
    Case(
        "only top-level attributes are ignored, by their whole names",
        [item("a", m=M(t=N(1))), item("b", **{"m.t": N(1)}), item("c", tt=N(1)), item("d", T=N(1)), item("e", t=N(1))],
        [
            Slave(
                [
                    item("a", m=M(t=N(2))),
                    item("b", **{"m.t": N(2)}),
                    item("c", tt=N(2)),
                    item("d", T=N(2)),
                    item("e", t=N(2)),
                ],
                [differing("a", "m"), differing("c", "tt"), differing("d", "T")],
                {"same": 2, "differing": 3},
            )
        ],
        {"ignore": ["t", "m.t"]},
        exit_code=1,
    ),
    Case(
        "a nested value that a path names is not compared, and written with its item",
        [item("a", m=M(at=N(1), by=S("x"))), item("b", m=M(at=N(1), by=S("x"))), item("c", lines=L(M(q=N(1), s=N(1))))],
        [
            Slave(
                [item("a", m=M(at=N(2), by=S("x"))), item("b", m=M(by=S("y"))), item("c", lines=L(M(q=N(1))))],
                done([differing("b", "m")]),
                {"same": 2, "differing": 1, "written": 1},
                [
                    item("a", m=M(at=N(2), by=S("x"))),
                    item("b", m=M(at=N(1), by=S("x"))),
                    item("c", lines=L(M(q=N(1)))),
                ],
            )
        ],
        {"write_differing": True, "ignore_path": ["m.at", "lines[*].s"]},
    ),
    Case(
        "a path with a star leaves out whole attributes, but no key",
        _MASTER,
        [Slave(_SLAVE, [differing("a", "u"), differing("b", "u", "v"), missing("c")], {"differing": 2, "missing": 1})],
        {"ignore_path": ["t*", "i*"]},
        exit_code=1,
    ),
    Case(
        "ignoring the key attribute changes nothing",
        _MASTER,
        [Slave(_SLAVE[:1], [differing("a", "t", "u"), missing("b"), missing("c")], {"differing": 1, "missing": 2})],
        {"ignore": ["id"]},
        exit_code=1,
    ),
    Case(
        "what global tables write into items is not compared, and what only sounds like it is",
        [
            item("a", **{"aws:rep:updatetime": N("1.5"), "aws:rep:updateregion": S("us-east-1")}),
            item("b", **{"aws:rep:deleting": N(1)}),
            item("c", **{"aws:rep": N(1)}),
            item("d", m=M(**{"aws:rep:x": N(1)})),
        ],
        [
            Slave(
                [
                    item("a", **{"aws:rep:updatetime": N("2.5"), "aws:rep:updateregion": S("us-west-2")}),
                    item("b"),
                    item("c", **{"aws:rep": N(2)}),
                    item("d", m=M(**{"aws:rep:x": N(2)})),
                ],
                [differing("c", "aws:rep"), differing("d", "m")],
                {"same": 2, "differing": 2},
            )
        ],
        exit_code=1,
    ),
    Case(
        "what global tables write into items is never written",
        [item("new", v=N(1), **{"aws:rep:updatetime": N(1)}), item("old", v=N(1), **{"aws:rep:updatetime": N(1)})],
        [
            Slave(
                [item("old", v=N(2))],
                done([missing("new"), differing("old", "v")]),
                {"missing": 1, "differing": 1, "written": 2},
                [item("new", v=N(1)), item("old", v=N(1))],
            )
        ],
        ALL,
    ),
    Case(
        "what global tables write into items is never written, without rechecking either",
        [item("new", v=N(1), **{"aws:rep:updatetime": N(1)}), item("old", v=N(1), **{"aws:rep:updatetime": N(1)})],
        [
            Slave(
                [item("old", v=N(2))],
                done([missing("new"), differing("old", "v")]),
                {"missing": 1, "differing": 1, "written": 2},
                [item("new", v=N(1)), item("old", v=N(1))],
            )
        ],
        {**ALL, "no_recheck": True},
    ),
]

_MANY = [item(f"i{number:02}", v=N(number), s=SS("x", f"{number}")) for number in range(40)]
_FEW = [
    *_MANY[:30],
    *(item(f"i{number:02}", v=N(-number), s=SS("x", f"{number}")) for number in range(30, 35)),
    *(item(f"x{number:02}") for number in range(6)),
]
_FOUND = [
    *(differing(f"i{number:02}", "v") for number in range(30, 35)),
    *(missing(f"i{number:02}") for number in range(35, 40)),
    *(extra(f"x{number:02}") for number in range(6)),
]
_COUNTS = {"same": 30, "differing": 5, "missing": 5, "extra": 6}
_REPAIRED = Slave(_FEW, done(_FOUND), {**_COUNTS, "written": 10, "deleted": 6}, _MANY)
_REPORTED = Slave(_FEW, _FOUND, _COUNTS)

READING = [
    Case("pages of one item", _MANY, [_REPAIRED], {**ALL, "scan_limit": 1}),
    Case("pages of seven items", _MANY, [_REPAIRED], {**ALL, "scan_limit": 7}),
    Case("look-ups of one key", _MANY, [_REPAIRED], {**ALL, "batch_read_limit": 1}),
    Case("look-ups of seven keys, pages of five", _MANY, [_REPAIRED], {**ALL, "batch_read_limit": 7, "scan_limit": 5}),
    Case("several segments, several at once", _MANY, [_REPAIRED], {**ALL, "parallel": 3}),
    Case("more segments than are worked on at once", _MANY, [_REPAIRED], {**ALL, "parallel": 2, "segments": 7}),
    Case("more segments than items", _MANY, [_REPAIRED], {**ALL, "parallel": 2, "segments": 60}),
    Case("fewer segments than processes", _MANY, [_REPAIRED], {**ALL, "parallel": 4, "segments": 2}),
    Case("consistent reads", _MANY, [_REPORTED], {"scan_for_extra": True, "consistent_read": True}, exit_code=1),
    Case("no recheck", _MANY, [_REPORTED], {"scan_for_extra": True, "no_recheck": True}, exit_code=1),
    Case("a pause before rechecking", _MANY, [_REPORTED], {"scan_for_extra": True, "recheck_delay": 0.2}, exit_code=1),
    Case("no retries", _MANY, [_REPAIRED], {**ALL, "max_retries": 0, "retry_delay_base": 1}),
    Case("strategy lookup", _MANY, [_REPORTED], {"scan_for_extra": True, "strategy": "lookup"}, exit_code=1),
    Case(
        "several slaves, pages and segments",
        _MANY,
        [_REPAIRED, Slave(_MANY, stats={"same": 40}), _REPAIRED],
        {**ALL, "parallel": 2, "segments": 3, "scan_limit": 4, "batch_read_limit": 3},
    ),
]  # fmt: skip

VALUED = [
    Case(
        "--report-values holds both sides",
        [item("gone", v=N("1.50"), w=S("w")), item("old", v=N(1), same=S("s"), new=SS("b", "a"))],
        [
            Slave(
                [item("old", v=N(2), same=S("s"), was=M(a=N(1))), item("left", v=S("x"))],
                [missing("gone"), differing("old", "new", "v", "was"), extra("left")],
                {"missing": 1, "differing": 1, "extra": 1},
            )
        ],
        {"scan_for_extra": True, "report_values": True},
        exit_code=1,
    ),
    Case(
        "--report-values holds both sides of what is repaired",
        [item("gone", v=N("1.50"), w=S("w")), item("old", v=N(1), same=S("s"), new=SS("b", "a"))],
        [
            Slave(
                [item("old", v=N(2), same=S("s"), was=M(a=N(1))), item("left", v=S("x"))],
                done([missing("gone"), differing("old", "new", "v", "was"), extra("left")]),
                {"missing": 1, "differing": 1, "extra": 1, "written": 2, "deleted": 1},
                [item("gone", v=N("1.50"), w=S("w")), item("old", v=N(1), same=S("s"), new=SS("b", "a"))],
            )
        ],
        {**ALL, "report_values": True},
    ),
    Case(
        "--report-values holds both sides of what is refused",
        [item("a")],
        [Slave([item("a"), item("left", v=S("x"))], [extra("left", "refused")], {"same": 1, "extra": 1, "refused": 1})],
        {**ALL, "report_values": True, "max_deletes": "0"},
        exit_code=5,
    ),
]

_REVISED = [
    item("a", rev=N(1), v=N(1)),
    item("b", rev=N(2), v=N(1)),
    item("c", rev=N(2), draft=N(1)),
    item("d", rev=N(1)),
]
_REVISED_SLAVE = [item("a", rev=N(1), v=N(2)), item("b", rev=N(1), v=N(2)), item("c", rev=N(1))]
_PRECIOUS = [item("a", v=N(1)), item("b", v=N(1)), item("c", precious=N(1)), item("d")]
_PRECIOUS_SLAVE = [item("a", v=N(2), precious=N(1)), item("b", v=N(2)), item("x", precious=N(1)), item("y")]

POLICIES = [
    Case(
        "a policy decides what differs and what is done",
        _REVISED,
        [
            Slave(
                _REVISED_SLAVE,
                [
                    differing("b", "rev", "v", action="written"),
                    differing("c", "draft", "rev"),
                    missing("d", action="written"),
                ],
                {"same": 1, "differing": 2, "missing": 1, "written": 2},
                [_REVISED_SLAVE[0], _REVISED[1], _REVISED_SLAVE[2], _REVISED[3]],
            )
        ],
        {**ALL, "policy": "NewerWins"},
        exit_code=1,
    ),
    Case(
        "a policy sees whole items, and holds for missing and extra ones too",
        _PRECIOUS,
        [
            Slave(
                _PRECIOUS_SLAVE,
                [
                    differing("a", "precious", "v"),
                    differing("b", "v", action="written"),
                    missing("c"),
                    missing("d", action="written"),
                    extra("x"),
                    extra("y", action="deleted"),
                ],
                {"differing": 2, "missing": 2, "extra": 2, "written": 2, "deleted": 1},
                [_PRECIOUS_SLAVE[0], _PRECIOUS[1], _PRECIOUS[3], _PRECIOUS_SLAVE[2]],
            )
        ],
        {**ALL, "policy": "KeepsPrecious"},
        exit_code=1,
    ),
    Case(
        "a policy is not shown ignored attributes",
        [item("a", v=N(1), ignored=N(1), **{"aws:rep:x": N(1)}), item("b", ignored=N(1))],
        [
            Slave(
                [item("a", v=N(2), ignored=N(2), **{"aws:rep:x": N(2)}), item("b", ignored=N(2))],
                [differing("a", "v")],
                {"same": 1, "differing": 1},
            )
        ],
        {"policy": "SeesNoIgnored", "ignore": ["ignored"]},
        exit_code=1,
    ),
]

FLAGS = [*IGNORED, *READING, *VALUED, *POLICIES]
