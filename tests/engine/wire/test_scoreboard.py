from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from accsyn_engine.wire import scoreboard
from accsyn_engine.wire.datagram import WINDOW, Feedback, size_of
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.scoreboard import News, Outgoing, Scoreboard

PAYLOAD = 10
SIZE = size_of(PAYLOAD)
RTT = 0.1


def block(number: int, segments: int = 4) -> Outgoing:
    return Outgoing(number, number * 1000, memoryview(bytes(PAYLOAD * segments)), PAYLOAD, None)


class Sending:
    """A book, and the numbers given out for it."""

    def __init__(self, blocks: int = 1, segments: int = 4) -> None:
        self.book = Scoreboard()
        self.next = 0
        self.blocks = [block(number, segments) for number in range(blocks)]
        for each in self.blocks:
            self.book.add(each)

    def send(self, *pieces: tuple[int, int], at: float = 0.0) -> None:
        owners = [number << 8 | segment for number, segment in pieces]
        self.book.wrote(self.next, owners, SIZE, at, total=SIZE * len(pieces))
        self.next += len(pieces)

    def send_all(self, at: float = 0.0) -> None:
        for each in self.blocks:
            self.send(*[(each.number, segment) for segment in range(each.segments)], at=at)

    def bare(self, at: float = 0.0) -> None:
        self.book.skip(self.next, 50, at)
        self.next += 1

    def hear(
        self,
        newest: int,
        missing: Iterable[int] = (),
        *,
        at: float = RTT,
        done: int = 0,
        first_open: int = 0,
        limit: int = 0,
    ) -> News:
        bits = sum(1 << newest - n for n in range(max(0, newest - WINDOW + 1), newest + 1) if n not in set(missing))
        report = Feedback(newest, 0, 0, 0, first_open, limit, done, bits)
        return self.book.hear(report, at, srtt=RTT)

    def repairs(self) -> list[tuple[int, int]]:
        return list(self.book.repairs(100_000))


def test_a_loss_is_called_after_three_later_numbers_and_not_before() -> None:
    sending = Sending(2)
    sending.send_all()
    assert sending.hear(2, missing=[0]).lost == 0
    assert not sending.book.has_repairs
    assert sending.hear(3, missing=[0]).lost == SIZE
    assert sending.repairs() == [(0, 0)]
    assert sending.book.in_flight == 4 * SIZE


def test_what_was_called_lost_and_came_is_given_back_and_not_sent_again() -> None:
    sending = Sending(2)
    sending.send_all()
    sending.hear(3, missing=[0])
    news = sending.hear(4, at=0.2)
    assert (news.lost, news.arrived) == (-SIZE, SIZE)
    assert sending.repairs() == []
    assert sending.book.in_flight == 3 * SIZE


def test_a_path_that_reorders_is_given_time() -> None:
    sending = Sending(8)
    for at, each in enumerate(sending.blocks):  # four datagrams every 10 ms
        sending.send(*[(each.number, segment) for segment in range(4)], at=at / 100)
    sending.hear(8, missing=[0])
    assert sending.book.has_repairs
    sending.hear(9)  # number 0 came 20 ms behind
    assert sending.repairs() == []
    assert sending.hear(15, missing=[12]).lost == 0
    assert sending.hear(19, missing=[12]).lost == 0
    assert sending.hear(24, missing=[12]).lost == SIZE
    assert sending.repairs() == [(3, 0)]


def test_the_time_given_is_never_more_than_a_round_trip() -> None:
    sending = Sending(4)
    for at, each in enumerate(sending.blocks):
        sending.send(*[(each.number, segment) for segment in range(4)], at=float(at))
    sending.hear(8, missing=[0], at=2.1)
    sending.hear(9, at=2.1)
    assert sending.hear(15, missing=[11], at=3.1).lost == SIZE  # sent a second, not a round trip, before


def test_a_run_of_lost_feedback_changes_nothing_within_the_window() -> None:
    sending = Sending(40, segments=200)
    sending.send_all()
    news = sending.hear(5999, missing=[17, 4000])
    assert (news.arrived, news.lost) == (5998 * SIZE, 2 * SIZE)
    assert sending.repairs() == [(0, 17), (20, 0)]


def test_what_a_feedback_jumps_over_is_lost() -> None:
    sending = Sending(100, segments=200)
    sending.send_all()
    sending.hear(9)
    news = sending.hear(9 + WINDOW + 500)
    assert (news.arrived, news.lost) == (WINDOW * SIZE, 500 * SIZE)
    assert sending.repairs() == [divmod(number, 200) for number in range(10, 510)]
    assert sending.book.in_flight == (100 * 200 - 10 - WINDOW - 500) * SIZE


def test_what_leaves_the_window_unreported_is_lost() -> None:
    sending = Sending(100, segments=200)
    sending.send_all()
    sending.book._reordering = RTT  # so that nothing is called lost within the window
    sending.hear(100, missing=[50])
    assert not sending.book.has_repairs
    news = sending.hear(100 + WINDOW)
    assert news.lost == SIZE
    assert sending.repairs() == [(0, 50)]


