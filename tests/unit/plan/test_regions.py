"""A region that cannot exist is refused, one that may be new is not."""

from __future__ import annotations

import pytest

from fastsync.errors import ConfigError
from fastsync.model.table import TableRef
from fastsync.plan.regions import check_region

KNOWN = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-southeast-2",
    "us-gov-west-1",
    "cn-north-1",
]
MISSPELT = {
    "us-esat-1": "us-east-1",
    "us-east1": "us-east-1",
    "useast-1": "us-east-1",
    "US-EAST-1": "us-east-1",
    "eu-wst-1": "eu-west-1",
    "eu-centrl-1": "eu-central-1",
    "ap-southest-2": "ap-southeast-2",
    "uss-west-2": "us-west-2",
    "us-gov-wets-1": "us-gov-west-1",
}
NONE = ["local", "localhost", "x", "1", "us", "nowhere-at-all"]
POSSIBLE = [
    *KNOWN, "us-east-9", "us-south-1", "us-northwest-1", "nz-north-1", "mx-central-2", "ap-southeast-12",
    "us-iso-east-1", "us-isob-west-1", "eu-isoe-west-1", "eusc-de-east-1", "us-mountain-1",
    "fips-us-east-1", "us-east-1-fips",
]  # fmt: skip


@pytest.mark.parametrize(("region", "meant"), MISSPELT.items(), ids=MISSPELT)
def test_misspelt_regions(region: str, meant: str) -> None:
    """A region that is like one of the known ones, and has no region's form, is answered with that one."""
    with pytest.raises(ConfigError, match=f"there is no region {region}; is {meant}.* meant"):
        check_region(TableRef(f"{region}:a", region, "a"), lambda: KNOWN)


@pytest.mark.parametrize("region", NONE)
def test_what_is_no_region(region: str) -> None:
    """A word that has not even the form of a region is refused."""
    with pytest.raises(ConfigError, match="there is no region"):
        check_region(TableRef(f"{region}:a", region, "a"), lambda: KNOWN)


@pytest.mark.parametrize("region", POSSIBLE)
def test_regions_that_may_exist(region: str) -> None:
    """Known regions, and those that may be new, are taken."""
    check_region(TableRef(f"{region}:a", region, "a"), lambda: KNOWN)


@pytest.mark.parametrize("region", [*MISSPELT, *NONE])
def test_servers_of_ones_own(region: str) -> None:
    """Where another endpoint is given, or configured, a region may have any name."""
    check_region(TableRef(f"{region}:a", region, "a", "http://localhost:8000"), lambda: KNOWN)
    check_region(TableRef(f"{region}:a", region, "a"), lambda: [])
