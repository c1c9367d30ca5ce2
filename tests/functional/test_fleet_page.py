"""The page of a fleet in a real browser, made of a real run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import CHROMIUM, DRIVER, browser
from tests.functional.test_fleet import FEW, make_pairs, run_fleet, write_file
from tests.servers import Server

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium with chromedriver here")


def test_the_page_of_a_fleet(dynoxide: Server, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It has all pairs, the worst first, each with a bar and a link to its page, fits a phone, and loads nothing."""
    begin = make_pairs(dynoxide, {"a": FEW, "b": FEW, "empty": 0}, lacking=2)
    file, out = write_file(tmp_path, begin), tmp_path / "out"
    run_fleet(dynoxide, file, "--output", str(out))
    with browser(tmp_path_factory.mktemp("profile")) as window:
        window.open(out / "index.html", scripted=False)
        names = "return [...document.querySelectorAll('#pairs tbody tr')].map((row) => row.cells[0].textContent)"
        assert window.run(names) == ["a", "b", "empty"]
        assert window.run("return document.querySelectorAll('#pairs svg').length") == 2
        bar = "const box = document.querySelector('#pairs svg rect:last-child').getBoundingClientRect();"
        assert window.run(f"{bar} return box.width > 0 && box.height > 0")
        assert "2 pairs with differences" in window.run("return document.body.textContent")
        fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert window.run(fits)
        with window.width(400):
            assert window.run(fits)
        assert window.log() == []
        window.run("document.querySelector('#pairs a').click()")
        assert window.run("return document.title") == "fastsync report"
