"""Turn pairs into suspects, and suspects into differences; digests first, then the policy."""

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
from fastsync.model.keys import encode_key
from fastsync.model.policy import Policy


class Judge:
    """Compare items, and put into words what differs.

    `names` are the slaves' names in reports, `version` the attribute that tells which of two items is newer. `values`
    says whether differences are to have both items in them; where a policy decides about them they have.
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
    ):
        self._names = names
        self._digester = digester
        self._policy = policy
        # parsing both items for the default policy, which always says yes, would cost 25 µs
        self._asked = type(policy).differs is not Policy.differs
        self._values = values or type(policy).resolve is not Policy.resolve
        self._expiry = expiry
        self._version = version

    def find_suspects(self, pairs: Pairs) -> list[Suspect]:
        """Pick the pairs that are not equal. Pairs whose bytes agree cost 0.1 µs each."""
        keys, masters, slaves = pairs.keys, pairs.masters, pairs.slaves
        if not len(keys) == len(masters) == len(slaves):  # also under python -O: they would pass for equal
            raise ValueError("pairs out of step")
        unequal = [
            (keys[place], masters[place], slaves[place]) for place in compress(count(), map(ne, masters, slaves))
        ]
        suspects = (self._expiry.make_suspect(pairs.slave, *each) for each in unequal)
        found = [each for each in suspects if self.differing_attributes(each.master, each.slave_item) != ()]
        return [each._replace(unseen=True) for each in found] if pairs.unseen else found

    def differing_attributes(self, master: Raw | None, item: Raw | None) -> tuple[str, ...] | None:
        """Name what differs; () where the items are equal (or the policy says so), None where one side is absent."""
        if master is None or item is None:
            return () if master is item else None
        found = self._digester.find_differing(master, item)
        if found and self._asked and not self._policy.differs(self._for_policy(master), self._for_policy(item)):
            return ()
        return found

    def make_difference(self, suspect: Suspect) -> Difference | None:
        """Return the difference that a suspect is, or None where there is none."""
        found = self.differing_attributes(suspect.master, suspect.slave_item)
        if found == ():
            return None
        return Difference(
            self._names[suspect.slave],
            _find_verdict(suspect),
            msgspec.json.decode(encode_key(suspect.key)),
            found or (),
            master=_parse_item(suspect.master) if self._values else None,
            slave_item=_parse_item(suspect.slave_item) if self._values else None,
            master_version=self._version_of(suspect.master),
            slave_version=self._version_of(suspect.stored),
        )

    def _for_policy(self, item: Raw) -> Item:
        return {name: msgspec.json.decode(raw) for name, raw in self._digester.compared_attributes(item).items()}

    def _version_of(self, item: Raw | None) -> Any:
        if item is None or self._version is None:
            return None
        version = msgspec.json.decode(item, type=dict[str, Raw]).get(self._version)
        return None if version is None else msgspec.json.decode(version)


def _parse_item(item: Raw | None) -> Item | None:
    return None if item is None else msgspec.json.decode(item)


def _find_verdict(suspect: Suspect) -> Verdict:
    if suspect.slave_item is None:
        return Verdict.MISSING
    return Verdict.EXTRA if suspect.master is None else Verdict.DIFFERING
