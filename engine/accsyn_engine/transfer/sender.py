"""Sends the items of one transfer: walker, reader and one thread a bulk channel around the session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.belt import Belt
from accsyn_engine.transfer.channel import Channel, Connection, Ticket
from accsyn_engine.transfer.errors import lost_on_os_error
from accsyn_engine.transfer.limiter import Limiter
from accsyn_engine.transfer.link import Link
from accsyn_engine.transfer.listing import Listing
from accsyn_engine.transfer.reading import Blocks, Filled, Reading
from accsyn_engine.transfer.receipt import Statement, make_receipt, signature_of
from accsyn_engine.transfer.shipment import Shipment
from accsyn_engine.transfer.work import Control, Item, Outcome
from accsyn_engine.wire import messages
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.messages import MAX_PAYLOAD
from accsyn_engine.wire.session import HEAD_ROOM

SPARE_BLOCKS = 2  # buffers beyond two a channel


def send(connection: Connection, items: Iterable[Item], control: Control, *, job: str, clock: Clock) -> Outcome:
    """Send the items, in order, to the other side; blocks until both have signed the receipt.

    A file that cannot be sent is a failure of the outcome; what ends the transfer is raised: TransferStopped, PeerLost,
    DiskFull (of the other side), ProtocolBroken. The connection is closed in any case.
    """
    return Sender(connection, items, control, job=job, clock=clock).run()


class Sender:
    """One running send."""

    def __init__(
        self, connection: Connection, items: Iterable[Item], control: Control, *, job: str, clock: Clock
    ) -> None:
        self._connection = connection
        self._items = items
        self._control = control
        self._job = job
        self._clock = clock
        self._link = Link(connection, clock)
        self._shipment = Shipment()
        self._listing = Listing(self._shipment, self._link, control, clock)
        self._limiter = Limiter(control, clock)
        buffers = 2 * len(connection.bulk) + SPARE_BLOCKS
        self._pool: Belt[memoryview] = Belt(buffers)
        self._filled: Belt[Filled] = Belt(buffers)
        for _ in range(buffers):
            self._pool.put(memoryview(bytearray(HEAD_ROOM + MAX_PAYLOAD)))
        self._statement: Statement | None = None
        self._signature = b""
        self._receipt: dict[str, Any] | None = None

    def run(self) -> Outcome:
        for ending in (self._shipment.end, self._pool.end, self._filled.end, self._limiter.end):
            self._link.on_end(ending)
        self._control.attach(self._link.fail)
        self._link.post(messages.Offer(self._job))
        try:
            self._link.run(self._hear, lambda _: self._finish_if_settled())
        finally:
            self._listing.close()
        shipment = self._shipment
        return Outcome(
            self._control.progress(),
            tuple(shipment.failures),
            self._receipt,
            tuple(sorted(shipment.tasks - shipment.failed_tasks)),
        )

    def _hear(self, event: messages.Event) -> None:
        match event:
            case messages.Accept():
                self._begin(event)
            case messages.Wants():
                self._shipment.answer(event)
            case messages.Ack():
                self._shipment.settle(event.settled)
                self._control.report(acked=event.written, moved=event.moved, files_done=event.done)
            case messages.Failed():
                self._shipment.fail(self._shipment.find(event.index), event.code, event.message)
            case messages.Repair():
                self._shipment.repair(event.index)
            case messages.Receipt():
                self._take_receipt(event)

    def _begin(self, accept: messages.Accept) -> None:
        if accept.job != self._job:
            raise RemoteProtocolError(detail="it receives another job")
        self._shipment.is_fresh = accept.fresh
        blocks = Blocks(self._pool, self._filled, self._limiter.block_size)
        reading = Reading(self._shipment, self._link, blocks)
        self._link.start("walk", lambda: self._listing.run(self._items))
        self._link.start("read", reading.run)
        for channel in self._connection.bulk:
            self._link.start("bulk", lambda channel=channel: self._pump(channel))  # type: ignore[misc]  # bound now

    def _pump(self, channel: Channel) -> None:
        """Write blocks to one bulk channel; whoever has room takes the next."""
        while True:
            filled = self._filled.get()
            self._limiter.take(filled.length)
            frame = channel.session.frame_block(filled.buffer, filled.position, filled.length)
            with lost_on_os_error():
                channel.socket.sendall(frame)
            self._pool.put(filled.buffer)

    def _finish_if_settled(self) -> None:
        if self._statement is not None or not self._shipment.is_settled():
            return
        shipment, ticket = self._shipment, self._connection.ticket
        root = shipment.root.digest()
        self._statement = Statement(
            self._job, ticket.transfer, root, shipment.done, shipment.done_size, shipment.failed
        )
        self._signature = signature_of(self._statement, ticket)
        self._link.post(messages.Finish(root, shipment.done, shipment.done_size, shipment.failed, self._signature))

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
