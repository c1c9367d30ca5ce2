"""Cases: which values are equal, and that every value and key travels as it is."""

from collections.abc import Mapping, Sequence

from tests.e2e.cases import (
    ALL,
    BOOL,
    BS,
    NS,
    NULL,
    SS,
    B,
    Case,
    L,
    M,
    N,
    S,
    Slave,
    differing,
    done,
    extra,
    item,
    missing,
)
from tests.tables import Item, Keys

DIGITS = "12345678901234567890123456789012345678"
"""As many digits as a number can have; read as a float, or rounded to 28 digits, neighbours become one."""
NEIGHBOUR = "12345678901234567890123456789012345679"
_DEEP_SET = SS("b", "a", "c")
_DEEP_OTHER = SS("c", "b", "a")

EQUAL: Mapping[str, tuple[Item | None, Item | None]] = {
    "set of strings in another order": (SS("b", "a", "c"), SS("c", "a", "b")),
    "set of numbers in another order": (NS("3", "10", "2"), NS("2", "3", "10")),
    "set of numbers written otherwise": (NS("1.0", "20"), NS("2E1", "1")),
    "set of binaries in another order": (BS(b"\xff", b"\x00a", b"b"), BS(b"b", b"\xff", b"\x00a")),
    "set in a list": (L(S("x"), _DEEP_SET), L(S("x"), _DEEP_OTHER)),
    "set in a map": (M(a=_DEEP_SET), M(a=_DEEP_OTHER)),
    "set far down": (
        L(M(a=L(M(b=_DEEP_SET, c=NS("1", "2"))))),
        L(M(a=L(M(c=NS("2", "1"), b=_DEEP_OTHER)))),
    ),
    "map in another order": (M(a=N(1), b=N(2), c=N(3)), M(c=N(3), a=N(1), b=N(2))),
    "map in a list in another order": (L(M(a=N(1), b=N(2))), L(M(b=N(2), a=N(1)))),
    "1.0 and 1": (N("1.0"), N("1")),
    "100 and 1E+2": (N("100"), N("1E+2")),
    "0.0000001 and 1E-7": (N("0.0000001"), N("1E-7")),
    "0 and 0.00": (N("0"), N("0.00")),
    "-5 and -5.000": (N("-5"), N("-5.000")),
    "number in a map": (M(n=N("1.50")), M(n=N("1.5"))),
    "number in a list": (L(N("0.10")), L(N("0.1"))),
    "38 digits": (N(DIGITS), N(DIGITS)),
    "38 digits and zeros": (N(f"{DIGITS[:30]}.{DIGITS[30:]}"), N(f"0{DIGITS[:30]}.{DIGITS[30:]}")),
    "the largest number": (N(f"9.{'9' * 37}E+125"), N(f"{'9' * 38}E88")),
    "the smallest number": (N("1E-130"), N("0.1E-129")),
    "empty string": (S(""), S("")),
    "empty binary": (B(b""), B(b"")),
    "empty list": (L(), L()),
    "empty map": (M(), M()),
    "null": (NULL, NULL),
    "false": (BOOL(False), BOOL(False)),
    "all bytes": (B(bytes(range(256))), B(bytes(range(256)))),
}  # fmt: skip
"""What one value is on the master and on the slave, and is the same."""

DIFFERENT: Mapping[str, tuple[Item | None, Item | None]] = {
    "list in another order": (L(N(1), N(2)), L(N(2), N(1))),
    "list of lists in another order": (L(L(S("a")), L(S("b"))), L(L(S("b")), L(S("a")))),
    "number and string": (N(1), S("1")),
    "number and string far down": (L(M(a=L(N(1)))), L(M(a=L(S("1"))))),
    "set of numbers and set of strings": (NS("1", "2"), SS("1", "2")),
    "set and list": (SS("a", "b"), L(S("a"), S("b"))),
    "string and binary of its base64": (B(b"abc"), S("YWJj")),
    "true and false": (BOOL(True), BOOL(False)),
    "true and its name": (BOOL(True), S("true")),
    "null and absent": (NULL, None),
    "absent and null": (None, NULL),
    "empty string and absent": (S(""), None),
    "absent and empty string": (None, S("")),
    "empty list and empty map": (L(), M()),
    "empty string and empty binary": (S(""), B(b"")),
    "null and false": (NULL, BOOL(False)),
    "set with one member more": (SS("a", "b", "c"), SS("a", "b")),
    "set far down with another member": (L(M(a=SS("a", "b"))), L(M(a=SS("a", "c")))),
    "number differing in the 38th digit": (N(DIGITS), N(NEIGHBOUR)),
    "fraction differing in the 38th digit": (N(f"0.{DIGITS}"), N(f"0.{NEIGHBOUR}")),
    "negative number differing in the 38th digit": (N(f"-{DIGITS}"), N(f"-{NEIGHBOUR}")),
    "38th digit far down": (L(M(a=N(DIGITS))), L(M(a=N(NEIGHBOUR)))),
    "38th digit in a set": (NS(DIGITS, "1"), NS(NEIGHBOUR, "1")),
    "beyond a float": (N("9007199254740993"), N("9007199254740992")),
    "sign": (N(5), N(-5)),
    "large exponent": (N("1E+125"), N("1E+124")),
    "small exponent": (N("1E-130"), N("1E-129")),
    "map with one attribute more": (M(a=N(1), b=NULL), M(a=N(1))),
    "case": (S("a"), S("A")),
    "trailing space": (S("a"), S("a ")),
    "composed and decomposed": (S("\u00e9"), S("e\u0301")),
    "NUL": (S("a\x00b"), S("ab")),
    "line ends": (S("a\nb"), S("a\r\nb")),
    "quotes and backslashes": (S('"\\"'), S('"\\\\"')),
    "escape and what it stands for": (S("\\u0041"), S("A")),
    "emoji": (S("👩\u200d🚀"), S("👩🚀")),
    "control characters": (S("\x01\x1f\x7f\u0085\u2028"), S("\x01\x1f\x7f\u0085\u2029")),
    "last byte": (B(b"\x00" * 99 + b"\x01"), B(b"\x00" * 99 + b"\x02")),
    "binary of another length": (B(b"\x00"), B(b"\x00\x00")),
    "set of binaries": (BS(b"\x00", b"\x01"), BS(b"\x00", b"\x02")),
}
"""What one value is on the master and on the slave, and differs; None is an attribute that is not there."""

