"""The listening side: one TCP port for every outstanding ticket, open only while there is one.

A connection counts only if its address was announced, its TLS name is an outstanding ticket, its certificate is that
ticket's, and its greeting came within five seconds of its start. Anything else is closed without a word.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.channel import Channel, Connection, Ticket, bare_context, check_peer, context_for, tune
from accsyn_engine.transfer.errors import PeerRefused, PeerUnreachable, PortsBusy, TransferError
from accsyn_engine.wire import messages
from accsyn_plugins.errors import AccsynError

GREETING_S = 5.0  # from accept to the greeting, in all
HALF_OPEN = 64  # connections that have not greeted yet
POLL_S = 0.25  # how long the closing of an expired gate may lag

__all__ = ["Connection", "Expectation", "Gate", "Ticket"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(eq=False)
class _Awaited:
    """One ticket with what has connected of it so far."""

    ticket: Ticket
    context: ssl.SSLContext
    addresses: frozenset[Address]
    until: float
    channels: dict[int, Channel] = field(default_factory=dict)  # 0 is the session
    settled: threading.Event = field(default_factory=threading.Event)
    connection: Connection | None = None
    error: TransferError | None = None


class Expectation:
    """A ticket the gate waits for."""

    def __init__(self, gate: Gate, awaited: _Awaited, port: int) -> None:
        self._gate = gate
        self._awaited = awaited
        self.port = port

    def wait(self) -> Connection:
        """Block until the peer has connected all its channels. Raises TransferError at the deadline or on cancel."""
        self._awaited.settled.wait()
        if self._awaited.connection is None:
            raise self._awaited.error or PeerRefused(detail="no connection was made")
        return self._awaited.connection

    def cancel(self) -> None:
        """Stop waiting; `wait` raises. Nothing happens once it is connected."""
        self._gate.give_up(self._awaited, PeerRefused("The transfer was called off before the other side connected."))


class Gate:
    """Opens the first free port of a range while tickets are outstanding and sorts out who comes in."""

    def __init__(self, *, host: str, ports: tuple[int, int], clock: Clock) -> None:
        self._host = host
        self._ports = ports
        self._clock = clock
        self._lock = threading.Lock()
        self._awaited: dict[str, _Awaited] = {}
        self._listener: socket.socket | None = None
        self._half_open: dict[ssl.SSLSocket, None] = {}  # the oldest first

    def expect(self, ticket: Ticket, *, deadline_s: float) -> Expectation:
        """Wait for this ticket's peer for `deadline_s`; opens the port if it is closed. Raises PortsBusy."""
        until = self._clock.monotonic() + deadline_s
        addresses = parse_addresses(ticket.peer_addresses)
        awaited = _Awaited(ticket, context_for(ticket, server=True), addresses, until)
        with self._lock:
            if ticket.transfer in self._awaited:
                raise PeerRefused(detail="this transfer is awaited already")
            listener = self._listener or self._open()
            self._awaited[ticket.transfer] = awaited
            return Expectation(self, awaited, listener.getsockname()[1])

    def close(self) -> None:
        """Close the port and give up every ticket."""
        for awaited in list(self._awaited.values()):
            self.give_up(awaited, PeerRefused("The agent is closing; the transfer is tried again."))

    def _open(self) -> socket.socket:
        first, last = self._ports
        for port in range(first, last + 1):
            try:
                listener = socket.create_server((self._host, port), family=_family(self._host), backlog=128)
            except OSError:
                continue  # taken; the next one may be free
            listener.settimeout(POLL_S)
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), name="gate", daemon=True).start()
            return listener
        raise PortsBusy(first=first, last=last)

    def _accept(self, listener: socket.socket) -> None:
        while self._is_open(listener):
            self._expire()
            try:
                sock, peer = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return  # closed under us
            if self._is_announced(peer[0]):
                self._admit(sock, peer[0])
            else:
                sock.close()

    def _admit(self, plain: socket.socket, address: str) -> None:
        """Let a connection prove itself in a thread of its own."""
        chosen: list[_Awaited] = []
        try:
            sock = self._wrap(plain, address, chosen)
        except OSError:
            plain.close()  # gone already
            return
        self._make_room(sock)
        threading.Thread(target=self._greet, args=(sock, chosen), name="gate-greeting", daemon=True).start()

    def _make_room(self, sock: ssl.SSLSocket) -> None:
        """Keep the newest: one who opens many and says nothing must not shut out the one who is awaited."""
        with self._lock:
            self._half_open[sock] = None
            if len(self._half_open) > HALF_OPEN:
                oldest = next(iter(self._half_open))
                del self._half_open[oldest]
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(oldest, socket.SHUT_RDWR)  # wakes its thread, which closes it

    def _is_open(self, listener: socket.socket) -> bool:
        with self._lock:
            return self._listener is listener

    def _is_announced(self, address: str) -> bool:
        with self._lock:
            return any(normal(address) in awaited.addresses for awaited in self._awaited.values())

    def _expire(self) -> None:
        now = self._clock.monotonic()
        for awaited in list(self._awaited.values()):
            if awaited.until <= now:
                late = PeerUnreachable("The other side did not connect in time. Check its firewall and its network.")
                self.give_up(awaited, late)

    def _greet(self, sock: ssl.SSLSocket, chosen: list[_Awaited]) -> None:
        """Authenticate one connection and file it with its ticket; whatever is wrong closes it."""
        try:
            until = self._clock.monotonic() + GREETING_S
            sock.settimeout(GREETING_S)
            sock.do_handshake()
            awaited = chosen[0]
            check_peer(sock, awaited.ticket)
            tune(sock)
            channel = Channel(sock, listener=True)
            channel.send(messages.Welcome(messages.VERSION, messages.VERSION))
            sock.settimeout(max(0.01, until - self._clock.monotonic()))
            self._file(channel, awaited, channel.expect())
        except (OSError, AccsynError):
            sock.close()
        finally:
            with self._lock:
                self._half_open.pop(sock, None)

    def _wrap(self, plain: socket.socket, address: str, chosen: list[_Awaited]) -> ssl.SSLSocket:
        """A connection that will choose its ticket by its TLS name and put it into `chosen`."""

        def choose(sock: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
            with self._lock:
                awaited = self._awaited.get(name or "")
            if awaited is None or normal(address) not in awaited.addresses:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            chosen.append(awaited)
            sock.context = awaited.context
            return None

        # The connection keeps this context's demands (TLS 1.3, a certificate); the ticket's supplies key and trust.
        context = bare_context(server=True)
        context.sni_callback = choose
        return context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)

    def _file(self, channel: Channel, awaited: _Awaited, greeting: messages.Event) -> None:
        number = number_of(greeting, awaited.ticket)
        channel.socket.settimeout(None)
        with self._lock:
            if awaited.settled.is_set() or number in awaited.channels:
                raise PeerRefused(detail="this channel is connected already")
            awaited.channels[number] = channel
            if len(awaited.channels) <= awaited.ticket.streams:
                return
            bulk = tuple(awaited.channels[n] for n in range(1, awaited.ticket.streams + 1))
            awaited.connection = Connection(awaited.ticket, awaited.channels[0], bulk)
            self._settle(awaited)

    def give_up(self, awaited: _Awaited, error: TransferError) -> None:
        """Take the ticket off the list; its `wait` raises `error`. Nothing happens once it is connected."""
        with self._lock:
            if awaited.settled.is_set():
                return
            awaited.error = error
            for channel in awaited.channels.values():
                channel.release()
            self._settle(awaited)

    def _settle(self, awaited: _Awaited) -> None:
        """Take a ticket off the list; the last one closes the port. Called with the lock held."""
        self._awaited.pop(awaited.ticket.transfer, None)
        if not self._awaited and self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # a close alone waits for the accept that is under way
            self._listener.close()
            self._listener = None
        awaited.settled.set()


def number_of(greeting: messages.Event, ticket: Ticket) -> int:
    """Which channel of its transfer a greeting opens; 0 is the session. Raises PeerRefused."""
    assert isinstance(greeting, messages.Hello | messages.Join)  # noqa: S101  # the table lets nothing else come first
    if greeting.transfer != ticket.transfer or greeting.version != messages.VERSION:
        raise PeerRefused(detail="its greeting does not fit the ticket")
    if isinstance(greeting, messages.Hello):
        if greeting.streams != ticket.streams:
            raise PeerRefused(detail="it wants another number of channels than agreed")
        return 0
    if not 1 <= greeting.channel <= ticket.streams:
        raise PeerRefused(detail="it opens more channels than agreed")
    return greeting.channel


def normal(address: str) -> Address | None:
    """Read an address; IPv4 inside IPv6 counts as IPv4, a zone is left off."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def parse_addresses(addresses: Iterable[str]) -> frozenset[Address]:
    return frozenset(parsed for address in addresses if (parsed := normal(address)) is not None)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
