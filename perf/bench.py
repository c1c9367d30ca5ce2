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
import ssl
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.httpsession import where

from perf.chart import NAMES, svg
from perf.contenders import original
from perf.exports import write_export
from perf.items import report_lines
from perf.scenarios import SCENARIOS, Scenario
from perf.server.certificate import BUNDLE

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


OURS = ("lookup", "merge", "keys", "partition")
SLOW = ("boto", "boto_copy", "original", "dicts")
"""Programs that run once: a minute and more each, beside which other jobs do not weigh."""
FLOORS = {"lookup": "floor_lookup", "merge": "floor_merge"}


def command(contender: str, url: str, scenario: Scenario, exports: Mapping[str, str] | None = None) -> list[str]:
    """Give the command line of a contender: fastsync by the name of its strategy.

    `exports` are those that stand for tables, by the table's name.
    """
    exports = exports or {}
    master = exports.get("master-table", "us-east-1:master-table")
    names = [f"slave-table{place or ''}" for place in range(scenario.slaves)]
    slaves = [exports.get(name, f"us-west-2:{name}") for name in names]
    if contender not in OURS:
        compared = (master, *slaves) if exports else ()
        return [sys.executable, "-m", f"perf.contenders.{contender}", url, str(scenario.parallel), *compared]
    tables = ("--master", master, *(f"--slave={slave}" for slave in slaves), "--endpoint-url", url)
    strategy = () if exports or contender == "keys" else ("--strategy", contender)
    parallel = ("--parallel", str(scenario.parallel), *strategy, "--no-progress")
    return [sys.executable, "-m", "fastsync", *tables, *parallel, *scenario.flags]


