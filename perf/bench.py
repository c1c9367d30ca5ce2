"""Benchmarks: whole programs, in turn, on the same tables of a fast local server.

    python -m perf.bench [--quick] [--only SCENARIO] [--rounds N]

CPU is that of the whole process tree, start-up included. `--quick` judges no time, only that all find the same.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
ENVIRONMENT = {
    # compiled modules are kept, as they are where a program is installed
    **{name: os.environ[name] for name in os.environ if not name.startswith(("AWS_", "PYTHONDONTWRITE"))},
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_DEFAULT_REGION": "us-east-1",
}
QUICK_ITEMS = 5000
STATS = "/dev/stderr"


@dataclass(frozen=True)
class Scenario:
    """Tables, flags of fastsync, and who runs beside it."""

    name: str
    items: int
    server: Sequence[str] = ()
    flags: Sequence[str] = ()
    contenders: Sequence[str] = ("fastsync",)


FEW = ("--differing", "0.001", "--missing", "0.001")
SCENARIOS = (
    Scenario("cpu: 0.1 % differing and missing", 300_000, FEW, (), ("fastsync", "floor", "boto")),
    Scenario("attributes in another order", 300_000, (*FEW, "--reordered")),
    Scenario("one ignored attribute that differs", 300_000, (*FEW, "--touched"), ("--ignore", "seen")),
    Scenario("latency 5 ms master, 40 ms slave", 200_000, (*FEW, "--latency", "5,40"), (), ("fastsync", "boto")),
    Scenario("two empty tables", 0),
    Scenario(
        "guarded writes at 10 ms", 20_000, ("--missing", "1", "--latency", "10,10"), ("--write-missing", "--no-recheck")
    ),
)


def command(contender: str, url: str, flags: Sequence[str]) -> list[str]:
    """Give the command line of a contender, with two processes."""
    if contender != "fastsync":
        return [sys.executable, "-m", f"perf.contenders.{contender}", url, "2"]
    tables = ("--master", "us-east-1:master-table", "--slave", "us-west-2:slave-table", "--endpoint-url", url)
    return [sys.executable, "-m", "fastsync", *tables, "--parallel", "2", "--no-progress", *flags]


@contextmanager
def server(options: Sequence[str]) -> Iterator[str]:
    """Run the server and give its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "perf.server", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def measured(arguments: Sequence[str]) -> tuple[dict[str, float], str]:
    """Run one command and give its figures and what it said."""
    ran = subprocess.run(
        [sys.executable, "-m", "perf.measure", *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures, ran.stderr


def usage(url: str) -> dict[str, dict[str, float]]:
    """Ask the server what its tables were asked for so far."""
    with urllib.request.urlopen(url) as answer:
        told: dict[str, dict[str, float]] = json.load(answer)
        return told


def run(scenario: Scenario, rounds: int, count: int) -> list[dict[str, Any]]:
    """Run a scenario's contenders in turn and give a row for each."""
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in scenario.contenders}
    with server(["--items", str(count), *scenario.server]) as url:
        for _ in range(rounds):
            for contender in scenario.contenders:
                before = usage(url)
                figures, said = measured(command(contender, url, scenario.flags))
                after = usage(url)
                if figures["exit"] not in (0, 1):
                    raise SystemExit(f"{contender} failed: {said}")
                for table in after:
                    figures[f"{table} units"] = after[table]["units"] - before[table]["units"]
                figures["in flight"] = after["slave-table"]["most_in_flight"]
                figures["found"] = _found(contender, said)
                rows[contender].append(figures)
    found = {figures["found"] for runs in rows.values() for figures in runs}
    if len(found) > 1:
        raise SystemExit(f"{scenario.name}: the contenders disagree: {found}")
    return [_row(scenario, contender, runs, count) for contender, runs in rows.items()]


def _found(contender: str, said: str) -> int:
    """Read the number of differences from what a contender said."""
    if contender != "fastsync":
        return sum(map(int, said.split()[-2:]))
    line = next(line for line in said.splitlines() if " same, " in line)
    parts = {
        word: int(number.replace(",", "")) for number, word in (part.split()[-2:] for part in line.split(", ")[:3])
    }
    return parts["missing"] + parts["differing"]


def _row(scenario: Scenario, contender: str, runs: Sequence[dict[str, float]], count: int) -> dict[str, Any]:
    row: dict[str, Any] = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    row |= {"scenario": scenario.name, "contender": contender, "items": count, "rounds": len(runs)}
    row["cpu_us_per_item"] = row["cpu"] / count * 1e6 if count else None
    return row


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the rows as a table."""
    print("| scenario | items | program | wall s | CPU s | CPU µs/item | peak MB | units master + slave | in flight |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        each = "" if row["cpu_us_per_item"] is None else f"{row['cpu_us_per_item']:.1f}"
        units = f"{row['master-table units']:,.0f} + {row['slave-table units']:,.0f}"
        who = f"{row['scenario']} | {row['items']:,} | {row['contender']}"
        print(
            f"| {who} | {row['wall']:.2f} | {row['cpu']:.2f} | {each} "
            f"| {row['peak_mb']:.0f} | {units} | {row['in flight']:.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few items, one round, nothing judged but agreement")
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for scenario in SCENARIOS:
        if options.only in scenario.name:
            count = min(scenario.items, QUICK_ITEMS) if options.quick else scenario.items
            rows += run(scenario, 1 if options.quick else options.rounds, count)
    show(rows)
    if not options.quick and not options.only:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.date.today().isoformat()}.json"
        path.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
