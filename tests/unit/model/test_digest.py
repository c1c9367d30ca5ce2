"""Canonical form and digests."""

from __future__ import annotations

import json
from base64 import b64encode
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from fastsync.model.digest import (
    Digester,
    PathDigester,
    are_equal,
    canonical_binary,
    canonical_number,
    canonical_value,
)
from fastsync.model.items.ignored_paths import IgnoredPaths

EQUAL = {
    "sets of strings in another order": ({"SS": ["b", "a"]}, {"SS": ["a", "b"]}),
    "sets of numbers by value": ({"NS": ["1.0", "20"]}, {"NS": ["2E1", "1"]}),
    "sets of binaries in another order": ({"BS": ["AQ==", "Ag=="]}, {"BS": ["Ag==", "AQ=="]}),
    "a set deep in a list in a map": (
        {"M": {"k": {"L": [{"SS": ["x", "y"]}]}}},
        {"M": {"k": {"L": [{"SS": ["y", "x"]}]}}},
    ),
    "maps in another order": ({"M": {"a": {"N": "1"}, "b": {"N": "2"}}}, {"M": {"b": {"N": "2"}, "a": {"N": "1"}}}),
    "a map whose only name is a type tag": ({"M": {"N": {"N": "1.0"}}}, {"M": {"N": {"N": "1"}}}),
    "trailing zeros": ({"N": "3.1400"}, {"N": "3.14"}),
    "leading zeros": ({"N": "00042"}, {"N": "42"}),
    "exponents": ({"N": "1.5E2"}, {"N": "150"}),
    "minus zero": ({"N": "-0"}, {"N": "0"}),
    "the largest exponent": ({"N": "9.99E+125"}, {"N": "999" + "0" * 123}),
    "the smallest exponent": ({"N": "1E-130"}, {"N": "0." + "0" * 129 + "1"}),
}
DIFFERENT = {
    "a number and a string": ({"N": "1"}, {"S": "1"}),
    "a string and its binary": ({"S": "AQ=="}, {"B": "AQ=="}),
    "a list in another order": ({"L": [{"N": "1"}, {"N": "2"}]}, {"L": [{"N": "2"}, {"N": "1"}]}),
    "a list and a set": ({"L": [{"S": "a"}]}, {"SS": ["a"]}),
    "the 38th digit": ({"N": "1" * 37 + "1"}, {"N": "1" * 37 + "2"}),
    "beyond what a float holds": ({"N": "9007199254740993"}, {"N": "9007199254740992"}),
    "sign": ({"N": "1"}, {"N": "-1"}),
    "null and false": ({"NULL": True}, {"BOOL": True}),
    "empty string and null": ({"S": ""}, {"NULL": True}),
    "empty list and empty map": ({"L": []}, {"M": {}}),
    "a set that lacks a member": ({"SS": ["a", "b"]}, {"SS": ["a"]}),
    "composed and decomposed accents": ({"S": "\u00e9"}, {"S": "e\u0301"}),
}


def raw(value: Any, **options: Any) -> Raw:
    return Raw(json.dumps(value, **options).encode())


def equal(left: Raw, right: Raw, digester: Digester | None = None) -> bool:
    """Say whether two values of an attribute are equal."""
    pair = (Raw(b'{"v":%s}' % bytes(value)) for value in (left, right))
    return (digester or Digester()).find_differing(*pair) == ()


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_equal_values_have_equal_digests(pair: tuple[Any, Any]) -> None:
    """Spellings of one value have one digest."""
    left, right = pair
    assert equal(raw(left), raw(right))


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_different_values_have_different_digests(pair: tuple[Any, Any]) -> None:
    """Values that differ in type, order or digit never pass for equal."""
    left, right = pair
    assert not equal(raw(left), raw(right))


def test_escapes_do_not_matter() -> None:
    """Strings and names are compared after their JSON escapes are decoded."""
    plain = Raw('{"näme":{"S":"é😀/"}}'.encode())
    escaped = Raw(rb'{"n\u00e4me":{"S":"\u00e9\ud83d\ude00\/"}}')
    assert Digester().find_differing(plain, escaped) == ()


def test_names_what_differs() -> None:
    """The differing attributes are named, sorted, absent ones included; the others are not."""
    master = raw({"k": {"S": "1"}, "b": {"N": "1"}, "a": {"SS": ["x", "y"]}, "only": {"BOOL": True}})
    slave = raw({"a": {"SS": ["y", "x"]}, "k": {"S": "1"}, "b": {"N": "2"}, "new": {"NULL": True}})
    assert Digester().find_differing(master, slave) == ("b", "new", "only")


