"""Sends the items of one transfer: walker, reader and the transports around the session.

Datagrams carry the bulk once they get through. Until then the streams wait a few round trips: what is put into a stream
on a bad line may take half a minute to come out. On a short line they begin at once and keep it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.errors import PeerLost
from accsyn_engine.transfer.meeting.channel import MOST_STREAMS, Channel, Ticket
from accsyn_engine.transfer.meeting.connection import USUAL_RTT_S, Connection
from accsyn_engine.transfer.meeting.link import Link
from accsyn_engine.transfer.receipt import Statement, make_receipt, signature_of
from accsyn_engine.transfer.sending.listing import Listing
from accsyn_engine.transfer.sending.reading import Blocks, Reading
from accsyn_engine.transfer.sending.shipment import Shipment
from accsyn_engine.transfer.sending.streams import Streams
from accsyn_engine.transfer.transport.lane import ControlLane
from accsyn_engine.transfer.transport.limiter import Limiter
from accsyn_engine.transfer.transport.outflow import Outflow
from accsyn_engine.transfer.transport.outlet import Filled, Outlet
from accsyn_engine.transfer.transport.pool import Pool
from accsyn_engine.transfer.transport.sealed import SealedWriter
from accsyn_engine.transfer.work import Control, Item, KnownLine, LineState, Outcome
from accsyn_engine.wire import messages
from accsyn_engine.wire.datagram import BLOCK
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.rate import Known

STREAM_MEMORY = 10 << 20  # bytes of blocks between the reader and the streams
OVERDUE_S, OVERDUE_RTTS = 0.5, 3  # after the longer of both, what a stream has not brought goes by datagrams
REPORT_S = 0.25
UNKNOWN = KnownLine()


def send(
    connection: Connection,
    items: Iterable[Item],
    control: Control,
    *,
    job: str,
    clock: Clock,
    line: KnownLine = UNKNOWN,
    fresh: bool = False,
    by_content: bool = False,
) -> Outcome:
    """Send the items, in order, to the other side; blocks until both have signed the receipt.

    A file that cannot be sent is a failure of the outcome; what ends the transfer is raised: TransferStopped, PeerLost,
    DiskFull (of the other side), ProtocolBroken. The connection is closed in any case. `line` is what an earlier
    transfer measured. `fresh` says that nothing of this job can lie at the receiver: content is sent before it answers,
    unless it first compares what lies there `by_content`.
    """
    fresh = fresh and not by_content
    return Sender(connection, items, control, job=job, clock=clock, line=line, fresh=fresh).run()


class Sender:
    """One running send."""

    def __init__(
        self,
        connection: Connection,
        items: Iterable[Item],
        control: Control,
        *,
        job: str,
        clock: Clock,
        line: KnownLine,
        fresh: bool = False,
    ) -> None:
        self._connection = connection
        self._items = items
        self._control = control
        self._job = job
        self._clock = clock
        self._link = Link(connection, clock)
        self._shipment = Shipment()
        self._shipment.is_fresh = fresh and not connection.is_short  # there it costs nothing
        self._listing = Listing(self._shipment, self._link, control, clock)
        self._limiter = Limiter(control, clock)
        self._pool = Pool(STREAM_MEMORY)
        self._outlet = Outlet()
        self._lane = ControlLane()
        self._streams = Streams()
        self._rtt = connection.rtt or USUAL_RTT_S
        self._outflow = None if connection.is_short else self._new_outflow(line.known)
        self._known_line = line
        self._is_accepted = False
        self._held_until = self._reported_at = 0.0
        self._is_holding = False
        self._statement: Statement | None = None
        self._is_final = False  # the statement is of what has happened
        self._signature = b""
        self._receipt: dict[str, Any] | None = None

    def run(self) -> Outcome:
        for ending in (self._shipment.end, self._pool.end, self._outlet.end, self._limiter.end):
            self._link.on_end(ending)
        if self._outflow is not None:
            self._link.on_end(self._outflow.end)
            self._link.use_lane(self._lane, self._takes_control)
            self._link.start("datagrams", self._outflow.run)  # it knocks at once; there is nothing to send yet
        self._control.attach(self._link.fail)
        self._link.post(messages.Offer(self._job))
        self._start_reading()
        try:
            self._link.run(self._hear, self._tick)
        finally:
            self._listing.close()
            if self._outflow is not None:
                self._outflow.close()
                self._remember(self._outflow)
                self._control.report(forged=self._outflow.forged)
        shipment = self._shipment
        return Outcome(
            self._control.progress(),
            tuple(shipment.failures),
            self._receipt,
            tuple(sorted(shipment.tasks - shipment.failed_tasks)),
        )

    def _remember(self, outflow: Outflow) -> None:
        if outflow.rate.known is not None:
            self._known_line.learn(outflow.rate.known)

    def _new_outflow(self, known: Known | None) -> Outflow | None:
        line = self._connection.settle_line()
        if line is None:
            return None
        return Outflow(
            line,
            self._outlet,
            self._lane,
            self._pool,
            self._control,
            rtt=self._rtt,
            known=known,
            clock=self._clock,
        )

    def _hear(self, event: messages.Event) -> None:
        match event:
            case messages.Accept():
                self._begin(event)
            case messages.Receipt():
                self._take_receipt(event)
            case messages.Taken():
                for number, blocks in event.counts:
                    self._streams.confirm(number, blocks)
            case _:
                self._hear_of_entries(event)

    def _hear_of_entries(self, event: messages.Event) -> None:
        match event:
            case messages.Held():
                self._shipment.compare(event)
            case messages.Wants():
                self._shipment.answer(event)
            case messages.Ack():
                self._shipment.settle(event.settled)
                self._control.report(acked=event.written, moved=event.moved, files_done=event.done)
            case messages.Failed():
                self._shipment.fail(self._shipment.find(event.index), event.code, event.message)
            case messages.Repair():
                self._shipment.repair(event.index)

    def _begin(self, accept: messages.Accept) -> None:
        if accept.job != self._job:
            raise RemoteProtocolError(detail="it receives another job")
        self._is_accepted = True
        self._shipment.believe(is_fresh=accept.fresh and not self._connection.is_short)
        self._connection.on_join(self._add_stream)
        if self._outflow is None:
            self._outlet.open_to_streams(takes_streams=True)
            return
        self._is_holding = True
        self._held_until = self._clock.monotonic() + self._connection.patience_s

    def _start_reading(self) -> None:
        blocks = Blocks(self._pool, self._outlet.put, self._block_size)
        reading = Reading(self._shipment, self._link, blocks, self._clock)
        self._link.start("walk", lambda: self._listing.run(self._items))
        self._link.start("read", reading.run)

    def _block_size(self) -> int:
        """Large where the processors are the limit, small where dozens of slow streams each hold one."""
        return self._limiter.block_size() if self._connection.is_short else min(self._limiter.block_size(), BLOCK)

    def _add_stream(self, channel: Channel) -> None:
        self._streams.add(channel)
        self._link.start("bulk", lambda: self._pump(channel))

    def _pump(self, channel: Channel) -> None:
        """Write blocks to one bulk connection; whoever has room takes the next."""
        write = self._writer(channel)
        while True:
            filled = self._outlet.take()
            self._limiter.take(filled.length)
            end = filled.position + filled.length
            self._streams.wrote(channel, filled.position, end, self._clock.monotonic())
            try:
                write(filled)
            except OSError as error:
                self._lose(channel, error)
                return
            finally:
                self._pool.put(filled.buffer)

    def _writer(self, channel: Channel) -> Callable[[Filled], None]:
        """How blocks go onto a bulk connection: sealed as they are on a short line, else in TLS."""
        if not self._connection.is_short:
            session, sock = channel.session, channel.socket
            return lambda filled: sock.sendall(session.frame_block(filled.buffer, filled.position, filled.length))
        secret = secrets.token_bytes(messages.SECRET_SIZE)
        channel.send(messages.Seal(secret))
        sealed = SealedWriter(channel.socket, secret)
        return lambda filled: sealed.write(filled.buffer, filled.position, filled.length)

    def _lose(self, channel: Channel, error: OSError) -> None:
        """A bulk connection died: what may be lost goes another way, if there is one."""
        self._shipment.resend(self._streams.lose(channel))
        if not self._streams.alive and not self._carries_datagrams():
            raise PeerLost(detail=error.strerror or "the connection broke") from error

    def _takes_control(self) -> bool:
        return self._outflow is not None and self._outflow.takes_control

    def _carries_datagrams(self) -> bool:
        return self._outflow is not None and self._outflow.carries

    def _tick(self, now: float) -> None:
        if self._is_holding and now > self._held_until:
            self._is_holding = False
            if not self._carries_datagrams():
                self._pool.resize(2 * MOST_STREAMS * BLOCK)
                self._outlet.open_to_streams(takes_streams=True)
                self._connection.open_rest()
        elif self._carries_datagrams():
            # What a bad line holds back in a stream, datagrams bring at once.
            self._shipment.resend(self._streams.overdue(now - max(OVERDUE_S, OVERDUE_RTTS * self._rtt)))
        if now - self._reported_at > REPORT_S:
            self._reported_at = now
            self._control.report(line=self._line_state())
        self._finish()

    def _line_state(self) -> LineState:
        if self._outflow is not None and self._outflow.carries:
            return self._outflow.state(self._streams.alive)
        rtt = self._connection.session_rtt
        limit = "cap" if self._limiter.is_holding else "sender-disk" if self._outlet.is_empty else "line"
        return LineState(transport="tcp", streams=self._streams.alive, rtt_s=rtt, min_rtt_s=rtt, limited_by=limit)

    def _finish(self) -> None:
        """Sign what will be true when all has landed, as soon as it can be told, and what is true once all is settled.

        The receiver signs only what did happen, so the early word saves it a round trip and promises nothing.
        """
        if not self._is_accepted or self._is_final or self._receipt is not None:
            return
        self._is_final = self._shipment.is_settled()
        sums = self._shipment.sums() if self._is_final else self._shipment.expected()
        if sums is None or (self._statement is not None and not self._is_final):
            return
        ticket = self._connection.ticket
        statement = Statement(self._job, ticket.transfer, sums.root, sums.files, sums.size, sums.failed)
        if statement != self._statement:
            self._statement, self._signature = statement, signature_of(statement, ticket)
        self._link.post(messages.Finish(sums.root, sums.files, sums.size, sums.failed, self._signature))

    def _take_receipt(self, receipt: messages.Receipt) -> None:
        assert self._statement is not None  # noqa: S101  # the table lets no receipt come before our finish
        ticket: Ticket = self._connection.ticket
        self._receipt = make_receipt(
            self._statement,
            sender=(ticket.identity.certificate, self._signature),
            receiver=(ticket.peer_certificate, receipt.signature),
        )
        self._link.post(messages.Bye())
        self._link.finish()
