from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from accsyn_engine.clock import SystemClock
from accsyn_engine.transfer.transport.line import AGAIN_S, DOUBT_S, Line
from accsyn_engine.transfer.transport.sealing import EPOCH_BITS, Keys
from accsyn_engine.transfer.transport.udp import Address, DatagramSocket
from accsyn_engine.wire.datagram import (
    ANSWER,
    BARE_HEAD,
    NONCE,
    PROBE,
    SIZES,
    Feedback,
    Probe,
    write_answer,
    write_probe,
)
from accsyn_engine.wire.errors import RemoteProtocolError

HERE = "127.0.0.1"
SECRET = bytes(range(32))
FEEDBACK = Feedback(1, 2, 3, 4, 5, 6, 0b101, 0b11)


class HandClock(SystemClock):
    """Moves when told."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Pair:
    listener: Line
    connector: Line
    clock: HandClock

    def turn(self, times: int = 4) -> None:
        """Let both hear all that is under way, several times."""
        for _ in range(times):
            for line in (self.listener, self.connector):
                hear_all(line)


def hear_all(line: Line) -> list[tuple[int, Feedback | None] | None]:
    line.socket.wait(0.02)
    heard = []
    for view, size, source in line.socket.drain(100):
        heard += [line.hear(view[at : at + size], source) for at in range(0, len(view), size)]
    return heard


def address(line: Line) -> Address:
    return HERE, line.socket.port


@pytest.fixture
def pair() -> Iterator[Pair]:
    clock = HandClock()
    ours, theirs = DatagramSocket(HERE, None), DatagramSocket(HERE, None)
    listener = Line(ours, SECRET, is_connector=False, peer=None, host=HERE, clock=clock)
    connector = Line(theirs, SECRET, is_connector=True, peer=(HERE, ours.port), host=HERE, clock=clock)
    yield Pair(listener, connector, clock)
    ours.close()
    theirs.close()


@pytest.fixture
def third() -> Iterator[DatagramSocket]:
    sock = DatagramSocket(HERE, None)
    yield sock
    sock.close()


def taken(sock: DatagramSocket, seconds: float = 0.05) -> list[bytes]:
    """What lies at a socket."""
    sock.wait(seconds)
    return [bytes(view[at : at + size]) for view, size, _ in sock.drain(100) for at in range(0, len(view), size)]


def test_a_line_opens_in_both_directions_with_the_longest_size_that_gets_through(pair: Pair) -> None:
    lines = (pair.listener, pair.connector)
    assert [line.is_open for line in lines] == [False, False]
    pair.connector.probe()
    pair.turn()
    assert [line.is_open for line in lines] == [True, True]
    assert (pair.listener.size, pair.connector.size) == (SIZES[0], SIZES[0])
    assert pair.listener.peer == address(pair.connector)


def test_feedback_arrives_once_and_as_it_was_said(pair: Pair) -> None:
    pair.connector.send_feedback(FEEDBACK)
    (frame,) = taken(pair.listener.socket)
    heard = pair.listener.hear(memoryview(frame), address(pair.connector))
    assert heard == (0, FEEDBACK)
    assert pair.listener.hear(memoryview(frame), address(pair.connector)) is None
    assert pair.listener.forged == 0


def test_an_overtaken_feedback_is_not_believed(pair: Pair) -> None:
    pair.connector.send_feedback(FEEDBACK)
    pair.connector.send_feedback(FEEDBACK)
    first, second = taken(pair.listener.socket)
    assert pair.listener.hear(memoryview(second), address(pair.connector)) is not None
    assert pair.listener.hear(memoryview(first), address(pair.connector)) is None


@pytest.mark.parametrize("place", [0, 5, 15, 16, -1])
def test_no_byte_of_a_datagram_can_be_changed(pair: Pair, place: int) -> None:
    pair.connector.send_feedback(FEEDBACK)
    frame = bytearray(taken(pair.listener.socket)[0])
    frame[place] ^= 1
    assert pair.listener.hear(memoryview(frame), address(pair.connector)) is None
    assert pair.listener.forged == 1
    assert pair.listener.peer is None


@pytest.mark.parametrize("length", [0, 1, 31, 32, 70])
def test_what_proves_nothing_is_counted_and_not_answered(pair: Pair, third: DatagramSocket, length: int) -> None:
    third.send(memoryview(b"\3" * length), 9000, address(pair.listener))
    assert hear_all(pair.listener) in ([None], [])  # an empty datagram is nothing to hear
    assert pair.listener.forged == (length > 0)
    assert taken(third) == []


def test_a_datagram_of_the_other_direction_proves_nothing(pair: Pair) -> None:
    pair.connector.probe((SIZES[-1],))
    frame = taken(pair.listener.socket)[0]
    assert pair.connector.hear(memoryview(frame), address(pair.listener)) is None
    assert pair.connector.forged == 1


def test_a_first_datagram_from_another_host_is_believed_only_after_an_answer(pair: Pair) -> None:
    """A copy of the first probe, sent with somebody else's address, opened the flow towards him."""
    pair.connector.probe((SIZES[1],))
    (frame,) = taken(pair.listener.socket)
    pair.listener.hear(memoryview(frame), ("127.0.0.2", 9))
    assert pair.listener.peer is None
    assert not pair.listener.is_open
    pair.connector.probe((SIZES[1],))
    pair.turn()
    assert pair.listener.peer == address(pair.connector)


