"""Real listeners on free ports, for the tests of everything that speaks HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from starlette.types import ASGIApp

from accsyn_engine.server.authority import write_certificates
from accsyn_engine.server.folder import Folder
from accsyn_engine.server.sockets import listen_tcp, make_listener, tls_context


def certificates(path: Path) -> Folder:
    """An authority and a server certificate for this machine."""
    path.mkdir(exist_ok=True)
    folder = Folder(path)
    write_certificates(folder, workspace="geoscan", url="https://127.0.0.1", now_ms=time.time_ns() // 1_000_000)
    return folder


@contextlib.contextmanager
def listening(app: ASGIApp, *, tls: ssl.SSLContext | None = None, sock: socket.socket | None = None) -> Iterator[int]:
    """Serve `app` in a thread; gives the port."""
    sock = sock or listen_tcp("127.0.0.1", 0)
    port: int = sock.getsockname()[1] if sock.family == socket.AF_INET else 0
    listener = make_listener(app, tls=tls)
    thread = threading.Thread(target=asyncio.run, args=(listener.serve([sock]),))
    thread.start()
    try:
        yield port
    finally:
        listener.should_exit = True
        thread.join(15)
    assert not thread.is_alive()


@contextlib.contextmanager
def listening_tls(app: ASGIApp, folder: Folder) -> Iterator[int]:
    """Serve `app` over TLS with a folder's certificate."""
    with listening(app, tls=tls_context(folder.certificate, folder.certificate_key)) as port:
        yield port


def exchange(port: int, request: bytes, *, tls: ssl.SSLContext | None = None) -> bytes:
    """Send bytes on a new connection and read until the other side closes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        connection = plain if tls is None else tls.wrap_socket(plain, server_hostname="127.0.0.1")
        connection.sendall(request)
        answer = bytearray()
        while chunk := connection.recv(65536):
            answer += chunk
        connection.close()
        return bytes(answer)
