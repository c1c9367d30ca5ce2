"""The public names."""

import fastsync

PUBLIC = {
    "Action",
    "Difference",
    "Policy",
    "Result",
    "Synchronizer",
    "Verdict",
    "FastsyncError",
    "Flags",
    "Percent",
    "Statistics",
    "Stats",
    "Progress",
    "read_report",
    "ConfigError",
    "TableError",
    "TableRef",
}


def test_public_names() -> None:
    """The names of the contract can be imported from the package, and __all__ is sorted and true."""
    assert set(fastsync.__all__) >= PUBLIC
    assert fastsync.__all__ == sorted(fastsync.__all__)
    assert all(hasattr(fastsync, name) for name in fastsync.__all__)
