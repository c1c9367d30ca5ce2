"""The program, with a checkpoint after every page: else runs as short as these would never be resumed midway."""

import gc

gc.set_threshold(50_000)  # as fastsync.__main__ does

import fastsync.run.checkpoints.file  # noqa: E402
from fastsync.cli import main  # noqa: E402

fastsync.run.checkpoints.file.EVERY, fastsync.run.checkpoints.file.SHARE = 0.0, 1000.0

if __name__ == "__main__":
    raise SystemExit(main())
