"""The servers that tests talk to: had from the package index once, checked, and kept in `.cache/servers/`.

`python -m tests.fetch` fetches what is not there yet and says where it is.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from fastsync.demo import servers
from fastsync.demo.archive import Archive, Unobtainable, unpack

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "servers"
DYNAMODB_LOCAL = Archive(
    "amplify-dynamodb-simulator",
    "2.9.30",
    "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9",
    "package/emulator/",
)


def dynamodb_local() -> Path:
    """Give the folder that holds DynamoDBLocal.jar; raise Unobtainable."""
    return unpack(DYNAMODB_LOCAL, CACHE, _say) / "package" / "emulator"


def dynoxide() -> Path:
    """Give the dynoxide program, which the demo uses too; raise Unobtainable."""
    if not dynoxide_runs_here():
        raise Unobtainable(f"dynoxide is pinned for Linux on x86-64 only, not for {sys.platform} {platform.machine()}")
    return unpack(servers.DYNOXIDE, CACHE, _say) / servers.DYNOXIDE.wanted


def dynoxide_runs_here() -> bool:
    """Say whether the pinned dynoxide is made for this platform."""
    return servers.runs_dynoxide()


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> int:
    """Fetch all servers that run here."""
    wanted = [dynamodb_local, dynoxide] if dynoxide_runs_here() else [dynamodb_local]
    try:
        for fetch in wanted:
            print(fetch())
    except Unobtainable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
