"""The original tool on Node, where PERF_ORIGINAL names a folder with its source and its dependencies installed.

git clone https://github.com/silvermine/dynamodb-table-sync && cd dynamodb-table-sync && npm install --omit=dev
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = os.environ.get("PERF_ORIGINAL")
"""None where it is not here: then it is left out."""
PRELOAD = "require({sdk!r}).config.update({{dynamodb: {{endpoint: {url!r}}}}});"
"""The tool has no flag for another endpoint."""


def main() -> None:
    folder, url, processes = Path(str(FOLDER)), sys.argv[1], sys.argv[2]
    with tempfile.NamedTemporaryFile("w", suffix=".js") as preload:
        preload.write(PRELOAD.format(sdk=str(folder / "node_modules" / "aws-sdk"), url=url))
        preload.flush()
        tables = ["--master", "us-east-1:master-table", "--slave", "us-west-2:slave-table", "--parallel", processes]
        command = ["node", "--require", preload.name, str(folder / "src" / "cli.js"), *tables]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = [re.search(pattern, said) for pattern in (r"missing (\d+) items", r"Had (\d+) items that were different")]
    print(*(each[1] for each in found if each), file=sys.stderr)


if __name__ == "__main__":
    main()
