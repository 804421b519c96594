"""Datagrams of a peer that holds the key and lies, and of strangers who do not."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.errors import ProtocolBroken
from accsyn_engine.transfer.meeting import connection, link
from accsyn_engine.transfer.meeting.channel import context_for, open_channel
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.receiving.receiver import Receiver
from accsyn_engine.transfer.sending.sender import UNKNOWN, Sender
from accsyn_engine.transfer.transport import inflow, outflow
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.work import Control, Item
from accsyn_engine.wire import messages
from accsyn_engine.wire.datagram import (
    BLOCK,
    DATA,
    DATA_HEAD,
    FEEDBACK,
    FIRST_LIMIT,
    MOST_DONE,
    NONCE,
    PROBE,
    SIZES,
    Feedback,
    Probe,
    write_feedback,
    write_probe,
)
from tests.engine.transfer.ends import CLOCK, JOB, LOCAL, Side, bytes_of, connected, new_gate, partials, tickets, tree
from tests.engine.transfer.lanes import running, until
from tests.engine.transfer.relay import HERE, Weather
from tests.engine.transfer.test_hostile import Script, file, page, refused


@pytest.fixture(autouse=True)
def long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SHORT_S", 0.0)
    monkeypatch.setattr(link, "FAREWELL_S", 0.05)
    monkeypatch.setattr(outflow, "PROBE_S", 0.05)
    monkeypatch.setattr(inflow, "PROBE_S", 0.05)


class Liar:
    """The other end's session and line, in the hands of somebody who sends what he likes."""

    def __init__(self, own: Connection) -> None:
        line = own.settle_line()
        assert line is not None
        self.own = own
        self.script = Script(own)
        self.line: Line = line

    def open(self) -> None:
        """Let the line open as it does between honest ends."""
        until(self._knock, "the other side did not answer a probe")

    def _knock(self) -> bool:
        self.line.probe((SIZES[1],))
        self.listen()
        return self.line.is_open

    def listen(self) -> list[Feedback]:
        """What feedback has come."""
        self.line.socket.wait(0.05)
        frames = [
            (bytes(view[at : at + size]), at_)
            for view, size, at_ in self.line.socket.drain(64)
            for at in range(0, len(view), size)
        ]
        heard = [self.line.hear(memoryview(frame), source) for frame, source in frames if frame[0] != DATA]
        return [one[1] for one in heard if one is not None and one[1] is not None]

    def data(
        self,
        content: bytes,
        *,
        block: int = 0,
        segment: int = 0,
        payload: int | None = None,
        position: int = 0,
        length: int | None = None,
        number: int | None = None,
    ) -> None:
        """A datagram of a block, sealed as it should be."""
        at = self.line.take_numbers(1) if number is None else number
        size, whole = payload if payload is not None else len(content), length if length is not None else len(content)
        head = DATA_HEAD.pack(DATA, segment, size, block, at, position, whole)
        self.throw(head + self.line.out_keys.of(at).encrypt(head[NONCE], content, head))

    def say(self, kind: int, body: bytes) -> None:
        assert self.line.peer is not None
        self.line._send(kind, body, self.line.peer)

    def throw(self, frame: bytes) -> None:
        assert self.line.peer is not None
        self.line.socket.send(memoryview(frame), len(frame), self.line.peer)


def close(liar: Liar, side: Side) -> None:
    liar.own.close()
    side.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "share/target"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def to_receiver(target: Path) -> Iterator[tuple[Liar, Side, Receiver]]:
    """A lying sender, whose line is open, and the real receiver."""
    near, far = connected()
    places = {1: Item(1, target.parent, "target")}
    receiver = Receiver(near, places.__getitem__, Control(), job=JOB, clock=CLOCK, fresh=False, folds=Root.ignores_case)
    side, liar = Side(receiver.run), Liar(far)
    liar.script.say(messages.Offer(JOB))
    liar.script.until(messages.Accept)
    liar.open()
    yield liar, side, receiver
    close(liar, side)


