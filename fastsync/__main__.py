"""`python -m fastsync`."""

import gc
import os
import sys
from contextlib import suppress

SIGNALLED = 128
"""Exit codes above stand for a signal."""

# most of what is loaded stays: to look it through for garbage again and again takes a fifth of the start
gc.set_threshold(100_000)


def main() -> int:
    """Run the command line and return its exit code, also where a part of fastsync cannot be loaded."""
    try:
        from fastsync.cli import main as run  # noqa: PLC0415
        from fastsync.cli.entry import report_error  # noqa: PLC0415
        from fastsync.streams import run_with_streams  # noqa: PLC0415
        from fastsync.workers.interrupt import Interrupt  # noqa: PLC0415

        Interrupt.leave = os._exit
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if sys.stderr is not None:
            print(f"fastsync: it cannot be loaded: {type(error).__name__}: {error}; install it anew", file=sys.stderr)
        return 2
    code = run_with_streams(run, lambda error: report_error(error, sys.argv[1:]))
    if code > SIGNALLED:
        _leave(code)
    return code


def _leave(code: int) -> None:
    """End the process with this code, whatever further signals come: Python stops looking at them before it ends."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    raise SystemExit(main())
