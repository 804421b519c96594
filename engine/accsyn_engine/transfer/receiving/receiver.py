"""Receives the files of one transfer: surveyor, committer and one thread a bulk channel around the session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.belt import Belt
from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.disk.gauge import Gauge
from accsyn_engine.transfer.disk.syncing import Syncer
from accsyn_engine.transfer.errors import PeerLost, ReceiptInvalid, TransferError
from accsyn_engine.transfer.meeting.channel import Channel
from accsyn_engine.transfer.meeting.connection import USUAL_RTT_S, Connection
from accsyn_engine.transfer.meeting.link import Link
from accsyn_engine.transfer.receipt import Statement, make_receipt, signature_of
from accsyn_engine.transfer.receiving.arrival import Arrival
from accsyn_engine.transfer.receiving.commit import Committer
from accsyn_engine.transfer.receiving.comparing import Comparison
from accsyn_engine.transfer.receiving.stowage import Stowage
from accsyn_engine.transfer.receiving.stowing import Stower
from accsyn_engine.transfer.receiving.survey import Surveyor
from accsyn_engine.transfer.transport.inflow import Inflow
from accsyn_engine.transfer.transport.sealed import SealedReader
from accsyn_engine.transfer.work import Control, Item, LineState, Outcome
from accsyn_engine.wire import messages
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.messages import MAX_PAYLOAD

ACK_S = 0.1
FINISHES = 2  # what the sender expects, and what it knows
BYE_S = 5.0  # how long the sender's last word is awaited; everything is in place by then


def receive(
    connection: Connection,
    destination: Callable[[int], Item],
    control: Control,
    *,
    job: str,
    clock: Clock,
    fresh: bool = False,
    folds: Callable[[Root], bool] = Root.ignores_case,
    by_content: bool = False,
) -> Outcome:
    """Take what the other side sends; blocks until both have signed the receipt.

    `destination` gives the place of a task's item and raises LookupError for a task that was not announced. `fresh`
    says that nothing of this job can lie there yet, which saves the sender one round trip. Failures of single files
    stand in the outcome; what ends the transfer is raised: TransferStopped, PeerLost, DiskFull, ProtocolBroken. The
    connection is closed in any case. `by_content`: what lies there is compared by its content, not by size and time.
    """
    return Receiver(
        connection, destination, control, job=job, clock=clock, fresh=fresh, folds=folds, by_content=by_content
    ).run()


class Receiver:
    """One running receive."""

    def __init__(
        self,
        connection: Connection,
        destination: Callable[[int], Item],
        control: Control,
        *,
        job: str,
        clock: Clock,
        fresh: bool,
        folds: Callable[[Root], bool],
        by_content: bool = False,
    ) -> None:
        self._connection = connection
        self._control = control
        self._job = job
        self._is_fresh = fresh and not by_content  # what is there is looked at before anything is sent
        self._clock = clock
        self._link = Link(connection, clock)
        self._stowage = Stowage()
        self._gauge = Gauge()
        self._syncer = Syncer(clock)
        self._committer = Committer(self._stowage, self._link, self._syncer)
        self._stower = Stower(self._stowage, self._committer, self._gauge, self._syncer)
        self._resumed: Belt[Arrival] = Belt()
        self._surveyor = Surveyor(
            stowage=self._stowage,
            committer=self._committer,
            stower=self._stower,
            link=self._link,
            gauge=self._gauge,
            resumed=self._resumed,
            destination=destination,
            job=job,
            is_fresh=fresh,
            comparison=Comparison(self._link) if by_content else None,
            folds=folds,
            finish=self._take_finish,
        )
        self._inflow = self._new_inflow()
        self._opens_rest_at = 0.0
        self._taken: dict[int, int] = {}  # blocks, by bulk connection
        self._told_taken: tuple[tuple[int, int], ...] = ()
        self._acked = messages.Ack(0, 0, 0, 0)
        self._acked_at = 0.0
        self._receipt: dict[str, Any] | None = None
        self._finish: messages.Finish | None = None
        self._finishes = 0
        self._signed_at = 0.0

    def run(self) -> Outcome:
        endings = (
            self._stowage.end,
            self._gauge.end,
            self._committer.end,
            self._resumed.end,
            self._surveyor.events.end,
        )
        for ending in (*endings, *([self._inflow.end] if self._inflow is not None else [])):
            self._link.on_end(ending)
        self._link.is_ready = lambda: not self._surveyor.is_behind()
        self._control.attach(self._link.fail)
        self._link.post(messages.Accept(self._job, self._is_fresh))
        if self._inflow is not None:
            self._link.start("datagrams", self._inflow.run)  # it knocks at once
        try:
            self._converse()
            self._surveyor.sweep()
        finally:
            self._stowage.close()
            self._surveyor.close()
            self._syncer.close()
            if self._inflow is not None:
                self._inflow.close()
                self._control.report(forged=self._inflow.forged)
        stowage = self._stowage
        tasks = tuple(sorted(stowage.tasks - stowage.failed_tasks))
        return Outcome(self._control.progress(), tuple(stowage.failures), self._receipt, tasks)

    def _converse(self) -> None:
        try:
            self._link.run(self._hear, self._tick)
        except PeerLost:
            if self._receipt is None:
                raise
            # All is in place and signed; only the sender's goodbye is missing.

    def _hear(self, event: messages.Event) -> None:
        match event:
            case messages.Offer():
                self._begin(event)
            case messages.Bye():
                self._link.finish()
            case _:
                self._surveyor.events.put(event)

    def _begin(self, offer: messages.Offer) -> None:
        if offer.job != self._job:
            raise RemoteProtocolError(detail="it sends another job")
        self._link.start("survey", self._surveyor.run)
        self._link.start("commit", self._committer.run)
        self._link.start("hash", self._catch_up)
        self._connection.on_join(lambda channel: self._link.start("bulk", lambda: self._drain(channel)))
        self._opens_rest_at = self._clock.monotonic() + self._connection.patience_s
        if self._inflow is not None:
            self._link.start("store", self._inflow.store)

    @property
    def _rtt(self) -> float:
        return self._connection.rtt or USUAL_RTT_S

    def _new_inflow(self) -> Inflow | None:
        line = self._connection.settle_line()
        if line is None:
            return None
        return Inflow(line, self._stow, hear=self._link.hear_control, rtt=self._rtt, clock=self._clock)

    def _drain(self, channel: Channel) -> None:
        """Read one bulk connection; its blocks go to disk from the buffer they were decrypted into.

        When it dies the sender says what becomes of that: it has others, or it ends the session.
        """
        aside = memoryview(bytearray(MAX_PAYLOAD))
        with contextlib.suppress(PeerLost):
            for block in _blocks_of(channel):
                self._stow(block, aside)
                self._taken[channel.number] = self._taken.get(channel.number, 0) + 1

    def _stow(self, block: messages.Block, aside: memoryview, left: list[messages.Block] | None = None) -> None:
        self._stower.stow(block, aside, left)

    def _catch_up(self) -> None:
        """Hash what earlier tries left, beside the blocks that come in."""
        aside = memoryview(bytearray(MAX_PAYLOAD))
        while True:
            arrival = self._resumed.get()
            try:
                arrival.catch_up(aside)
            except (OSError, TransferError) as error:
                self._committer.refuse(arrival, error)
            else:
                self._committer.take(arrival)

    def _tick(self, now: float) -> None:
        """Say how things stand, when that has changed; give up waiting for a goodbye."""
        if self._inflow is None or (now > self._opens_rest_at > 0 and not self._inflow.has_heard):
            self._connection.open_rest()
        if self._receipt is not None:
            if now - self._signed_at > BYE_S:
                self._link.finish()
            return
        self._acknowledge(now)
        self._sign_if_settled()

    def _acknowledge(self, now: float) -> None:
        ack = self._stowage.ack()
        if ack == self._acked or (now - self._acked_at < ACK_S and not self._stowage.is_settled()):
            return
        self._acked, self._acked_at = ack, now
        self._link.post(ack)
        if (taken := tuple(self._taken.items())) != self._told_taken:
            self._told_taken = taken
            self._link.post(messages.Taken(taken))
        self._report()

    def _report(self) -> None:
        stowage = self._stowage
        self._control.report(
            size=stowage.size,
            acked=stowage.written,
            moved=stowage.moved,
            files=stowage.files,
            files_done=stowage.done,
            walking=not stowage.is_complete,
            line=self._line_state(),
        )

    def _line_state(self) -> LineState:
        is_udp = self._inflow is not None and self._inflow.has_heard
        is_behind = self._inflow is not None and self._inflow.is_behind
        return LineState(
            transport="udp" if is_udp else "tcp",
            streams=len(self._connection.bulk),
            rtt_s=self._connection.session_rtt,
            limited_by="receiver-disk" if is_behind else None,
        )

    def _take_finish(self, finish: messages.Finish) -> None:
        self._finishes += 1
        self._finish = finish

    def _sign_if_settled(self) -> None:
        """Sign what the sender signed, if it is what happened here. Raises ReceiptInvalid.

        Its first word came before it could know how things went here, so one that differs is not the last.
        """
        finish, stowage, ticket = self._finish, self._stowage, self._connection.ticket
        if finish is None or not stowage.is_settled():
            return
        root = stowage.root.digest()
        statement = Statement(self._job, ticket.transfer, root, stowage.done, stowage.done_size, stowage.failed)
        if (finish.root, finish.files, finish.size, finish.failed) != (
            root,
            stowage.done,
            stowage.done_size,
            stowage.failed,
        ):
            if self._finishes < FINISHES:
                return
            raise ReceiptInvalid(detail="the two ends do not agree on what was sent; start the transfer again")
        mine = signature_of(statement, ticket)
        self._receipt = make_receipt(
            statement,
            sender=(ticket.peer_certificate, finish.signature),
            receiver=(ticket.identity.certificate, mine),
        )
        self._signed_at = self._clock.monotonic()
        self._report()
        self._link.post(messages.Receipt(mine))


def _blocks_of(channel: Channel) -> Iterator[messages.Block]:
    """Whatever comes over a bulk connection, until it ends. Raises PeerLost, RemoteProtocolError."""
    while True:
        for event in channel.receive():
            if isinstance(event, messages.Seal):
                reader = SealedReader(channel.socket, event.secret)
                while True:
                    yield reader.read()
            assert isinstance(event, messages.Block)  # noqa: S101  # the table lets nothing else come here
            yield event
