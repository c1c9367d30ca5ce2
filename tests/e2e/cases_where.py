"""Cases: --where chooses the items that are compared, and what is not chosen is neither reported nor written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.e2e.cases import ALL, BOOL, BS, NS, NULL, SS, B, Case, L, Line, M, N, S, Slave, differing, done, extra, item
from tests.e2e.cases import missing as lacking
from tests.tables import Item

OURS, THEIRS = S("ours"), S("theirs")
TENANT = "tenant == 'ours'"
CHOOSING: dict[str, tuple[str, Sequence[Item], Sequence[Item]]] = {
    "text": ("v == 'x'", [S("x")], [S("y"), S(""), N(1), NULL]),
    "text in order of its code points": ("v >= '2026-01-10'", [S("2026-01-10"), S("\U0001f600")], [S("2026-01-09")]),
    "a number by its value": ("v == `100`", [N(100), N("1E+2"), N("100.0")], [N(101), S("100"), BOOL(True)]),
    "a number of 38 digits": ("v > `12345678901234567890123456789012345677`", [N("9" * 38)], [N("1" + "0" * 36)]),
    "a fraction": ("v < `0.5`", [N("0.25"), N("-1E-130")], [N("0.5")]),
    "0, which is true": ("v", [N(0), N("-0.0"), S("0"), BOOL(True)], [S(""), NULL, BOOL(False), L(), M()]),
    "an attribute that is there": ("v != null", [S("x")], [NULL]),
    "true and 1 are not equal": ("v == `true`", [BOOL(True)], [N(1), S("true")]),
    "a nested value": ("v.a[1].b == 'x'", [M(a=L(N(1), M(b=S("x"))))], [M(a=L(M(b=S("x")))), S("x")]),
    "any of a list": ("v[?q > `2`]", [L(M(q=N(1)), M(q=N(3)))], [L(M(q=N(1))), L()]),
    "a set of strings, sorted": ("v[0] == 'a' && v[2] == 'c'", [SS("c", "a", "b")], [SS("c", "b", "d")]),
    "a set of numbers by value": ("v[0] == `9` && v[1] == `10`", [NS("10", "9")], [NS("10", "90")]),
    "a set of binary values by bytes": ("v[0] == 'AP8=' && v[1] == '+g=='", [BS(b"\xfa", b"\0\xff")], [BS(b"\xfa")]),
    "binary as base64": ("v == 'AAE='", [B(b"\0\x01")], [B(b"\0\x02"), S("AAE")]),
    "a function": ("starts_with(v, 'or') && length(v) < `6`", [S("order")], [S("other")]),
    "the whole item": ("length(@) == `3`", [S("x")], []),
    "one of two": ("v == 'x' || v == 'y'", [S("x"), S("y")], [S("z")]),
    "not": ("!(v == 'x')", [S("y")], [S("x")]),
    "an odd name": ("\"v\" == 'x' && \"a-b.c\" == '\u00e4'", [S("x")], [S("y")]),
}
"""An expression by what it asks of `v`, with values of which it is true, and of which it is not."""
FAILING: dict[str, tuple[str, Item]] = {
    "a function of an attribute that is not there": ("contains(tags, 'x')", S("x")),
    "an order of text and number": ("v > `5`", S("6")),
    "a function of another type": ("abs(v) > `1`", S("-2")),
}
"""Expressions that cannot be evaluated for a value of `v`."""


def _tenants(tenant: Item, **ids: int) -> list[Item]:
    return [item(name, tenant=tenant, v=N(value)) for name, value in ids.items()]


def _choosing() -> Iterator[Case]:
    for what, (expression, true, false) in CHOOSING.items():
        chosen = [item(f"t{place}", v=value, **{"a-b.c": S("ä")}) for place, value in enumerate(true)]
        others = [item(f"f{place}", v=value, **{"a-b.c": S("ä")}) for place, value in enumerate(false)]
        yield Case(
            f"--where asks for {what}",
            [*chosen, *others],
            [
                Slave(
                    [],
                    done([lacking(made) for made in _keys(chosen)]),
                    {"missing": len(chosen), "written": len(chosen), "filtered": len(others)},
                    chosen,
                )
            ],
            {"write_missing": True, "where": expression},
        )
    for what, (expression, value) in FAILING.items():
        yield Case(
            f"--where is not true of an item with {what}",
            [item("a", v=value), item("b", v=N(9), tags=SS("x"))],
            [Slave([item("c", v=value)], [lacking("b")], {"missing": 1, "filtered": 1, "extra": 0})],
            {"scan_for_extra": True, "where": expression},
            exit_code=1,
        )


def _keys(items: Sequence[Item]) -> list[Item]:
    return [{"id": made["id"]} for made in items]


_MASTER = [*_tenants(OURS, same=1, other=2, absent=3), *_tenants(THEIRS, x=1, y=2, z=3)]
_SLAVE = [*_tenants(OURS, same=1, other=9, more=4), *_tenants(THEIRS, x=1, y=9, w=5)]
_FOUND: Sequence[Line] = [differing("other", "v"), lacking("absent"), extra("more")]
_TWO_TENANTS = [
    Case(
        "one tenant is compared",
        _MASTER,
        [Slave(_SLAVE, _FOUND, {"same": 1, "differing": 1, "missing": 1, "extra": 1, "filtered": 3})],
        {"scan_for_extra": True, "where": TENANT},
        exit_code=1,
    ),
    Case(
        "one tenant is repaired, and the other left as it is",
        _MASTER,
        [
            Slave(
                _SLAVE,
                done(_FOUND),
                {"same": 1, "differing": 1, "missing": 1, "extra": 1, "filtered": 3, "written": 2, "deleted": 1},
                [*_tenants(OURS, same=1, other=2, absent=3), *_tenants(THEIRS, x=1, y=9, w=5)],
            ),
            Slave(
                [],
                done([lacking("same"), lacking("other"), lacking("absent")]),
                {"missing": 3, "filtered": 3, "written": 3},
                _tenants(OURS, same=1, other=2, absent=3),
            ),
        ],
        {**ALL, "where": TENANT},
    ),
    Case(
        "items of keys that the expression names are chosen by the key alone",
        _MASTER,
        [Slave(_SLAVE, [extra("w")], {"filtered": 5, "same": 1, "extra": 1})],
        {"scan_for_extra": True, "where": "starts_with(id, 'x') || id == 'w'"},
        exit_code=1,
    ),
    Case(
        "an item that is not read again is chosen as it was scanned",
        _MASTER,
        [
            Slave(
                _SLAVE,
                done(_FOUND),
                {"same": 1, "differing": 1, "missing": 1, "extra": 1, "filtered": 3, "written": 2, "deleted": 1},
                [*_tenants(OURS, same=1, other=2, absent=3), *_tenants(THEIRS, x=1, y=9, w=5)],
            )
        ],
        {**ALL, "where": TENANT, "no_recheck": True},
    ),
    Case(
        "the expression reads ignored attributes",
        [item("a", tenant=OURS, v=N(1)), item("b", tenant=THEIRS, v=N(1))],
        [Slave([item("a", tenant=THEIRS, v=N(1))], [], {"same": 1, "filtered": 1})],
        {"ignore": ["tenant"], "where": TENANT},
    ),
]
_SIDES = [
    Case(
        "an item of the slave is no extra where the master's item of its key is not chosen",
        [item("a", tenant=THEIRS, v=N(1)), item("b", tenant=OURS)],
        [Slave([item("a", tenant=OURS, v=N(1)), item("b", tenant=OURS)], [], {"same": 1, "filtered": 1})],
        {**ALL, "where": TENANT},
    ),
    Case(
        "the master's item decides where both sides have one",
        [item("a", tenant=OURS, v=N(1))],
        [
            Slave(
                [item("a", tenant=THEIRS, v=N(1))],
                done([differing("a", "tenant")]),
                {"differing": 1, "written": 1},
                [item("a", tenant=OURS, v=N(1))],
            )
        ],
        {**ALL, "where": TENANT},
    ),
]
_MANY = [item(f"t{n}", tenant=THEIRS) for n in range(30)]
_GUARDS = [
    Case(
        "a master without any item of the tenant never causes a delete",
        _MANY,
        [
            Slave(
                [*_MANY, *_tenants(OURS, a=1, b=2)],
                [extra("a", "refused"), extra("b", "refused")],
                {"filtered": 30, "extra": 2, "refused": 2},
            )
        ],
        {**ALL, "where": TENANT},
        exit_code=5,
    ),
    Case(
        "a master without any item of the tenant causes deletes with --allow-empty-master",
        _MANY,
        [
            Slave(
                [*_MANY, *_tenants(OURS, a=1, b=2)],
                done([extra("a"), extra("b")]),
                {"filtered": 30, "extra": 2, "deleted": 2},
                _MANY,
            )
        ],
        {**ALL, "where": TENANT, "allow_empty_master": True},
    ),
    Case(
        "a share of deletes is one of the tenant's items",
        [*_MANY, item("a", tenant=OURS), item("b", tenant=OURS)],
        [
            Slave(
                [*_MANY, *(item(name, tenant=OURS) for name in "abcd")],
                [extra("c", "refused"), extra("d", "refused")],
                {"same": 2, "filtered": 30, "extra": 2, "refused": 2},
            )
        ],
        {**ALL, "where": TENANT, "max_deletes": "49%"},
        exit_code=5,
    ),
    Case(
        "a share of deletes that is not exceeded lets the tenant's items go",
        [*_MANY, item("a", tenant=OURS), item("b", tenant=OURS)],
        [
            Slave(
                [*_MANY, *(item(name, tenant=OURS) for name in "abcd")],
                done([extra("c"), extra("d")]),
                {"same": 2, "filtered": 30, "extra": 2, "deleted": 2},
                [*_MANY, item("a", tenant=OURS), item("b", tenant=OURS)],
            )
        ],
        {**ALL, "where": TENANT, "max_deletes": "50%"},
    ),
    Case(
        "an expression that is true of nothing leaves everything out",
        _MASTER,
        [Slave(_SLAVE, [], {"filtered": 6})],
        {**ALL, "where": "tenannt == 'ours'"},
    ),
]
WHERE = [*_choosing(), *_TWO_TENANTS, *_SIDES, *_GUARDS]
