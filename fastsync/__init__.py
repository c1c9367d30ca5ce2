"""Compare a DynamoDB table with copies of it, and repair the copies."""

from fastsync.difference import Difference, Effect, Verdict
from fastsync.errors import ConfigError, FastsyncError, TableError
from fastsync.policy import Action, Policy
from fastsync.run import Result, Synchronizer
from fastsync.table import TableRef

__all__ = [
    "Action",
    "ConfigError",
    "Difference",
    "Effect",
    "FastsyncError",
    "Policy",
    "Result",
    "Synchronizer",
    "TableError",
    "TableRef",
    "Verdict",
]
__version__ = "0.1.0"