ODD_NAMES = [
    "a.b", "a-b", "a b", "a[0]", "#n", ":v", "$", "name", "size", "status", "Timestamp", "select", "count",
    "\"quoted\"", "back\\slash", "new\nline", "tab\t", "été", "鍵", "😀", "aws:report", "aws:repx", "0", "_", "None",
    "x" * 300,
]  # fmt: skip
"""Attribute names that are reserved words, or that a careless expression or JSON text would trip over."""


def _items(pairs: Mapping[str, tuple[Item | None, Item | None]], side: int) -> list[Item]:
    values = [(name, pair[side]) for name, pair in pairs.items()]
    return [item(name) if value is None else item(name, v=value) for name, value in values]


_DIFFERING = [differing(name, "v") for name in DIFFERENT]
_BIG = "x" * 300_000
_MANY = {f"attribute-{number:03}": N(number) for number in range(400)}
_MANY_OTHER = {f"attribute-{number:03}": N(number + 1) for number in range(400)}
_NESTED_A: Item = S("a")
_NESTED_B: Item = S("b")
for _ in range(30):
    _NESTED_A, _NESTED_B = L(_NESTED_A), L(_NESTED_B)

VALUES = [
    Case("equal values are equal however they are written", _items(EQUAL, 0), [
        Slave(_items(EQUAL, 1), stats={"same": len(EQUAL)}),
    ], ALL),
    Case("different values are different", _items(DIFFERENT, 0), [
        Slave(_items(DIFFERENT, 1), _DIFFERING, {"differing": len(DIFFERENT)}),
    ], exit_code=1),
    Case("different values are written as they are", _items(DIFFERENT, 0), [
        Slave(
            _items(DIFFERENT, 1),
            done(_DIFFERING),
            {"differing": len(DIFFERENT), "written": len(DIFFERENT)},
            _items(DIFFERENT, 0),
        ),
    ], ALL),
    Case("missing values are written as they are", _items(EQUAL, 0) + _items(DIFFERENT, 0), [
        Slave(
            [],
            done([missing(name) for name in (*EQUAL, *DIFFERENT)]),
            {"missing": len(EQUAL) + len(DIFFERENT), "written": len(EQUAL) + len(DIFFERENT)},
            _items(EQUAL, 0) + _items(DIFFERENT, 0),
        ),
    ], ALL),
    Case(
        "attributes with odd names are compared and written",
        [item(f"{place}", **{name: S("new")}) for place, name in enumerate(ODD_NAMES)],
        [
            Slave(
                [item(f"{place}", **{name: S("old")}) for place, name in enumerate(ODD_NAMES)],
                done([differing(f"{place}", name) for place, name in enumerate(ODD_NAMES)]),
                {"differing": len(ODD_NAMES), "written": len(ODD_NAMES)},
                [item(f"{place}", **{name: S("new")}) for place, name in enumerate(ODD_NAMES)],
            )
        ],
        ALL,
    ),
    Case(
        "odd names in one item and in nested maps are compared and written",
        [item("a", m=M(**{name: N(1) for name in ODD_NAMES}), **{name: N(1) for name in ODD_NAMES})],
        [
            Slave(
                [item("a", m=M(**{name: N(2) for name in ODD_NAMES}), **{name: N(2) for name in ODD_NAMES})],
                [differing("a", "m", *ODD_NAMES, action="written")],
                {"differing": 1, "written": 1},
                [item("a", m=M(**{name: N(1) for name in ODD_NAMES}), **{name: N(1) for name in ODD_NAMES})],
            )
        ],
        ALL,
    ),
    Case(
        "an item with hundreds of attributes that all differ is written",
        [item("a", **_MANY)],
        [
            Slave(
                [item("a", **_MANY_OTHER)],
                [differing("a", *_MANY, action="written")],
                {"differing": 1, "written": 1},
                [item("a", **_MANY)],
            )
        ],
        ALL,
    ),
    Case(
        "an item with hundreds of attributes that are extra is deleted",
        [item("b")],
        [
            Slave(
                [item("b"), item("a", **_MANY)], done([extra("a")]), {"same": 1, "extra": 1, "deleted": 1}, [item("b")]
            )
        ],
        ALL,
    ),
    Case(
        "items near the limit of 400 KB are compared, written and deleted",
        [item("same", v=S(_BIG)), item("new", v=S(_BIG)), item("old", v=S(_BIG + "y" * 90_000))],
        [
            Slave(
                [item("same", v=S(_BIG)), item("old", v=S(_BIG + "z" * 90_000)), item("left", v=S(_BIG))],
                done([missing("new"), differing("old", "v"), extra("left")]),
                {"same": 1, "missing": 1, "differing": 1, "extra": 1, "written": 2, "deleted": 1},
                [item("same", v=S(_BIG)), item("new", v=S(_BIG)), item("old", v=S(_BIG + "y" * 90_000))],
            )
        ],
        ALL,
    ),
    Case(
        "lists thirty levels deep are compared and written",
        [item("a", v=_NESTED_A)],
        [
            Slave(
                [item("a", v=_NESTED_B)],
                done([differing("a", "v")]),
                {"differing": 1, "written": 1},
                [item("a", v=_NESTED_A)],
            )
        ],
        ALL,
    ),
]  # fmt: skip

