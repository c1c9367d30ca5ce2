"""Passwords in addresses: those of endpoints are refused, those of proxies are used, and none is shown or stored."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from fastsync.run.checkpoints import file as checkpoint
from tests.functional.conftest import MakeWorld
from tests.functional.tables_behind_proxy import World, item, no_traceback
from tests.servers import Server
from tests.tables import Ran, run_fastsync

CANARY = "CaNaRy"
PASSWORDS = {
    "plain": "CaNaRy7",
    "slash": "CaNaRy/7",
    "hash": "CaNaRy#7",
    "question": "CaNaRy?7",
    "at": "CaNaRy@7",
    "colon": "CaNaRy:7",
    "bracket": "[CaNaRy",
    "escaped": "%43aNaRy%2F7CaNaRy",
    "number": "12345@CaNaRy",
}
FLAGS = ("-m", "us-east-1:tab", "-s", "us-west-2:tab")
SCHEMES = ("http://", "https://", "", "HTTP://", "ftp://", "//")


def address(password: str, scheme: str = "http://") -> str:
    """Make an address with a password, where nobody listens."""
    return f"{scheme}ada:{password}@127.0.0.1:1"


def nothing_shown(ran: Ran, folder: Path | None = None) -> None:
    """Hold that no output and no file has the password, or a piece of it."""
    texts = [
        ran.stdout,
        ran.stderr,
        *(path.read_text() for path in (folder.rglob("*") if folder else ()) if path.is_file()),
    ]
    for text in texts:
        assert CANARY.lower() not in text.lower(), text
        assert b64encode(CANARY.encode()).decode()[:7] not in text
    no_traceback(ran)


COMMANDS: Mapping[str, tuple[str, ...]] = {
    "sync": (*FLAGS, "--verbose"),
    "json": (*FLAGS, "--log-format", "json"),
    "undo": ("undo", "log"),
    "estimate": ("estimate", *FLAGS),
    "estimate in JSON": ("estimate", *FLAGS, "--json"),
    "outputs": (*FLAGS, "--report", "report", "--stats", "stats", "--checkpoint", "checkpoint", "--resume",
                "--metrics-file", "metrics", "--undo-log", "undo", "--write-missing"),
}  # fmt: skip


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_an_endpoint_with_a_password_is_refused(tmp_path: Path, command: str, password: str) -> None:
    """From a flag, a file, the environment or the configuration of AWS: 2, a sentence, and not a word of it."""
    (tmp_path / "log").write_text('{"slave":"us-west-2:tab","key":{"id":{"S":"a"}},"before":null,"after":null}\n')
    for flag in ("--endpoint-url", "--slave-endpoint-url")[: 1 if command == "undo" else 2]:
        refused(run_fastsync(*COMMANDS[command], flag, address(PASSWORDS[password]), cwd=tmp_path), flag, tmp_path)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_STS"):
        env = {name: address(PASSWORDS[password])}
        refused(run_fastsync(*COMMANDS[command], env=env, cwd=tmp_path), name, tmp_path)


def refused(ran: Ran, what: str, folder: Path | None = None) -> None:
    """Hold that an address was refused in a sentence that names where it comes from."""
    lines = [line for line in ran.stderr.splitlines() if "starting afresh" not in line]
    assert (ran.exit_code, len(lines)) == (2, 1), ran.stderr
    assert what in ran.stderr
    assert "without user and password" in ran.stderr
    nothing_shown(ran, folder)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("password", PASSWORDS)
def test_addresses_that_are_wrong_besides(scheme: str, password: str) -> None:
    """Without a scheme, with another one, or with a port that is none, it is refused in the same way."""
    for given in (address(PASSWORDS[password], scheme), address(PASSWORDS[password], scheme) + "x"):
        refused(run_fastsync(*FLAGS, "--endpoint-url", given), "--endpoint-url")
        refused(run_fastsync(*FLAGS, env={"AWS_ENDPOINT_URL_DYNAMODB": given}), "AWS_ENDPOINT_URL_DYNAMODB")


@pytest.mark.parametrize("key", ["endpoint_url", "dynamodb", "sts"])
def test_endpoints_in_the_configuration_file_of_aws(tmp_path: Path, key: str) -> None:
    """Both for all services and for one."""
    where = f"\n{key} =\n  endpoint_url = {address('CaNaRy')}" if key != "endpoint_url" else ""
    (tmp_path / "config").write_text(
        f"[default]\nregion = us-east-1\nservices = mine\n[services mine]{where}\n"
        if where
        else f"[default]\nendpoint_url = {address('CaNaRy')}\n"
    )
    refused(run_fastsync(*FLAGS, env={"AWS_CONFIG_FILE": str(tmp_path / "config")}), "endpoint_url")


def test_endpoints_in_the_file_of_flags(tmp_path: Path) -> None:
    """At its top, and for one slave."""
    file = tmp_path / "c.toml"
    for text in (
        f'master = "us-east-1:tab"\nslave = "us-west-2:tab"\nendpoint-url = "{address("CaNaRy")}"\n',
        f'master = "us-east-1:tab"\n[[slaves]]\ntable = "us-west-2:tab"\nendpoint-url = "{address("CaNaRy")}"\n',
    ):
        file.write_text(text)
        refused(run_fastsync("--config", str(file)), "endpoint-url")


WRONG_PLACES: Mapping[str, tuple[str, ...]] = {
    "a misspelt flag": (*FLAGS, "--endpoint-ulr", "{}"),
    "a misspelt flag with =": (*FLAGS, "--endpoint-ulr={}"),
    "no flag": (*FLAGS, "{}"),
    "a command": ("{}",),
    "a table": ("-m", "{}", "-s", "us-west-2:tab"),
    "a slave": ("-m", "us-west-2:tab", "-s", "{}"),
    "another flag": (*FLAGS, "--strategy", "{}"),
    "a number": (*FLAGS, "--parallel", "{}"),
}


@pytest.mark.parametrize("place", WRONG_PLACES)
def test_addresses_in_a_wrong_place(place: str) -> None:
    """What is refused as something else does not show the password either."""
    ran = run_fastsync(*(word.format(address("CaNaRy7")) for word in WRONG_PLACES[place]))
    assert ran.exit_code == 2
    nothing_shown(ran)


@contextmanager
def forwarding(server: Server) -> Iterator[tuple[int, list[bytes]]]:
    """Be a proxy for plain HTTP, and record the first bytes of every connection."""
    upstream = server.url.rpartition(":")[2]
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", int(upstream))) as onward:
            threading.Thread(target=pump, args=(onward, client), daemon=True).start()
            pump(client, onward)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                heads.append(data)
                sink.sendall(data.replace(b"http://" + server.url[7:].encode(), b"", 1))
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def accept() -> None:
        try:
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], heads
    finally:
        listener.close()


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """A world with two differences."""
    return make_world([item("a"), item("b")], [item("b", v=1)])


@pytest.mark.parametrize("password", PASSWORDS)
def test_the_password_of_a_proxy_is_used(made: World, dynoxide: Server, password: str, tmp_path: Path) -> None:
    """Whatever characters it holds, and nothing of it is shown or stored."""
    with forwarding(dynoxide) as (port, heads):
        proxy = f"http://ada:{PASSWORDS[password]}@127.0.0.1:{port}"
        env = {"HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": ""}
        files = ("--checkpoint", "c", "--report", "r", "--stats", "s", "--metrics-file", "m", "--undo-log", "u")
        flags = (*made.tables, "--verbose", *files, "--write-missing", "--endpoint-url", dynoxide.url)
        ran = run_fastsync(*flags, env=env, cwd=tmp_path)
    assert ran.exit_code == 1, ran.stderr
    secret = PASSWORDS[password].replace("%43aNaRy%2F7", "CaNaRy/7")
    assert b"Basic " + b64encode(f"ada:{secret}".encode()) in b"".join(heads)
    nothing_shown(ran, tmp_path)


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("scheme", ["http://", "", "https://"])
def test_a_proxy_out_of_reach(made: World, password: str, scheme: str) -> None:
    """Neither where it does not answer nor where its address is wrong is the password told."""
    for port in ("1", "0", "seven", "7777777", ""):
        proxy = f"{scheme}ada:{PASSWORDS[password]}@127.0.0.1:{port}"
        if not port:
            proxy = f"{scheme}ada:{PASSWORDS[password]}@"
        env = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), proxy)
        flags = (*made.tables, "--max-retries", "0", "--verbose")
        ran = run_fastsync(*flags, "--endpoint-url", "http://127.0.0.2:1", env={**env, "NO_PROXY": ""})
        assert ran.exit_code == (3 if port == "1" else 2), ran.stderr
        nothing_shown(ran)
        role = ("--role-arn", "arn:aws:iam::111111111111:role/sync")
        for sts in ("http://127.0.0.2:1", "https://127.0.0.2:1"):
            ran = run_fastsync(*flags, *role, env={**env, "NO_PROXY": "", "AWS_ENDPOINT_URL_STS": sts})
            assert ran.exit_code in (2, 3)
            nothing_shown(ran)


def test_an_address_in_an_older_checkpoint() -> None:
    """A checkpoint that holds a password, as earlier versions wrote, is refused without showing it."""

    table = {"text": "us-east-1:t", "endpoint_url": address("CaNaRy7")}
    for value in (table, [table], address("CaNaRy7")):
        assert CANARY not in checkpoint._format_value(value)