@contextmanager
def server(options: Sequence[str], tls: Path | None = None) -> Iterator[str]:
    """Run the server and give its address: with https where there is a folder for its certificate.

    Beside it those that botocore trusts are in BUNDLE, so that a client has to load as much as it does for AWS.
    """
    scheme = "http"
    if tls is not None:
        scheme, options = "https", (*options, "--tls", str(tls))
    with subprocess.Popen(
        [sys.executable, "-m", "perf.server", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            if tls is not None:
                with (tls / BUNDLE).open("a") as file:
                    file.write(Path(where()).read_text())
            yield f"{scheme}://127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def with_report(scenario: Scenario, count: int) -> Iterator[Scenario]:
    """Give a scenario with a report of all its items, where fastsync is to be given their keys."""
    if "keys" not in scenario.contenders:
        yield scenario
        return
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(f"{line}\n" for line in report_lines(count, "us-west-2:slave-table"))
        file.flush()
        yield replace(scenario, flags=(*scenario.flags, "--keys", file.name))


@contextmanager
def certified(scenario: Scenario) -> Iterator[Path | None]:
    """Give a folder for the server's certificate, where the scenario is one of https."""
    if not scenario.https:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def measured(
    arguments: Sequence[str], folder: Path | None = None, tls: Path | None = None, *, memory: bool = False
) -> tuple[dict[str, float], str]:
    """Run one command (in a folder with other sources) and give its figures and what it said.

    `tls` is the folder with the certificate of the server. `memory`: also that of all processes together.
    """
    pss = ["--pss"] if memory else []
    measure = [sys.executable, str(Path(__file__).parent / "measure.py"), *pss, *arguments]
    environment = ENVIRONMENT
    if tls is not None:
        environment = {**ENVIRONMENT, "AWS_CA_BUNDLE": str(tls / BUNDLE)}
    ran = subprocess.run(measure, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures, ran.stderr


def usage(url: str, tls: Path | None) -> dict[str, dict[str, float]]:
    """Ask the server what its tables were asked for so far."""
    context = None
    if tls is not None:
        context = ssl.create_default_context(cafile=tls / BUNDLE)
    with urllib.request.urlopen(url, context=context) as answer:
        told: dict[str, dict[str, float]] = json.load(answer)
        return told


def run(scenario: Scenario, rounds: int, count: int) -> list[dict[str, Any]]:
    """Run a scenario's contenders in turn and give a row for each."""
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in scenario.contenders if _here(name)}
    options = ["--items", str(count), *scenario.server]
    with ExitStack() as stack:
        scenario = stack.enter_context(with_report(scenario, count))
        tls = stack.enter_context(certified(scenario))
        url = stack.enter_context(server(options, tls))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        exports = {table: write_export(url, table, folder / table) for table in scenario.exports}
        for number in range(rounds):
            for contender, runs in rows.items():
                if number and contender in SLOW:
                    continue
                if scenario.writes:
                    url = stack.enter_context(server(options, tls))
                runs.append(_ran(scenario, contender, url, tls, exports))
    found = {figures["found"] for runs in rows.values() for figures in runs}
    if len(found) > 1:
        raise SystemExit(f"{scenario.name}: the contenders disagree: {found}")
    return _compared([_row(scenario, contender, runs, count) for contender, runs in rows.items()])


def _ran(
    scenario: Scenario, contender: str, url: str, tls: Path | None, exports: Mapping[str, str]
) -> dict[str, float]:
    before = usage(url, tls)
    figures, said = measured(command(contender, url, scenario, exports), tls=tls)
    after = usage(url, tls)
    if figures["exit"] not in (0, 1):
        raise SystemExit(f"{contender} failed: {said}")
    for table in after:
        for figure in ("units", "write_units", "throttled"):
            figures[f"{table} {figure}"] = after[table][figure] - before[table][figure]
        figures[f"{table} in flight"] = after[table]["most_in_flight"]
    figures["found"] = _found(contender, said)
    return figures


def _here(contender: str) -> bool:
    return contender != "original" or original.FOLDER is not None


def _found(contender: str, said: str) -> int:
    """Read the number of differences from what a contender said."""
    if contender not in OURS:
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


def _compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add how many times the CPU of its floor, and how small a part of boto3's, each row of fastsync took."""
    cpu = {row["contender"]: row["cpu"] for row in rows}
    for row in rows:
        ours = row["contender"] in OURS
        floor, boto = cpu.get(FLOORS.get(row["contender"], "")), cpu.get("boto")
        row["times_floor"] = row["cpu"] / floor if floor else None
        row["boto_times"] = boto / row["cpu"] if boto and ours else None
    return rows


HEADER = """\
| scenario | items | program | wall s | CPU s | µs/item | to floor | boto3 to it | peak MB | read units | in flight |
|---|---|---|---|---|---|---|---|---|---|---|"""
"""Ratios and µs are those of CPU; read units and requests in flight the master's + those of each slave."""


def show(rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Print rows of the table, and give them back."""
    for row in rows:
        each = "" if row["cpu_us_per_item"] is None else f"{row['cpu_us_per_item']:.1f}"
        ratios = [f"{row[name]:.2f} ×" if row[name] else "" for name in ("times_floor", "boto_times")]
        units, flying = (
            " + ".join(f"{value:,.0f}" for figure, value in row.items() if figure.endswith(what))
            for what in (" units", " in flight")
        )
        name = NAMES.get(row["contender"], row["contender"].replace("_", " "))
        print(
            f"| {row['scenario']} | {row['items']:,} | {name} | {row['wall']:.2f} | {row['cpu']:.2f} | {each} "
            f"| {' | '.join(ratios)} | {row['peak_mb']:.0f} | {units} | {flying} |",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few items, one round, nothing judged but agreement")
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="also what takes long")
    parser.add_argument("--show", type=Path, help="print the table of results that were written, and measure nothing")
    options = parser.parse_args()
    if options.show:
        print(HEADER)
        show(json.loads(options.show.read_text())["rows"])
        return
    rows: list[dict[str, Any]] = []
    print(HEADER)
    for scenario in SCENARIOS:
        wanted = scenario.quick if options.quick else (options.full or not scenario.full)
        if options.only in scenario.name and wanted:
            count = min(scenario.items, QUICK_ITEMS) if options.quick else scenario.items
            rows += show(run(scenario, 1 if options.quick else options.rounds, count))
    if not options.quick and not options.only:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.date.today().isoformat()}{'-full' if options.full else ''}.json"
        machine = (
            f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the end"
        )
        path.write_text(json.dumps({"machine": machine, "rounds": options.rounds, "rows": rows}, indent=1) + "\n")
        (RESULTS / "chart.svg").write_text(svg(rows))
        print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
