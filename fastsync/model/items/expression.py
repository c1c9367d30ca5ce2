"""JMESPath expressions of --where: parsed and checked once, then asked of items.

An expression reads an item as plain JSON. Only the attributes that it names are decoded. One that only compares
attributes with literals is turned into Python functions, which takes a third of the time of the package's own
interpreter. The package is loaded only where there is an expression, since that takes 13 ms.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import msgspec
from msgspec import Raw

from fastsync.model.items.plain import make_plain
from fastsync.model.wording import choose_form, count_nouns, quote

Node = Mapping[str, Any]
Evaluate = Callable[[Any], Any]
"""Return the value of a part of an expression for the attributes of an item, see `_Attributes`."""
COMPARABLE = (int, float, str)
ORDERS = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}


class Expression:
    """An expression that is true or not true of an item; `text` is no expression where ValueError says why.

    `names` are the attributes that it reads, None where it may read any.
    """

    def __init__(self, text: str):
        tree = _parse(text)
        try:
            _check_functions({"type": "whole", "children": [tree]})
            self.names = _find_names(tree)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        self._evaluate = self._make_evaluation(tree)

    def is_true(self, item: Raw) -> bool:
        """Return whether the expression is true of an item; raise any Exception where it cannot be evaluated.

        As JMESPath has it, everything is true but null, false, and empty text, lists and objects; 0 is true.
        """
        return _is_true(self._evaluate(item))

    def _make_evaluation(self, tree: Node) -> Evaluate:
        if self.names is None:
            visit = _make_interpreter()
            decode_all = msgspec.json.Decoder(dict[str, Any]).decode
            return lambda item: visit(tree, _make_all_plain(decode_all(item)))
        names = sorted(self.names)
        fields = {name: f"attribute_{place}" for place, name in enumerate(names)}
        holder: Any = msgspec.defstruct(
            "Attributes",
            [(field, Any, None) for field in fields.values()],
            rename={field: name for name, field in fields.items()},
            gc=False,
        )
        decode = msgspec.json.Decoder(holder).decode
        evaluate = _simplify(tree, fields)
        if evaluate is not None:
            return lambda item: evaluate(decode(item))
        visit = _make_interpreter()
        found = list(fields.items())
        return lambda item: visit(tree, dict(_list_plain(decode(item), found)))


def _make_interpreter() -> Callable[[Node, Any], Any]:
    """Return the package's own evaluation of a tree."""
    from jmespath.visitor import TreeInterpreter

    visit: Callable[[Node, Any], Any] = TreeInterpreter().visit
    return visit


def _make_all_plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: make_plain(value) for name, value in item.items()}


