"""The connecting side: the session to the first address that greets, then bulk connections beside the work.

Where the listener's port for datagrams is known before, their path is proven meanwhile, and the work begins with that.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.errors import PeerLost, PeerRefused, PeerUnreachable, TransferError, lost_on_os_error
from accsyn_engine.transfer.meeting.channel import (
    BEFORE_ITS_WORD,
    MOST_STREAMS,
    Channel,
    Ticket,
    ask_for_bbr,
    context_for,
    dial,
    open_channel,
    round_trip,
)
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.meeting.identity import agreed_secret
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.transport.udp import DatagramSocket
from accsyn_engine.wire import messages

CONNECT_SLICE_S = 5.0  # one attempt at one address
RETRY_S = 0.2
JOIN_TRIES = 10  # of the first bulk connection; on a short line there is no other


@dataclass(frozen=True)
class _Way:
    """How this side gets to the listener."""

    ticket: Ticket
    context: ssl.SSLContext
    address: str
    port: int
    clock: Clock
    datagrams: int

    def settle(self, connection: Connection, line: Line, session: Channel) -> None:
        """Now it is known where the listener is; who takes the line knocks there."""
        connection.settle_line()
        if line.is_open:
            return
        host = session.socket.getpeername()[0]  # what was announced may be a name
        with contextlib.suppress(OSError):
            if (":" in host) != line.socket.is_v6:
                line.socket.close()
                line.socket = _socket_towards((host,))
        line.host = host
        if self.datagrams:
            line.peer = (host, self.datagrams)

    def open_bulk(self, connection: Connection, numbers: range) -> None:
        """Open bulk connections side by side; one that cannot be opened is missed only where no other is there."""
        for number in numbers:
            work = partial(self._join, connection, number)
            threading.Thread(target=work, name="bulk-opening", daemon=True).start()

    def _join(self, connection: Connection, number: int) -> None:
        for _ in range(JOIN_TRIES):
            self._try_to_join(connection, number)
            if connection.bulk:
                return
            self.clock.sleep(RETRY_S)

    def _try_to_join(self, connection: Connection, number: int) -> None:
        with contextlib.suppress(TransferError, OSError):
            channel = open_channel(self.ticket, self.context, self.address, self.port, CONNECT_SLICE_S)
            try:
                if not connection.is_short:
                    ask_for_bbr(channel.socket)
                channel.number = number
                channel.send(messages.Join(messages.VERSION, self.ticket.transfer, number))
                channel.socket.settimeout(None)
            except BaseException:
                channel.release()
                raise
            connection.join(channel)


def connect(
    ticket: Ticket, addresses: Sequence[str], port: int, *, deadline_s: float, clock: Clock, datagrams: int = 0
) -> Connection:
    """Connect the session to the first address that answers; bulk connections join meanwhile and later.

    `datagrams` is the listener's UDP port if it is known: then this may return before the session is there, as soon as
    the listener has proven itself by datagrams. Raises PeerUnreachable when no address answers within `deadline_s`,
    PeerRefused when the listener turns this side away; after an early return the connection's `session_within` does.
    """
    meeting = _Meeting(ticket, tuple(addresses), port, datagrams, clock, clock.monotonic() + deadline_s, deadline_s)
    connection = Connection(ticket, meeting.new_line())
    if connection.line is not None and datagrams:
        connection.knock(clock, admits=_anybody)
        threading.Thread(target=meeting.run, args=(connection,), name="meeting", daemon=True).start()
    else:
        meeting.run(connection)
    connection.wait()
    return connection


@dataclass(frozen=True)
class _Meeting:
    """One try to meet the listener; `until` is a moment, `deadline_s` how far away that was."""

    ticket: Ticket
    addresses: tuple[str, ...]
    port: int
    datagrams: int
    clock: Clock
    until: float
    deadline_s: float

    def new_line(self) -> Line | None:
        """A socket of our own for datagrams, where this machine lets us and the listener's certificate has a key."""
        secret = agreed_secret(self.ticket.identity, self.ticket.peer_certificate, is_connector=True)
        if secret is None:
            return None
        with contextlib.suppress(OSError):
            return Line(_socket_towards(self.addresses), secret, is_connector=True, clock=self.clock)
        return None

    def run(self, connection: Connection) -> None:
        """Bring the session to the connection, or the reason why there is none."""
        try:
            with lost_on_os_error():
                self._meet(connection)
        except TransferError as error:
            connection.fail(error)

    def _meet(self, connection: Connection) -> None:
        context = context_for(self.ticket, server=False)
        session, address = self._first(context, connection)
        way = _Way(self.ticket, context, address, self.port, self.clock, self.datagrams)
        try:
            _greet(way, session, connection)
        except (OSError, PeerLost) as error:
            session.release()
            raise PeerRefused(detail=BEFORE_ITS_WORD) from error
        connection.attend(session)
        way.open_bulk(connection, range(1, connection.streams + 1))

    def _first(self, context: ssl.SSLContext, connection: Connection) -> tuple[Channel, str]:
        """Try the addresses in turn until one greets; the port may open a moment after we are told of it."""
        trouble: TransferError | OSError | None = None
        while (left := self.until - self.clock.monotonic()) > 0 and not connection.is_closed:
            for address in self.addresses:
                self._aim(connection, address)
                try:
                    slice_s = min(left, CONNECT_SLICE_S)
                    return dial(self.ticket, context, address, self.port, slice_s), address
                except OSError as error:
                    trouble = error
                except PeerRefused as error:
                    trouble = error  # another address may belong to another machine
            if isinstance(trouble, PeerRefused):
                raise trouble
            self.clock.sleep(min(RETRY_S, max(0.0, self.until - self.clock.monotonic())))
        raise PeerUnreachable(
            addresses=", ".join(self.addresses) or "no address",
            port=self.port,
            seconds=self.deadline_s,
            detail=trouble or "no answer",
        ) from trouble

    def _aim(self, connection: Connection, address: str) -> None:
        """Have the knocking go to the same place as the session."""
        if self.datagrams and (host := _resolved(address)) is not None:
            connection.aim((host, self.datagrams))


def _greet(way: _Way, session: Channel, connection: Connection) -> None:
    if connection.line is not None:
        way.settle(connection, connection.line, session)
    if connection.rtt is None:
        connection.rtt = round_trip(session.socket)
    most = connection.streams
    if not connection.is_short:
        most = MOST_STREAMS
        rest = range(connection.streams + 1, most + 1)
        connection.on_bad_line = lambda: way.open_bulk(connection, rest)
    session.send(messages.Hello(messages.VERSION, way.ticket.transfer, most, connection.line is not None))
    session.socket.settimeout(None)


def _socket_towards(addresses: Sequence[str]) -> DatagramSocket:
    hosts = (host for address in addresses if (host := _resolved(address)) is not None)
    return DatagramSocket("::" if ":" in next(hosts, "") else "0.0.0.0", None)  # noqa: S104  # it talks to one peer only


def _resolved(address: str) -> str | None:
    """The first numeric address of a name, or of what is one already."""
    with contextlib.suppress(OSError):
        return str(socket.getaddrinfo(address, None, type=socket.SOCK_DGRAM)[0][4][0])
    return None


def _anybody(_: str) -> bool:
    """Only who was knocked at knows the port, and only the other side proves itself."""
    return True
