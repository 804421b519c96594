"""TLS connections between the two ends of one transfer; the only sockets of the data plane beside the gate's.

Each side shows the certificate of this transfer and accepts exactly the other's. The connecting side learns that it was
refused only at its first read, so it says nothing before the listener's first frame.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import ssl
import struct
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from accsyn_engine.transfer.errors import PeerLost, PeerRefused, lost_on_os_error
from accsyn_engine.transfer.meeting.identity import Identity, fingerprint
from accsyn_engine.wire import messages
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.session import Session

CONNECT_SLICE_S = 5.0  # one attempt at one address
MOST_STREAMS = 64
TCP_RTO_MAX_MS, RTO_MAX_MS = 44, 1000  # linux/tcp.h
RTT_OFFSET = 68  # of tcpi_rtt in struct tcp_info, linux/tcp.h; microseconds


@dataclass(frozen=True)
class Ticket:
    """What one end knows of a transfer before the other end connects; `streams` bulk channels, 1 to 64."""

    transfer: str
    identity: Identity
    peer_certificate: str
    peer_addresses: tuple[str, ...]
    streams: int

    def __post_init__(self) -> None:
        if not 1 <= self.streams <= MOST_STREAMS:
            raise PeerRefused(detail=f"a transfer has 1 to {MOST_STREAMS} bulk channels, not {self.streams}")


class Channel:
    """One TLS connection with its protocol machine. Used by one thread at a time, but for `close`."""

    def __init__(self, sock: ssl.SSLSocket, *, listener: bool) -> None:
        self.socket = sock
        self.session = Session(listener=listener)
        self.number = 0  # of a bulk connection
        self.datagrams = 0  # the listener's port, at the side that connects
        self._ready: deque[messages.Event] = deque()

    def send(self, event: messages.Event) -> None:
        with lost_on_os_error():
            self.socket.sendall(self.session.send(event))

    def receive(self) -> Iterator[messages.Event]:
        """Read once; yield the events this completes, perhaps none. Raises PeerLost at the end of the stream."""
        with lost_on_os_error():
            count = self.socket.recv_into(self.session.get_buffer())
        if not count:
            raise PeerLost(detail="it closed the connection")
        yield from self.session.received(count)

    def expect(self) -> messages.Event:
        """Wait for the next event; for the greeting, where one follows the other."""
        while not self._ready:
            self._ready.extend(self.receive())
        return self._ready.popleft()

    def early(self) -> Iterator[messages.Event]:
        """Hand out what `expect` read beyond the event it returned."""
        while self._ready:
            yield self._ready.popleft()

    def close(self) -> None:
        """End the connection under whoever is blocked in it."""
        # Not SSLSocket.shutdown, which takes the TLS object away from a thread that is inside it. Gone already is fine.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def release(self) -> None:
        """Give the descriptor back; no thread may use the channel any more."""
        self.close()
        self.socket.close()


def context_for(ticket: Ticket, *, server: bool) -> ssl.SSLContext:
    """TLS 1.3 with this transfer's certificate; trusts the peer's certificate and nothing else."""
    context = bare_context(server=server)
    context.load_verify_locations(cadata=ticket.peer_certificate)
    load_identity(context, ticket.identity)
    return context


def bare_context(*, server: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    if server:
        context.num_tickets = 0
    return context


def load_identity(context: ssl.SSLContext, identity: Identity) -> None:
    """Hand the key to OpenSSL, which takes it from a file only: one nobody else can read, gone right after."""
    handle, path = tempfile.mkstemp(prefix="accsyn-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(identity.private_key + identity.certificate)
        context.load_cert_chain(path)
    finally:
        Path(path).unlink()


def check_peer(sock: ssl.SSLSocket, ticket: Ticket) -> None:
    """Compare the certificate itself as well; the chain alone would accept whatever it signed."""
    shown = sock.getpeercert(binary_form=True) or b""
    if hashlib.sha256(shown).hexdigest() != fingerprint(ticket.peer_certificate):
        raise PeerRefused(detail="it shows another certificate than was announced")


def open_channel(ticket: Ticket, context: ssl.SSLContext, address: str, port: int, timeout: float) -> Channel:
    """One connection up to the listener's welcome. Raises OSError while nothing listens, PeerRefused."""
    plain = socket.create_connection((address, port), timeout)
    sock = context.wrap_socket(plain, server_hostname=ticket.transfer, do_handshake_on_connect=False)
    try:
        channel = _greeted(sock, ticket)
    except BaseException:
        sock.close()
        raise
    return channel


def _greeted(sock: ssl.SSLSocket, ticket: Ticket) -> Channel:
    try:
        sock.do_handshake()
        check_peer(sock, ticket)
        tune(sock)
        channel = Channel(sock, listener=False)
        channel.datagrams = check_version(channel.expect())
    except ssl.SSLCertVerificationError as error:
        raise PeerRefused(detail="it shows another certificate than was announced") from error
    except (PeerLost, RemoteProtocolError, ConnectionError, ssl.SSLError) as error:
        raise PeerRefused(detail="it closed the connection before its first word") from error
    return channel


def check_version(welcome: messages.Event) -> int:
    """There is a version that both sides speak, or this side says so. Gives the listener's port for datagrams."""
    assert isinstance(welcome, messages.Welcome)  # noqa: S101  # the table lets nothing else come first
    oldest, newest = messages.OLDEST, messages.VERSION
    if max(welcome.lowest, oldest) > min(welcome.highest, newest):
        spoken = f"{welcome.lowest} to {welcome.highest}"
        raise PeerRefused(detail=f"it speaks protocol versions {spoken}, this side {oldest} to {newest}")
    return welcome.datagrams


def tune(sock: socket.socket) -> None:
    """No Nagle: frames are written whole. Keep-alive finds a bulk connection whose peer vanished."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {"TCP_KEEPIDLE": 6, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3}
    for option, value in options.items():
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    retry_soon(sock)


def retry_soon(sock: socket.socket) -> None:
    """Have TCP try again each second after a cut, and not after half a minute, where the kernel lets it (Linux 6.15).

    Connections that a listening socket takes inherit it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS, RTO_MAX_MS)


def ask_for_bbr(sock: socket.socket) -> None:
    """BBR does not take every loss for congestion; a kernel that has it not, or does not allow it, stays as it is."""
    if hasattr(socket, "TCP_CONGESTION"):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")


def round_trip(sock: socket.socket) -> float | None:
    """The round trip in seconds that TCP measures; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, struct.error):
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, RTT_OFFSET + 4)
        return float(struct.unpack_from("=I", info, RTT_OFFSET)[0]) / 1e6
    return None
