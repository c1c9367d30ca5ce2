"""The command line: argv → one command → exit code.

Each command is one module, with its parser and a `run(arguments)` that returns the exit code; `entry` picks the
module. Flags are declared in `flags`, completed by a config file in `parser`, and handed to the library as keyword
arguments. It must not compare, repair or talk to AWS itself: whatever a command does, the library can do without
it.
"""

from fastsync.cli.entry import main

__all__ = ["main"]
