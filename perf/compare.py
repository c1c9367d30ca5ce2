"""Two git revisions of fastsync against each other, in turn on the same tables: OLD NEW OLD NEW, medians and ratios.

python -m perf.compare OLD NEW [--only SCENARIO] [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from perf.bench import SCENARIOS, Scenario, command, measured, server


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Give a folder with the sources of a revision."""
    with tempfile.TemporaryDirectory(prefix="fastsync-perf-") as folder:
        archive = subprocess.run(["git", "archive", revision, "fastsync"], stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "x", "-C", folder], input=archive, check=True)
        yield Path(folder)


def compare(scenario: Scenario, folders: list[Path], rounds: int) -> None:
    """Run a scenario on each revision in turn and print a line."""
    walls: list[list[float]] = [[] for _ in folders]
    cpus: list[list[float]] = [[] for _ in folders]
    with server(["--items", str(scenario.items), *scenario.server]) as url:
        for _ in range(rounds):
            for place, folder in enumerate(folders):
                figures, _ = measured(command("fastsync", url, scenario), folder)
                walls[place].append(figures["wall"])
                cpus[place].append(figures["cpu"])
    for name, (old, new) in (("wall", map(statistics.median, walls)), ("CPU", map(statistics.median, cpus))):
        print(f"| {scenario.name} | {name} | {old:.2f} s | {new:.2f} s | {new / old:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| scenario | figure | old | new | new / old |\n|---|---|---|---|---|")
    with ExitStack() as stack:
        folders = [stack.enter_context(checked_out(revision)) for revision in (options.old, options.new)]
        for scenario in SCENARIOS:
            if options.only in scenario.name and not scenario.full:
                compare(scenario, folders, options.rounds)


if __name__ == "__main__":
    main()
