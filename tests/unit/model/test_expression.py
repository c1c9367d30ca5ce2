"""Expressions of --where: what is refused, what they read, and that they mean what the package means."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import jmespath
import msgspec
import pytest
from hypothesis import given, settings

from fastsync.model.items.expression import Expression
from fastsync.model.items.plain import make_plain

REFUSED = {
    "": "it is empty",
    "a ==": "it is not whole",
    "a = 'x'": "what begins with \"= 'x'\" at character 3",
    "a == 'x": "at character 6",
    "a b": "at character 3",
    "(a": "not whole",
    "foo(a)": "there is no function foo()",
    "a || b || foo(a)": "there is no function foo()",
    "map(&foo(@), a)": "there is no function foo()",
    "contains(a)": "contains() takes 2 arguments, and 1 is given",
    "a || contains(a, b, c)": "contains() takes 2 arguments, and 3 are given",
    "not_null()": "not_null() takes at least 1 argument, and 0 are given",
    "&a": "& belongs before an argument",
    "a == &b": "& belongs before an argument",
    "[" * 5000: "nested too deeply",
    "!" * 5000 + "a": "nested too deeply",
}
NAMES: dict[str, set[str] | None] = {
    "a": {"a"},
    "a == 'x' && b": {"a", "b"},
    "a.b[0].c": {"a"},
    "a[?b == 'x'].c | [0]": {"a"},
    "sort_by(a, &b)[0].c == `1`": {"a"},
    "contains(a, b)": {"a", "b"},
    "[a, b][0]": {"a", "b"},
    "{x: a, y: b}.x": {"a", "b"},
    "a.*.b": {"a"},
    "a[].b": {"a"},
    '"a-b"."c"': {"a-b"},
    "`true`": set(),
    "@": None,
    "@.a": None,
    "length(@)": None,
    "*.a": None,
    "keys(@)": None,
    "[?a]": None,
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_what_is_no_expression_is_refused(text: str) -> None:
    """Bad syntax, unknown functions and wrong numbers of arguments are refused, wherever they stand."""
    with pytest.raises(ValueError) as told:
        Expression(text)
    assert REFUSED[text] in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", NAMES)
def test_only_what_is_read_is_decoded(text: str) -> None:
    """The attributes that an expression reads are known, but where it may read any."""
    assert Expression(text).names == NAMES[text]


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.sampled_from(["", "x", "y", "10"]).map(lambda text: {"S": text}),
        st.sampled_from(["0", "1", "-1", "10", "2.5", "1E+1"]).map(lambda number: {"N": number}),
        st.booleans().map(lambda truth: {"BOOL": truth}),
        st.just({"NULL": True}),
        st.just({"SS": ["b", "a"]}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda members: {"L": members}),
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2).map(lambda members: {"M": members}),
    ),
    max_leaves=4,
)
OPERANDS = st.sampled_from(
    ["a", "b", '"c.d"', "'x'", "''", "`0`", "`1`", "`true`", "`false`", "`null`", "`10`", "`[]`"]
)
COMPARISONS = st.builds(
    lambda one, sign, other: f"{one} {sign} {other}",
    OPERANDS,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    OPERANDS,
)
EXPRESSIONS = st.recursive(
    st.one_of(OPERANDS, COMPARISONS),
    lambda inner: st.one_of(
        st.builds(lambda one, sign, other: f"({one}) {sign} ({other})", inner, st.sampled_from(["&&", "||"]), inner),
        inner.map(lambda one: f"!({one})"),
        inner.map(lambda one: f"not_null({one}, a)"),
    ),
    max_leaves=5,
)


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(text=EXPRESSIONS, item=st.dictionaries(st.sampled_from(["a", "b", "c.d", "e"]), VALUES))
def test_an_expression_means_what_the_package_means(text: str, item: dict[str, Any]) -> None:
    """However an expression is evaluated, it is true of the items of which the package says so, and fails alike."""
    plain = {name: make_plain(value) for name, value in item.items()}
    raw = msgspec.Raw(json.dumps(item).encode())
    try:
        value = jmespath.search(text, plain)
    except Exception as error:
        with pytest.raises(type(error)):
            Expression(text).is_true(raw)
        return
    is_true = not (value is None or value is False or value in ("", [], {}))
    assert Expression(text).is_true(raw) is is_true


PLAIN = {
    '{"N": "12345678901234567890123456789012345678"}': 12345678901234567890123456789012345678,
    '{"N": "-0"}': 0,
    '{"N": "1E+2"}': 100,
    '{"N": "1.50"}': 1.5,
    '{"N": "2.0"}': 2,
    '{"N": "-2.5E-1"}': -0.25,
    '{"B": "AAE="}': "AAE=",
    '{"NULL": true}': None,
    '{"NS": ["10", "9", "9.5", "-1"]}': [-1, 9, 9.5, 10],
    '{"SS": ["b", "B", "\u00e4", "a"]}': ["B", "a", "b", "\u00e4"],
    '{"BS": ["/w==", "AAE=", "Zm8="]}': ["AAE=", "Zm8=", "/w=="],
    '{"M": {"a": {"L": [{"N": "1"}, {"BOOL": false}]}}}': {"a": [1, False]},
}


@pytest.mark.parametrize("value", PLAIN)
def test_values_are_plain(value: str) -> None:
    """Numbers are numbers, whole ones exactly; sets are sorted lists: by value, by code point, by bytes."""
    made = make_plain(json.loads(value))
    assert made == PLAIN[value]
    assert type(made) is type(PLAIN[value])


@pytest.mark.parametrize("value", ["{}", '{"X": "1"}', '{"N": "one"}', '{"S": "a", "N": "1"}', '"text"'])
def test_what_is_no_value_is_an_error(value: str) -> None:
    """What is no value in DynamoDB JSON raises, so that the item counts as one that could not be asked."""
    with pytest.raises(Exception):  # noqa: B017
        make_plain(json.loads(value))