def test_ignored_attributes_do_not_count() -> None:
    """Ignored attributes and aws:rep:* are left out, at the top level only."""
    master = raw(
        {"k": {"S": "1"}, "seen": {"N": "1"}, "aws:rep:updatetime": {"N": "5"}, "m": {"M": {"seen": {"N": "1"}}}}
    )
    slave = raw({"k": {"S": "1"}, "m": {"M": {"seen": {"N": "1"}}}})
    assert Digester(frozenset({"seen"})).find_differing(master, slave) == ()
    nested = raw({"k": {"S": "1"}, "m": {"M": {"seen": {"N": "2"}}}})
    assert Digester(frozenset({"seen"})).find_differing(master, nested) == ("m",)


def test_rules_for_attributes_leave_the_key_alone() -> None:
    """Neither --ignore nor the rule for aws:rep:* takes a key attribute away from what is compared."""
    item = Raw(
        b'{"aws:rep:id":{"S":"1"},"sort":{"N":"1"},"aws:rep:updatetime":{"N":"1"},"seen":{"N":"1"},"v":{"N":"1"}}'
    )
    digester = Digester(frozenset({"sort", "seen"}), ("aws:rep:id", "sort"))
    assert list(digester.compared_attributes(item)) == ["aws:rep:id", "sort", "v"]
    other = Raw(b'{"aws:rep:id":{"S":"2"},"sort":{"N":"2"}}')
    assert digester.find_differing(item, other) == ("aws:rep:id", "sort", "v")


def colliding(first: bytes, second: bytes) -> Raw:
    """Make a text whose digest of seed 0 is the same for all `first` and `second` that have the same sum.

    XXH3 multiplies both halves of eight bytes after an exclusive or with a secret, and adds the bytes beside that.
    Where the upper half is the secret's, the product is 0 whatever the lower half is, so two such places make up for
    each other (xxhash, XXH3_accumulate_512).
    """
    text = bytearray(b'{"S":"' + b"x" * 1192 + b'"}')
    text[392:400] = first + b"mm\xc3\x81:&L"
    text[840:848] = second + b"mmm\xcd\xb4Y1"
    return Raw(bytes(text))


ONE, OTHER = colliding(b"m", b"m"), colliding(b"p", b"j")


def test_a_digest_is_not_a_proof() -> None:
    """Two values that were made to share a digest are different all the same."""
    assert xxhash.xxh3_128_digest(bytes(ONE), 0) == xxhash.xxh3_128_digest(bytes(OTHER), 0)
    assert not equal(ONE, OTHER, Digester(seed=0))
    assert equal(ONE, ONE, Digester(seed=0))


@pytest.mark.parametrize("pair", [*DIFFERENT.values()], ids=[*DIFFERENT])
def test_digests_that_all_agree(pair: tuple[Any, Any]) -> None:
    """Were all digests the same, different values would be told apart, and equal ones found equal."""
    digester = Digester(hashed=lambda *_: b"")
    left, right = pair
    assert not equal(raw(left), raw(right), digester)
    assert all(equal(raw(one), raw(two), digester) for one, two in EQUAL.values())


def test_digests_are_seeded_anew() -> None:
    """Nobody who makes items ahead knows the digests of a run."""
    seeds = []

    def hashed(_: bytes, seed: int) -> bytes:
        seeds.append(seed)
        return b""

    for _ in range(3):
        Digester(hashed=hashed).screen_item(raw({"v": {"N": "1"}}))
    assert len(set(seeds)) == 3


def test_types_that_are_not_known_are_taken_as_they_are() -> None:
    """A type tag of the future is compared by its JSON."""
    assert equal(raw({"X": [1, {"b": 2, "a": 1}]}), raw({"X": [1, {"a": 1, "b": 2}]}))
    assert not equal(raw({"X": [1, 2]}), raw({"X": [2, 1]}))


def test_nonsense_stays_as_it_is() -> None:
    """Texts that are no number and no base64 are compared as texts."""
    assert canonical_number("NaN") == "NaN"
    assert canonical_number("12x") == "12x"
    assert canonical_binary("not base64!") == "not base64!"


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=None).map(lambda number: f"{number}")
LEAVES = st.one_of(
    st.text(max_size=5).map(lambda text: {"S": text}),
    NUMBERS.map(lambda number: {"N": number}),
    st.booleans().map(lambda value: {"BOOL": value}),
    st.just({"NULL": True}),
    st.sets(st.text(max_size=3), min_size=1, max_size=4).map(lambda members: {"SS": sorted(members)}),
    st.sets(st.integers(-99, 99), min_size=1, max_size=4).map(lambda members: {"NS": [str(each) for each in members]}),
    st.binary(max_size=4).map(lambda value: {"B": b64encode(value).decode()}),
    st.sets(st.binary(max_size=2), min_size=1, max_size=3).map(
        lambda members: {"BS": [b64encode(each).decode() for each in members]}
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda members: {"L": members}),
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(lambda members: {"M": members}),
    ),
    max_leaves=8,
)


