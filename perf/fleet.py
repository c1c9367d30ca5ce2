"""What a fleet of empty tables takes, for each pair of them.

python -m perf.fleet [--pairs 200] [--parallel 8]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from perf.bench import measured, server
from perf.server.__main__ import name_pair


def write_fleet(path: Path, pairs: int, parallel: int) -> None:
    """Write the file of a fleet of the benchmark server's empty tables."""
    lines = [f"parallel = {parallel}", "scan-for-extra = true"]
    for number in range(pairs):
        master, slave = name_pair(number)
        lines += ["[[tables]]", f'master = "us-east-1:{master}"', f'slave = "us-west-2:{slave}"']
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--parallel", type=int, default=8)
    options = parser.parse_args()
    print("| pairs | processes | wall ms a pair | CPU ms a pair | peak MB of a process |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, server(["--items", "0", "--pairs", str(options.pairs)]) as url:
        file, output = Path(folder) / "fleet.toml", Path(folder) / "output"
        write_fleet(file, options.pairs, options.parallel)
        files = ("--config", str(file), "--output", str(output))
        command = [sys.executable, "-m", "fastsync", "fleet", *files, "--endpoint-url", url, "--quiet"]
        figures, said = measured(command)
    if figures["exit"]:
        raise SystemExit(said)
    wall, cpu = (figures[name] * 1000 / options.pairs for name in ("wall", "cpu"))
    print(f"| {options.pairs} | {options.parallel} | {wall:.0f} | {cpu:.0f} | {figures['peak_mb']:.0f} |")


if __name__ == "__main__":
    main()
