"""Load the policy that --policy names."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from fastsync.errors import ConfigError
from fastsync.model.policy import Policy
from fastsync.model.wording import describe_exception, shorten


def load_policy(name: str | None) -> Policy | None:
    """Import `package.module:Class` and return an instance of it; raise ConfigError if it is not a Policy."""
    if name is None:
        return None
    module, _, cls = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        policy = getattr(importlib.import_module(module), cls)()
    except BaseException as error:  # of the user's module, which may do anything, even exit
        raise ConfigError(
            f"--policy {shorten(name)}: {describe_exception(error)}; give it as package.module:Class"
        ) from error
    if not isinstance(policy, Policy):
        raise ConfigError(f"--policy {name} is not a subclass of fastsync.Policy")
    return policy