def reference(value: Any) -> Any:
    """Compare by plain Python: frozensets, Decimals, tuples; written apart from the program's own canonical form."""
    ((tag, inner),) = value.items()
    if tag == "N":
        return tag, Decimal(inner)
    if tag == "NS":
        return tag, frozenset(map(Decimal, inner))
    if tag in ("SS", "BS"):
        return tag, frozenset(inner)
    if tag == "L":
        return tag, tuple(map(reference, inner))
    if tag == "M":
        return tag, frozenset((name, reference(member)) for name, member in inner.items())
    return tag, inner


def shuffled(value: Any, backwards: bool) -> Any:
    """Spell a value in another way: sets and maps reversed, numbers with needless zeros."""
    ((tag, inner),) = value.items()
    if tag in ("SS", "NS", "BS"):
        return {tag: inner[::-1] if backwards else inner}
    if tag == "N":
        return {tag: f"{Decimal(inner):E}"}
    if tag == "L":
        return {tag: [shuffled(member, backwards) for member in inner]}
    if tag == "M":
        return {tag: {name: shuffled(inner[name], backwards) for name in reversed(inner)}}
    return value


@given(VALUES, VALUES)
def test_digests_agree_exactly_where_values_do(left: Any, right: Any) -> None:
    """Two values have the same digest if and only if they are the same value."""
    assert (equal(raw(left), raw(right))) is (reference(left) == reference(right))


@given(VALUES, st.booleans())
def test_spelling_does_not_matter(value: Any, backwards: bool) -> None:
    """Another order of sets and maps, another spelling of numbers and escapes: the same digest."""
    assert equal(raw(value), raw(shuffled(value, backwards), ensure_ascii=False))


def spell(value: Any, chance: Random) -> bytes:
    """Write a value as any writer of JSON may: with blanks, escapes, and names that come twice: the last counts."""
    if isinstance(value, dict):
        members = [(spell(name, chance), spell(inner, chance)) for name, inner in value.items()]
        if members and chance.random() < 0.2:
            members.insert(0, (members[-1][0], b'{"NULL":true}' if b"{" in members[-1][1] else members[-1][1]))
        return b"{%b}" % b", ".join(name + chance.choice([b":", b" : "]) + inner for name, inner in members)
    if isinstance(value, list):
        return b"[%b]" % chance.choice([b",", b" ,\n"]).join(spell(inner, chance) for inner in value)
    return json.dumps(value, ensure_ascii=chance.random() < 0.5).encode()


@given(VALUES, VALUES, st.randoms(use_true_random=False))
def test_shortcuts_find_what_the_canonical_forms_say(left: Any, right: Any, chance: Random) -> None:
    """However two values are written, they are equal exactly where their canonical forms are the same text."""
    others = [left, right, shuffled(left, backwards=True), {"NEW": left}, {"S": str(left)}]
    for other in others:
        one, two = (Raw(spell(value, chance)) for value in (left, other))
        forms = [msgspec.json.encode(canonical_value(json.loads(bytes(each))), order="sorted") for each in (one, two)]
        assert are_equal(one, two) is (forms[0] == forms[1])


NAMES = st.sampled_from(["id", "a", "b", "seen", "\u00e4", "aws:rep:region"])
ITEMS = st.dictionaries(NAMES, VALUES)


@given(ITEMS, ITEMS, st.sets(NAMES), st.randoms(use_true_random=False))
def test_names_exactly_what_canonical_forms_tell_apart(
    left: dict[str, Any], right: dict[str, Any], same: set[str], chance: Random
) -> None:
    """Of two items, those attributes differ whose canonical forms do or which one side lacks; less the ignored ones."""
    right = right | {name: shuffled(value, backwards=True) for name, value in left.items() if name in same}
    digester = Digester(frozenset({"seen", "id"}), keys=("id",))
    found = digester.find_differing(Raw(spell(left, chance)), Raw(spell(right, chance)))
    differing = {
        name
        for name in left.keys() | right.keys()
        if name not in left or name not in right or reference(left[name]) != reference(right[name])
    }
    assert set(found) == differing - {"seen", "aws:rep:region"}
    assert list(found) == sorted(found)


