"""Why nothing is written to a slave that is a replica of the master."""

from __future__ import annotations

from fastsync.model.settings import Repairing
from fastsync.model.table import Side

PROTECTED = (
    "not repaired: {slave} is a replica of the same global table as the master, where a write would replicate back and "
    "win over newer writes; touch the item on the master, so that it replicates again, or stop the writers of the "
    "master and give --allow-replica-writes"
)


def explain_protection(slave: Side, allowed: Repairing) -> str | None:
    """Return why nothing may be written to a slave; None where it may."""
    if slave.replica is None or allowed.replica_writes:
        return None
    return PROTECTED.format(slave=slave)
