"""fastsync demo: three tables with known differences on an emulator, and the real command line."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fastsync.cli.parser import Parser, create_parser
from fastsync.demo.servers import run_server
from fastsync.demo.steps import run_steps
from fastsync.errors import Interrupted
from fastsync.output.unforeseen import Phase, foreseen_only
from fastsync.workers.interrupt import Interrupt

DESCRIPTION = """\
Start a DynamoDB emulator on this machine, fill a master table and two slaves with known differences, and run fastsync
on them: report, repair, check. No account and no credentials are used. It takes less than a minute.

The emulator is dynoxide, with 20,000 orders, where npm can fetch it (3.5 MB, once, into ~/.cache/fastsync or the folder
that FASTSYNC_SERVERS names); elsewhere it is moto, with fewer orders, which the extra fastsync[demo] brings along."""


def make_parser() -> Parser:
    """Return the parser of `fastsync demo`, which has no flags."""
    return create_parser("fastsync demo", "fastsync demo", DESCRIPTION)


def run(arguments: Sequence[str]) -> int:
    """Run the demonstration and return its exit code: 0 where every step ended as it has to, 1 where one did not.

    Raises ConfigError on any argument but `--help`, and where there is no emulator.
    """
    make_parser().parse_args(arguments)
    with Interrupt() as interrupt:
        try:
            with (
                tempfile.TemporaryDirectory(prefix="fastsync-demo-") as folder,
                _isolated_environment(Path(folder)),
                run_server(_print_line) as server,
                foreseen_only(Phase("showing the demonstration", has_read=True)),
            ):
                return run_steps(server, Path(folder))
        except Interrupted:
            return interrupt.exit_code or 1


@contextmanager
def _isolated_environment(folder: Path) -> Iterator[None]:
    """Hide accounts, configuration, endpoints and proxies of AWS from the emulator and from every step."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    package = str(Path(__file__).parents[2])  # steps run in another folder, which python -m would look in
    os.environ.update(
        AWS_ACCESS_KEY_ID="demo",
        AWS_SECRET_ACCESS_KEY="demo",
        AWS_CONFIG_FILE=str(folder / "no-config"),
        AWS_SHARED_CREDENTIALS_FILE=str(folder / "no-credentials"),
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY="127.0.0.1",
        no_proxy="127.0.0.1",
        PYTHONPATH=os.pathsep.join(filter(None, (package, before.get("PYTHONPATH")))),
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _print_line(text: str) -> None:
    print(text, flush=True)
