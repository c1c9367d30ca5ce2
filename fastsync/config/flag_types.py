"""The types of flags in Python, for type checkers only: nothing of this is needed while a program runs.

`flags` has the table that decides; `tests/unit/config/test_flag_types.py` holds this to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Literal, TypedDict, Union

Percent = Literal[
    "0%", "1%", "2%", "3%", "4%", "5%", "6%", "7%", "8%", "9%",
    "10%", "11%", "12%", "13%", "14%", "15%", "16%", "17%", "18%", "19%",
    "20%", "21%", "22%", "23%", "24%", "25%", "26%", "27%", "28%", "29%",
    "30%", "31%", "32%", "33%", "34%", "35%", "36%", "37%", "38%", "39%",
    "40%", "41%", "42%", "43%", "44%", "45%", "46%", "47%", "48%", "49%",
    "50%", "51%", "52%", "53%", "54%", "55%", "56%", "57%", "58%", "59%",
    "60%", "61%", "62%", "63%", "64%", "65%", "66%", "67%", "68%", "69%",
    "70%", "71%", "72%", "73%", "74%", "75%", "76%", "77%", "78%", "79%",
    "80%", "81%", "82%", "83%", "84%", "85%", "86%", "87%", "88%", "89%",
    "90%", "91%", "92%", "93%", "94%", "95%", "96%", "97%", "98%", "99%",
    "100%",
]  # fmt: skip
"""A share as text. No type allows every percentage and no other text; whole ones are written out, so that a type
checker refuses "ten". Others, such as "2.5%", work as well: `cast(Percent, "2.5%")`."""
File = Union[str, "PathLike[str]"]
"""The path of a file; "-" is stdout where a flag says so."""


class Flags(TypedDict, total=False):
    """Every flag of a run in snake_case; what may be None is so by default. `progress` is a parameter by itself."""

    key_schema: str | None
    starting_key: str | None
    key: str | Iterable[str]
    keys: File | Iterable[File]
    ignore: str | Iterable[str]
    ignore_path: str | Iterable[str]
    where: str | None
    scan_for_extra: bool
    strategy: Literal["auto", "lookup", "merge"]
    consistent_read: bool
    no_recheck: bool
    recheck_delay: float | None
    version_attribute: str | None
    ignore_expired: bool
    write_missing: bool
    write_differing: bool
    delete_extra: bool
    dry_run: bool
    max_deletes: int | Percent | None
    allow_empty_master: bool
    allow_replica_writes: bool
    yes: bool
    if_unchanged: bool
    undo_log: File | None
    keep_ignored: bool
    writes: Literal["guarded", "batch"]
    spool: str | None
    parallel: int | Literal["auto"]
    executor: Literal["processes", "inline", "spark"]
    segments: int | None
    shard: str | None
    sample: float | None
    seed: int | None
    scan_limit: int | None
    batch_read_limit: int
    max_duration: float | None
    max_differences: int | None
    max_units: float | None
    max_cost: float | None
    compress: bool
    max_retries: int
    retry_delay_base: float
    max_read_units: float | Percent | None
    max_write_units: float | Percent | None
    checkpoint: File | None
    resume: bool
    report: File | None
    report_values: bool
    stats: File | None
    log_format: Literal["text", "json"]
    color: Literal["auto", "always", "never"]
    metrics_file: File | None
    verbose: bool
    quiet: bool
    profile: str | None
    role_arn: str | None
    external_id: str | None
    mfa_serial: str | None
    mfa_token: str | None
    slave_profile: str | None
    slave_role_arn: str | None
    slave_external_id: str | None
    slave_mfa_serial: str | None
    slave_mfa_token: str | None
    role_session_name: str | None
    role_duration: int
    endpoint_url: str | None
    slave_endpoint_url: str | None
