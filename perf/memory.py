"""What memory all processes of a run take together, by their number, while all of them are at work.

python -m perf.memory [--parallel 16 64]
"""

from __future__ import annotations

import argparse

from perf.bench import command, measured, server
from perf.scenarios import FEW, Scenario

ITEMS = 200_000
SLOW = ("--latency", "1500,1500")
"""Pages that come so late that every process is there before the first has ended its segment."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parallel", type=int, nargs="+", default=[16, 64])
    options = parser.parse_args()
    print("| --parallel | processes with parent and fork server | MB in all (PSS) |\n|---|---|---|")
    with server(["--items", str(ITEMS), *FEW, *SLOW]) as url:
        for parallel in options.parallel:
            scenario = Scenario("memory", ITEMS, parallel=parallel)
            figures, said = measured(command("merge", url, scenario), memory=True)
            if figures["exit"] not in (0, 1):
                raise SystemExit(said)
            print(f"| {parallel} | {figures['processes']:.0f} | {figures['pss_mb']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
