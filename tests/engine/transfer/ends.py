"""Two ends of a transfer on the loopback: real TLS, real files, one thread each."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accsyn_engine.clock import Clock, SystemClock
from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.meeting.channel import Channel, await_welcome
from accsyn_engine.transfer.meeting.connecting import connect
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.meeting.gate import Gate, Ticket
from accsyn_engine.transfer.meeting.identity import make_identity
from accsyn_engine.transfer.receiving.receiver import receive
from accsyn_engine.transfer.sending.sender import send
from accsyn_engine.transfer.work import Control, Item, Outcome

TRANSFER = "ab" * 12
JOB = "cd" * 12
WORKER = int("0" + os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"))
PORTS = (45300 + 100 * WORKER, 45399 + 100 * WORKER)  # of this test process alone
LOCAL = ("127.0.0.1",)
CLOCK = SystemClock()


def tickets(transfer: str = TRANSFER, streams: int = 2) -> tuple[Ticket, Ticket]:
    """The listener's and the connector's ticket of one transfer."""
    listener, connector = make_identity(transfer), make_identity(transfer)
    return (
        Ticket(transfer, listener, connector.certificate, LOCAL, streams),
        Ticket(transfer, connector, listener.certificate, LOCAL, streams),
    )


def new_gate() -> Gate:
    return Gate(host="127.0.0.1", ports=PORTS, clock=CLOCK)


def connected(streams: int = 2) -> tuple[Connection, Connection]:
    """A listener's and a connector's connection."""
    gate = new_gate()
    here, there = tickets(streams=streams)
    expectation = gate.expect(here, deadline_s=10)
    connection = connect(there, LOCAL, expectation.port, deadline_s=10, clock=CLOCK)
    connection.take_welcome(await_welcome(connection.session))
    listening = expectation.wait()
    for end in (listening, connection):
        end.wait_for(end.streams)
    return listening, connection


@dataclass
class Side:
    """One end's thread and what came of it."""

    work: Callable[[], Outcome]
    outcome: Outcome | None = None
    error: BaseException | None = None
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self.work()
        except BaseException as error:
            self.error = error

    def join(self) -> Side:
        self.thread.join(60)
        assert not self.thread.is_alive(), "this end hangs"
        return self

    @property
    def result(self) -> Outcome:
        if self.error is not None:
            raise self.error
        assert self.outcome is not None
        return self.outcome


@dataclass
class Ends:
    """A running transfer."""

    sender: Side
    receiver: Side

    def join(self) -> tuple[Side, Side]:
        return self.sender.join(), self.receiver.join()

    def outcomes(self) -> tuple[Outcome, Outcome]:
        sender, receiver = self.join()
        return sender.result, receiver.result


def start(
    items: Iterable[Item],
    destination: Callable[[int], Item],
    *,
    streams: int = 2,
    sender_control: Control | None = None,
    receiver_control: Control | None = None,
    fresh: bool = False,
    sender_listens: bool = True,
    clock: Clock = CLOCK,
    folds: Callable[[Root], bool] = Root.ignores_case,
    by_content: bool = False,
) -> Ends:
    listener, connector = connected(streams)
    sending, receiving = (listener, connector) if sender_listens else (connector, listener)
    sent, received = sender_control or Control(), receiver_control or Control()
    return Ends(
        Side(lambda: send(sending, items, sent, job=JOB, clock=clock, by_content=by_content)),
        Side(
            lambda: receive(
                receiving,
                destination,
                received,
                job=JOB,
                clock=clock,
                fresh=fresh,
                folds=folds,
                by_content=by_content,
            ),
        ),
    )


def move(source: Path, target: Path, **options: Any) -> tuple[Outcome, Outcome]:
    """Send the folder `source` so that it becomes `target`/copy."""
    return start([Item(1, source, "")], lambda task: Item(task, target, "copy"), **options).outcomes()


def tree(folder: Path) -> dict[str, tuple[bytes, int] | None]:
    """Names, contents and times of change below a folder; None for an empty folder."""
    found: dict[str, tuple[bytes, int] | None] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and not path.is_symlink():
            found[name] = (path.read_bytes(), path.stat().st_mtime_ns)
        elif path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            found[name] = None
    return found


def partials(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".accsyn-*")]


def bytes_of(size: int, seed: int = 0) -> bytes:
    """Content that differs in every place, the same at every run."""
    step = size // 8 + 1
    return b"".join((number * 2654435761 + seed).to_bytes(8, "little") for number in range(step))[:size]


def cut(*channels: Channel) -> None:
    for channel in channels:
        channel.close()
