"""Render the page as one HTML file that loads nothing.

Item data is whatever its writers put there, so nothing of it becomes markup: it stands in the page as JSON in a data
block, in plain ASCII and without a "<", and the script makes text nodes of it. The page's policy names the one script
and the one style sheet by their hashes; nothing else runs, and nothing is ever loaded.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from importlib.resources import files

from fastsync.config.checks import MOST, check_number, check_path
from fastsync.config.paths import check_inputs, check_outputs
from fastsync.errors import ConfigError, OutputFailed
from fastsync.output.durable import open_output
from fastsync.reports.html.gather import Gathered
from fastsync.reports.read import read_file


def make_page(paths: Sequence[str], output: str, most_rows: int) -> None:
    """Read the files of runs and write their page, to stdout for "-".

    Raises ConfigError where a file is none of fastsync's or cannot be read, or the page cannot be written.
    """
    check_number("--rows", most_rows, 0, MOST)
    for flag, path in (("--output", output), *(("FILE", path) for path in paths)):
        check_path(flag, path)
    check_inputs({"--output": output}, paths)
    check_outputs({"--output": output})
    if list(paths).count("-") > 1:
        raise ConfigError("stdin (-) can be read once only")
    gathered = Gathered(most_rows)
    for path in paths:
        gathered.add_file(path, read_file(path))
    file = open_output(output, "--output")
    try:
        file.writelines(render_page(gathered))
        file.flush()
        if file is not sys.stdout:
            file.close()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(f"the page {output} cannot be written: {error.strerror or error}") from None


def render_page(gathered: Gathered) -> Iterator[str]:
    """Yield the text of the page, in ASCII."""
    parts = {name: files(__package__).joinpath(f"page.{name}").read_text("ascii") for name in ("css", "js", "html")}
    policy = f"default-src 'none'; script-src {_hash(parts['js'])}; style-src {_hash(parts['css'])}; base-uri 'none'"
    fills = {"policy": f"{policy}; form-action 'none'", "style": parts["css"], "script": parts["js"]}
    before, after = re.sub(r"\{\{(policy|style|script)\}\}", lambda found: fills[found[1]], parts["html"]).split(
        "{{data}}"
    )
    yield before
    yield _strip_comments(json.dumps(gathered.as_document()))[:-1]
    yield ',"rows":['
    separator = ""
    for row in gathered.rows:
        yield separator + _strip_comments(row)
        separator = ","
    yield "]}"
    yield after


def _strip_comments(text: str) -> str:
    """Return JSON in which no string can end the block that it stands in: neither "</script>" nor "<!--"."""
    return text.replace("<", "\\u003c")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