def test_a_member_that_a_set_names_twice_counts_once() -> None:
    """A set holds each member once, however often it is written and in whichever spelling."""
    assert equal(raw({"SS": ["a", "b", "a"]}), raw({"SS": ["b", "a"]}))
    assert equal(raw({"NS": ["1", "1.0"]}), raw({"NS": ["1.00"]}))
    assert not equal(raw({"SS": ["a", "a"]}), raw({"SS": ["a", "b"]}))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_canonical_numbers_keep_their_value(number: Decimal) -> None:
    """No digit is lost, and the canonical form is its own canonical form."""
    text = canonical_number(str(number))
    assert Decimal(text) == number
    assert canonical_number(text) == text


def test_canonical_leaves_its_argument_alone() -> None:
    """The parsed item is not changed by comparing it."""
    value = {"M": {"s": {"NS": ["2", "1"]}}}
    canonical_value(value)
    assert value == {"M": {"s": {"NS": ["2", "1"]}}}


SCREENED = b'{"id":{"S":"\xc3\xa9"},"n":{"N":"1"},"tags":{"SS":["a","b"]},"m":{"M":{"x":{"NS":["1","2"]},"y":{"L":[{"NULL":true}]}}}}'  # noqa: E501


@pytest.mark.parametrize(
    "other",
    [
        b'{"m":{"M":{"y":{"L":[{"NULL":true}]},"x":{"NS":["2","1"]}}},"tags":{"SS":["b","a"]},"n":{"N":"1"},"id":{"S":"\xc3\xa9"}}',
        SCREENED.replace(b"\xc3\xa9", b"\\u00e9"),
        SCREENED.replace(b":", b": ").replace(b",", b", "),
        SCREENED[:-1] + b',"seen":{"N":"5"}}',
        SCREENED[:-1] + b',"aws:rep:updatetime":{"N":"5"}}',
    ],
)
def test_equal_items_have_equal_screens(other: bytes) -> None:
    """However attributes and members of sets are ordered and spelled, less what is not compared, the digest is one."""
    for digester in (Digester(frozenset({"seen"}), seed=1), PathDigester(IgnoredPaths(["seen"]), seed=1)):
        assert digester.screen_item(Raw(other)) == digester.screen_item(Raw(SCREENED))


@pytest.mark.parametrize(
    "other",
    [
        SCREENED.replace(b'{"N":"1"}', b'{"S":"1"}'),
        SCREENED.replace(b'"SS"', b'"NS"'),
        SCREENED.replace(b'"SS":["a","b"]', b'"L":[{"S":"a"},{"S":"b"}]'),
        SCREENED.replace(b'["a","b"]', b'["a"]'),
        SCREENED.replace(b"true", b"false"),
        SCREENED.replace(b'{"N":"1"}', b'{"NEW":"1"}'),
        SCREENED[:-1] + b',"more":{"N":"5"}}',
    ],
)
def test_different_items_have_different_screens(other: bytes) -> None:
    """A value, a type, a member or an attribute that is another one shows in the digest, of an unknown type too."""
    digester = Digester(seed=1)
    assert digester.screen_item(Raw(other)) != digester.screen_item(Raw(SCREENED))


def test_the_screen_of_a_spelling_leaves_out_what_is_not_compared() -> None:
    """The same spelling has the same digest; where attributes are left out, so has any other."""
    other = Raw(SCREENED[:-1] + b',"seen":{"N":"5"}}')
    replicated = Raw(SCREENED[:-1] + b',"aws:rep:updatetime":{"N":"5"}}')
    first, again, longer = Digester(seed=1).screen_spellings([Raw(SCREENED), Raw(SCREENED), other])
    assert first == again != longer
    for left_out, digester in (
        (other, Digester(frozenset({"seen"}), seed=1)),
        (other, PathDigester(IgnoredPaths(["seen"]), seed=1)),
        (replicated, Digester(seed=1)),
    ):
        first, again = digester.screen_spellings([left_out, Raw(SCREENED)])
        assert first == again


def test_what_is_kept_is_in_the_screen() -> None:
    """An ignored attribute that decides whether an item has expired counts in the digest, and is told as ignored."""
    digester = Digester(frozenset({"seen", "other"}), seed=1)
    one, two = (Raw(SCREENED[:-1] + b',"seen":{"N":"%d"},"other":{"N":"%d"}}' % (n, n)) for n in (1, 2))
    assert digester.screen_item(one) == digester.screen_item(two)
    assert digester.screen_item(one, {"seen"}) != digester.screen_item(two, {"seen"})
    assert digester.ignored_seen == {"seen", "other"}
