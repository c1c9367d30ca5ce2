"""The statistics as plain values have the types of the statistics."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from fastsync.output import statistics
from fastsync.output.statistics import (
    EstimatedDifferences,
    EstimateStats,
    MasterCounters,
    MasterStats,
    SampleStatistics,
    SampleStats,
    SlaveCounters,
    SlaveStats,
    Statistics,
    Stats,
)

PAIRS: dict[type[msgspec.Struct], Any] = {
    Statistics: Stats,
    MasterCounters: MasterStats,
    SlaveCounters: SlaveStats,
    SampleStatistics: SampleStats,
    EstimatedDifferences: EstimateStats,
}
"""Each struct, and the type of its fields as a dictionary."""


def as_plain(kind: Any) -> Any:
    """Return the type of plain values: numbers have no bounds, structs are dictionaries, the unset is left out."""
    if kind in PAIRS:
        return PAIRS[kind]
    if get_origin(kind) is Annotated:
        return as_plain(get_args(kind)[0])
    inner = get_args(kind)
    if not inner:
        return kind
    origin = get_origin(kind)
    if origin in (dict, list):
        return origin[tuple(map(as_plain, inner))]
    union: Any = None
    for each in map(as_plain, (kind for kind in inner if kind is not msgspec.UnsetType)):
        union = each if union is None else union | each
    return union


@pytest.mark.parametrize("struct", PAIRS, ids=lambda struct: struct.__name__)
def test_the_dictionary_has_the_types_of_the_struct(struct: type[msgspec.Struct]) -> None:
    """A counter that is added, or may be missing, is known to a type checker too."""
    fields = get_type_hints(struct, vars(statistics), include_extras=True)
    assert get_type_hints(PAIRS[struct]) == {name: as_plain(kind) for name, kind in fields.items()}