def test_silence_calls_everything_lost_once_and_in_order() -> None:
    sending = Sending(3)
    sending.send_all()
    sending.hear(5, missing=[4])
    assert sending.book.call_all_lost() == 7 * SIZE
    assert sending.repairs() == [(1, 0), *[divmod(number, 4) for number in range(6, 12)]]
    assert sending.book.in_flight == 0
    assert sending.book.call_all_lost() == 0
    assert not sending.book.has_repairs


def test_what_was_called_lost_in_silence_teaches_nothing_about_reordering() -> None:
    sending = Sending(3)
    sending.send_all()
    sending.book.call_all_lost()
    news = sending.hear(11, at=5.0)
    assert news.lost == -12 * SIZE
    assert news.rtt is None
    assert sending.book._reordering == 0
    assert sending.repairs() == []


def test_silence_over_more_than_a_window_loses_all_of_it() -> None:
    sending = Sending(60, segments=200)
    sending.send_all()
    assert sending.book.call_all_lost() == 12_000 * SIZE
    assert len(sending.repairs()) == 12_000
    assert sending.book.in_flight == 0


def test_a_feedback_overtaken_by_a_later_one_still_counts() -> None:
    sending = Sending(3)
    sending.send_all()
    sending.hear(7, missing=[2, 3, 6])
    assert sending.book.in_flight == 5 * SIZE
    assert sending.hear(5, missing=[3]).rtt is None
    assert sending.book.in_flight == 5 * SIZE
    assert sending.repairs() == [(0, 3)]


def test_a_piece_lost_again_goes_twice() -> None:
    sending = Sending(1)
    sending.send_all()
    sending.hear(3, missing=[0])
    assert sending.repairs() == [(0, 0)]
    sending.send((0, 0), (0, 1), (0, 2), (0, 3))
    sending.hear(7, missing=[0, 4])
    assert sending.repairs() == [(0, 0), (0, 0)]


def test_a_piece_of_a_complete_block_is_not_sent_again() -> None:
    sending = Sending(2)
    sending.send_all()
    sending.hear(7, missing=[0, 4], done=0b1)
    assert sending.repairs() == [(1, 0)]


def test_complete_blocks_are_told_once_whether_singly_or_together() -> None:
    sending = Sending(5)
    sending.send_all()
    assert [each.number for each in sending.hear(19, done=0b1010).done] == [1, 3]
    assert [each.number for each in sending.hear(19, first_open=4).done] == [0, 2]
    assert sending.hear(19, first_open=4).done == ()
    assert sending.book.open_blocks == 1


def test_limits_only_grow() -> None:
    sending = Sending()
    sending.send_all()
    first = sending.book.limit
    sending.hear(3, limit=first + 9)
    sending.hear(3, limit=3)
    assert sending.book.limit == first + 9


def test_numbers_beyond_the_ring_still_have_their_owners() -> None:
    sending = Sending(2)
    sending.next = scoreboard.RING - 2
    sending.book._newest = sending.next - 1
    sending.book._next = sending.next
    sending.send_all()  # the run wraps
    sending.hear(scoreboard.RING + 5, missing=[scoreboard.RING - 1, scoreboard.RING])
    assert sending.repairs() == [(0, 1), (0, 2)]


def test_there_is_no_room_before_the_ring_is_full() -> None:
    sending = Sending(1, segments=200)
    pieces = [(0, segment) for segment in range(200)]
    while sending.book.has_room:
        sending.send(*pieces)
    assert scoreboard.RING - WINDOW <= sending.next < scoreboard.RING


def test_the_last_pieces_are_those_nothing_was_heard_of() -> None:
    sending = Sending(2)
    sending.send_all()
    sending.bare()
    sending.send((1, 3))
    sending.hear(5)
    assert sending.book.last_pieces(10) == [(1, 3), (1, 2)]
    assert sending.book.last_pieces(1) == [(1, 3)]


def test_withdrawn_blocks_come_back_in_order_and_nothing_is_repaired() -> None:
    sending = Sending(3)
    sending.send_all()
    sending.hear(11, missing=[1, 5], done=0b100)
    assert [each.number for each in sending.book.withdraw()] == [0, 1]
    assert sending.repairs() == []
    assert sending.hear(11, first_open=3).done == ()


@pytest.mark.parametrize(
    ("feedback", "why"),
    [
        (Feedback(4, 0, 0, 0, 0, 0, 0, 1), "datagram that was not sent"),
        (Feedback(2**64 - 1, 0, 0, 0, 0, 0, 0, 1), "datagram that was not sent"),
        (Feedback(3, 0, 0, 0, 0, 0, 0, 0b11111), "datagram that was not sent"),
        (Feedback(3, 0, 0, 0, 2, 0, 0, 1), "block that was not sent"),
        (Feedback(3, 0, 0, 0, 2**32 - 1, 0, 0, 1), "block that was not sent"),
        (Feedback(3, 0, 0, 0, 0, 0, 0b10, 1), "block that was not sent"),
        (Feedback(3, 0, 0, 0, 1, 0, 1, 1), "block that was not sent"),
    ],
)
def test_a_report_of_what_was_not_sent_is_refused_and_changes_nothing(feedback: Feedback, why: str) -> None:
    """Bits of numbers below the first made what is in flight negative, and the window endless."""
    sending = Sending()
    sending.send_all()
    with pytest.raises(RemoteProtocolError, match=why):
        sending.book.hear(feedback, 1.0, srtt=RTT)
    assert sending.book.in_flight == 4 * SIZE
    assert sending.book.open_blocks == 1


