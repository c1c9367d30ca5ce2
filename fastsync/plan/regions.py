"""Refuse a region that cannot exist, before anything is asked; a new one, which nobody here knows, is none of these."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from fastsync.config.suggestions import find_nearest
from fastsync.errors import ConfigError
from fastsync.model.table import TableRef
from fastsync.model.wording import quote

_PLAUSIBLE = re.compile(
    r"(?:[a-z]{2}(?:-gov|-iso[a-z]?)?|eusc-[a-z]{2})"
    r"-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)-[1-9][0-9]?"
)
"""The form of all regions so far, and of those that are likely to come."""
_FORM = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,2}-[1-9][0-9]?")
"""The form of a region as botocore has it, with any words in it."""
_FIPS = re.compile(r"fips-|-fips")
NEAR = 0.8
"""How alike a misspelt region and the one that was meant are at least, of 1."""


def check_region(ref: TableRef, list_regions: Callable[[], Sequence[str]]) -> None:
    """Raise ConfigError where a table's region is misspelt, or is none at all.

    `list_regions` returns the known ones; it is slow, and called only where the region does not look like one.
    """
    region = ref.region
    if ref.endpoint_url is not None or _PLAUSIBLE.fullmatch(_FIPS.sub("", region)):
        return
    known = list_regions()
    if not known or region in known:
        return
    near = find_nearest(region, known, NEAR)
    if near:
        raise ConfigError(f"{ref}: there is no region {region}; is {near[0]} meant?")
    if not _FORM.fullmatch(region):
        raise ConfigError(
            f"{ref}: there is no region {quote(region)}; a region is written as us-east-1, and a server of one's own "
            "needs --endpoint-url"
        )