@pytest.mark.parametrize(
    ("datagram", "why"),
    [
        ({"content": b"12345678", "position": 0}, "beyond the end"),
        ({"content": b"1234", "position": 2**63 - 1}, "beyond the end"),
        ({"content": b"1234", "position": 2**64 - 1}, "more than may be under way"),
        ({"content": b"1234", "segment": 1}, "does not fit its block"),
        ({"content": b"1234", "payload": 0}, "does not fit its block"),
        ({"content": b"1234", "payload": 3}, "does not fit its block"),
        ({"content": b"1234", "length": 3}, "does not fit its block"),
        ({"content": b"1234", "length": 4 * 257}, "does not fit its block"),
        ({"content": bytes(1428), "length": BLOCK + 1}, "longer than any may be"),
        ({"content": b"1234", "length": 2**32 - 1}, "does not fit its block"),
        ({"content": b"1234", "block": 2**32 - 1}, "not asked for"),
    ],
)
def test_content_that_cannot_be_ends_the_transfer_with_a_sentence(
    to_receiver: tuple[Liar, Side, Receiver], target: Path, datagram: dict[str, object], why: str
) -> None:
    liar, side, _ = to_receiver
    liar.script.say(page(file(b"a")), messages.ManifestEnd(1, 1, 4))
    liar.script.until(messages.Wants)
    liar.data(**datagram)  # type: ignore[arg-type]
    refused(side, why)
    assert not (target / "a").exists()


@pytest.mark.parametrize("second", [{"position": 1}, {"length": 3000}, {"payload": 1000}])
def test_two_descriptions_of_one_block_end_the_transfer(
    to_receiver: tuple[Liar, Side, Receiver], second: dict[str, int]
) -> None:
    liar, side, _ = to_receiver
    first = {"segment": 0, "length": 2856, "position": 0, "payload": 1428}
    liar.data(bytes(1428), **first)
    described = {**first, **second}
    liar.data(bytes(described["payload"]), **described)
    refused(side, "do not agree")


def test_giving_up_blocks_that_were_never_asked_for_ends_the_transfer(
    to_receiver: tuple[Liar, Side, Receiver],
) -> None:
    liar, side, _ = to_receiver
    liar.say(PROBE, write_probe(Probe(1232, 1, 2**32 - 1)))
    refused(side, "gives up")


@pytest.mark.parametrize("body", [b"", b"?", bytes(500)])
@pytest.mark.parametrize("kind", [FEEDBACK, PROBE])
def test_bodies_that_make_no_sense_end_the_transfer_or_do_nothing(
    to_receiver: tuple[Liar, Side, Receiver], kind: int, body: bytes
) -> None:
    liar, side, _ = to_receiver
    liar.say(kind, body)
    if len(body) < 10 or kind == FEEDBACK:
        side.join()
        assert side.error is None or isinstance(side.error, ProtocolBroken)
    else:
        assert liar.listen() or side.error is None


def test_blocks_begun_and_never_finished_take_bounded_memory(to_receiver: tuple[Liar, Side, Receiver]) -> None:
    liar, side, receiver = to_receiver
    assert receiver._inflow is not None
    book, limit = receiver._inflow._book, FIRST_LIMIT
    for number in range(3 * MOST_DONE):
        while number >= limit:
            reports = liar.listen()
            if not reports or max(report.limit for report in reports) <= limit:
                break
            limit = max(report.limit for report in reports)
        if number >= limit:
            break
        liar.data(b"1", block=number, payload=1, position=10 * number, length=2)
    until(lambda: len(book.open) >= FIRST_LIMIT, "no block was begun")
    assert limit <= MOST_DONE
    assert len(book.open) <= MOST_DONE
    assert side.error is None