def test_absurd_clocks_and_limits_do_no_harm() -> None:
    sending = Sending()
    sending.send_all()
    news = sending.book.hear(Feedback(3, 2**32 - 1, 2**64 - 1, 2**64 - 1, 0, 2**32 - 1, 0, 0b1111), 1.0, srtt=RTT)
    assert news.rtt == 1e-6
    assert sending.book.in_flight == 0


class Model(RuleBasedStateMachine):
    """The book against plain sets: the window is 16 numbers, blocks have 4 segments."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = pytest.MonkeyPatch()
        self.changes.setattr(scoreboard, "WINDOW", 16)
        self.changes.setattr(scoreboard, "_BITS", (1 << 16) - 1)
        self.book = Scoreboard()
        self.now = 0.0
        self.next = self.blocks = 0
        self.newest = -1
        self.owners: dict[int, tuple[int, int] | None] = {}
        self.out: set[int] = set()
        self.lost: set[int] = set()
        self.seen: set[int] = set()
        self.open: set[int] = set()
        self.times: dict[tuple[int, int], int] = {}  # repaired, by piece
        self.queue: list[tuple[int, tuple[int, int]]] = []
        self.arrived: set[int] = set()  # at the receiver

    def teardown(self) -> None:
        self.changes.undo()

    def lose(self, numbers: Iterable[int]) -> None:
        for number in sorted(numbers):
            self.out.discard(number)
            self.lost.add(number)
            if (owner := self.owners[number]) is not None:
                self.queue.append((number, owner))

    def advance(self, newest: int) -> None:
        self.newest = newest
        gone = newest - 16
        self.lose({number for number in self.out if number <= gone})
        self.lost = {number for number in self.lost if number > gone}
        self.seen = {number for number in self.seen if number > gone}

    @rule()
    def send_a_block(self) -> None:
        self.book.add(block(self.blocks))
        self.open.add(self.blocks)
        self.write([(self.blocks, segment) for segment in range(4)])
        self.blocks += 1

    @rule()
    def send_a_probe(self) -> None:
        self.book.skip(self.next, SIZE, self.now)
        self.owners[self.next] = None
        self.out.add(self.next)
        self.next += 1

    def write(self, pieces: list[tuple[int, int]]) -> None:
        self.book.wrote(self.next, [n << 8 | s for n, s in pieces], SIZE, self.now, total=SIZE * len(pieces))
        for piece in pieces:
            self.owners[self.next] = piece
            self.out.add(self.next)
            self.next += 1

    @rule(most=st.integers(1, 6))
    def repair(self, most: int) -> None:
        expected: list[tuple[int, int]] = []
        while self.queue and len(expected) < most:
            number, owner = self.queue.pop(0)
            if owner[0] in self.open and number not in self.seen:
                self.times[owner] = self.times.get(owner, 0) + 1
                twice = self.times[owner] >= 2 and most - len(expected) > 1
                expected.extend([owner] * (2 if twice else 1))
        assert list(self.book.repairs(most)) == expected
        if expected:
            self.write(expected)

    @precondition(lambda self: self.next)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        choice = st.integers(max(0, self.next - 24), self.next - 1)
        self.arrived |= data.draw(st.sets(choice, max_size=8))

    @precondition(lambda self: self.arrived)
    @rule(back=st.integers(0, 3), data=st.data())
    def hear(self, back: int, data: st.DataObject) -> None:
        newest = sorted(self.arrived)[-min(back + 1, len(self.arrived))]
        came = {number for number in self.arrived if newest - 16 < number <= newest}
        done = {n for n in self.open if n < self.blocks and data.draw(st.booleans())}
        before = len(self.lost | self.out)
        bits = sum(1 << newest - number for number in came)
        marks = sum(1 << number for number in done)
        news = self.book.hear(Feedback(newest, 0, 0, 0, 0, 0, marks, bits), self.now, srtt=0.0)
        if newest > self.newest:
            self.advance(newest)
        fresh = {number for number in came if self.newest - 16 < number} - self.seen
        self.seen |= fresh
        self.out -= fresh
        self.lost -= fresh
        self.lose({number for number in self.out if number <= self.newest - 3})
        assert {each.number for each in news.done} == done & self.open
        self.open -= done
        assert before >= len(self.lost | self.out)

    @rule()
    def silence(self) -> None:
        assert self.book.call_all_lost() == len(self.out) * self.book._size
        self.lose(set(self.out))
        self.advance(max(self.newest, self.next - 1))

    @rule(seconds=st.floats(0.0, 0.2))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def what_is_in_flight_is_what_is_out(self) -> None:
        assert self.book._out == len(self.out)
        assert self.book.open_blocks == len(self.open)


Model.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestTheBookAgainstSets = Model.TestCase
