"""The connecting side: the session to the first address that greets, then bulk connections beside the work."""

from __future__ import annotations

import contextlib
import secrets
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.errors import PeerRefused, PeerUnreachable, TransferError
from accsyn_engine.transfer.meeting.channel import MOST_STREAMS, Channel, Ticket, ask_for_bbr, context_for, open_channel
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.transport.line import Lane
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
                channel.send(messages.Join(channel.session.version, self.ticket.transfer, number))
                channel.socket.settimeout(None)
            except BaseException:
                channel.release()
                raise
            connection.join(channel)


def connect(ticket: Ticket, addresses: Sequence[str], port: int, *, deadline_s: float, clock: Clock) -> Connection:
    """Connect the session to the first address that answers; bulk connections join meanwhile and later.

    Raises PeerUnreachable when none answers within `deadline_s`, PeerRefused when the listener turns this side away.
    """
    context = context_for(ticket, server=False)
    session, address = _first(ticket, context, addresses, port, deadline_s=deadline_s, clock=clock)
    way = _Way(ticket, context, address, port, clock)
    try:
        connection = _greet(way, session)
    except BaseException:
        session.release()
        raise
    way.open_bulk(connection, range(1, connection.streams + 1))
    return connection


def _greet(way: _Way, session: Channel) -> Connection:
    ticket, lane = way.ticket, _lane(session)
    connection = Connection(ticket, session, lane)
    most = connection.streams
    if not connection.is_short:
        most = MOST_STREAMS
        rest = range(connection.streams + 1, most + 1)
        connection.on_bad_line = lambda: way.open_bulk(connection, rest)
    secret = lane.secret if lane is not None else bytes(messages.SECRET_SIZE)
    session.send(messages.Hello(session.session.version, ticket.transfer, most, secret))
    session.socket.settimeout(None)
    return connection


def _lane(session: Channel) -> Lane | None:
    """A socket of our own for datagrams, when the listener has one and this machine lets us."""
    if not session.datagrams:
        return None
    with contextlib.suppress(OSError):
        address = session.socket.getpeername()[0]  # what was announced may be a name
        sock = DatagramSocket("::" if ":" in address else "0.0.0.0", None)  # noqa: S104  # it talks to one peer only
        secret = secrets.token_bytes(messages.SECRET_SIZE)
        return Lane(sock, secret, is_connector=True, peer=(address, session.datagrams), host=address)
    return None


def _first(
    ticket: Ticket,
    context: ssl.SSLContext,
    addresses: Sequence[str],
    port: int,
    *,
    deadline_s: float,
    clock: Clock,
) -> tuple[Channel, str]:
    """Try the addresses in turn until one greets; the port may open a moment after we are told of it."""
    until = clock.monotonic() + deadline_s
    trouble: TransferError | OSError | None = None
    while (left := until - clock.monotonic()) > 0:
        for address in addresses:
            try:
                return open_channel(ticket, context, address, port, min(left, CONNECT_SLICE_S)), address
            except OSError as error:
                trouble = error
            except PeerRefused as error:
                trouble = error  # another address may belong to another machine
        if isinstance(trouble, PeerRefused):
            raise trouble
        clock.sleep(min(RETRY_S, max(0.0, until - clock.monotonic())))
    raise PeerUnreachable(
        addresses=", ".join(addresses) or "no address", port=port, seconds=deadline_s, detail=trouble or "no answer"
    ) from trouble
