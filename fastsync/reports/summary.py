"""Describe the statistics of a run in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastsync.model.wording import escape_unprintable

MOST_ERRORS = 10
"""Errors that the summary spells out; the statistics have them all."""


def format_summary(stats: dict[str, Any], warnings: Sequence[str] = (), notes: Sequence[str] = ()) -> str:
    """Say in a few lines what a run found, did, consumed, and could not find out."""
    lines = [_describe_undo(stats) if stats["strategy"] == "undo" else _describe_run(stats)]
    for name, slave in stats["slaves"].items():
        lines += _describe_slave(name, slave, stats["strategy"])
    lines += _describe_part(stats)
    lines += [escape_unprintable(note) for note in notes]
    lines += [f"warning: {escape_unprintable(warning)}" for warning in warnings]
    lines += [f"error: {escape_unprintable(error)}" for error in stats["errors"][:MOST_ERRORS]]
    if len(stats["errors"]) > MOST_ERRORS:
        lines.append(f"... and {len(stats['errors']) - MOST_ERRORS} more errors, see --stats")
    if not stats["complete"]:
        lines.append("INCOMPLETE: the run did not see or do everything; what it did not reach is not known")
    return "\n".join(lines)


def _describe_run(stats: dict[str, Any]) -> str:
    master = stats["master"]
    return (
        f"{master['table']}: {_count_items(master['scanned'])} scanned in {stats['elapsed_seconds']:.1f} s "
        f"({stats['strategy']}, {_count_nouns(stats['segments'], 'segment')}), {master['read_units']:,.1f} read units"
    )


def _describe_undo(stats: dict[str, Any]) -> str:
    log = stats["master"]
    looked_at = f"{_count_items(log['scanned'])} that the run wrote, looked at in {stats['elapsed_seconds']:.1f} s"
    return f"{log['table']}: {looked_at} (same: as before the run)"


def _describe_part(stats: dict[str, Any]) -> list[str]:
    """Say plainly where only a part of the tables was compared, and what that lets expect of the whole."""
    if stats["shard"] and not stats["shard"].partition("/")[0].isdecimal():
        return [f"SHARDS {stats['shard']}: only the segments of these are in the figures above"]
    if stats["shard"]:
        return [f"SHARD {stats['shard']}: only this host's segments were compared; the other shards have the rest"]
    sample = stats["sample"]
    if not sample:
        return []
    taken = f"{sample['segments']:,} of {_count_nouns(sample['of'], 'segment')} were compared (seed {sample['seed']})"
    lines = [f"SAMPLE: only {taken}; the figures above are of these"]
    for name, found in sample["estimate"].items():
        if found is None:
            lines.append(f"  {name}: differences in the whole table cannot be estimated")
        else:
            upper = "an unknown number" if found["high"] is None else f"{found['high']:,}"
            within = f"95 % confidence: {found['low']:,} to {upper}"
            lines.append(
                f"  {name}: about {_count_nouns(found['differences'], 'difference')} in the whole table ({within})"
            )
    return lines


def _describe_slave(name: str, slave: dict[str, Any], strategy: str) -> list[str]:
    found = [f"{slave['same']:,} same"]
    found += [f"{slave[verdict]:,} {verdict}" for verdict in ("missing", "differing")]
    found.append("extras not looked for" if slave["extra"] is None else f"{slave['extra']:,} extra")
    found += [f"{slave[what]:,} {what}" for what in ("settled", "expired", "filtered") if slave[what]]
    lines = [f"{name}: {', '.join(found)}"]
    words = _DONE | _TAKEN_BACK if strategy == "undo" else _DONE
    if done := [f"{slave[what]:,} {word}" for what, word in words.items() if slave[what]]:
        lines.append(f"  of these {', '.join(done)}")
    # a merge has had every item of the slave in its hands, so that it is all the more to be said that it kept silent
    if slave["extra"] is None and (strategy == "merge" or not (slave["missing"] or slave["differing"])):
        lines.append("  (whether it holds more than the master was not looked at: --scan-for-extra)")
    lines.append(f"  {slave['read_units']:,.1f} read units, {slave['write_units']:,.1f} write units")
    return lines


_DONE = {
    "written": "written",
    "deleted": "deleted",
    "contended": "contended and left alone",
    "slave_newer": "newer on the slave and left alone",
    "changed": "changed since the report and left alone",
    "refused": "refused",
    "failed": "failed",
}
_TAKEN_BACK = {"written": "put back", "deleted": "removed"}
"""The words of an undo."""


def _count_items(count: int) -> str:
    return _count_nouns(count, "item")


def _count_nouns(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