def test_whole_blocks_of_no_known_place_are_not_asked_for_without_end(to_receiver: tuple[Liar, Side, Receiver]) -> None:
    """They wait for their page of the manifest, which never comes."""
    liar, side, receiver = to_receiver
    assert receiver._inflow is not None
    waiting, sent, limit = receiver._inflow._whole, 0, FIRST_LIMIT
    for _ in range(100):
        for number in range(sent, limit):
            liar.data(b"1", block=number, position=number)
        sent = max(sent, limit)
        limit = max([limit, *(report.limit for report in liar.listen())])
        if sent >= limit and len(waiting) >= sent - 2:
            break
    assert sent <= MOST_DONE
    assert side.error is None


def test_blocks_in_any_order_land_though_fewer_files_may_be_open_than_are_begun(
    to_receiver: tuple[Liar, Side, Receiver], target: Path
) -> None:
    """Whoever stored them waited for a file to be closed, in front of the block that would have closed it."""
    liar, side, _ = to_receiver
    count = 300
    content = bytes_of(4 * count)
    entries = [file(b"%03d" % number) for number in range(count)]
    liar.script.say(page(*entries), messages.ManifestEnd(1, count, 4 * count))
    liar.script.until(messages.Wants)
    liar.script.say(messages.Digests(tuple((n, blake3(content[4 * n : 4 * n + 4]).digest()) for n in range(count))))
    blocks = [*range(0, count, 2), *range(1, count, 2)]  # each ends in the middle of a file
    for place in blocks:
        begin = max(0, 4 * place - 2)
        piece = content[begin : 4 * place + 2]
        liar.data(piece, block=place, position=begin)
        if place % 16 == 0:
            liar.listen()
    liar.data(content[-2:], block=count, position=4 * count - 2)
    until(lambda: len(list(target.glob("[0-9]*"))) == count, "files are missing")
    assert side.error is None
    assert b"".join(path.read_bytes() for path in sorted(target.iterdir())) == content


@pytest.mark.parametrize("number", [2**22, 2**40, 2**64 - 1])
def test_numbers_may_jump_as_far_as_they_go(
    to_receiver: tuple[Liar, Side, Receiver], target: Path, number: int
) -> None:
    liar, side, _ = to_receiver
    liar.data(b"1", number=number)
    until(lambda: any(report.newest == number for report in liar.listen()), "the number was not reported")
    assert side.error is None


