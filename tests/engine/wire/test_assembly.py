from __future__ import annotations

import random

import pytest

from accsyn_engine.wire.assembly import AHEAD, MOST_OPEN, MOST_WAITING, Assembly, Incoming, check_shape
from accsyn_engine.wire.datagram import BLOCK, FIRST_LIMIT, MOST_DONE, WINDOW, read_feedback, write_feedback
from accsyn_engine.wire.errors import RemoteProtocolError

SIZE, LENGTH = 10, 25  # three segments


def begun(book: Assembly, number: int, position: int | None = None, size: int = SIZE) -> Incoming:
    place = number * LENGTH if position is None else position
    assert book.is_wanted(number, place)
    return book.begin(number, size, place, LENGTH, memoryview(bytearray(BLOCK)))


def completed(book: Assembly, number: int) -> None:
    incoming = begun(book, number)
    assert [incoming.take(segment) for segment in (2, 0, 1)] == [False, False, True]
    book.complete(incoming)


def test_a_block_is_whole_when_each_of_its_segments_has_come() -> None:
    incoming = begun(Assembly(), 0)
    assert [incoming.lacks(segment) for segment in range(4)] == [True, True, True, False]
    assert len(incoming.buffer) == LENGTH
    assert not incoming.take(2)
    assert not incoming.lacks(2)
    assert not incoming.take(1)
    assert incoming.take(0)


def test_a_number_counts_once_and_one_too_old_to_tell_not_at_all() -> None:
    book = Assembly()
    assert book.came(5, 100, 1.0)
    assert not book.came(5, 100, 2.0)
    assert book.came(3, 100, 2.0)
    assert not book.came(3, 100, 2.0)
    assert book.came(WINDOW + 5, 100, 3.0)
    assert not book.came(5, 100, 4.0)
    assert not book.came(4, 100, 4.0)
    assert book.came(6, 100, 4.0)
    assert (book.delivered, book.newest, book.newest_at) == (400, WINDOW + 5, 3.0)


def test_what_came_is_reported_as_it_was_over_any_jumps() -> None:
    random.seed(1)
    book, seen, newest = Assembly(), set(), -1
    for turn in range(300):
        number = max(0, newest + random.choice([1, 1, 1, 2, 7, -1, -3, -900, WINDOW - 1, WINDOW, 3 * WINDOW]))
        if turn % 3:
            number = max(0, newest + random.choice([1, 2, -1, -2]))
        is_new = number not in seen and number > newest - WINDOW
        assert book.came(number, 1, 0.0) is is_new
        newest = max(newest, number)
        seen.add(number) if is_new else None
        bits = book.report(0.0, waiting=0).arrived
        assert bits == sum(1 << newest - n for n in seen if newest - n < WINDOW)


def test_blocks_done_out_of_order_are_told_one_by_one_and_then_together() -> None:
    book = Assembly()
    for number in (2, 4, 1):
        completed(book, number)
    report = book.report(0.0, waiting=0)
    assert (report.first_open, report.done) == (0, 0b10110)
    completed(book, 0)
    report = book.report(0.0, waiting=0)
    assert (report.first_open, report.done) == (3, 0b10)
    completed(book, 3)
    assert book.report(0.0, waiting=0).first_open == 5
    assert not book.is_wanted(4, 4 * LENGTH)
    assert not book.open


def test_a_block_beyond_the_limit_is_refused_and_nothing_is_kept() -> None:
    book = Assembly()
    begun(book, FIRST_LIMIT - 1)
    with pytest.raises(RemoteProtocolError, match="not asked for"):
        begun(book, FIRST_LIMIT)
    assert len(book.open) == 1


def test_the_limit_moves_with_what_came_and_never_back() -> None:
    book = Assembly()
    assert book.report(0.0, waiting=0).limit == AHEAD
    completed(book, 9)
    assert book.report(0.0, waiting=0).limit == AHEAD + 10
    assert book.report(0.0, waiting=MOST_WAITING).limit == AHEAD + 10


