"""What runs over large tables take: predicted, and the small end of it measured.

python -m perf.simulate            # tables of 10 GB to 10 TB, 16 to 1,000 workers
python -m perf.simulate --check    # small runs on the benchmark server, predicted and measured
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

from fastsync.config.slicing import Slicing
from fastsync.plan.duration import format_duration
from fastsync.plan.segments import Plan
from perf.check import check
from perf.play import GB, LOOK_UP, PAGE, TABLE_UNITS, Run, play

SIZES = ((10 * GB, "10 GB"), (100 * GB, "100 GB"), (1000 * GB, "1 TB"), (10_000 * GB, "10 TB"))
WORKERS = (16, 64, 256, 1000)


def matrix(run: Run) -> Iterator[str]:
    """Yield the lines of a table: sizes, workers and strategies, with what holds each run up."""
    yield "| table | workers | strategy | segments | time | read units | list price | bounded by |"
    yield "|---|---|---|---|---|---|---|---|"
    for size, name in SIZES:
        for workers in WORKERS:
            for strategy in ("lookup", "merge"):
                one = replace(run, items=size // run.size, workers=workers, strategy=strategy)
                played, total = play(one), Plan.of(Slicing(workers, one.segments), one.bytes).total
                bound = f"{played.bound} ({played.shares[played.bound]:.0%})"
                yield (
                    f"| {name} | {workers:,} | {strategy} | {total:,} | {format_duration(played.seconds)} "
                    f"| {sum(one.units):,.0f} | ${one.usd:,.2f} | {bound} |"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="hold predictions against runs on the benchmark server")
    parser.add_argument("--size", type=int, default=400, help="bytes of an item")
    parser.add_argument("--cores", type=int, help="cores of all hosts together (default: one for each worker)")
    parser.add_argument("--segments", type=int, help="as the flag (default: as a run would take)")
    parser.add_argument("--page", type=float, default=PAGE, help="seconds until a page of 1 MB is there")
    parser.add_argument("--look-up", type=float, default=LOOK_UP, help="seconds until a hundred keys are looked up")
    parser.add_argument("--table-units", type=float, default=TABLE_UNITS, help="read units a second of each table")
    given = vars(parser.parse_args())
    if given.pop("check"):
        check()
    else:
        print("\n".join(matrix(Run(items=1, strategy="merge", workers=1, **given))))


if __name__ == "__main__":
    main()
