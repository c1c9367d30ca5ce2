"""The program, with a checkpoint after every page: else runs as short as these would never be resumed midway."""

import gc

gc.set_threshold(50_000)  # as fastsync.__main__ does

import fastsync.run.checkpoint  # noqa: E402
from fastsync.cli import main  # noqa: E402

fastsync.run.checkpoint.EVERY, fastsync.run.checkpoint.SHARE = 0.0, 1000.0

if __name__ == "__main__":
    raise SystemExit(main())
