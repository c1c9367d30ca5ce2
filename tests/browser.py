"""A headless Chromium, driven over WebDriver's own HTTP (W3C WebDriver), without any package."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
TAB, ENTER = "\ue004", "\ue007"
"""Keys, as WebDriver spells them (section "Keyboard actions")."""
STARTING = 30.0
"""Seconds that the driver may take to answer."""


class Browser:
    """A window of the browser."""

    def __init__(self, port: int):
        self._port = port
        self._session = ""

    def start(self, folder: Path) -> None:
        """Open the window; its profile lives in a folder of the test's."""
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        options += ["--window-size=1280,1000", f"--user-data-dir={folder}", "--host-resolver-rules=MAP * ~NOTFOUND"]
        wanted = {"goog:chromeOptions": {"binary": CHROMIUM, "args": options}, "goog:loggingPrefs": {"browser": "ALL"}}
        self._session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def open(self, page: Path, scripted: bool = True) -> None:
        """Open a page from disk, and wait until its script, where it has one, has come to its end."""
        self._ask("POST", f"/session/{self._session}/url", {"url": page.as_uri()})
        assert not scripted or self.run("return document.documentElement.dataset.done") == "yes", self.log()

    def run(self, script: str) -> Any:
        """Run a script in the page and give what it returns."""
        return self._ask("POST", f"/session/{self._session}/execute/sync", {"script": script, "args": []})

    def log(self) -> list[str]:
        """Give what the page's console said since this was last asked: errors, and what its policy refused."""
        told = self._ask("POST", f"/session/{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in told]

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        actions = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self._ask("POST", f"/session/{self._session}/actions", {"actions": [keyboard]})

    @contextmanager
    def width(self, width: int) -> Iterator[None]:
        """Show pages as on a screen of this width, on a narrow one as a phone does."""
        self._ask_chromium(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        yield
        self._ask_chromium("Emulation.clearDeviceMetricsOverride")

    def picture(self, file: Path) -> None:
        """Write what the window shows as a PNG."""
        file.write_bytes(b64decode(self._ask("GET", f"/session/{self._session}/screenshot")))

    def close(self) -> None:
        """Close the window."""
        if self._session:
            self._ask("DELETE", f"/session/{self._session}")

    def _ask_chromium(self, command: str, **parameters: Any) -> None:
        """Send a command of the DevTools protocol, for what WebDriver has no command."""
        self._ask("POST", f"/session/{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            told = json.loads(answer.read())["value"]
        finally:
            connection.close()
        assert answer.status == 200, told
        return told


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run a browser; it is ended by its process id."""
    port = free_port()
    process = subprocess.Popen(
        [str(DRIVER), f"--port={port}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    window = Browser(port)
    try:
        _wait(port)
        window.start(folder)
        yield window
        window.close()
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int) -> None:
    end = time.monotonic() + STARTING
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/status")
            if connection.getresponse().status == 200:
                return
        except OSError:
            assert time.monotonic() < end, "the driver does not answer"
            time.sleep(0.05)
        finally:
            connection.close()
