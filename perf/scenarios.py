"""What is measured: tables, flags, and who runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """Tables, flags of fastsync, and who runs. `full` ones take long and run only when asked for, `quick` ones always.

    `writes`: every run gets tables of its own, since the one before has changed them. Where `keys` is among the
    contenders, fastsync is given a report of all items.
    `https`: the server speaks TLS, by a certificate that is trusted through AWS_CA_BUNDLE.
    `exports` are the tables of which an export is compared in their place.
    """

    name: str
    items: int
    server: Sequence[str] = ()
    flags: Sequence[str] = ()
    contenders: Sequence[str] = ("lookup", "merge")
    parallel: int = 2
    full: bool = False
    writes: bool = False
    quick: bool = False
    slaves: int = 1
    https: bool = False
    exports: Sequence[str] = ()


FEW = ("--differing", "0.001", "--missing", "0.001")
FLOORS = ("lookup", "merge", "floor_lookup", "floor_merge")
ALL = (*FLOORS, "boto", "original")
BY_BOTH = ("lookup", "merge")
EMPTY = ("--missing", "1", "--latency", "5,10")
EXPORTED = ("partition", "dicts")
BOTH = ("master-table", "slave-table")
SCHEMA = ("--key-schema", "id:S")
TOLD = ("--report", "/dev/null", "--report-values")
NEAR = (*FEW, "--latency", "5,40")
SLOW_LINE = (*FEW, "--latency", "40,40", "--bandwidth", "12")
SCENARIOS = (
    Scenario("cpu: 0.1 % differing and missing", 300_000, FEW, (), ALL[:-1], quick=True),
    Scenario("over https", 200_000, FEW, (), FLOORS, quick=True, https=True),
    Scenario("over http, the same", 200_000, FEW, (), FLOORS),
    Scenario("latency 5 ms master, 40 ms slave", 200_000, NEAR, (), ALL),
    *(
        Scenario(f"latency 5 ms master, 40 ms slave, {count} processes", 200_000, NEAR, (), ("merge",), parallel=count)
        for count in (8, 16, 64)
    ),
    Scenario("latency 40 ms master, 90 ms slave", 200_000, (*FEW, "--latency", "40,90")),
    Scenario("two slaves, 40 ms and 90 ms", 100_000, (*FEW, "--latency", "5,40,90"), slaves=2),
    Scenario("scan order random, the same on both", 300_000, (*FEW, "--order", "shuffled"), quick=True),
    Scenario("scan order unlike on the slave", 100_000, (*FEW, "--order", "apart"), quick=True),
    Scenario("attributes in another order", 300_000, (*FEW, "--reordered"), quick=True),
    Scenario("sets in another order", 300_000, (*FEW, "--sets"), quick=True),
    Scenario("one ignored attribute that differs", 300_000, (*FEW, "--touched"), ("--ignore", "seen"), quick=True),
    Scenario("all equal", 300_000),
    Scenario("10 % different", 100_000, ("--differing", "0.1"), quick=True),
    Scenario("100 % different", 100_000, ("--differing", "1")),
    Scenario("small items, 120 B", 300_000, (*FEW, "--shape", "small")),
    Scenario("large items, 6 KB", 30_000, (*FEW, "--shape", "large")),
    Scenario("huge items, 390 KB, all different, values told", 500, ("--differing", "1", "--shape", "huge"), TOLD),
    Scenario("--parallel 1", 300_000, FEW, parallel=1),
    Scenario("--parallel 4", 300_000, FEW, parallel=4),
    Scenario("two empty tables", 0),
    Scenario("two empty tables, 16 processes", 0, parallel=16),
    Scenario("two empty tables over https, 16 processes", 0, parallel=16, https=True),
    Scenario(
        "guarded writes at 10 ms",
        20_000,
        ("--missing", "1", "--latency", "10,10"),
        ("--write-missing", "--no-recheck"),
        ("lookup",),
        writes=True,
        quick=True,
    ),
    Scenario(
        "copy into an empty slave at 5 and 10 ms, guarded", 40_000, EMPTY, ("--write-missing",), BY_BOTH, writes=True
    ),
    Scenario(
        "copy into an empty slave at 5 and 10 ms, in batches",
        40_000,
        EMPTY,
        ("--write-missing", "--writes", "batch"),
        (*BY_BOTH, "boto_copy"),
        writes=True,
        quick=True,
    ),
    Scenario("keys of a report, all equal by now", 100_000, (), (), ("keys",), quick=True),
    Scenario("keys of a report, all different", 100_000, ("--differing", "1"), (), ("keys",)),
    Scenario("keys of a report at 40 ms", 100_000, ("--differing", "1", "--latency", "40,40"), (), ("keys",)),
    Scenario("12 MB/s line", 50_000, SLOW_LINE),
    Scenario("12 MB/s line, --compress", 50_000, SLOW_LINE, ("--compress",), quick=True),
    Scenario("throttled: 4 partitions of 3,000 units/s", 60_000, (*FEW, "--partitions", "4")),
    Scenario("an export against a table", 1_000_000, FEW, (), EXPORTED[:1], exports=BOTH[:1]),
    Scenario("two exports", 1_000_000, FEW, SCHEMA, EXPORTED[:1], exports=BOTH),
    Scenario("an export against a table: 100,000 items", 100_000, FEW, (), EXPORTED, quick=True, exports=BOTH[:1]),
    Scenario("two exports: 100,000 items", 100_000, FEW, SCHEMA, EXPORTED, quick=True, exports=BOTH),
    Scenario("growth: 10,000 items", 10_000, FEW),
    Scenario("growth: 100,000 items", 100_000, FEW),
    Scenario("growth: 1,000,000 items", 1_000_000, FEW, full=True),
    Scenario("growth: 3,000,000 items", 3_000_000, FEW, full=True),
    Scenario("growth: 10,000,000 small items", 10_000_000, (*FEW, "--shape", "small"), full=True),
)
