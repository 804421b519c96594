"""Measures a line: the same session and the same transports as for files, with bytes that nobody keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.receiving.receiver import Receiver
from accsyn_engine.transfer.sending.sender import Sender
from accsyn_engine.transfer.transport.outlet import Filled, Outlet
from accsyn_engine.transfer.transport.pool import Pool
from accsyn_engine.transfer.work import Control, Item, KnownLine, Outcome
from accsyn_engine.wire import messages
from accsyn_engine.wire.datagram import BLOCK

LEAST_S = 0.001


@dataclass(frozen=True)
class Probe:
    """How long and how much at most to send: seconds and bytes."""

    seconds: float
    size: int


def send_probe(
    connection: Connection, probe: Probe, control: Control, *, job: str, clock: Clock, line: KnownLine
) -> Outcome:
    """Send made-up bytes; the line's state is in the outcome's progress. Raises what `send` raises."""
    return _ProbeSender(probe, connection, control, job=job, clock=clock, line=line).run()


def receive_probe(connection: Connection, control: Control, *, job: str, clock: Clock) -> Outcome:
    """Take the bytes and forget them. Raises what `receive` raises."""
    return _ProbeReceiver(
        connection, _no_place, control, job=job, clock=clock, fresh=True, folds=Root.ignores_case
    ).run()


def _no_place(task: int) -> Item:
    raise LookupError(task)


class _ProbeSender(Sender):
    """An empty package, whose end is held back while a filler keeps the transports busy."""

    def __init__(
        self, probe: Probe, connection: Connection, control: Control, *, job: str, clock: Clock, line: KnownLine
    ) -> None:
        super().__init__(connection, (), control, job=job, clock=clock, line=line)
        self._probe = probe
        self._is_filled = False

    def _start_reading(self) -> None:
        super()._start_reading()
        self._link.start("fill", lambda: self._fill(self._pool, self._outlet))

    def _fill(self, pool: Pool, outlet: Outlet) -> None:
        until, position = self._clock.monotonic() + self._probe.seconds, 0
        while self._clock.monotonic() < until and position < self._probe.size:
            outlet.put(Filled(pool.get(BLOCK), position, BLOCK))
            position += BLOCK
        self._is_filled = True

    def _finish(self) -> None:
        if self._is_filled and (self._outflow is None or not self._outflow.book.in_flight):
            super()._finish()


class _ProbeReceiver(Receiver):
    """Counts what comes, and how fast."""

    _first = _last = 0.0

    def run(self) -> Outcome:
        outcome = super().run()
        progress = outcome.progress
        took = max(self._last - self._first, LEAST_S)
        line = None if progress.line is None else replace(progress.line, goodput=self._stowage.moved / took)
        return replace(outcome, progress=replace(progress, line=line))

    def _stow(self, block: messages.Block, *_: object) -> None:
        self._last = self._clock.monotonic()
        self._first = self._first or self._last
        self._stowage.count(0, len(block.payload))
