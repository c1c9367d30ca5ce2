"""Conditions of writes: what the slave's item must still be, within the service's limits.

Limits: 4 KB of expression (developer guide, quotas) and 300 operators. Public tests say that the service counts
comparators and connectives; DynamoDB Local counts functions as well, and so does this. Some 130 to 149 attributes fit,
so names come most important first, and what does not fit is not guarded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Raw

from fastsync.aws.client import Condition

MAX_TEXT = 4096
"""Characters in one expression."""
MAX_OPERATORS = 300
"""Comparators, connectives and functions in one expression."""
_AND = " AND "


def require_absent(hash_name: str) -> Condition:
    """Make the condition that there is no item."""
    return Condition("attribute_not_exists(#k)", {"#k": hash_name})


def require_unchanged(hash_name: str, before: Mapping[str, Raw], names: Sequence[str]) -> Condition:
    """Make the condition that there is an item, and that it has, of these attributes, what `before` has of them.

    `names` are other than the key's, the most important first.
    """
    clauses, aliases, values = ["attribute_exists(#k)"], {"#k": hash_name}, {}
    text, operators = len(clauses[0]), 1
    for place, name in enumerate(names):
        there = name in before
        clause = f"#g{place}=:g{place}" if there else f"attribute_not_exists(#g{place})"
        text += len(_AND) + len(clause)
        operators += 2
        if text > MAX_TEXT or operators > MAX_OPERATORS:
            break
        clauses.append(clause)
        aliases[f"#g{place}"] = name
        if there:
            values[f":g{place}"] = before[name]
    return Condition(_AND.join(clauses), aliases, values)
