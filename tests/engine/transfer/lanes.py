"""Two ends of a transfer whose datagrams go through a relay."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.receiving.receiver import Receiver
from accsyn_engine.transfer.sending.sender import UNKNOWN, Sender
from accsyn_engine.transfer.transport.inflow import Inflow
from accsyn_engine.transfer.transport.outflow import Outflow
from accsyn_engine.transfer.transport.udp import DatagramSocket
from accsyn_engine.transfer.work import Control, Item
from tests.engine.transfer.ends import CLOCK, JOB, Ends, Side, connected
from tests.engine.transfer.relay import HERE, Relay, Weather


@dataclass
class Run:
    """One transfer of a folder through a relay."""

    relay: Relay
    sender: Sender
    receiver: Receiver
    ends: Ends
    control: Control  # the sender's

    @property
    def outflow(self) -> Outflow:
        assert self.sender._outflow is not None
        return self.sender._outflow

    @property
    def inflow(self) -> Inflow:
        assert self.receiver._inflow is not None
        return self.receiver._inflow

    @property
    def arrived(self) -> int:
        """Bytes of datagrams."""
        return self.inflow._book.delivered

    @property
    def by_streams(self) -> int:
        """Blocks."""
        return sum(self.receiver._taken.values())

    def finish(self) -> None:
        self.ends.outcomes()


def without_offload(connection: Connection) -> None:
    """Its datagrams go and come one by one, as where the kernel has no runs of them."""
    line = connection.settle_line()
    assert line is not None
    port = line.socket.port
    line.socket.close()
    line.socket = DatagramSocket(HERE, (port, port), offload=False)


def ends_of(
    sending: Connection, receiving: Connection, source: Path, target: Path, control: Control, *, fresh: bool = False
) -> tuple[Sender, Receiver]:
    """Both ends of sending `source` to `target`/copy; the sender is told of `fresh` early."""
    sender = Sender(sending, [Item(1, source, "")], control, job=JOB, clock=CLOCK, line=UNKNOWN, fresh=fresh)
    receiver = Receiver(
        receiving,
        lambda task: Item(task, target, "copy"),
        Control(),
        job=JOB,
        clock=CLOCK,
        fresh=True,
        folds=Root.ignores_case,
    )
    return sender, receiver


@contextmanager
def running(
    source: Path,
    target: Path,
    weather: Weather | None = None,
    *,
    sender_listens: bool = True,
    offload: bool = True,
    rate: int | None = None,
    prepare: Callable[[Relay], None] = lambda _: None,
    streams: int = 2,
) -> Iterator[Run]:
    """Send `source` to `target`/copy."""
    listener, connector = connected(streams)
    if not offload:
        without_offload(listener)
        without_offload(connector)
    assert listener.line is not None
    assert connector.line is not None
    relay = Relay((HERE, listener.line.socket.port), weather or Weather())
    prepare(relay)
    connector.line.peer = relay.address
    sending, receiving = (listener, connector) if sender_listens else (connector, listener)
    control = Control(rate)
    sender, receiver = ends_of(sending, receiving, source, target, control)
    ends = Ends(Side(sender.run), Side(receiver.run))
    try:
        yield Run(relay, sender, receiver, ends, control)
        ends.outcomes()
    finally:
        control.stop("user", "The test is over.")
        relay.close()
        ends.join()


def until(holds: Callable[[], bool], sentence: str, seconds: float = 10.0) -> None:
    """Look until it is so."""
    deadline = CLOCK.monotonic() + seconds
    while not holds():
        assert CLOCK.monotonic() < deadline, sentence
        threading.Event().wait(0.005)
