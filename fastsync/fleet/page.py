"""`index.html`: a table of all pairs, the worst first, with a bar for each and links to the pages of each."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from fastsync.errors import ConfigError, FastsyncError, OutputFailed
from fastsync.fleet.folder import Ended, Folder
from fastsync.fleet.table import HEAD, count_differences, make_row, sort_worst_first
from fastsync.model.wording import count_nouns, escape_unprintable
from fastsync.output.durable import AtomicFile
from fastsync.reports.html.gather import MOST_ROWS
from fastsync.reports.html.page import make_page

INDEX = "index.html"
STYLE = """
td svg { width: 120px; height: 10px; }
.share-same { color: var(--same); } .share-missing { color: var(--missing); }
.share-differing { color: var(--differing); } .share-extra { color: var(--extra); }
"""
"""What the style of reports lacks: a bar is as high as a line."""


def make_pair_page(ended: Ended, folder: Folder) -> str | None:
    """Make the page of a pair that came to statistics; return why it could not be made, None where it was."""
    found = [folder.file_of(ended.pair, kind) for kind in ("report.jsonl", "stats.json")]
    there = [str(path) for path in found if path.exists()]
    if ended.statistics is None or not there:
        return None
    try:
        make_page(there, str(folder.file_of(ended.pair, "report.html")), MOST_ROWS)
    except FastsyncError as error:
        return str(error)
    return None


def write_index(ended: Sequence[Ended], folder: Folder, unmatched: Sequence[str]) -> None:
    """Write the page of all pairs; raise OutputFailed."""
    try:
        file = AtomicFile(str(folder.path / INDEX), "--output")
    except ConfigError as error:
        raise OutputFailed(str(error)) from None
    with file:
        for text in _render(ended, folder, unmatched):
            file.write(text.encode("ascii", "xmlcharrefreplace"))
        file.commit()


def _render(ended: Sequence[Ended], folder: Folder, unmatched: Sequence[str]) -> Iterator[str]:
    style = files("fastsync.reports.html").joinpath("page.css").read_text("ascii") + STYLE
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    complete = sum(each.complete for each in ended)
    yield f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>fastsync fleet</title>
<style>{style}</style>
</head>
<body>
<header>
<p class="soft">fastsync fleet</p>
<h1>{_show(count_nouns(len(ended), "pair"))}</h1>
"""
    different = sum(count_differences(each) > 0 for each in ended)
    good = all(each.exit_code == 0 for each in ended)
    kind = "good" if good else "bad"
    yield f'<p class="verdict {kind}">{_show(_sum_up(len(ended), complete, different))}</p>\n</header>\n<main>\n'
    if unmatched:
        names = ", ".join(unmatched)
        yield f'<p class="notice">{_show(f"tables without a master: {names}")}</p>\n'
    yield '<table id="pairs" class="stacked">\n<thead><tr>'
    for place, title in enumerate((*HEAD, "")):
        yield f'<th scope="col"{_number(place)}>{_show(title)}</th>'
    yield "</tr></thead>\n<tbody>\n"
    for each in sort_worst_first(ended):
        yield from _render_row(each, folder)
    yield "</tbody>\n</table>\n"
    failed = [each for each in sort_worst_first(ended) if each.error]
    if failed:
        yield "<h2>Errors and warnings</h2>\n"
        for each in failed:
            yield f'<p class="notice bad">{_show(f"{each.pair.name}: {each.error}")}</p>\n'
    yield "</main>\n</body>\n</html>\n"


def _sum_up(pairs: int, complete: int, different: int) -> str:
    if complete < pairs:
        return f"{count_nouns(pairs - complete, 'pair')} not complete, {different:,} with differences"
    if different:
        return f"{count_nouns(different, 'pair')} with differences"
    return "all pairs are equal"


def _render_row(ended: Ended, folder: Folder) -> Iterator[str]:
    page = Path(folder.file_of(ended.pair, "report.html"))
    yield "<tr>"
    for place, text in enumerate(make_row(ended)):
        shown = _show(text)
        if place == 0 and page.exists():
            shown = f'<a href="{escape(page.name)}">{shown}</a>'
        yield f'<td data-label="{_show(HEAD[place])}"{_number(place)}>{shown}</td>'
    yield f'<td class="share">{"".join(_render_bar(ended))}</td></tr>\n'


def _number(place: int) -> str:
    """Return the class of a column of numbers: all but the name and the bar."""
    return ' class="number"' if 0 < place < len(HEAD) else ""


def _render_bar(ended: Ended) -> Iterator[str]:
    """Yield a bar of the shares of what is the same, missing, differing and extra."""
    if ended.statistics is None:
        return
    slaves = ended.statistics.slaves.values()
    parts = {
        "same": sum(each.same + each.settled + each.expired + each.filtered for each in slaves),
        "missing": sum(each.missing for each in slaves),
        "differing": sum(each.differing for each in slaves),
        "extra": sum(each.extra or 0 for each in slaves),
    }
    total = sum(parts.values())
    if not total:
        return
    told = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count)
    yield f'<svg viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="{_show(told)}">'
    at = 0.0
    for name, count in parts.items():
        share = 100 * count / total
        if count:
            yield f'<rect class="share-{name}" x="{at:.3f}" y="0" width="{max(share, 1):.3f}" height="1"/>'
        at += share
    yield "</svg>"


def _show(text: str) -> str:
    return escape(escape_unprintable(text))
