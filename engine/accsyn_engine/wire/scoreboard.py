"""The sender's book of datagrams: which piece of which block each carried, which came, which are lost and sent again.

A loss is called when a datagram was sent clearly before the newest one that came: three numbers, and once the path has
been seen to reorder, a part of the round trip as well (RFC 9002, section 6.1; RFC 8985). What is called lost and comes
after all is given back.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from accsyn_engine.wire.datagram import FIRST_LIMIT, WINDOW, Feedback, size_of
from accsyn_engine.wire.errors import RemoteProtocolError

RING = 1 << 18  # datagrams out at once, at most; 370 MB
_MASK = RING - 1
NOTHING = -1  # carried by a datagram without content
PACKETS = 3
_BITS = (1 << WINDOW) - 1


@dataclass(eq=False)
class Outgoing:
    """One block on its way. `size` is the content of each datagram but the last."""

    number: int
    position: int
    content: memoryview
    size: int
    handle: object  # whose it is, for the user
    begun: int = 0  # segments sent for the first time
    repaired: dict[int, int] = field(default_factory=dict)  # how often, by segment

    @property
    def segments(self) -> int:
        return -(-len(self.content) // self.size)

    def segment(self, index: int) -> memoryview:
        return self.content[index * self.size : (index + 1) * self.size]


@dataclass(frozen=True)
class Sent:
    """A run of datagrams sent in one go; `before` bytes had been sent until then."""

    first: int
    at: float
    before: int
    size: int


@dataclass(frozen=True)
class News:
    """What a feedback changed: blocks that are complete now; bytes that came, and that were newly called lost."""

    done: tuple[Outgoing, ...]
    arrived: int
    lost: int
    rtt: float | None
    sent_at: float
    sent: int


class Scoreboard:
    """Numbers are given out elsewhere, in order; every one of them is told here."""

    def __init__(self) -> None:
        self._owners = array("q", [NOTHING]) * RING
        self._runs: deque[Sent] = deque()
        self._next = 0
        self._newest = -1
        self._seen = 0  # bit i: number `newest - i` came
        self._lost = 0  # bit i: it is called lost
        self._out = 0  # datagrams neither come nor lost
        self._size = size_of(0)
        self._repairs: deque[tuple[int, int]] = deque()  # number it was lost under, owner
        self._blocks: dict[int, Outgoing] = {}
        self._added = 0  # blocks
        self.first_open = 0  # the receiver misses nothing of blocks below this number
        self._reordering = 0.0  # seconds by which a datagram may come later than one sent after it
        self._guessed = 0  # below this number, "lost" was a guess in silence that teaches nothing
        self.sent = 0  # bytes in all
        self.repaired = 0  # bytes of content sent again
        self.limit = FIRST_LIMIT  # the receiver takes blocks below this number

    @property
    def in_flight(self) -> int:
        return self._out * self._size

    @property
    def has_room(self) -> bool:
        return self._next - self._newest < RING - WINDOW

    @property
    def open_blocks(self) -> int:
        return len(self._blocks)

    @property
    def has_repairs(self) -> bool:
        return bool(self._repairs)

    # sending
    def add(self, block: Outgoing) -> None:
        self._added = block.number + 1
        self._blocks[block.number] = block

    def repairs(self, most: int, *, dear: int = 2) -> Iterator[tuple[int, int]]:
        """Up to `most` pieces to be sent again, as (block, segment); what has come meanwhile is left out.

        From the `dear`th time on a piece goes twice: on a long line one that is lost again and again holds up the rest.
        """
        while most > 0 and self._repairs:
            number, owner = self._repairs.popleft()
            block = self._blocks.get(owner >> 8)
            if block is None or self._has_come(number):
                continue
            times = block.repaired[owner & 255] = block.repaired.get(owner & 255, 0) + 1
            copies = 2 if times >= dear and most > 1 else 1
            most -= copies
            for _ in range(copies):
                yield owner >> 8, owner & 255

    def last_pieces(self, most: int) -> list[tuple[int, int]]:
        """The pieces sent last that have not come, the newest first."""
        found: list[tuple[int, int]] = []
        number = self._next - 1
        while len(found) < most and number > self._newest:
            owner = self._owners[number & _MASK]
            if owner != NOTHING and owner >> 8 in self._blocks:
                found.append((owner >> 8, owner & 255))
            number -= 1
        return list(dict.fromkeys(found))

    def _has_come(self, number: int) -> bool:
        age = self._newest - number
        return 0 <= age < WINDOW and bool(self._seen >> age & 1)

    def block(self, number: int) -> Outgoing:
        return self._blocks[number]

    def is_open(self, block: Outgoing) -> bool:
        return self._blocks.get(block.number) is block

    def wrote(self, first: int, pieces: list[int], size: int, now: float, *, total: int) -> None:
        """A run of datagrams went out, `size` bytes each, `total` in all; pieces as block << 8 | segment."""
        at = first & _MASK
        owners = array("q", pieces)
        room = RING - at
        self._owners[at : at + len(owners)] = owners[:room]
        if len(owners) > room:
            self._owners[: len(owners) - room] = owners[room:]
        self._note(first, len(pieces), size, now, total)
        self._size = max(size, size_of(1))

    def skip(self, number: int, size: int, now: float) -> None:
        """A datagram without content went out."""
        self._owners[number & _MASK] = NOTHING
        self._note(number, 1, size, now, size)

    def _note(self, first: int, count: int, size: int, now: float, total: int) -> None:
        self._runs.append(Sent(first, now, self.sent, size))
        self.sent += total
        self._next = first + count
        self._out += count

    # hearing
    def hear(self, feedback: Feedback, now: float, *, srtt: float) -> News:
        """Take a feedback. Raises RemoteProtocolError for one that speaks of what was never sent."""
        self._check(feedback)
        ahead = feedback.newest - self._newest
        arrived = feedback.arrived & _BITS
        lost = 0
        if ahead > 0:
            lost += self._advance(ahead)
        elif ahead < 0:
            arrived = arrived << -ahead & _BITS
        came = arrived & ~self._seen
        late = came & self._lost
        self._seen |= arrived
        self._lost &= ~late
        self._out -= came.bit_count() - late.bit_count()
        if late:
            self._learn_reordering(self._newest - (late.bit_length() - 1), srtt)
        lost += self._call_lost()
        self.limit = max(self.limit, feedback.limit)
        run = self._run_of(self._newest)
        rtt = max(1e-6, now - run.at - feedback.delay_us / 1e6) if ahead > 0 else None
        return News(
            done=tuple(self._close(feedback)),
            arrived=(came.bit_count() - late.bit_count()) * self._size,
            lost=(lost - late.bit_count()) * self._size,
            rtt=rtt,
            sent_at=run.at,
            sent=run.before + (self._newest - run.first + 1) * run.size,
        )

    def _check(self, feedback: Feedback) -> None:
        if not 0 <= feedback.newest < self._next or feedback.arrived >> feedback.newest + 1:
            raise RemoteProtocolError(detail="it reports a datagram that was not sent")
        if feedback.first_open + feedback.done.bit_length() > self._added:
            raise RemoteProtocolError(detail="it reports a block that was not sent")

    def _advance(self, ahead: int) -> int:
        """Move the window; what leaves it without ever having been reported is lost."""
        old, reach = self._newest, min(WINDOW, self._newest + 1)
        self._newest += ahead
        self._seen <<= ahead
        self._lost <<= ahead
        low, high = max(0, ahead - WINDOW), max(0, reach + ahead - WINDOW)
        leaving = ~((self._seen | self._lost) >> WINDOW) & ((1 << high) - 1) >> low << low
        gone = 0
        for age in reversed(list(_ones(leaving))):
            gone += self._repair(self._newest - WINDOW - age)
        for number in range(old + 1, self._newest - WINDOW + 1):
            gone += self._repair(number)  # jumped over by one feedback
        self._seen &= _BITS
        self._lost &= _BITS
        while len(self._runs) > 1 and self._runs[1].first <= self._newest - WINDOW:
            self._runs.popleft()
        return gone

    def _repair(self, number: int) -> int:
        self._out -= 1
        owner = self._owners[number & _MASK]
        if owner != NOTHING:
            self._repairs.append((number, owner))
        return 1

    def _call_lost(self) -> int:
        age = PACKETS
        if self._reordering:
            before = self._run_of(self._newest).at - self._reordering
            age = max(age, self._newest - self._last_sent_by(before))
        reach = min(WINDOW, self._newest + 1)
        missing = (~(self._seen | self._lost) & ((1 << reach) - 1)) >> age << age
        self._lost |= missing
        return sum(self._repair(self._newest - age) for age in reversed(list(_ones(missing))))

    def call_all_lost(self) -> int:
        """Nothing has been heard for long: all that is out is to be sent again. Gives its bytes."""
        before = self._out
        self._guessed = self._next
        reach = min(WINDOW, self._newest + 1)
        missing = ~(self._seen | self._lost) & ((1 << reach) - 1)
        self._lost |= missing
        for age in reversed(list(_ones(missing))):
            self._repair(self._newest - age)
        ahead = self._next - 1 - self._newest
        if ahead > 0:
            newest = self._newest
            self._advance(ahead)
            fresh = (1 << min(ahead, WINDOW)) - 1
            self._lost |= fresh
            for number in range(max(newest + 1, self._next - WINDOW), self._next):
                self._repair(number)
        return before * self._size

    def _learn_reordering(self, number: int, srtt: float) -> None:
        """A datagram called lost has come: the next ones are given as much time as it took."""
        if number >= self._guessed:
            behind = self._run_of(self._newest).at - self._run_of(number).at
            self._reordering = min(srtt, max(self._reordering, behind))

    def _run_of(self, number: int) -> Sent:
        return self._runs[max(0, bisect_right(self._runs, number, key=_first_of) - 1)]

    def _last_sent_by(self, moment: float) -> int:
        """The highest number sent until then."""
        index = bisect_right(self._runs, moment, key=_time_of)
        return self._runs[index].first - 1 if index < len(self._runs) else self._newest

    def _close(self, feedback: Feedback) -> Iterator[Outgoing]:
        for number in range(self.first_open, feedback.first_open):
            if (block := self._blocks.pop(number, None)) is not None:
                yield block
        self.first_open = max(self.first_open, feedback.first_open)
        for offset in _ones(feedback.done):
            if (block := self._blocks.pop(feedback.first_open + offset, None)) is not None:
                yield block

    def withdraw(self) -> list[Outgoing]:
        """Take all blocks off the book, in order: another transport carries them."""
        blocks = sorted(self._blocks.values(), key=lambda block: block.number)
        self._blocks.clear()
        self._repairs.clear()
        return blocks


def _first_of(run: Sent) -> int:
    return run.first


def _time_of(run: Sent) -> float:
    return run.at


def _ones(bits: int) -> Iterator[int]:
    """The places of the bits that are set, the lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
