"""Turn pairs into suspects, and suspects into differences. Digests decide first, then the policy.

A pair is judged once for each time that it was read: a suspect holds the names of the attributes that differ.
"""

from __future__ import annotations

from itertools import compress, count
from operator import ne
from typing import Any

import msgspec
from msgspec import Raw

from fastsync.compare.expiry import Expiry
from fastsync.compare.pairs import Pairs, Suspect
from fastsync.model.difference import Difference, Item, Verdict
from fastsync.model.digest import Digester
from fastsync.model.items.changes import list_paths
from fastsync.model.policy import Policy


class Judge:
    """Compare items, and describe their differences.

    `names` are the slaves' names in reports, `version` the attribute that tells which of two items is newer. With
    `values`, or where a policy decides about differences, they hold both items; with `values` also the paths at which
    these differ. Where both sides have an item, `whole_items` or a policy needs all of it, a report what differs in it.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        digester: Digester,
        policy: Policy,
        expiry: Expiry,
        version: str | None = None,
        *,
        values: bool = True,
        whole_items: bool = True,
    ):
        self._names = names
        self._digester = digester
        self._policy = policy
        # parsing both items for the default policy, which always says yes, would cost 25 µs
        self._asks_policy = type(policy).differs is not Policy.differs
        asks_what_to_do = type(policy).resolve is not Policy.resolve
        self._values = values or asks_what_to_do
        self._whole_items = whole_items or asks_what_to_do
        self._paths = values
        self._expiry = expiry
        self._version = version

    def find_suspects(self, pairs: Pairs) -> list[Suspect]:
        """Return the pairs that are not equal. Pairs whose bytes agree cost 0.1 µs each."""
        masters, slaves = pairs.master_items, pairs.slave_items
        if not len(pairs.keys) == len(masters) == len(slaves):  # also under python -O: they would pass for equal
            raise ValueError("pairs out of step")
        found: list[tuple[int, Raw | None, tuple[str, ...]]] = []
        for place in compress(count(), map(ne, masters, slaves)):
            item = self._expiry.living_item(pairs.slave, slaves[place])
            names = self._find_names(masters[place], item)
            if names is not None:
                found.append((place, item, names))
        keys = pairs.keys_at([place for place, _, _ in found])
        return [
            Suspect(pairs.slave, key, masters[place], item, slaves[place], pairs.unseen, names)
            for key, (place, item, names) in zip(keys, found, strict=True)
        ]

    def judge_suspect(self, suspect: Suspect) -> Suspect | None:
        """Return a suspect with the names of the attributes that differ, None where both sides agree.

        Both sides agree where both are absent, where no compared attribute differs, and where the policy says so.
        """
        master, item = suspect.master_item, suspect.slave_item
        names = self._find_names(master, item)
        if not names:
            return None if names is None else suspect
        return Suspect(suspect.slave, suspect.key, master, item, suspect.stored, suspect.unseen, names)

    def _find_names(self, master: Raw | None, item: Raw | None) -> tuple[str, ...] | None:
        """Return the names of the attributes that differ, () where one side is absent, None where both agree."""
        if master is None or item is None:
            return None if master is item else ()
        names = self._digester.find_differing(master, item)
        if not names or (self._asks_policy and self._policy_tolerates(master, item)):
            return None
        return names

    def make_difference(self, suspect: Suspect) -> Difference | None:
        """Return the difference that a suspect is, None where both sides agree; a judged one is not judged again."""
        judged = suspect if suspect.attributes else self.judge_suspect(suspect)
        if judged is None:
            return None
        name, verdict, key = self._names[judged.slave], _find_verdict(judged), msgspec.to_builtins(judged.key)
        if not self._values and self._version is None:
            return Difference(name, verdict, key, judged.attributes)
        master, slave_item = self._parse_items(judged)
        return Difference(
            name,
            verdict,
            key,
            judged.attributes,
            master=master,
            slave_item=slave_item,
            master_version=self._version_of(judged.master_item),
            slave_version=self._version_of(judged.stored),
            paths=self._list_paths(master, slave_item, judged.attributes),
        )

    def _parse_items(self, suspect: Suspect) -> tuple[Item | None, Item | None]:
        if not self._values:
            return None, None
        master, item, names = suspect.master_item, suspect.slave_item, suspect.attributes
        if self._whole_items or master is None or item is None:
            return _parse_item(master), _parse_item(item)
        return _parse_attributes(master, names), _parse_attributes(item, names)

    def _list_paths(self, master: Item | None, slave_item: Item | None, names: tuple[str, ...]) -> tuple[str, ...]:
        if not self._paths or master is None or slave_item is None:
            return ()
        return list_paths(slave_item, master, names, self._digester.ignored_paths)

    def _policy_tolerates(self, master: Raw, item: Raw) -> bool:
        return not self._policy.differs(self._for_policy(master), self._for_policy(item))

    def _for_policy(self, item: Raw) -> Item:
        return {name: msgspec.json.decode(raw) for name, raw in self._digester.compared_attributes(item).items()}

    def _version_of(self, item: Raw | None) -> Any:
        if item is None or self._version is None:
            return None
        version = msgspec.json.decode(item, type=dict[str, Raw]).get(self._version, _NULL)
        return msgspec.json.decode(version)


_attributes = msgspec.json.Decoder(dict[str, Raw]).decode
_NULL = Raw(b"null")
"""What stands for an attribute that an item does not have."""


def _parse_attributes(item: Raw, names: tuple[str, ...]) -> Item:
    found = _attributes(item)
    return {name: msgspec.json.decode(found[name]) for name in names if name in found}


def _parse_item(item: Raw | None) -> Item | None:
    if item is None:
        return None
    parsed: Item = msgspec.json.decode(item)
    return parsed


def _find_verdict(suspect: Suspect) -> Verdict:
    if suspect.slave_item is None:
        return Verdict.MISSING
    if suspect.master_item is None:
        return Verdict.EXTRA
    return Verdict.DIFFERING
