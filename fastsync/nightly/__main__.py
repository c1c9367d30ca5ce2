"""`python -m fastsync.nightly`."""

from fastsync.nightly.command import main
from fastsync.output.log import Log
from fastsync.streams import run_with_streams

if __name__ == "__main__":
    raise SystemExit(run_with_streams(main, lambda error: Log().error(str(error))))