def test_a_slow_disk_stops_the_asking() -> None:
    book = Assembly()
    book.report(0.0, waiting=MOST_WAITING)
    limit = book.report(0.0, waiting=MOST_WAITING).limit
    assert limit == FIRST_LIMIT
    for number in range(limit):
        completed(book, number)
    assert book.report(0.0, waiting=MOST_WAITING).limit == limit


def test_whatever_is_opened_memory_is_bounded() -> None:
    """A peer that opens as many blocks as it may, from the far end, and finishes none."""
    book = Assembly()
    for _ in range(20):
        limit = book.report(0.0, waiting=0).limit
        for number in reversed(range(limit)):
            if number not in book.open:
                begun(book, number)
    assert MOST_OPEN <= len(book.open) <= MOST_DONE


def test_a_feedback_of_the_fullest_book_can_be_written() -> None:
    book = Assembly()
    limit = book.report(0.0, waiting=0).limit
    for _ in range(3):
        for number in range(1, limit):
            if book.is_wanted(number, number * LENGTH):
                completed(book, number)
        limit = book.report(0.0, waiting=0).limit
    assert limit == MOST_DONE
    for number in range(WINDOW):
        book.came(number, 1, 0.0)
    report = book.report(0.0, waiting=0)
    assert read_feedback(write_feedback(report)) == report


def test_an_hour_without_a_datagram_can_be_told() -> None:
    """It was told in microseconds of 32 bits, and 72 minutes of pause ended the transfer."""
    book = Assembly()
    book.came(0, 1, 10.0)
    report = book.report(10_000.0, waiting=0)
    assert read_feedback(write_feedback(report)).delay_us == 2**32 - 1


def test_a_block_cut_anew_takes_the_place_of_the_old_one() -> None:
    book = Assembly()
    begun(book, 5)
    begun(book, 7, position=5 * LENGTH, size=5)
    assert sorted(book.open) == [7]
    assert not book.is_wanted(5, 5 * LENGTH)


def test_a_late_datagram_of_the_old_cut_does_not_push_out_the_new_one() -> None:
    """The new one was told as complete, and its content never came."""
    book = Assembly()
    begun(book, 7, position=5 * LENGTH, size=5)
    assert not book.is_wanted(5, 5 * LENGTH)
    assert sorted(book.open) == [7]
    assert book.report(0.0, waiting=0).done == 1 << 5


def test_given_up_blocks_are_forgotten_and_no_longer_hold_up_the_others() -> None:
    book = Assembly()
    begun(book, 1)
    completed(book, 3)
    completed(book, 5)
    book.give_up_below(5)
    report = book.report(0.0, waiting=0)
    assert (report.first_open, report.done, report.limit) == (6, 0, AHEAD + 6)
    assert not book.open
    begun(book, 6, position=LENGTH)
    book.give_up_below(2)
    assert sorted(book.open) == [6]


def test_giving_up_what_nobody_asked_for_is_refused() -> None:
    for floor in (2**32 - 1, 1 << 20):
        with pytest.raises(RemoteProtocolError, match="gives up"):
            Assembly().give_up_below(floor)


@pytest.mark.parametrize(
    ("segment", "size", "length", "payload"),
    [
        (0, 0, 25, 0),
        (3, 10, 25, 5),
        (2, 10, 25, 10),
        (0, 10, 25, 9),
        (0, 10, 0, 0),
        (0, 1, 257, 1),
        (0, 65_508, 65_508, 65_508),
    ],
)
def test_a_datagram_that_does_not_fit_its_block_is_refused(segment: int, size: int, length: int, payload: int) -> None:
    with pytest.raises(RemoteProtocolError, match="does not fit"):
        check_shape(segment, size, length, payload)


@pytest.mark.parametrize(("segment", "payload"), [(0, 10), (1, 10), (2, 5)])
def test_a_datagram_that_fits_its_block_passes(segment: int, payload: int) -> None:
    check_shape(segment, SIZE, LENGTH, payload)
