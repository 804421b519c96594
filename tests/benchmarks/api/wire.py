"""A light client of the event API: one connection kept open, requests written by hand."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from accsyn_engine.clock import SystemClock
from accsyn_engine.demo.processes import Child, Children, program

EVENT = "/api/v3/event"


class Connection:
    """One TLS connection to the engine, kept open."""

    def __init__(self, port: int, ca: Path, user: str, key: str, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls or trusting(ca)
        self._port = port
        claims = {"domain": "geoscan", "username": user, "api_key": key}
        self._head = (
            "Host: 127.0.0.1\r\nX-Accsyn-Device: bench\r\n"
            f"Authorization: ASCredentials {base64.b64encode(json.dumps(claims).encode()).decode()}\r\n"
        )

    def __enter__(self) -> Self:
        plain = socket.create_connection(("127.0.0.1", self._port), timeout=120)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = self._tls.wrap_socket(plain, server_hostname="127.0.0.1")
        self._rest = b""
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def written(self, method: str, uri: str, **envelope: Any) -> bytes:
        """The bytes of a request."""
        document = json.dumps({"uri": uri, **envelope}, separators=(",", ":"))
        if method == "GET":
            return f"GET {EVENT}?{quote(document)} HTTP/1.1\r\n{self._head}\r\n".encode()
        return self._with_body(method, EVENT, document)

    def posted(self, path: str, document: Any) -> bytes:
        """The bytes of a request that is no event."""
        return self._with_body("POST", path, json.dumps(document))

    def _with_body(self, method: str, path: str, document: str) -> bytes:
        body = document.encode()
        return f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def ask(self, request: bytes) -> bytes:
        """Send a request and read its answer; raises RuntimeError for anything but 200."""
        self._socket.sendall(request)
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._read()
        head, _, rest = self._rest.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        parts, have = [rest], len(rest)
        while have < length:
            parts.append(self._read())
            have += len(parts[-1])
        whole = b"".join(parts)
        body, self._rest = whole[:length], whole[length:]
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(body[:500].decode())
        return body

    def call(self, method: str, uri: str, **envelope: Any) -> Any:
        """Ask, and read the result."""
        return json.loads(self.ask(self.written(method, uri, **envelope)))["result"]

    def _read(self) -> bytes:
        chunk = self._socket.recv(1 << 20)
        if not chunk:
            raise RuntimeError("the engine closed the connection")
        return chunk


def trusting(ca: Path) -> ssl.SSLContext:
    """TLS that knows the engine's authority."""
    return ssl.create_default_context(cafile=str(ca))


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Child, int]]:
    """The engine server over a folder, as a process of its own; gives it and its port."""
    with Children(folder / "logs", SystemClock()) as children:
        command = [program("accsyn-engine"), "serve", "--data", str(folder), "--port", "0", "--no-agent"]
        passed = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        child = children.start("serve", command, passed, folder)
        found = child.wait_for(r"https://[\w.\[\]:-]+:(\d+)", seconds=60)
        yield child, int(found[1])


def note(text: str) -> None:
    """Say on standard error what goes on."""
    print(text, file=sys.stderr)