@pytest.fixture
def to_sender(tmp_path: Path) -> Iterator[tuple[Liar, Side, Sender]]:
    """A lying receiver, whose line is open and who has got some datagrams, and the real sender."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(bytes_of(5_000_000))
    near, far = connected()
    control = Control()
    sender = Sender(near, [Item(1, source, "")], control, job=JOB, clock=CLOCK, line=UNKNOWN)
    side, liar = Side(sender.run), Liar(far)
    liar.script.say(messages.Accept(JOB, fresh=True))
    liar.script.until(messages.ManifestEnd)
    liar.open()
    assert sender._outflow is not None
    book = sender._outflow.book
    until(lambda: book.open_blocks > 0, "nothing was sent")
    yield liar, side, sender
    control.stop("user", "The test is over.")
    close(liar, side)


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        (Feedback(2**64 - 1, 0, 0, 0, 0, 9, 0, 1), "datagram that was not sent"),
        (Feedback(0, 0, 0, 0, 0, 9, 0, 3), "datagram that was not sent"),
        (Feedback(0, 0, 0, 0, 2**32 - 1, 9, 0, 1), "block that was not sent"),
        (Feedback(0, 0, 0, 0, 0, 9, 1 << MOST_DONE - 1, 1), "block that was not sent"),
    ],
)
def test_reports_of_what_was_not_sent_end_the_transfer(
    to_sender: tuple[Liar, Side, Sender], lie: Feedback, why: str
) -> None:
    liar, side, _ = to_sender
    liar.say(FEEDBACK, write_feedback(lie))
    refused(side, why)


def test_an_absurd_limit_is_worth_no_more_memory(to_sender: tuple[Liar, Side, Sender]) -> None:
    liar, side, sender = to_sender
    assert sender._outflow is not None
    book = sender._outflow.book
    liar.say(FEEDBACK, write_feedback(Feedback(0, 2**32 - 1, 2**64 - 1, 2**64 - 1, 0, 2**32 - 1, 0, 1)))
    until(lambda: book.limit == 2**32 - 1, "the feedback did not come")
    assert sender._pool._out <= max(sender._pool._most, 2 << 20)
    assert side.error is None


def test_content_from_the_receiver_is_nothing(to_sender: tuple[Liar, Side, Sender]) -> None:
    liar, side, sender = to_sender
    assert sender._outflow is not None
    forged = sender._outflow._line.forged
    liar.data(b"1234")
    until(lambda: sender._outflow._line.forged > forged, "the datagram did not come")  # type: ignore[union-attr]
    assert side.error is None


# strangers
class Flood:
    """Garbage from a socket of its own, as fast as it goes."""

    def __init__(self, *ports: int) -> None:
        self.sent = 0
        self._over = threading.Event()
        self._ports = ports
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        kinds = [
            b"\1" + secrets.token_bytes(1471),
            b"\2" * 100,
            b"",
            b"\1",
            b"\3" * 40,
            secrets.token_bytes(9000),
            bytes(28),
        ]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            while not self._over.wait(0.0005):
                for port in self._ports:
                    for frame in kinds:
                        sock.sendto(frame, (HERE, port))
                        self.sent += 1

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "large").write_bytes(bytes_of(3_000_003))
    return folder


@pytest.mark.parametrize("sender_listens", [True, False])
def test_a_flood_of_garbage_does_not_stop_the_transfer(source: Path, target: Path, sender_listens: bool) -> None:
    with running(source, target, Weather(most=SIZES[1]), sender_listens=sender_listens, rate=4_000_000) as run:
        flood = Flood(run.outflow._line.socket.port, run.inflow._line.socket.port)
        try:
            run.finish()
        finally:
            flood.close()
        assert run.by_streams == 0
        assert run.inflow._line.forged > 100
        assert run.outflow._line.forged > 100
    assert tree(target / "copy") == tree(source)
    assert not partials(target)


@pytest.mark.parametrize("size", [0, 1, 27, 28, 45, 700, 65_507])
def test_what_a_datagram_costs_does_not_depend_on_how_odd_its_size_is(target: Path, size: int) -> None:
    """An empty one made 65,536 views."""
    near, far = connected()
    line = near.settle_line()
    assert line is not None
    flow = inflow.Inflow(line, lambda block, aside, left: None, hear=lambda offset, piece: None, rtt=0.1, clock=CLOCK)
    assert len(list(flow._cut(memoryview(bytes(size)), size or 1))) == (size > 0)
    flow.close()
    for end in (near, far):
        end.close()


@pytest.mark.parametrize("sender_listens", [True, False])
def test_copies_from_a_third_address_do_not_capture_the_flow(source: Path, target: Path, sender_listens: bool) -> None:
    """Each true datagram comes first from somebody who has copied it on its way."""
    with running(source, target, Weather(most=SIZES[1]), sender_listens=sender_listens, rate=4_000_000) as run:
        until(lambda: run.arrived > 200_000, "no datagrams came")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as third:
            third.bind((HERE, 0))
            run.relay.first = third
            run.finish()
            run.relay.first = None
        listening = run.outflow._line if sender_listens else run.inflow._line
        assert listening.peer == run.relay.source
        assert run.by_streams == 0
    assert tree(target / "copy") == tree(source)


def test_a_connector_without_a_socket_for_datagrams_gets_none() -> None:
    gate = new_gate()
    here, there = tickets(streams=1)
    expectation = gate.expect(here, deadline_s=10)
    session = open_channel(there, context_for(there, server=False), LOCAL[0], expectation.port, 5.0)
    session.send(messages.Hello(messages.VERSION, there.transfer, 1, datagrams=False))
    listening = expectation.wait()
    assert listening.line is None
    listening.close()
    session.release()
    gate.close()
