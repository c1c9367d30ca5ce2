"""What spark-submit is given: fastsync's command line, inside a Spark application."""

import sys

from fastsync.cli import main

if __name__ == "__main__":
    sys.exit(main())
