"""Runs of the library on Spark, told as runs of the program are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastsync import Synchronizer
from tests.functional.tables_behind_proxy import World, what_counts
from tests.tables import Ran


def on_spark(made: World, report: Path, **flags: Any) -> Ran:
    """Run in this process, on the context that is there."""
    tables = (str(made.master), [str(slave) for slave in made.slaves])
    options = {"retry_delay_base": 1, "endpoint_url": made.proxy.url, "report": str(report), **flags}
    result = Synchronizer(*tables, executor="spark", **options).run()
    return Ran([], result.exit_code, "", "\n".join(result.notes), parts(report), dict(result.stats))


def parts(report: Path) -> list[Any]:
    """Give the lines of a report in parts, in the order of the parts."""
    files = sorted(report.glob("*/part-*"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def flags_of(options: dict[str, Any]) -> Sequence[str]:
    """Give options of the library as flags of the command line."""
    words = []
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return words


def neutral(ran: Ran, made: World) -> Any:
    """Give what must not depend on luck, with tables called by what they are."""
    told = json.dumps(what_counts(ran))
    for place, slave in enumerate(made.slaves):
        told = told.replace(str(slave), f"slave-{place}")
    counts = json.loads(told)
    counts["differences"].sort()
    return counts
