"""`python -m fastsync`."""

import gc
import sys

# most of what is loaded stays: to look it through for garbage again and again takes a fifth of the start
gc.set_threshold(50_000)


def main() -> int:
    """Run the command line and return its exit code, also where a part of fastsync cannot be loaded."""
    try:
        from fastsync.cli import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if sys.stderr is not None:
            print(f"fastsync: it cannot be loaded: {type(error).__name__}: {error}; install it anew", file=sys.stderr)
        return 2
    return run()


if __name__ == "__main__":
    raise SystemExit(main())
