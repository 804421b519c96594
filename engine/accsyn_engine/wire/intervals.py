"""Sets of half-open ranges of integers; what is there, what is wanted, what is missing."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Intervals:
    """Disjoint, sorted, never touching ranges."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Unite with [start, end); an empty range changes nothing."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def missing(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield what of [start, end) is not in the set."""
        for held_start, held_end in self.within(start, end):
            if start < held_start:
                yield start, held_start
            start = held_end
        if start < end:
            yield start, end

    def within(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield what of [start, end) is in the set."""
        for place in range(bisect_right(self._ends, start), len(self._starts)):
            if self._starts[place] >= end:
                return
            yield max(start, self._starts[place]), min(end, self._ends[place])

    def reach(self, start: int) -> int:
        """How far the range that holds `start` goes; `start` itself when none does."""
        place = bisect_right(self._starts, start) - 1
        return max(start, self._ends[place]) if place >= 0 else start

    def total(self) -> int:
        return sum(self._ends) - sum(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Intervals) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes
