"""What is fed with spoilt bytes. A target raises only when the product did what it must not.

Allowed is RemoteProtocolError; whatever else comes out is a fault.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from accsyn_engine.clock import SystemClock
from accsyn_engine.transfer.transport.inflow import Inflow
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.transport.sealing import Keys
from accsyn_engine.transfer.transport.udp import DatagramSocket
from accsyn_engine.wire import codec
from accsyn_engine.wire.control import ControlStream
from accsyn_engine.wire.datagram import (
    ANSWER,
    BARE_HEAD,
    DATA,
    DATA_HEAD,
    FEEDBACK,
    MOST_DONE,
    NONCE,
    PROBE,
    Feedback,
    Probe,
    read_feedback,
    read_probe,
    size_of,
    write_answer,
    write_feedback,
    write_probe,
)
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.scoreboard import Outgoing, Scoreboard
from accsyn_engine.wire.session import NEXT, Session
from tests.engine.wire.examples import EXAMPLES

HERE = "127.0.0.1"
SECRET = bytes(range(32))
FRAMES = [codec.encode(event) for event in EXAMPLES.values()]
FEEDBACKS = [
    write_feedback(Feedback(0, 0, 0, 0, 0, 256, 0, 1)),
    write_feedback(Feedback(79, 1000, 10**9, 50_000, 1, 300, 0b101, (1 << 80) - 1)),
    write_feedback(Feedback(2**40, 2**32 - 1, 2**63, 2**63, 2**31, 2**32 - 1, 1 << MOST_DONE - 1, 1 << 8191)),
]
PROBES = [write_probe(Probe(1232, 5, 1)), write_answer(Probe(1472, 5)), write_answer(Probe(65_535, 0, 2**32 - 1))]


@dataclass(frozen=True)
class Target:
    """Examples to begin with, and who takes what is made of them."""

    name: str
    examples: list[bytes]
    take: Callable[[bytes], None]
    close: Callable[[], None] = lambda: None


def frames() -> Target:
    """Single frames: what is read is written as the same bytes again."""

    def take(data: bytes) -> None:
        if len(data) < codec.HEADER.size:
            return
        body = memoryview(data)[codec.HEADER.size :]
        event = codec.decode(data[codec.HEADER.size - 1], body)
        assert codec.encode(event)[codec.HEADER.size :] == body

    return Target("frames", FRAMES, take)


def sessions() -> Target:
    """Whole conversations, whatever state the other side is in."""

    def take(data: bytes) -> None:
        for state in NEXT:
            session = Session(listener=True)
            session.theirs = state
            with contextlib.suppress(RemoteProtocolError):
                session.get_buffer()[: len(data)] = data
                for _ in session.received(len(data)):
                    pass

    return Target("sessions", [a + b for a in FRAMES for b in FRAMES[:6]], take)


def bodies() -> Target:
    """Bodies of datagrams, as after they were opened."""

    def take(data: bytes) -> None:
        with contextlib.suppress(RemoteProtocolError):
            assert read_feedback(write_feedback(read_feedback(data))) == read_feedback(data)
        read_probe(data)

    return Target("bodies", FEEDBACKS + PROBES, take)


def book() -> Target:
    """A sender's book that hears of it."""

    def take(data: bytes) -> None:
        feedback, scoreboard = read_feedback(data), Scoreboard()
        for number in range(4):
            scoreboard.add(Outgoing(number, number * 1000, memoryview(bytes(200)), 10, None))
            scoreboard.wrote(
                number * 20, [number << 8 | s for s in range(20)], size_of(10), 0.0, total=20 * size_of(10)
            )
        with contextlib.suppress(RemoteProtocolError):
            scoreboard.hear(feedback, 1.0, srtt=0.1)
        assert 0 <= scoreboard._out <= 80
        list(scoreboard.repairs(100))
        scoreboard.call_all_lost()
        assert scoreboard._out == 0

    return Target("book", FEEDBACKS, take)


def sealed(kind: int, number: int, body: bytes) -> bytes:
    head = BARE_HEAD.pack(kind, 0, number)
    return head + Keys(SECRET, by_connector=True).of(number).encrypt(head[NONCE], body, head)


def content() -> bytes:
    head = DATA_HEAD.pack(DATA, 0, 1000, 0, 3, 0, 1500)
    return head + Keys(SECRET, by_connector=True).of(3).encrypt(head[NONCE], bytes(1000), head)


class _Receiving:
    """A receiver's end of a line; what it answers goes to a socket that nobody reads."""

    def __init__(self) -> None:
        self.ours, self.theirs = DatagramSocket(HERE, None), DatagramSocket(HERE, None)
        self.peer = (HERE, self.theirs.port)
        self.renew()

    def renew(self) -> None:
        clock = SystemClock()
        self.line = Line(self.ours, SECRET, is_connector=False, peer=None, host=HERE, clock=clock)
        self.control = ControlStream()
        self.flow = Inflow(self.line, lambda block, aside, left: None, hear=self.control.put, rtt=0.1, clock=clock)

    def take(self, frame: bytes) -> None:
        """As the thread at the line does it."""
        if len(frame) > len(self.ours.buffer):
            return
        view = self.ours.buffer[: len(frame)]
        view[:] = frame
        try:
            self.flow._take(view, len(frame) or 1, self.peer, 1.0)
            assert len(self.flow._book.open) <= MOST_DONE
            report = self.flow._book.report(2.0, waiting=len(self.flow._whole))
            assert read_feedback(write_feedback(report)) == report
        finally:
            if self.flow._book.newest > 1 << 50 or len(self.flow._book.open) > 500:
                self.flow._bell.close()
                self.renew()

    def close(self) -> None:
        self.flow._bell.close()
        self.ours.close()
        self.theirs.close()


def strangers() -> Target:
    """Datagrams of somebody without the key: none is believed, and nothing is kept."""
    end = _Receiving()
    true = [sealed(FEEDBACK, 1, FEEDBACKS[0]), sealed(PROBE, 2, PROBES[0]), content()]

    def take(data: bytes) -> None:
        if data not in true:
            end.take(data)
        assert end.line.peer is None
        assert not end.flow._book.open

    return Target("strangers", true, take, end.close)


def liars() -> Target:
    """Datagrams of somebody with the key: the head and the body are spoilt, and then sealed as they should be."""
    end = _Receiving()
    kinds = [bytes([kind]) + body for kind in (FEEDBACK, PROBE, ANSWER) for body in FEEDBACKS + PROBES]
    heads = [
        DATA_HEAD.pack(DATA, segment, 1000, block, number, 3000 * block, 2500) + bytes(size)
        for number, (block, segment, size) in enumerate([(0, 0, 1000), (0, 2, 500), (7, 1, 1000), (255, 0, 1000)])
    ]

    def take(data: bytes) -> None:
        if data[:1] == bytes([DATA]) and len(data) > DATA_HEAD.size:
            head, body = data[: DATA_HEAD.size], data[DATA_HEAD.size :]
            number = DATA_HEAD.unpack(head)[4]
            end.take(head + Keys(SECRET, by_connector=True).of(number).encrypt(head[NONCE], body, head))
        elif data:
            end.take(sealed(data[0], end.flow._book.newest + 1, data[1:]))

    return Target("liars", kinds + heads, take, end.close)


TARGETS = (frames, sessions, bodies, book, strangers, liars)