def _list_plain(attributes: Any, fields: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    for name, field in fields:
        value = getattr(attributes, field)
        if value is not None:
            yield name, make_plain(value)


def _parse(text: str) -> Node:
    """Return the tree of an expression; raise ValueError with what is wrong."""
    from jmespath import compile as parse
    from jmespath.exceptions import (
        EmptyExpressionError,
        IncompleteExpressionError,
        JMESPathError,
        LexerError,
        ParseError,
    )

    try:
        tree: Node = parse(text).parsed
    except EmptyExpressionError:
        raise ValueError("it is empty") from None
    except IncompleteExpressionError:
        raise ValueError("it is not whole: something is missing at its end") from None
    except (LexerError, ParseError) as error:
        raise ValueError(f"{_quote_place(text, error.lex_position)} is not understood") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (JMESPathError, ValueError) as error:
        raise ValueError(" ".join(str(error).split())) from None
    return tree


def _quote_place(text: str, place: int) -> str:
    return f"what begins with {quote(text[place : place + 20])} at character {place + 1}"


def _check_functions(node: Node) -> None:
    """Raise ValueError for a function that does not exist, or takes another number of arguments.

    The package would find out when it first evaluates the call: behind `||`, perhaps never.
    """
    is_call = node["type"] == "function_expression"
    if is_call:
        _check_call(node["value"], len(node["children"]))
    for child in _list_children(node):
        if child["type"] == "expref":
            _check_reference(child, is_call)
        else:
            _check_functions(child)


def _check_reference(node: Node, is_argument: bool) -> None:
    """Raise ValueError for a `&` that is no argument: it would be true of every item."""
    if not is_argument:
        raise ValueError("& belongs before an argument of a function")
    for child in _list_children(node):
        _check_functions(child)


def _check_call(name: str, given: int) -> None:
    from jmespath.functions import Functions

    known: Mapping[str, Mapping[str, Any]] = Functions.FUNCTION_TABLE
    if name not in known:
        raise ValueError(f"there is no function {name}(); there are {', '.join(sorted(known))}")
    signature: Sequence[Mapping[str, Any]] = known[name]["signature"]
    takes, variadic = len(signature), bool(signature) and bool(signature[-1].get("variadic"))
    if given == takes or (variadic and given > takes):
        return
    least = "at least " if variadic else ""
    has = choose_form(given, "is", "are")
    raise ValueError(f"{name}() takes {least}{count_nouns(takes, 'argument')}, and {given} {has} given")


def _list_children(node: Node) -> list[Node]:
    return [child for child in node.get("children", ()) if isinstance(child, dict)]


def _find_names(node: Node) -> frozenset[str] | None:
    """Return the attributes of the item that a part of an expression reads, None where it may read any."""
    kind, children = node["type"], _list_children(node)
    if kind == "field":
        return frozenset([node["value"]])
    if kind in ("literal", "expref"):  # what & refers to is evaluated for members of lists
        return frozenset()
    if kind in ("subexpression", "pipe", "index_expression", "projection", "value_projection", "filter_projection"):
        return _find_names(children[0])  # the rest is evaluated for what that returns
    if kind in _OF_THE_SAME:
        nothing: frozenset[str] | None = frozenset()
        return reduce(_join_names, map(_find_names, children), nothing)
    return None


_OF_THE_SAME = (
    "comparator",
    "and_expression",
    "or_expression",
    "not_expression",
    "flatten",
    "function_expression",
    "multi_select_list",
    "multi_select_dict",
    "key_val_pair",
)
"""Parts that evaluate all parts of their own for the same value."""


def _join_names(some: frozenset[str] | None, others: frozenset[str] | None) -> frozenset[str] | None:
    if some is None or others is None:
        return None
    return some | others


def _simplify(node: Node, fields: Mapping[str, str]) -> Evaluate | None:
    """Return a function that evaluates a part of an expression, None where it does more than compare and combine."""
    kind = node["type"]
    if kind == "literal":
        literal = node["value"]
        return lambda _: literal
    if kind == "field":
        return _read_field(operator.attrgetter(fields[node["value"]]))
    if kind not in _COMBINE:
        return None
    parts = [_simplify(child, fields) for child in node["children"]]
    if None in parts:
        return None
    return _COMBINE[kind](node, *parts)


def _read_field(read: Evaluate) -> Evaluate:
    def evaluate(attributes: Any) -> Any:
        value = read(attributes)
        return None if value is None else make_plain(value)

    return evaluate


def _compare(node: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    kind = node["value"]
    if kind == "eq":
        return lambda attributes: _are_equal(left(attributes), right(attributes))
    if kind == "ne":
        return lambda attributes: not _are_equal(left(attributes), right(attributes))
    order = ORDERS[kind]
    return lambda attributes: _compare_order(order, left(attributes), right(attributes))


def _are_equal(one: Any, other: Any) -> bool:
    """Return whether values are equal; in Python 0 and 1 are also equal to false and true."""
    if one != other:
        return False
    return isinstance(one, bool) is isinstance(other, bool)


def _compare_order(order: Callable[[Any, Any], bool], one: Any, other: Any) -> bool | None:
    """Compare numbers, or text by its code points; raise TypeError for one of each, return None for anything else."""
    if type(one) in COMPARABLE and type(other) in COMPARABLE:
        return order(one, other)
    return None


def _combine_and(_: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(attributes: Any) -> Any:
        value = left(attributes)
        return right(attributes) if _is_true(value) else value

    return evaluate


def _combine_or(_: Node, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(attributes: Any) -> Any:
        value = left(attributes)
        return value if _is_true(value) else right(attributes)

    return evaluate


def _negate(_: Node, inner: Evaluate) -> Evaluate:
    return lambda attributes: not _is_true(inner(attributes))


def _is_true(value: Any) -> bool:
    if value is True:
        return True
    return not (value is None or value is False or value in ("", [], {}))


_COMBINE: Mapping[str, Callable[..., Evaluate]] = {
    "comparator": _compare,
    "and_expression": _combine_and,
    "or_expression": _combine_or,
    "not_expression": _negate,
}
"""What is turned into a function where all its parts can be."""
