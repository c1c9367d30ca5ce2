"""Open a socket to an endpoint: straight to it, or through a proxy, and secured where the address says https."""

from __future__ import annotations

import socket
import ssl
from base64 import b64encode
from functools import cached_property
from typing import cast
from urllib.parse import urlsplit

from fastsync.aws.network.target import PORTS, bracket_host
from fastsync.aws.network.tls import share_context
from fastsync.aws.network.wire import read_head
from fastsync.model.addresses import Proxy, parse_proxy
from fastsync.model.table import Endpoint

CONNECT_TIMEOUT = 10.0
"""Seconds that each step of opening a connection may take."""
TIMEOUT = 30.0
"""Seconds that each wait for bytes may take; a page of 1 MB takes well under one."""


class ProxyError(OSError):
    """A proxy cannot be reached, or refuses the connection; the message names it without user and password."""

    def __init__(self, message: str, timed_out: bool = False):
        super().__init__(message)
        self.timed_out = timed_out


class Opener:
    """Open sockets to one endpoint."""

    def __init__(self, endpoint: Endpoint):
        address = urlsplit(endpoint.url)
        self._endpoint = endpoint
        self._secure = address.scheme == "https"
        self._host = str(address.hostname)
        self._port = address.port or PORTS[address.scheme]
        self._context: ssl.SSLContext | None = None
        if self._secure:
            self._context = share_context(endpoint.ca_bundle)

    @cached_property
    def _proxy(self) -> Proxy | None:
        if not self._endpoint.proxy:
            return None
        return parse_proxy(self._endpoint.proxy)

    @cached_property
    def _proxy_context(self) -> ssl.SSLContext | None:
        """How the connection to the proxy itself is secured."""
        if self._proxy is None or self._proxy.scheme != "https":
            return None
        return share_context(self._endpoint.ca_bundle)

    @property
    def forwards(self) -> Proxy | None:
        """The proxy that takes requests with the whole address, as for plain HTTP; for TLS it opens a tunnel."""
        if self._secure:
            return None
        return self._proxy

    def open_socket(self, session: ssl.SSLSession | None) -> socket.socket:
        """Return an open socket, which resumes a TLS session where there is one.

        Raises OSError and ValueError, ProxyError where it is the proxy that fails.
        """
        opened = self._reach_host()
        try:
            if self._context is not None:
                opened = _secure(opened, self._context, self._host, session)
            opened.settimeout(TIMEOUT)
        except BaseException:
            opened.close()
            raise
        return opened

    def _reach_host(self) -> socket.socket:
        """Return a socket that leads to the endpoint, and is not secured yet."""
        if self._proxy is None:
            return _connect(self._host, self._port)
        return self._reach_proxy(self._proxy)

    def _reach_proxy(self, proxy: Proxy) -> socket.socket:
        """Return a socket that leads through the proxy to the endpoint."""
        name = f"the proxy {bracket_host(proxy.host)}:{proxy.port}"
        try:
            opened = _connect(proxy.host, proxy.port)
        except OSError as error:
            raise ProxyError(f"{name} cannot be reached: {error}", isinstance(error, TimeoutError)) from None
        try:
            if self._proxy_context is not None:
                opened = _secure(opened, self._proxy_context, proxy.host, None)
            if self._secure:
                self._open_tunnel(opened, proxy, name)
        except ProxyError:
            opened.close()
            raise
        except (OSError, ValueError) as error:
            opened.close()
            raise ProxyError(f"{name} does not open a connection: {error}", isinstance(error, TimeoutError)) from None
        return opened

    def _open_tunnel(self, opened: socket.socket, proxy: Proxy, name: str) -> None:
        """Ask a proxy for a tunnel to the endpoint; raise ProxyError where it refuses."""
        target = f"{bracket_host(self._host)}:{self._port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"host: {target}", *authorize_at(proxy)]
        opened.sendall("\r\n".join((*lines, "", "")).encode())
        with opened.makefile("rb") as file:  # nothing follows this answer before this side speaks again
            _, status, _ = read_head(file)
        if status != 200:
            raise ProxyError(f"{name} does not open a connection: HTTP {status}")


def authorize_at(proxy: Proxy) -> tuple[str, ...]:
    """Return the header with a proxy's user and password where its address has them."""
    if proxy.user is None:
        return ()
    return (f"proxy-authorization: Basic {b64encode(proxy.user.encode()).decode()}",)


def _connect(host: str, port: int) -> socket.socket:
    opened = socket.create_connection((host, port), CONNECT_TIMEOUT)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return opened


def _secure(opened: socket.socket, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None) -> socket.socket:
    """Return a socket that speaks TLS over an open one, which may speak TLS itself."""
    if not isinstance(opened, ssl.SSLSocket):
        return context.wrap_socket(opened, server_hostname=host, session=session)
    from urllib3.util.ssltransport import SSLTransport  # few need it, and it takes 0.1 s

    # the standard library has no TLS within TLS; this class has what is used of a socket
    return cast("socket.socket", SSLTransport(opened, context, host))
