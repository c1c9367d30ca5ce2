"""Make many random runs, and tell the seed of each that is wrong: python -m tests.random_runs --runs 10000 --seed 1."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

from tests.random_runs.crew import Job, carried_out
from tests.random_runs.plans import MODES

EVERY = 10.0
"""Seconds between two lines of progress."""


def main() -> int:
    """Run them, and give 1 where one was wrong."""
    given = _parser().parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    seeds = given.only or [seed * 10**6 + number for number in range(given.first, given.first + given.runs)]
    modes = [mode for mode in given.modes if mode not in given.without]
    slow = {"no": False, "only": True, "half": None}[given.slow]
    jobs = [Job(each, modes, slow, given.keep) for each in seeds for _ in range(given.times)]
    print(f"{len(jobs)} runs, seed {seed}, modes {', '.join(modes)}, slow writes: {given.slow}", flush=True)
    began, told, done, wrong = time.monotonic(), time.monotonic(), Counter[str](), 0
    for number, ended in enumerate(carried_out(jobs, given.workers, given.lanes), 1):
        done[ended.kind] += 1
        if ended.wrong:
            wrong += 1
            listed = "".join(f"\n    {each[:2000]}" for each in ended.wrong[:12])
            again = f"--only {ended.seed} runs it again; files: {given.keep / str(ended.seed)}"
            print(f"WRONG {ended.plan}{listed}\n    {again}", flush=True)
        if time.monotonic() - told > EVERY or number == len(jobs):
            told = time.monotonic()
            print(f"{number} of {len(jobs)} runs, {wrong} wrong, {told - began:.0f} s", flush=True)
        if given.stop_after and wrong >= given.stop_after:
            break
    print(f"seed {seed}: {sum(done.values())} runs, {wrong} wrong; {dict(sorted(done.items()))}")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.random_runs", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="of all runs together; without it another one each time")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="leave out the first N runs of the seed")
    parser.add_argument("--only", type=int, action="append", metavar="SEED", help="the run with this seed; repeatable")
    parser.add_argument("--times", type=int, default=1, help="how often each run is made: timing is not in the seed")
    parser.add_argument("--workers", type=int, default=2, help="processes, each with a server")
    parser.add_argument("--lanes", type=int, default=4, help="runs at once in each; slow writes are mostly waiting")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--without", nargs="+", choices=MODES, default=[], help="modes to leave out")
    parser.add_argument("--slow", choices=("no", "half", "only"), default="half", help="runs with slow writes")
    parser.add_argument("--keep", type=Path, default=Path(".random-runs"), help="a folder for what failed")
    parser.add_argument("--stop-after", type=int, default=0, metavar="N", help="end after so many wrong runs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
