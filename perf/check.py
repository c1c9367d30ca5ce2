"""Check: what the simulation predicts, held against whole runs on the benchmark server with the same limits.

CPU per item and the seconds before the first page are measured, since they are this machine's, and change with what
else it does; everything else is predicted from the settings.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from fastsync.model.capacity import measure_item
from perf import items
from perf.bench import command, measured, server
from perf.play import Run, play
from perf.scenarios import Scenario

ITEMS = 200_000
FEW = 100
"""Items of a run that is over when it has begun."""
ROUNDS = 3
"""Runs of each case, of which the quicker counts: other jobs on the machine only make it slower."""
NO_LATENCY = 0.002
"""Seconds that the server itself takes for an answer, roughly."""
SIZE = measure_item(json.loads(items.spell(items.medium(0))))
"""Bytes of the server's items by the service's rules."""


@dataclass(frozen=True)
class Case:
    """A setting: the run as it is predicted, and the same for server and program."""

    name: str
    run: Run
    server: Sequence[str] = ()
    flags: Sequence[str] = ()


def cases() -> list[Case]:
    """List settings that are bounded by each of the things that can bound a run."""
    merge = Run(ITEMS, "merge", 2, SIZE, page=NO_LATENCY, look_up=NO_LATENCY, partition_units=math.inf)
    merge = replace(merge, table_units=math.inf, saved=1.0)
    lookup = replace(merge, strategy="lookup")
    slow = ("--latency", "100,100")
    narrow = ("--partitions", "4", "--throttle", "250")
    wide = ("--partitions", "8", "--throttle", "250")
    return [
        Case("CPU", lookup),
        Case("CPU", merge),
        Case("page latency 100 ms", replace(merge, page=0.1), slow),
        Case("page latency 100 ms, 4 workers", replace(merge, page=0.1, workers=4), slow),
        Case("page latency 250 ms", replace(lookup, page=0.25, look_up=0.02), ("--latency", "250,20")),
        Case("look-up latency 300 ms", replace(lookup, page=0.02, look_up=0.3), ("--latency", "20,300")),
        Case("4 partitions of 250 units/s", replace(merge, workers=4, partitions=4, partition_units=250), narrow),
        Case("the same, 2 workers", replace(merge, partitions=4, segments=16, partition_units=250), narrow),
        Case("8 partitions of 250 units/s, 4 workers, 32 segments",
             replace(merge, partitions=8, workers=4, segments=32, partition_units=250), wide),
        Case("table limit of 1,000 units/s", replace(merge, table_units=1000), (), ("--max-read-units", "1000")),
        Case("table limit of 10,000 units/s", replace(lookup, table_units=10000), (), ("--max-read-units", "10000")),
    ]  # fmt: skip


def check() -> None:
    """Print predicted and measured time of every case: that of the statistics, which leaves out loading the program."""
    cpu = {}
    for strategy in ("lookup", "merge"):
        few, many = _beside(Case("", Run(ITEMS, strategy, 2, SIZE)), "cpu")
        cpu[strategy] = (many - few) / ITEMS
        print(f"{strategy}: {cpu[strategy] * 1e6:.1f} µs of CPU per item")
    cores = len(os.sched_getaffinity(0))
    print("| bounded by | strategy | workers | start s | predicted s | by | measured s | measured / predicted |")
    print("|---|---|---|---|---|---|---|---|")
    for case in cases():
        run = replace(case.run, cpu=cpu[case.run.strategy], cores=cores)
        start, seconds = _beside(case, "seconds")
        played = play(replace(run, start=start))
        told = f"{case.name} | {run.strategy} | {run.workers} | {start:.1f} | {played.seconds:.1f} | {played.bound}"
        print(f"| {told} | {seconds:.1f} | {seconds / played.seconds:.2f} |", flush=True)


def _beside(case: Case, what: str) -> tuple[float, float]:
    """Measure a run of next to nothing and the whole, in turn, and give the least of both.

    The server makes its pages when they are first asked for, so that the first round is never the quickest.
    """
    nothing = Case("", replace(case.run, items=FEW, segments=None))
    with _served(nothing) as few, _served(case) as many:
        runs = [(_measured(nothing, few)[what], _measured(case, many)[what]) for _ in range(ROUNDS)]
    return min(few for few, _ in runs), min(many for _, many in runs)


def _served(case: Case) -> AbstractContextManager[str]:
    return server(("--items", str(case.run.items), *case.server))


def _measured(case: Case, url: str) -> dict[str, float]:
    """Run the program as a case says, and give what it took."""
    run = case.run
    flags = (*case.flags, *(() if run.segments is None else ("--segments", str(run.segments))))
    scenario = Scenario(case.name, run.items, flags=flags, parallel=run.workers)
    with tempfile.TemporaryDirectory() as folder:
        stats = Path(folder) / "stats"
        figures, said = measured([*command(run.strategy, url, scenario), "--stats", str(stats)])
        told = json.loads(stats.read_text()) if stats.exists() else {}
    if not told.get("complete") or told["master"]["scanned"] != run.items:
        raise SystemExit(f"{case.name}: the run did not complete:\n{said}")
    return {**figures, "seconds": told["elapsed_seconds"]}
