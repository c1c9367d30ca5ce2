"""Format a difference as a line of the report, in whichever process writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastsync.config.config import Config
from fastsync.model.difference import Difference, Item, Verdict
from fastsync.model.json_lines import dumps


@dataclass(frozen=True)
class ReportLines:
    """What lines hold beside keys and attribute names: `values` of both sides, `versions`."""

    values: bool = False
    versions: bool = False

    @classmethod
    def of(cls, config: Config) -> ReportLines:
        """Return the lines that the flags ask for."""
        return cls(config.report_values, config.version_attribute is not None)

    def format_line(self, difference: Difference) -> str:
        """Return the line of a difference, without its end."""
        return dumps(self._as_document(difference))

    def _as_document(self, difference: Difference) -> dict[str, Any]:
        document: dict[str, Any] = {
            "slave": difference.slave,
            "verdict": difference.verdict.value,
            "key": difference.key,
            "attributes": list(difference.attributes),
            "action": difference.action.value,
            "error": difference.error,
        }
        if self.versions:
            document |= {"master_version": difference.master_version, "slave_version": difference.slave_version}
        if self.values:
            if difference.verdict is Verdict.DIFFERING:
                document["paths"] = list(difference.paths)
            document["master"] = _select_values(difference.master, difference)
            document["slave_item"] = _select_values(difference.slave_item, difference)
        return document


def format_last_line(complete: bool, differences: int) -> str:
    """Return the line that ends a report."""
    return dumps({"complete": complete, "differences": differences})


def _select_values(item: Item | None, difference: Difference) -> Item | None:
    if item is None or difference.verdict is not Verdict.DIFFERING:
        return item
    return {name: item[name] for name in difference.attributes if name in item}
