"""File sequences: `name.%04d.exr`, `name.####.exr`, either with a range as in `name.%04d.exr[100-167]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MOST_FRAMES = 1_000_000
MOST_GAPS = 20  # told one by one
LONGEST_NUMBER = 18  # digits

_COUNTER = re.compile(r"%(?:0?(\d{1,2}))?d|#{2,}")
_RANGE = re.compile(r"\[(\d{1,9})-(\d{1,9})\]$")


@dataclass(frozen=True)
class Sequence:
    """The frames that one name stands for."""

    head: str
    width: int  # digits at least, filled up with zeros
    tail: str
    first: int | None = None  # both None: every frame that is there
    last: int | None = None

    @property
    def has_range(self) -> bool:
        """Whether the name says which frames there are."""
        return self.first is not None

    def frame(self, name: str) -> int | None:
        """The number of a file that is one of the frames, None for any other file."""
        digits = name[len(self.head) : len(name) - len(self.tail)]
        if not name.startswith(self.head) or not name.endswith(self.tail) or not 0 < len(digits) <= LONGEST_NUMBER:
            return None
        if not (digits.isascii() and digits.isdigit()) or len(digits) < self.width:
            return None
        number = int(digits)
        if self._name(number) != name:  # 00012 where four digits are wanted
            return None
        is_in = self.first is None or self.last is None or self.first <= number <= self.last
        return number if is_in else None

    def frames(self, names: Iterable[str]) -> list[tuple[int, str]]:
        """The frames among the names of a folder, in their order."""
        numbered = ((self.frame(name), name) for name in names)
        return sorted((number, name) for number, name in numbered if number is not None)

    def missing(self, there: Iterable[int]) -> str:
        """The frames of the range that are not there, as `101, 104-109`; "" without a range, or when none lacks."""
        if self.first is None or self.last is None:
            return ""
        gaps, expected = [], self.first
        for number in [*sorted(there), self.last + 1]:
            if number > expected:
                gaps.append(str(expected) if number == expected + 1 else f"{expected}-{number - 1}")
            expected = number + 1
        return ", ".join(gaps[:MOST_GAPS]) + (" and more" if len(gaps) > MOST_GAPS else "")

    def is_same_as(self, other: Sequence) -> bool:
        """Whether both write their frames' names alike, whatever their ranges."""
        return (self.head, self.width, self.tail) == (other.head, other.width, other.tail)

    def _name(self, number: int) -> str:
        return f"{self.head}{number:0{self.width}d}{self.tail}"


def read_sequence(name: str) -> Sequence | None:
    """Read the last name of a path as a sequence.

    None for a name without a counter, with two of them, or with a range that runs backwards or over a million frames:
    all these can only be the plain name of one file.
    """
    span = _RANGE.search(name)
    pattern = name[: span.start()] if span else name
    counters = list(_COUNTER.finditer(pattern))
    if len(counters) != 1:
        return None
    counter = counters[0]
    width = len(counter[0]) if counter[0][0] == "#" else int(counter[1] or 1)
    first, last = (int(span[1]), int(span[2])) if span else (None, None)
    if width > LONGEST_NUMBER or (first is not None and last is not None and not 0 <= last - first < MOST_FRAMES):
        return None
    return Sequence(pattern[: counter.start()], max(width, 1), pattern[counter.end() :], first, last)