@pytest.fixture
def unmet(pair: Pair) -> Pair:
    """Two ends that have no session yet: neither knows where the other is."""
    pair.listener.host = pair.connector.host = pair.connector.peer = None
    return pair


def test_two_ends_prove_their_places_to_each_other_without_a_session(unmet: Pair) -> None:
    unmet.connector.probe((SIZES[1],), address(unmet.listener))
    hear_all(unmet.listener)
    assert not unmet.listener.is_open  # the first probe may be a copy
    unmet.turn()
    assert [line.is_open for line in (unmet.listener, unmet.connector)] == [True, True]
    assert unmet.listener.peer == address(unmet.connector)
    assert unmet.connector.peer == address(unmet.listener)
    assert (unmet.listener.size, unmet.connector.size) == (SIZES[1], SIZES[1])


def test_whoever_copies_the_first_probe_gets_less_than_he_sends_and_nothing_else(
    unmet: Pair, third: DatagramSocket
) -> None:
    unmet.connector.probe((SIZES[-1],), address(unmet.listener))
    (frame,) = taken(unmet.listener.socket)
    for _ in range(20):
        third.send(memoryview(frame), len(frame), address(unmet.listener))
    hear_all(unmet.listener)
    got = taken(third)
    assert 0 < sum(map(len, got)) < len(frame) + 20 * 42
    assert [frame[0] for frame in got].count(PROBE) == 2  # whether it is him, once and again
    assert unmet.listener.peer is None
    assert not unmet.listener.is_open


def test_every_probe_from_a_new_place_is_answered_with_one_of_our_own_since_any_may_be_lost(unmet: Pair) -> None:
    unmet.connector.probe(SIZES[1:], address(unmet.listener))
    hear_all(unmet.listener)
    answers = taken(unmet.connector.socket)
    assert [frame[0] for frame in answers].count(PROBE) >= len(SIZES) - 1
    unmet.connector.hear(memoryview([frame for frame in answers if frame[0] == PROBE][-1]), address(unmet.listener))
    hear_all(unmet.listener)
    assert unmet.listener.is_open


def test_a_copy_from_a_third_address_does_not_move_the_peer(pair: Pair, third: DatagramSocket) -> None:
    pair.connector.probe()
    pair.turn()
    pair.connector.send_feedback(FEEDBACK)
    (frame,) = taken(pair.listener.socket)
    heard = pair.listener.hear(memoryview(frame), (HERE, third.port))
    assert heard is not None  # true it is, wherever it came from
    asked = taken(third)
    assert len(asked) == 1
    assert len(asked[0]) <= len(frame)
    pair.connector.probe((SIZES[-1],))
    pair.turn()
    assert pair.listener.peer == address(pair.connector)


def test_a_peer_whose_address_changed_is_followed_once_it_answers(pair: Pair, third: DatagramSocket) -> None:
    pair.connector.probe()
    pair.turn()
    old, pair.connector.socket = pair.connector.socket, third
    pair.connector.send_feedback(FEEDBACK)
    hear_all(pair.listener)
    assert pair.listener.peer == (HERE, old.port)
    pair.turn()
    assert pair.listener.peer == (HERE, third.port)
    old.close()


def test_a_new_address_is_asked_at_most_once_in_a_while(pair: Pair, third: DatagramSocket) -> None:
    pair.connector.probe()
    pair.turn()
    for _ in range(50):
        pair.connector.send_feedback(FEEDBACK)
    for frame in taken(pair.listener.socket):
        pair.listener.hear(memoryview(frame), (HERE, third.port))
    assert len(taken(third)) == 1
    pair.clock.now += 2 * AGAIN_S
    pair.connector.send_feedback(FEEDBACK)
    pair.listener.hear(memoryview(taken(pair.listener.socket)[0]), (HERE, third.port))
    assert len(taken(third)) == 1


