from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from accsyn_engine.wire.intervals import Intervals

RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12)


@given(RANGES)
def test_the_set_holds_what_was_added_and_nothing_else(ranges: list[tuple[int, int]]) -> None:
    held = Intervals(ranges)
    wanted = {number for start, end in ranges for number in range(start, end)}
    assert {number for start, end in held for number in range(start, end)} == wanted
    assert held.total() == len(wanted)


@given(RANGES)
def test_ranges_are_kept_in_order_and_never_touch(ranges: list[tuple[int, int]]) -> None:
    pieces = list(Intervals(ranges))
    assert all(start < end for start, end in pieces)
    assert all(before[1] < after[0] for before, after in pairwise(pieces))


@given(RANGES, st.integers(0, 40), st.integers(0, 40))
def test_missing_and_within_share_out_any_range(ranges: list[tuple[int, int]], start: int, end: int) -> None:
    held = Intervals(ranges)
    inside = Intervals(held.within(start, end)).total()
    outside = Intervals(held.missing(start, end)).total()
    assert inside + outside == max(0, end - start)
    assert all(not list(held.within(a, b)) for a, b in held.missing(start, end))


@given(RANGES, st.integers(0, 40))
def test_reach_ends_where_the_first_gap_begins(ranges: list[tuple[int, int]], start: int) -> None:
    held = Intervals(ranges)
    gap = next((a for a, _ in held.missing(start, 100)), start)
    assert held.reach(start) == gap


def test_sets_are_equal_when_they_hold_the_same() -> None:
    assert Intervals([(0, 2), (2, 4)]) == Intervals([(0, 4)])
    assert Intervals() != [(0, 4)]
