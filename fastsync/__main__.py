"""`python -m fastsync`."""

import gc

# most of what is loaded stays: to look it through for garbage again and again takes a fifth of the start
gc.set_threshold(50_000)

from fastsync.cli import main  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(main())
