"""What an ebb shows of a queue."""

from __future__ import annotations

import pytest

from accsyn_engine.wire.ebb import ROUNDS, STEP, Ebb
from tests.engine.wire.simulated_path import MBIT, Bench

CAPACITY, RTT = 1e6, 0.1


def judged(*shares: float, in_step: bool = True) -> Ebb:
    """An ebb after others, in each of which the queue fell by a share of what was sent less."""
    ebb = Ebb(0.0, 0.0)
    for number, share in enumerate(shares):
        ebb.begin(STEP * number, 0.1, in_step=in_step)
        ebb.note(0.1 - 0.05 * share, 0.05)
        ebb.judge(CAPACITY, RTT)
    return ebb


def test_senders_begin_it_at_the_same_moment_whenever_they_came():
    early, late = Ebb(0.0, utc=100.0), Ebb(7.9, utc=100.0)
    early.began = 7.6
    assert [one.is_due(9.9, 0.1) for one in (early, late)] == [False, False]
    assert [one.is_due(10.0, 0.1) for one in (early, late)] == [True, True]


def test_it_ends_with_the_queue_or_after_its_rounds():
    ebb = Ebb(0.0, 0.0)
    ebb.begin(0.0, 0.1)
    for left in range(ROUNDS - 1, -1, -1):
        ebb.end_round(is_empty=False)
        assert ebb.left == left
    ebb.begin(1.0, 0.1)
    ebb.end_round(is_empty=True)
    assert ebb.left == 0


@pytest.mark.parametrize(
    ("shares", "is_beside_others"),
    [((0.3,), False), ((0.3, 0.3), True), ((0.3, 1.0, 0.3), False), ((0.3, 0.3, 0.9), False), ((1.0, 1.1), False)],
)
def test_others_are_believed_in_once_two_in_a_row_found_them(shares, is_beside_others):
    assert judged(*shares).is_beside_others == is_beside_others


def test_an_ebb_that_found_hardly_a_queue_takes_a_suspicion_back():
    """It once stood for as long as there was no queue, and the next noise counted as the second in a row."""
    ebb = judged(0.3)
    ebb.begin(STEP, 0.001, in_step=True)
    ebb.note(0.001, 0.001)
    ebb.judge(CAPACITY, RTT)
    assert not ebb.finds_others
    ebb.begin(2 * STEP, 0.1, in_step=True)
    ebb.note(0.085, 0.05)
    ebb.judge(CAPACITY, RTT)
    assert not ebb.is_beside_others


def test_the_link_is_what_is_ours_by_our_share():
    assert judged(0.25).link == pytest.approx(4 * CAPACITY)
    assert judged(0.25, 0.25, 0.0).link == pytest.approx(CAPACITY / (0.7 * 0.25 + 0.3 * 0.05))


def test_neither_one_out_of_step_nor_a_queue_that_another_begins_to_fill_says_anything():
    assert not judged(0.3, 0.3, in_step=False).finds_others
    assert not judged(-0.5, -0.5).finds_others


def test_who_joins_a_queue_learns_the_delay_of_the_path_without_it():
    bench = Bench(200 * MBIT, 0.1)
    bench.flow()
    late = bench.flow(start=4.1)
    bench.world.run(12)
    assert late.control.min_rtt == pytest.approx(0.1, rel=0.03)
