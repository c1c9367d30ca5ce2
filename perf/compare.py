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

from perf.bench import OURS, certified, command, measured, server, with_report
from perf.scenarios import SCENARIOS, Scenario

FIGURES = {"wall": "s", "cpu": "s", "peak_mb": "MB"}


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Give a folder with the sources of a revision."""
    with tempfile.TemporaryDirectory(prefix="fastsync-perf-") as folder:
        archive = subprocess.run(["git", "archive", revision, "fastsync"], stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "x", "-C", folder], input=archive, check=True)
        place = Path(folder) / revision.replace("/", "-")
        place.mkdir()
        (Path(folder) / "fastsync").rename(place / "fastsync")
        yield place


def compare(scenario: Scenario, strategy: str, folders: list[Path], rounds: int) -> None:
    """Run a scenario by one strategy on each revision in turn, and print its lines."""
    found: dict[str, list[list[float]]] = {figure: [[] for _ in folders] for figure in FIGURES}
    with (
        with_report(scenario, scenario.items) as asked,
        certified(scenario) as tls,
        server(["--items", str(scenario.items), *scenario.server], tls) as url,
    ):
        for _ in range(rounds):
            for place, folder in enumerate(folders):
                figures, said = measured(command(strategy, url, asked), folder, tls)
                if figures["exit"] not in (0, 1):  # a revision that lacks what the scenario needs
                    print(f"| {scenario.name} | {strategy} | {folder.name}: {said.strip().splitlines()[-1]} | | | |")
                    return
                for figure in FIGURES:
                    found[figure][place].append(figures[figure])
    for figure, unit in FIGURES.items():
        old, new = map(statistics.median, found[figure])
        line = f"| {scenario.name} | {strategy} | {figure} | {old:.2f} {unit} | {new:.2f} {unit} | {new / old:.2f} |"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| scenario | strategy | figure | old | new | new / old |\n|---|---|---|---|---|---|")
    with ExitStack() as stack:
        folders = [stack.enter_context(checked_out(revision)) for revision in (options.old, options.new)]
        for scenario in SCENARIOS:
            if options.only in scenario.name and not (scenario.full or scenario.writes):
                for strategy in filter(OURS.__contains__, scenario.contenders):
                    compare(scenario, strategy, folders, options.rounds)


if __name__ == "__main__":
    main()
