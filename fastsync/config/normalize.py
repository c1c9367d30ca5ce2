"""Bring what was given, by flags, a file or a program, into the form that `Config` has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastsync.config.checks import check_choice, check_kind
from fastsync.config.flags.options import DEFAULTS, FILES, WRITING
from fastsync.config.suggestions import ask_if_meant
from fastsync.errors import ConfigError
from fastsync.model.settings import SELECTABLE, StrategyName
from fastsync.model.table import TableRef
from fastsync.model.wording import quote


def complete_options(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options: those that were given, in the form that `Config` has them, and the defaults of the others."""
    unknown = sorted(set(flags) - set(DEFAULTS))
    if unknown:
        raise ConfigError(f"there is no option called {quote(unknown[0])}{ask_if_meant(unknown[0], DEFAULTS)}")
    options = {**DEFAULTS, **flags}
    if options["dry_run"] is True:
        options |= _without_writes(options)
    for name in ("ignore", "ignore_path", "key", "keys"):
        options[name] = tuple(as_list(options[name]))
    options["strategy"] = _as_strategy(options["strategy"])
    for name in FILES:
        options[name] = _as_path(options[name])
    options["keys"] = tuple(map(_as_path, options["keys"]))
    return options


def as_list(given: Any) -> list[Any]:
    """Return several values as a list, and a single one as a list of one."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def as_table(table: str | TableRef, endpoint_url: str | None) -> TableRef:
    """Return the table that text names, or a TableRef is, with this endpoint where it has none; raise ConfigError."""
    ref = TableRef.parse(table) if isinstance(table, str) else table
    if not isinstance(ref, TableRef):
        raise ConfigError(f"{quote(table)} is not a table: give its name as text, or a TableRef")
    if ref.endpoint_url:
        return ref
    return replace(ref, endpoint_url=endpoint_url)


def as_slaves(listed: Sequence[Any], options: Mapping[str, Any]) -> tuple[TableRef, ...]:
    """Return slaves with the endpoint that the options give them; raise ConfigError."""
    endpoint = options["slave_endpoint_url"] or options["endpoint_url"]
    return tuple(as_table(slave, endpoint) for slave in listed)


def _as_path(path: Any) -> Any:
    return os.fspath(path) if isinstance(path, os.PathLike) else path


def _without_writes(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a dry run: it reports all that the run would repair, and opens no undo log."""
    find_extras = options["scan_for_extra"] or options["delete_extra"]
    return {**dict.fromkeys(WRITING, False), "scan_for_extra": find_extras, "undo_log": None}


def _as_strategy(name: object) -> StrategyName:
    check_kind("--strategy", name, [str])
    check_choice("--strategy", name, *map(str, SELECTABLE))
    return StrategyName(name)
