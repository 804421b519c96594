"""Where the server listens: HTTPS on one port, and the control socket of its owner; uvicorn and h11 speak on both."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import struct
import sys
from collections.abc import Generator
from pathlib import Path

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from accsyn_engine.api.errors import BadEnvelopeError
from accsyn_engine.api.protocol import encode, error_answer
from accsyn_engine.server.errors import BadCertificateError, CannotListenError, PortInUseError, SocketPathError
from accsyn_engine.server.paths import short_path
from accsyn_engine.transfer.meeting.channel import retry_soon

REQUEST_LINE_LIMIT = 4 * 1024 * 1024  # bytes; official clients put up to half a megabyte behind the question mark
GRACE_S = 5  # for calls that are being answered when the server is told to end
IDLE_S = 75  # an unused connection is closed after this


class JsonH11(H11Protocol):
    """uvicorn's h11 protocol, but for what it says about bytes that are no HTTP: clients parse every body as JSON."""

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP, or a request line above the limit."""
        body = encode(error_answer(BadEnvelopeError(why=f"{msg[:-1].lower()}, or its address is above 4 MiB")))
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event))
        self.transport.close()

    def shutdown(self) -> None:
        """Let go of an idle connection at once: a TLS farewell would wait for a client that is not reading."""
        if getattr(self.cycle, "response_complete", True):  # before the first request there is no cycle
            self.transport.abort()
        else:
            super().shutdown()


class OwnerOnlyH11(JsonH11):
    """The same for the control socket, where only the data folder's owner (and root) is heard."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        """Hang up on anybody else."""
        super().connection_made(transport)
        peer = peer_uid(transport.get_extra_info("socket"))
        if peer is not None and peer not in {0, os.getuid()}:
            transport.abort()


def peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end of a unix socket; none where the platform does not say."""
    if sys.platform != "linux":
        return None
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", packed)
    return int(uid)


class Listener(uvicorn.Server):
    """A uvicorn server that leaves the signals to its owner: there are several in one process."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the connections, and give the loop a moment to close what they leave."""
        await super().shutdown(sockets)
        await asyncio.sleep(0.02)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


def make_listener(app: ASGIApp, *, tls: ssl.SSLContext | None = None, control: bool = False) -> Listener:
    """A server for `app`, not yet listening."""
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=OwnerOnlyH11 if control else JsonH11,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=REQUEST_LINE_LIMIT,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    config.load()
    return Listener(config)


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.3 and nothing older; raises BadCertificateError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise BadCertificateError(certificate=certificate, key=key, why=error.strerror or error) from error
    return context


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. Raises PortInUseError or CannotListenError."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListenError(host=host, port=port, why=error.strerror or error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        retry_soon(listening)
        listening.bind(address)
        listening.listen(1024)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(host=host, port=port) from error
        raise CannotListenError(host=host, port=port, why=error.strerror) from error
    return listening


def listen_control(path: Path) -> socket.socket:
    """The control socket, for its owner only; call it while holding the folder's lock. Raises SocketPathError."""
    path.unlink(missing_ok=True)  # left by a server that was killed: nobody else can hold the lock
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    former = os.umask(0o177)
    try:
        with short_path(path) as short:
            listening.bind(short)
        listening.listen(64)
    except OSError as error:
        listening.close()
        raise SocketPathError(folder=path.parent, why=error.strerror or error) from error
    finally:
        os.umask(former)
    return listening
