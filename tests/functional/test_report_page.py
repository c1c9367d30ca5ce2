"""The page of `fastsync report` in a real browser, made of real runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastsync.output.differences.characters import quote_string
from fastsync.reports.html.page import make_page
from tests.browser import CHROMIUM, DRIVER, ENTER, TAB, Browser, browser
from tests.functional.conftest import MakeWorld
from tests.functional.processes import wait_for
from tests.functional.tables_behind_proxy import item
from tests.tables import run_fastsync

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium with chromedriver here")
EVIL = """</script><script>document.title="run"</script><img src=x onerror="document.title='run'">\u2028<!--\u202e"""
SHOWN = EVIL.replace("\u2028", "\\u{2028}").replace("\u202e", "\\u{202e}")
UNTOUCHED = ["fastsync report", 2, 0, 0]
STATE = (
    "return [document.title, document.scripts.length, document.images.length,"
    "document.querySelectorAll('b, iframe').length]"
)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for all tests of this file."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def search(window: Browser, text: str) -> None:
    """Type into the search field, and wait until the table follows."""
    before = window.run("document.getElementById('rows').tBodies[0].dataset.old = 'yes'; return 1")
    assert before == 1
    window.run(
        f"const field = document.getElementById('search'); field.value = {json.dumps(text)};"
        "document.getElementById('place').textContent = ''; field.dispatchEvent(new Event('input'))"
    )
    wait_for(lambda: window.run("return document.getElementById('place').textContent"), 10)


def keys(window: Browser) -> list[str]:
    """Give the keys that the table shows."""
    found: list[str] = window.run("return [...document.querySelectorAll('#rows .open')].map(each => each.textContent)")
    return found


def text_of(window: Browser, selector: str) -> str:
    """Give the text of a part of the page."""
    return str(window.run(f"return document.querySelector({json.dumps(selector)}).innerText"))


def test_a_slave_that_was_not_compared(make_world: MakeWorld, window: Browser, tmp_path: Path) -> None:
    """It has no zeros on the page either, and its verdict is neither good nor bad."""
    made = make_world([item("a")], [item("a")])
    stats, file = tmp_path / "s.json", tmp_path / "page.html"
    assert made.run("-s", "us-west-2:nowhere", "--stats", str(stats)).exit_code == 4
    assert run_fastsync("report", str(stats), "-o", str(file)).exit_code == 0
    window.open(file)
    assert "? us-west-2:nowhere was not compared" in text_of(window, "#verdicts")
    cells = "return [...document.querySelectorAll('#totals tbody tr:last-child td')].map(each => each.textContent)"
    assert window.run(cells)[:5] == ["us-west-2:nowhere", "not compared", "", "", ""]


def test_a_run_with_hostile_data(window: Browser, make_world: MakeWorld, tmp_path: Path) -> None:
    """Keys, names and values that look like markup are shown as text; nothing runs, nothing is asked for."""
    made = make_world(
        [item("same"), item(EVIL, **{EVIL: EVIL}), item("old", v=1, note="same", **{EVIL: "<b>one</b>"})],
        [item("same"), item("old", v=2, note="same"), item("extra")],
    )
    report, stats, log, file = (tmp_path / name for name in ("r.jsonl", "s.json", "l.jsonl", "page.html"))
    flags = [
        "--report",
        str(report),
        "--report-values",
        "--stats",
        str(stats),
        "--scan-for-extra",
        "--log-format",
        "json",
    ]
    log.write_text(made.run(*flags).stderr)
    assert run_fastsync("report", *map(str, (log, stats, report)), "-o", str(file)).exit_code == 0
    window.open(file)
    assert window.run(STATE) == UNTOUCHED
    assert window.log() == []
    assert f"{made.master} \u2192 {made.slave}" in text_of(window, "#tables")
    assert window.run("return [...document.querySelectorAll('#totals td')].map(each => each.textContent)")[:5] == [
        str(made.slave), "1", "1", "1", "1"
    ]  # fmt: skip
    assert SHOWN in text_of(window, "#attributes")
    assert f"{made.slave} differs: 3 differences" in text_of(window, "#verdicts")
    told = text_of(window, "#facts")
    assert "1, differences remain" in told
    assert f"fastsync -m {made.master} " in told
    assert re.search(r"began\s+\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\s+ended", told)
    assert window.run("return document.querySelectorAll('svg').length") == 0  # one segment, one line of progress
    search(window, "old")
    assert keys(window) == ["id old"]
    window.run("document.querySelector('#rows .open').click()")
    cells = window.run(
        "return [...document.querySelectorAll('.detail tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert sorted(cells) == [[quote_string(EVIL), "absent", '"<b>one</b>"'], ["v", "2", "1"]]
    search(window, EVIL)
    assert len(keys(window)) == 2
    assert window.run(STATE) == UNTOUCHED
    assert window.log() == []


def test_a_large_report(window: Browser, tmp_path: Path) -> None:
    """A report of 120,000 lines opens, a page of the table at a time; what is not listed is told and counted."""
    report, file = tmp_path / "r.jsonl", tmp_path / "page.html"
    with report.open("w") as out:
        for number in range(120_000):
            verdict = ("missing", "differing", "extra")[number % 3]
            line: dict[str, Any] = {
                "slave": f"us-west-2:orders-{number % 2}",
                "verdict": verdict,
                "key": {"id": {"N": str(number)}},
            }
            out.write(
                json.dumps({**line, "attributes": ["v"] * (number % 3 == 1), "action": "none", "error": None}) + "\n"
            )
        out.write('{"complete": true, "differences": 120000}\n')
    make_page([str(report)], str(file), 40_000)
    window.open(file)
    assert len(keys(window)) == 100
    assert "40,000 differences of 120,000" in text_of(window, "#notices")
    assert "20,000" in text_of(window, "#totals")
    assert "us-west-2:orders-1 differs: 60,000 differences" in text_of(window, "#verdicts")
    window.run("document.getElementById('next').click()")
    assert keys(window)[0] == "id 100"
    search(window, "39999")
    assert keys(window) == ["id 39999"]
    search(window, "")
    window.run(
        "const pick = document.getElementById('verdict'); pick.value = 'extra'; pick.dispatchEvent(new Event('change'))"
    )
    assert keys(window)[:2] == ["id 2", "id 5"]
    assert "13,333" in text_of(window, "#count")
    assert window.log() == []


def test_reports_that_are_not_whole(window: Browser, tmp_path: Path) -> None:
    """A report that was cut short, and a run that was not complete, are told before anything else."""
    line = {"slave": "us-west-2:orders", "verdict": "extra", "key": {"id": {"S": "a"}}, "attributes": []}
    (tmp_path / "cut").write_text(json.dumps(line) + "\n" + '{"slave"')
    (tmp_path / "stopped").write_text('{"complete": false, "differences": 0}\n')
    make_page([str(tmp_path / "cut"), str(tmp_path / "stopped")], str(tmp_path / "page.html"), 10)
    window.open(tmp_path / "page.html")
    told = text_of(window, "#notices")
    assert "cut was cut short after 1 lines" in told
    assert "stopped is of a run that was not complete" in told
    assert keys(window) == ["id a"]
    assert window.log() == []


def write_log(path: Path, scanned: list[int], missing: list[int]) -> None:
    """Write a log with a line of progress every 30 seconds, and a line for each segment."""
    with path.open("w") as out:
        for step, items in enumerate(scanned, 1):
            units = {"us-east-1:<i>": items / 8, "us-west-2:b": 100.0 * step}
            line = {"time": "2026-11-24T02:00:00Z", "level": "info", "message": "", "elapsed_seconds": 30 * step}
            more = {"scanned": items, "differences": 0, "read_units": units, "write_units": {"us-west-2:b": 0}}
            out.write(json.dumps({**line, **more}) + "\n")
        for number, found in enumerate(missing):
            line = {"time": "", "level": "info", "message": "", "segment": number, "scanned": 3000}
            slaves = {EVIL: {"missing": found, "differing": 4, "extra": None}, "us-west-2:b": {"missing": 0}}
            out.write(json.dumps({**line, "found": slaves}) + "\n")


def test_charts(window: Browser, tmp_path: Path) -> None:
    """Progress lines of a log are drawn as throughput and units per second; what stays the same is not drawn."""
    write_log(tmp_path / "log", [1500, 6000, 9000], [0, 4, 8])
    make_page([str(tmp_path / "log")], str(tmp_path / "page.html"), 10)
    window.open(tmp_path / "page.html")
    assert window.run("return [...document.querySelectorAll('#course h3')].map(each => each.textContent)") == [
        "items scanned per second, at most 150",
        "read units per second, us-east-1:<i>, at most 18.8",
    ]
    assert window.run("return [...document.querySelectorAll('#segments h3')].map(each => each.textContent)") == [
        f"differences, {SHOWN}, at most 12 in one segment"
    ]
    heights = window.run(
        "return [...document.querySelectorAll('rect.missing')].map(each => +each.getAttribute('height'))"
    )
    assert heights == [98 / 3, 98 * 2 / 3]
    assert window.run(STATE) == UNTOUCHED
    assert window.log() == []


@pytest.mark.parametrize(
    ("scanned", "missing"),
    [([], []), ([3000], [5]), ([1500, 6000], [0, 9]), ([3000, 6000, 9000, 12100], [4, 4, 4]), ([0, 0, 0], [0, 0, 0])],
)
def test_nothing_flat_is_drawn(scanned: list[int], missing: list[int], window: Browser, tmp_path: Path) -> None:
    """No chart has fewer than three points, or shows a line that stays where it is; nor is there a heading for none."""
    write_log(tmp_path / "log", scanned, missing)
    make_page([str(tmp_path / "log")], str(tmp_path / "page.html"), 10)
    window.open(tmp_path / "page.html")
    assert window.run("return document.querySelectorAll('svg').length") == 0
    assert window.run("return document.getElementById('course').hidden && document.getElementById('segments').hidden")
    assert window.log() == []


def stats_of(slave: str, **counters: int) -> dict[str, Any]:
    """Make statistics of a whole run with one slave."""
    slaves = {
        slave: {"compared": 9, "same": 9, "missing": 0, "differing": 0, "extra": 0, "read_units": 1.0, **counters}
    }
    master = {"table": "us-east-1:orders", "scanned": 9, "read_units": 4.5}
    run = {
        "complete": True,
        "strategy": "merge",
        "segments": 1,
        "elapsed_seconds": 3725.0,
        "sample": None,
        "shard": None,
    }
    return {**run, "master": master, "slaves": slaves, "errors": []}


@pytest.mark.parametrize("files", ["rsl", "r"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_any_width(width: int, files: str, window: Browser, tmp_path: Path) -> None:
    """On a phone as on a desk nothing is wider than the screen, a word stays a word, and differences precede charts."""
    slave = "us-west-2:production-orders-with-a-long-name"
    lines = [
        {
            "slave": slave,
            "verdict": "differing",
            "key": {"customer": {"S": f"C{number:05}"}, "order": {"N": "110705"}},
            "attributes": ["status", "total", "x" * 300],
            "action": "contended",
            "error": None,
            "master": {"status": {"S": "y" * 300}},
            "slave_item": {"status": {"S": "z"}},
        }
        for number in range(9)
    ]
    end = {"complete": True, "differences": 9}
    (tmp_path / "r").write_text("".join(json.dumps(line) + "\n" for line in (*lines, end)))
    (tmp_path / "s").write_text(json.dumps(stats_of(slave, differing=9, contended=9)))
    write_log(tmp_path / "l", [1500, 6000, 9000], [0, 4, 8])
    make_page([str(tmp_path / name) for name in files], str(tmp_path / "page.html"), 10)
    with window.width(width):
        window.open(tmp_path / "page.html")
        window.run("document.querySelector('#rows .open').click()")
        assert window.run("return document.documentElement.scrollWidth") <= width
        cells = "[...document.querySelectorAll('#rows > tbody > tr:first-child > td')].map(each => each.offsetWidth)"
        assert min(window.run(f"return {cells}")) >= 75
        parts = "[...document.querySelectorAll('main > section:not([hidden])')].map(each => each.id)"
        shown = ["totals", "differences", "attributes", "segments", "course"]
        assert window.run(f"return {parts}") == (shown if "l" in files else shown[:3])
    assert window.log() == []


def test_each_count_once(window: Browser, tmp_path: Path) -> None:
    """What statistics and report both count is shown once; reports that count otherwise are told as such."""
    line = {"slave": "us-west-2:orders", "verdict": "missing", "key": {"id": {"S": "a"}}, "attributes": []}
    (tmp_path / "r").write_text(json.dumps(line) + "\n" + '{"complete": true, "differences": 1}\n')
    for missing, tables in ((1, 1), (2, 2)):
        (tmp_path / "s").write_text(json.dumps(stats_of("us-west-2:orders", missing=missing)))
        make_page([str(tmp_path / "r"), str(tmp_path / "s")], str(tmp_path / "page.html"), 10)
        window.open(tmp_path / "page.html")
        assert window.run("return document.querySelectorAll('#totals table').length") == tables
        assert "1 h 2 min" in text_of(window, "#facts")
        assert ("count otherwise" in text_of(window, "#totals")) is (missing == 2)
    assert window.log() == []


def test_with_the_keyboard(window: Browser, tmp_path: Path) -> None:
    """Tab reaches the parts of the page, the filters and each difference, and Enter opens one."""
    line = {"slave": "us-west-2:orders", "verdict": "missing", "key": {"id": {"S": "a"}}, "attributes": []}
    (tmp_path / "r").write_text(json.dumps(line) + "\n" + '{"complete": true, "differences": 1}\n')
    make_page([str(tmp_path / "r")], str(tmp_path / "page.html"), 10)
    window.open(tmp_path / "page.html")
    reached = []
    for _ in range(7):
        window.press(TAB)
        reached.append(window.run("return document.activeElement.hash || document.activeElement.id || 'key'"))
    assert reached == ["#totals", "#differences", "search", "slave", "verdict", "action", "key"]
    assert window.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    window.press(ENTER)
    assert window.run("return document.activeElement.getAttribute('aria-expanded')") == "true"
    assert "no values" in text_of(window, ".detail")
    assert window.log() == []


@pytest.mark.parametrize(
    "stats",
    [{"master": {}, "slaves": {}}, {"master": {"table": []}, "slaves": {"a": {}}, "errors": None, "sample": {}}],
)
def test_statistics_of_another_version(stats: dict[str, Any], window: Browser, tmp_path: Path) -> None:
    """Statistics that lack what this version writes leave cells empty, and the page whole."""
    (tmp_path / "s").write_text(json.dumps(stats))
    make_page([str(tmp_path / "s")], str(tmp_path / "page.html"), 10)
    window.open(tmp_path / "page.html")
    assert window.log() == []