def sealed(kind: int, number: int, body: bytes, *, by_connector: bool) -> memoryview:
    head = BARE_HEAD.pack(kind, 0, number)
    return memoryview(head + Keys(SECRET, by_connector=by_connector).of(number).encrypt(head[NONCE], body, head))


@pytest.mark.parametrize("size", [0, 33, 40, 1000, 65535])
def test_a_peer_cannot_talk_the_line_into_a_size_of_its_own(pair: Pair, size: int) -> None:
    """A key's holder answered with 40 bytes, and blocks were cut into more pieces than a byte can count."""
    pair.connector.probe((SIZES[-1],))
    pair.turn()
    here = address(pair.listener)
    pair.connector.probe((SIZES[-1],))
    lie = write_answer(Probe(size, pair.connector._tokens))
    pair.connector.hear(sealed(ANSWER, 1000, lie, by_connector=False), here)
    pair.connector.hear(sealed(PROBE, 1001, write_probe(Probe(size, 1)), by_connector=False), here)
    assert pair.connector.size == SIZES[-1]


def test_answers_nobody_asked_for_change_nothing(pair: Pair) -> None:
    pair.connector.hear(
        sealed(ANSWER, 5, write_answer(Probe(SIZES[0], 77)), by_connector=False), address(pair.listener)
    )
    assert not pair.connector.is_open
    assert pair.connector.rtt is None


def test_kinds_not_known_yet_are_passed_over(pair: Pair) -> None:
    assert pair.listener.hear(sealed(99, 5, b"later", by_connector=True), address(pair.connector)) == (5, None)


@pytest.mark.parametrize("kind", [2, PROBE, ANSWER])
def test_a_true_datagram_that_makes_no_sense_ends_the_session(pair: Pair, kind: int) -> None:
    with pytest.raises(RemoteProtocolError):
        pair.listener.hear(sealed(kind, 5, b"?", by_connector=True), address(pair.connector))


def test_probes_tell_below_which_block_nothing_comes(pair: Pair) -> None:
    told: list[int] = []
    pair.listener.on_floor = told.append
    pair.connector.floor = 7
    pair.connector.probe((SIZES[-1],))
    hear_all(pair.listener)
    assert told == [7]


def opened(pair: Pair) -> Line:
    pair.connector.probe()
    pair.turn()
    return pair.connector


def test_a_line_that_takes_less_than_before_is_cut_down_after_a_while(pair: Pair) -> None:
    line = opened(pair)
    line.doubt()
    line.probe(SIZES[2:])  # as if the longer ones were lost
    pair.turn()
    assert line.size == SIZES[0]
    line.settle_doubt(0.0)
    assert line.size == SIZES[0]
    pair.clock.now += 2 * DOUBT_S
    line.settle_doubt(0.0)
    assert (line.size, line.is_doubted) == (SIZES[2], False)


def test_a_doubt_ends_with_an_answer_to_the_longest(pair: Pair) -> None:
    line = opened(pair)
    line.doubt()
    line.probe()
    pair.turn()
    pair.clock.now += 2 * DOUBT_S
    line.settle_doubt(0.0)
    assert (line.size, line.is_doubted) == (SIZES[0], False)


def test_without_any_answer_a_line_keeps_its_size(pair: Pair) -> None:
    line = opened(pair)
    line.doubt()
    pair.clock.now += 100
    line.settle_doubt(0.0)
    assert (line.size, line.is_doubted) == (SIZES[0], True)


def test_no_key_seals_more_datagrams_than_it_may() -> None:
    keys = Keys(SECRET, by_connector=True)
    last, first = (1 << EPOCH_BITS) - 1, 1 << EPOCH_BITS
    sealed_by = {number: keys.of(number).encrypt(bytes(12), b"", b"") for number in (0, last, first, 2 * first)}
    assert sealed_by[0] == sealed_by[last]
    assert len(set(sealed_by.values())) == 3
    assert keys.of(0).encrypt(bytes(12), b"", b"") == sealed_by[0]  # a late one of an earlier key
    assert Keys(SECRET, by_connector=False).of(0).encrypt(bytes(12), b"", b"") != sealed_by[0]


def test_an_answer_from_another_place_than_was_asked_makes_nobody_the_peer(pair: Pair, third: DatagramSocket) -> None:
    """A copy of a true answer that is there before the original."""
    pair.connector.probe((SIZES[-1],))
    hear_all(pair.listener)
    answers = taken(pair.connector.socket)
    for frame in answers:
        pair.connector.hear(memoryview(frame), (HERE, third.port))
    assert len(answers) >= 1
    assert pair.connector.peer == address(pair.listener)
    assert pair.connector.size == 0
