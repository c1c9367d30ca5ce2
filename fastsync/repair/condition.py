"""Conditions of writes: what the slave's item must still be, within the service's limits.

Limits: 4 KB of expression (developer guide, quotas) and 300 operators. Public tests say that the service counts
comparators and connectives; DynamoDB Local counts functions as well, and so does this module. Some 130 to 149
attributes fit, so the most important names come first, and those that do not fit are not guarded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec import Raw

from fastsync.aws.writes.conditional import Condition
from fastsync.model.digest import REPLICATION_PREFIX
from fastsync.model.items.ignored_paths import IgnoredPaths
from fastsync.model.settings import Repairing
from fastsync.repair.decision import Attributes, Intent, decode_attributes

MAX_TEXT = 4096
"""Characters in one expression."""
MAX_OPERATORS = 300
"""Comparators, connectives and functions in one expression."""
_AND = " AND "


def make_condition(intent: Intent, key_names: Sequence[str], allowed: Repairing) -> Condition:
    """Return the condition of a write: that the slave's item is still as it was when the write was decided."""
    if intent.before is None:
        return require_absent(key_names[0])
    before = decode_attributes(intent.before)
    after = {} if intent.after is None else decode_attributes(intent.after)
    return require_unchanged(key_names[0], before, _guarded_names(before, after, key_names, allowed))


@lru_cache
def require_absent(hash_name: str) -> Condition:
    """Return the condition that there is no item."""
    return Condition("attribute_not_exists(#k)", {"#k": hash_name})


def require_unchanged(hash_name: str, before: Mapping[str, Raw], names: Sequence[str]) -> Condition:
    """Return the condition that there is an item whose attributes of these names are as they are in `before`.

    `names` are other than the key's, the most important first.
    """
    clauses, aliases, values = ["attribute_exists(#k)"], {"#k": hash_name}, {}
    text, operators = len(clauses[0]), 1
    for number, name in enumerate(names):
        clause = f"attribute_not_exists(#g{number})"
        if name in before:
            clause = f"#g{number}=:g{number}"
        text += len(_AND) + len(clause)
        operators += 2
        if text > MAX_TEXT or operators > MAX_OPERATORS:
            break
        clauses.append(clause)
        aliases[f"#g{number}"] = name
        if name in before:
            values[f":g{number}"] = before[name]
    return Condition(_AND.join(clauses), aliases, values)


@lru_cache
def _parse_paths(texts: tuple[str, ...]) -> IgnoredPaths:
    return IgnoredPaths(texts)


def _guarded_names(before: Attributes, after: Attributes, key_names: Sequence[str], allowed: Repairing) -> list[str]:
    """Return the attributes that must be unchanged, the most important first.

    All compared attributes are guarded, each as a whole, whatever nested value is ignored in it. So are ignored ones,
    where the slave's value is written back, or may be by an undo.
    """
    changed_first = sorted(before.keys() | after.keys(), key=lambda name: (before.get(name) == after.get(name), name))
    names = [name for name in changed_first if name not in allowed.ignored]
    if allowed.ignored_paths:
        paths = _parse_paths(allowed.ignored_paths)
        names = [name for name in names if not paths.covers((name,))]
    if allowed.version is not None:
        names.insert(0, allowed.version)
    if allowed.keep_ignored:
        names += sorted(allowed.ignored)
    if allowed.undo_log is not None:
        names += changed_first
    return [name for name in dict.fromkeys(names) if not (name in key_names or name.startswith(REPLICATION_PREFIX))]
