"""A loopback door for official clients that speak plain HTTP: what comes in goes on over verified TLS, byte for byte.

Official clients never verify a certificate. Told `ACCSYN_PROXY=127.0.0.1:8181` (or `AS_DEV=1`) they talk plain HTTP to
this relay, workspace lookup included, and their keys cross the network only inside TLS 1.3. It listens on the loopback
and nowhere else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from accsyn_plugins.errors import AccsynError
from accsyn_plugins.transport import Trust, make_context

DEFAULT_LISTEN = "127.0.0.1:8181"
BODY_LIMIT = 64 * 1024 * 1024
CONNECT_S = 10.0
READ_S = 125.0  # official clients give up after 120
CALLS = 32  # at the same time, each on its own kept connection
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
     b"transfer-encoding", b"upgrade", b"host", b"content-length", b"accept-encoding"}
)  # fmt: skip  # one screen; accept-encoding goes too: bodies are passed on as they are

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class NotLoopbackError(AccsynError):
    """Plain HTTP is only for this machine."""

    code = "not-loopback"
    sentence = (
        '"{listen}" is not an address of the loopback; keys would cross the network in clear. Use 127.0.0.1:PORT.'
    )


class UnreachableError(AccsynError):
    """The engine does not answer, or proves to be somebody else."""

    code = "engine-unreachable"
    status = 502
    sentence = (
        "The relay cannot reach the engine at {url} ({why}); check that it runs and that --ca names its authority."
    )


class CallTooLargeError(AccsynError):
    """A body above the limit."""

    code = "too-large"
    status = 413
    sentence = "The call is larger than the 64 MiB that are taken at once; send it in several calls."


@dataclass(frozen=True)
class Upstream:
    """The engine behind the relay; without an authority's certificate the system's store decides."""

    url: str
    ca: Path | None = None


@dataclass(frozen=True)
class Answer:
    """What the engine said."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def loopback(listen: str) -> tuple[str, int]:
    """Host and port to listen on; raises NotLoopbackError."""
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]")
    is_local = host == "localhost" or _is_loopback_address(host)
    if not (colon and is_local and port.isdigit() and int(port) < 65536):
        raise NotLoopbackError(listen=listen)
    return host, int(port)


def _is_loopback_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Forwarder:
    """Sends one call on and brings back the answer; blocking, used from threads."""

    def __init__(self, upstream: Upstream) -> None:
        """Raises CaFileError when the authority's certificate is none."""
        url = urllib3.util.parse_url(upstream.url)
        context = make_context(Trust(ca=str(upstream.ca or "")))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._url = upstream.url
        self._pool = urllib3.HTTPSConnectionPool(
            url.host or "",
            url.port or 443,
            ssl_context=context,
            maxsize=CALLS,
            timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S),
        )

    def forward(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a call once; raises UnreachableError."""
        try:
            answer = self._pool.urlopen(
                method, target, body=body, headers=headers, retries=False, redirect=False, decode_content=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError(url=self._url, why=_why(error)) from error
        kept = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        return Answer(answer.status, [pair for pair in kept if pair[0] not in HOP_BY_HOP], answer.data)


def _why(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.SSLError):
        return "its certificate is not signed by the authority given"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "nothing listens there"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "it did not answer in time"
    return "the connection broke"


def build_relay(upstream: Upstream) -> App:
    """The relay as an application; whoever serves it listens on the loopback."""
    forwarder = Forwarder(upstream)
    pool = ThreadPoolExecutor(CALLS, thread_name_prefix="relay")

    async def relay(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            body = await _body(receive)
            answer = await asyncio.get_running_loop().run_in_executor(
                pool, forwarder.forward, scope["method"], _target(scope), _headers(scope), body
            )
        except AccsynError as error:
            answer = _refusal(error)
        await _send(send, answer)

    return relay


def _target(scope: Scope) -> str:
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
        if name.lower() not in HOP_BY_HOP
    }


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise CallTooLargeError
        if not message.get("more_body"):
            return bytes(body)


def _refusal(error: AccsynError) -> Answer:
    body = json.dumps({"message": error.message, "code": error.code}, ensure_ascii=False).encode()
    return Answer(error.status, [(b"content-type", b"application/json")], body)


async def _send(send: Send, answer: Answer) -> None:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
