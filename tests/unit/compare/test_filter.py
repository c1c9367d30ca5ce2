"""Filters: what is compiled, and how often."""

from __future__ import annotations

import pytest

from fastsync.compare import filter as module
from fastsync.compare.filter import Filter


def test_an_expression_is_compiled_once_a_process() -> None:
    """However many tasks a worker has, it compiles the expression of its run once."""
    module._compile.cache_clear()
    for _ in range(100):
        assert Filter("a == 'x'").active
    assert module._compile.cache_info().misses == 1


def test_what_is_no_expression_is_refused_each_time() -> None:
    """A bad expression is an error however often it is tried, and none is no filter."""
    for _ in range(2):
        with pytest.raises(ValueError):
            Filter("a ==")
    assert not Filter().active
    assert Filter(None).reads_only(())
