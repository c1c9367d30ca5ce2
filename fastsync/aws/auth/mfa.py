"""Ask the terminal for an MFA code, which is neither shown nor kept."""

from __future__ import annotations

import getpass
import re
import sys
import warnings

from fastsync.errors import ConfigError

NO_TERMINAL = (
    "an MFA code is needed, and there is no terminal to ask for it; give it with --mfa-token or --slave-mfa-token"
)


def check_terminal() -> None:
    """Raise ConfigError where nobody could be asked."""
    if not any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        raise ConfigError(NO_TERMINAL)


def ask_code(question: str) -> str:
    """Ask for a code of six digits; raise ConfigError where nobody can be asked, or something else was typed."""
    check_terminal()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would show what is typed
            code = getpass.getpass(question).strip()
    except getpass.GetPassWarning:
        raise ConfigError(NO_TERMINAL) from None
    except (EOFError, OSError):
        raise ConfigError("no MFA code was given") from None
    if not re.fullmatch(r"[0-9]{6}", code):
        raise ConfigError("an MFA code has six digits, and something else was typed")
    return code
