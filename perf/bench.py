"""Benchmarks: whole programs, in turn, on the same tables of a fast local server.

    python -m perf.bench [--quick] [--only SCENARIO] [--rounds N]

CPU is that of the whole process tree, start-up included. `--quick` judges no time, only that all find the same.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perf.chart import svg
from perf.contenders import original

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
    """Tables, flags of fastsync, and who runs beside it. `full` ones take long and run only when asked for."""

    name: str
    items: int
    server: Sequence[str] = ()
    flags: Sequence[str] = ()
    contenders: Sequence[str] = ("fastsync",)
    parallel: int = 2
    full: bool = False


FEW = ("--differing", "0.001", "--missing", "0.001")
FAR = (*FEW, "--latency", "5,40")
SCENARIOS = (
    Scenario("cpu: 0.1 % differing and missing", 300_000, FEW, (), ("fastsync", "floor", "boto")),
    Scenario("latency 5 ms master, 40 ms slave", 200_000, FAR, (), ("fastsync", "boto", "original")),
    Scenario("latency 40 ms master, 90 ms slave", 200_000, (*FEW, "--latency", "40,90")),
    Scenario("attributes in another order", 300_000, (*FEW, "--reordered")),
    Scenario("sets in another order", 300_000, (*FEW, "--sets")),
    Scenario("one ignored attribute that differs", 300_000, (*FEW, "--touched"), ("--ignore", "seen")),
    Scenario("all equal", 300_000),
    Scenario("10 % different", 100_000, ("--differing", "0.1")),
    Scenario("100 % different", 100_000, ("--differing", "1")),
    Scenario("small items, 120 B", 300_000, (*FEW, "--shape", "small")),
    Scenario("large items, 6 KB", 30_000, (*FEW, "--shape", "large")),
    Scenario("huge items, 390 KB", 500, ("--differing", "1", "--shape", "huge")),
    Scenario("--parallel 1", 300_000, FEW, parallel=1),
    Scenario("--parallel 4", 300_000, FEW, parallel=4),
    Scenario("two empty tables", 0),
    Scenario("two empty tables, 16 processes", 0, parallel=16),
    Scenario(
        "guarded writes at 10 ms", 20_000, ("--missing", "1", "--latency", "10,10"), ("--write-missing", "--no-recheck")
    ),
    Scenario("gzip answers", 300_000, FEW, ("--compress",)),
    Scenario("growth: 10,000 items", 10_000, FEW),
    Scenario("growth: 100,000 items", 100_000, FEW),
    Scenario("growth: 1,000,000 items", 1_000_000, FEW, full=True),
    Scenario("growth: 3,000,000 items", 3_000_000, FEW, full=True),
)


def command(contender: str, url: str, scenario: Scenario) -> list[str]:
    """Give the command line of a contender."""
    if contender != "fastsync":
        return [sys.executable, "-m", f"perf.contenders.{contender}", url, str(scenario.parallel)]
    tables = ("--master", "us-east-1:master-table", "--slave", "us-west-2:slave-table", "--endpoint-url", url)
    parallel = ("--parallel", str(scenario.parallel), "--strategy", "lookup", "--no-progress")
    return [sys.executable, "-m", "fastsync", *tables, *parallel, *scenario.flags]


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


def measured(arguments: Sequence[str], folder: Path | None = None) -> tuple[dict[str, float], str]:
    """Run one command (in a folder with other sources) and give its figures and what it said."""
    measure = [sys.executable, str(Path(__file__).parent / "measure.py"), *arguments]
    ran = subprocess.run(measure, env=ENVIRONMENT, cwd=folder, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures, ran.stderr


def usage(url: str) -> dict[str, dict[str, float]]:
    """Ask the server what its tables were asked for so far."""
    with urllib.request.urlopen(url) as answer:
        told: dict[str, dict[str, float]] = json.load(answer)
        return told


def run(scenario: Scenario, rounds: int, count: int) -> list[dict[str, Any]]:
    """Run a scenario's contenders in turn and give a row for each."""
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in scenario.contenders if _here(name)}
    with server(["--items", str(count), *scenario.server]) as url:
        for _ in range(rounds):
            for contender, runs in rows.items():
                before = usage(url)
                figures, said = measured(command(contender, url, scenario))
                after = usage(url)
                if figures["exit"] not in (0, 1):
                    raise SystemExit(f"{contender} failed: {said}")
                for table in after:
                    figures[f"{table} units"] = after[table]["units"] - before[table]["units"]
                figures["in flight"] = after["slave-table"]["most_in_flight"]
                figures["found"] = _found(contender, said)
                runs.append(figures)
    found = {figures["found"] for runs in rows.values() for figures in runs}
    if len(found) > 1:
        raise SystemExit(f"{scenario.name}: the contenders disagree: {found}")
    return [_row(scenario, contender, runs, count) for contender, runs in rows.items()]


def _here(contender: str) -> bool:
    return contender != "original" or original.FOLDER is not None


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


HEADER = """\
| scenario | items | program | wall s | CPU s | CPU µs/item | peak MB | units master + slave | in flight |
|---|---|---|---|---|---|---|---|---|"""


def show(rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Print rows of the table, and give them back."""
    for row in rows:
        each = "" if row["cpu_us_per_item"] is None else f"{row['cpu_us_per_item']:.1f}"
        units = f"{row['master-table units']:,.0f} + {row['slave-table units']:,.0f}"
        who = f"{row['scenario']} | {row['items']:,} | {row['contender']}"
        print(
            f"| {who} | {row['wall']:.2f} | {row['cpu']:.2f} | {each} "
            f"| {row['peak_mb']:.0f} | {units} | {row['in flight']:.0f} |",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few items, one round, nothing judged but agreement")
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="also what takes long")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print(HEADER)
    for scenario in SCENARIOS:
        if options.only in scenario.name and (options.full or not scenario.full):
            count = min(scenario.items, QUICK_ITEMS) if options.quick else scenario.items
            rows += show(run(scenario, 1 if options.quick else options.rounds, count))
    if not options.quick and not options.only:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.date.today().isoformat()}.json"
        machine = (
            f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the end"
        )
        path.write_text(json.dumps({"machine": machine, "rounds": options.rounds, "rows": rows}, indent=1) + "\n")
        (RESULTS / "chart.svg").write_text(svg(rows))
        print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