_PART: dict[str, list[Item]] = {
    "S": [S(text) for text in ("a", "A", " ", "ä", "a\u0308", "😀", "a\"b\\c", "\n", "\x00", "x" * 500, "1")],
    "N": [N(number) for number in (
        0, 1, -1, DIGITS, NEIGHBOUR, f"-{DIGITS}", f"-{NEIGHBOUR}", "0." + DIGITS, "0." + NEIGHBOUR,
        "9007199254740992", "9007199254740993", "1E+125", "1E-130", "-1E+125", "1E+40", "1.5",
    )],
    "B": [B(content) for content in (
        b"\x00", b"\x00\x00", b"\xff", b"\xfb\xff\xbf", b"a", b"ab", b"abc", b"YWJj", bytes(range(256)),
    )],
}  # fmt: skip
"""Keys of each type that are easily taken for each other."""
_COUNTERPART = {"S": S("sort"), "N": N(-77), "B": B(b"\xff\xfe")}


def _keys(schema: Keys) -> list[Item]:
    (name, kind), *rest = schema
    keys = [{name: part} for part in _PART[kind]]
    for other, other_kind in rest:
        first = keys[0]
        keys = [{**key, other: _COUNTERPART[other_kind]} for key in keys]
        keys += [{**first, other: part} for part in _PART[other_kind]]
    return keys


def _key_cases(schema: Keys) -> Sequence[Case]:
    """Give the keys of a schema in turn to both sides, the master only, the slave only, and both with a difference."""
    keys = _keys(schema)
    same, new, left, old = keys[::4], keys[1::4], keys[2::4], keys[3::4]
    master = [{**key, "v": S("v")} for key in (*same, *new, *old)]
    slave = [{**key, "v": S("v")} for key in (*same, *left)] + [{**key, "v": S("w")} for key in old]
    lines = [*map(missing, new), *(differing(key, "v") for key in old), *map(extra, left)]
    counts = {"same": len(same), "missing": len(new), "differing": len(old), "extra": len(left)}
    repaired = {**counts, "written": len(new) + len(old), "deleted": len(left)}
    kinds = " + ".join(f"{kind} {name!r}" for name, kind in schema)
    everything = [{**key, "v": S("v")} for key in keys]
    return [
        Case(
            f"keys {kinds} are told apart",
            master,
            [Slave(slave, lines, counts)],
            {"scan_for_extra": True, "scan_limit": 3},
            exit_code=1,
            keys=schema,
        ),
        Case(f"keys {kinds} are repaired", master, [Slave(slave, done(lines), repaired, master)], ALL, keys=schema),
        Case(
            f"keys {kinds} that both sides have are never deleted",
            everything,
            [Slave(everything, stats={"same": len(keys)})],
            {**ALL, "no_recheck": True, "batch_read_limit": 2, "segments": 3},
            keys=schema,
        ),
    ]


SCHEMAS: Sequence[Keys] = [
    [("id", "S")],
    [("id", "N")],
    [("id", "B")],
    [("id", "S"), ("sort", "S")],
    [("id", "S"), ("sort", "N")],
    [("id", "N"), ("sort", "B")],
    [("id", "B"), ("sort", "B")],
    [("name", "S"), ("size", "N")],
    [("a.b", "S"), ("c-d", "B")],
    [("schlüssel", "S"), ("#hash", "S")],
    [("hash", "S"), ("range", "S")],
    [("range", "B"), ("hash", "N")],
]
"""Key schemas: every type, and names that are reserved words, hold dots and dashes, or are the code's own words."""

KEYS = [case for schema in SCHEMAS for case in _key_cases(schema)]
