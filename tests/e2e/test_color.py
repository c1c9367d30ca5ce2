"""Colours on the command line: on a terminal, and nowhere else unless they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tables import run_fastsync
from tests.terminal import run_on_terminal

WRONG = ("-m", "us-east-1:a")
"""A command that ends with an error before anything is read."""


@pytest.mark.parametrize(
    ("flags", "env", "colored"),
    [
        ((), {}, True),
        ((), {"NO_COLOR": "1"}, False),
        (("--color", "never"), {}, False),
        (("--color=always",), {"NO_COLOR": "1"}, True),
        (("--color", "always", "--log-format", "json"), {}, False),
        (("--color", "purple"), {}, False),
    ],
)
def test_errors_on_a_terminal(flags: tuple[str, ...], env: dict[str, str], colored: bool) -> None:
    """An error is coloured on a terminal, unless NO_COLOR or the flag says otherwise; JSON never is."""
    code, shown = run_on_terminal(*WRONG, *flags, env={"NO_COLOR": "", **env})
    assert code == 2
    assert ("\033[" in shown) == colored


@pytest.mark.parametrize(("color", "colored"), [("auto", False), ("always", True), ("never", False)])
def test_errors_in_a_file(color: str, colored: bool, tmp_path: Path) -> None:
    """Where stderr is no terminal there are escape codes only for `always`, on the command line or in a file."""
    config = tmp_path / "x.toml"
    config.write_text(f'color = "{color}"\n')
    for flags in (["--color", color], ["--config", str(config)]):
        ran = run_fastsync(*WRONG, *flags)
        assert (ran.exit_code, "\033[" in ran.stderr) == (2, colored)


@pytest.mark.parametrize("command", [(), ("undo", "nowhere"), ("combine", "nowhere"), ("estimate",), ("iam-policy",)])
def test_other_values_are_refused(command: tuple[str, ...]) -> None:
    """Every command that has the flag takes its three values only."""
    tables = () if command[1:] else (*WRONG, "-s", "us-west-2:b")
    ran = run_fastsync(*command, *tables, "--color", "purple")
    assert ran.exit_code == 2
    assert "--color takes auto, always or never, not 'purple'" in ran.stderr
