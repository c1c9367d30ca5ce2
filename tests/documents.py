"""The documents of the project and the command lines in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from fastsync.config.flags.flag import RUN
from fastsync.config.flags.table import GROUPS

ROOT = Path(__file__).parents[1]
DOCS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/README.md",
    "docs/reference.md",
    "docs/guarantees.md",
    "docs/cost.md",
    "docs/access.md",
    "docs/operations.md",
    "docs/library.md",
    "docs/migration.md",
    "docs/cookbook.md",
    "docs/troubleshooting.md",
    "docs/spark.md",
    "docs/shards.md",
    "docs/scaling.md",
    "docs/fleets.md",
)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
CONTAINER = re.compile(r"docker compose run .* (fastsync --.*)")
INLINE = re.compile(r"`(fastsync -[^`]*)`")
REDIRECTED = re.compile(r' [12]?>{1,2} ?"?\$?[\w./~-]+"?')
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")


def text(document: str) -> str:
    """Give a document's text."""
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str, *kinds: str) -> Iterator[str]:
    """Yield the code blocks of some kinds."""
    yield from (block for _, kind, block in FENCE.findall(text(document)) if kind in kinds)


def commands(document: str) -> Iterator[str]:
    """Yield the command lines of fastsync: of code blocks, `$ ` or not, continued lines joined, and within the text."""
    for block in blocks(document, "sh", "text"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip().removeprefix("$ ").startswith("fastsync "):
                yield line.strip().removeprefix("$ ")
            elif in_container := CONTAINER.match(line.strip()):
                yield in_container[1]
    yield from INLINE.findall(text(document))


def words(command: str) -> list[str]:
    """Split a command line as a shell does, up to its end, without the program's name and where its output goes."""
    split = shlex.split(REDIRECTED.sub("", command))[1:]
    ends = [place for place, word in enumerate(split) if word in ("||", "&&", "|", ";")]
    return split[: ends[0]] if ends else split


def flags_table() -> str:
    """Return the flags of a run as a Markdown table, in the groups and words of `--help`."""
    rows = ["| flag | meaning |", "|---|---|"]
    for group in GROUPS:
        rows.append(f"| **{group.title}** | |")
        for flag in group.flags:
            if RUN in flag.commands:
                words = [", ".join(f"`{spelling}`" for spelling in flag.spellings), flag.metavar or ""]
                rows.append(f"| {_in_table(' '.join(words).rstrip())} | {_in_table(flag.help)} |")
    return "\n".join(rows)


def _in_table(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(flags_table())
