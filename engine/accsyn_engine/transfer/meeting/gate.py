"""The listening side: one TCP port for every outstanding ticket, open only while there is one.

A ticket is outstanding until its session and all bulk connections agreed with it are there, or its time is over. A
connection counts only if its address was announced, its TLS name is an outstanding ticket, its certificate is that
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
from accsyn_engine.transfer.errors import PeerRefused, PeerUnreachable, PortsBusy, TransferError
from accsyn_engine.transfer.meeting.channel import (
    MOST_STREAMS,
    Channel,
    Ticket,
    ask_for_bbr,
    bare_context,
    check_peer,
    context_for,
    tune,
)
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.meeting.identity import agreed_secret
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.transport.udp import DatagramSocket
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
    connection: Connection
    channels: dict[int, Channel] = field(default_factory=dict)  # bulk connections that came before the session
    numbers: set[int] = field(default_factory=set)  # of the bulk connections that have come
    streams: int = MOST_STREAMS  # what the session agreed to
    is_settled: bool = False  # the session has come, or it is too late for it
    is_given_up: bool = False

    @property
    def datagrams(self) -> int:
        """The UDP port of this transfer, or 0."""
        line = self.connection.line
        return line.socket.port if line is not None else 0


class Expectation:
    """A ticket the gate waits for; `datagrams` is the UDP port of this transfer, or 0."""

    def __init__(self, gate: Gate, awaited: _Awaited, port: int) -> None:
        self._gate = gate
        self._awaited = awaited
        self.port = port
        self.datagrams = awaited.datagrams

    def wait(self) -> Connection:
        """Block until the peer has opened the session or proven itself by datagrams, after which the session follows.

        Raises TransferError at the deadline or on cancel.
        """
        self._awaited.connection.wait()
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
        context = context_for(ticket, server=True)
        with self._lock:
            if ticket.transfer in self._awaited:
                raise PeerRefused(detail="this transfer is awaited already")
            listener = self._listener or self._open()
            connection = Connection(ticket, self._line(ticket))
            awaited = _Awaited(ticket, context, addresses, until, connection)
            connection.on_close = lambda: self._forget(awaited)
            self._awaited[ticket.transfer] = awaited
        expectation = Expectation(self, awaited, listener.getsockname()[1])
        connection.knock(self._clock, admits=lambda address: normal(address) in addresses)
        return expectation

    def _line(self, ticket: Ticket) -> Line | None:
        """A socket of this transfer alone; a transfer goes on without where there is none to be had."""
        secret = agreed_secret(ticket.identity, ticket.peer_certificate, is_connector=False)
        if secret is None:
            return None
        with contextlib.suppress(OSError):
            return Line(DatagramSocket(self._host, self._ports), secret, is_connector=False, clock=self._clock)
        return None

    def close(self) -> None:
        """Close the port and give up every ticket."""
        for awaited in list(self._awaited.values()):
            self.give_up(awaited, PeerRefused("The agent is closing; the transfer is tried again."))
            self._forget(awaited)

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
            if awaited.until > now:
                continue
            if awaited.is_settled:
                self._forget(awaited)
            else:
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
            channel.send(messages.Welcome(messages.OLDEST, messages.VERSION, awaited.datagrams))
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
        check_greeting(greeting, awaited.ticket)
        channel.socket.settimeout(None)
        if isinstance(greeting, messages.Hello):
            self._begin(channel, awaited, greeting)
        elif isinstance(greeting, messages.Join):
            self._join(channel, awaited, greeting.channel)

    def _begin(self, session: Channel, awaited: _Awaited, hello: messages.Hello) -> None:
        with self._lock:
            if awaited.is_settled:
                raise PeerRefused(detail="this session is open already")
            awaited.streams = hello.streams
            connection = awaited.connection
            early, awaited.channels = awaited.channels, {}
            awaited.is_settled = True
        _settle_line(connection, session, hello)
        connection.attend(session)
        self._forget_if_complete(awaited)
        for channel in early.values():
            connection.join(channel)

    def _join(self, channel: Channel, awaited: _Awaited, number: int) -> None:
        channel.number = number
        with self._lock:
            if number in awaited.numbers or number > awaited.streams or awaited.is_given_up:
                raise PeerRefused(detail="this channel is connected already, or more than agreed")
            awaited.numbers.add(number)
            is_early = not awaited.is_settled
            if is_early:
                awaited.channels[number] = channel
        ask_for_bbr(channel.socket)
        self._forget_if_complete(awaited)
        if not is_early:
            awaited.connection.join(channel)

    def _forget_if_complete(self, awaited: _Awaited) -> None:
        if awaited.is_settled and len(awaited.numbers) >= awaited.streams:
            self._forget(awaited)

    def give_up(self, awaited: _Awaited, error: TransferError) -> None:
        """Take the ticket off the list; its `wait` raises `error`. Nothing happens once it is connected."""
        with self._lock:
            if awaited.is_settled:
                return
            awaited.is_settled = awaited.is_given_up = True
            for channel in awaited.channels.values():
                channel.release()
        self._forget(awaited)
        awaited.connection.fail(error)

    def _forget(self, awaited: _Awaited) -> None:
        """Take a ticket off the list; the last one closes the port."""
        with self._lock:
            if self._awaited.get(awaited.ticket.transfer) is awaited:
                del self._awaited[awaited.ticket.transfer]
            if not self._awaited and self._listener is not None:
                with contextlib.suppress(OSError):
                    self._listener.shutdown(socket.SHUT_RDWR)  # a close alone waits for the accept that is under way
                self._listener.close()
                self._listener = None


def _settle_line(connection: Connection, session: Channel, hello: messages.Hello) -> None:
    """Now it is known where the other side is, and whether it has a socket for datagrams at all."""
    line = connection.line
    if line is None:
        return
    line.host = session.socket.getpeername()[0]
    if not hello.datagrams and not line.is_open:
        connection.settle_line()
        connection.line = None
        line.socket.close()


def check_greeting(greeting: messages.Event, ticket: Ticket) -> None:
    """Whether a greeting belongs to the ticket. Raises PeerRefused."""
    assert isinstance(greeting, messages.Hello | messages.Join)  # noqa: S101  # the table lets nothing else come first
    is_spoken = messages.OLDEST <= greeting.version <= messages.VERSION
    if greeting.transfer != ticket.transfer or not is_spoken:
        raise PeerRefused(detail="its greeting does not fit the ticket")
    number = greeting.streams if isinstance(greeting, messages.Hello) else greeting.channel
    if not 1 <= number <= MOST_STREAMS:
        raise PeerRefused(detail=f"a transfer has 1 to {MOST_STREAMS} bulk channels")


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
