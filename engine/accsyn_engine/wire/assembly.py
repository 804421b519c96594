"""The receiver's book of datagrams: blocks being put together, which numbers came, and the feedback about both.

A datagram is put in its place only after it has proved itself, or into a place that nothing true lies in yet.
"""

from __future__ import annotations

from accsyn_engine.wire.datagram import FIRST_LIMIT, MOST_DONE, SEGMENTS, WINDOW, Feedback
from accsyn_engine.wire.errors import RemoteProtocolError

RING = 1 << 14  # more than twice the window, a power of two
_MASK = RING - 1
_CAME, _MISSING = ord("1"), ord("0")
MOST_OPEN = 2048  # blocks in memory that are not whole; 500 MB on the longest and worst of lines
MOST_WAITING = 256  # blocks that wait for the disk before no further ones are asked for
AHEAD = 1024  # how many blocks the sender may be ahead of the newest one seen
MOST_SIZE = 65_507
LONGEST_US = (1 << 32) - 1  # a delay of more is told as this


class Incoming:
    """One block that is being put together."""

    __slots__ = ("base", "buffer", "got", "key", "left", "length", "number", "position", "size")

    def __init__(self, number: int, size: int, position: int, length: int, buffer: memoryview) -> None:
        self.number = number
        self.size = size
        self.position = position
        self.length = length
        self.key = (size, position, length)  # what every datagram of the block repeats
        self.base = buffer
        self.buffer = buffer[:length]
        self.left = -(-length // size)
        self.got = bytearray(self.left)

    def lacks(self, segment: int) -> bool:
        """Whether there is such a segment, and it has not come."""
        return segment < len(self.got) and not self.got[segment]

    def take(self, segment: int) -> bool:
        """Note that a segment lies in its place; true when that was the last."""
        self.got[segment] = 1
        self.left -= 1
        return not self.left


class Assembly:
    """Blocks and numbers of one direction. Times are the receiver's own, in seconds."""

    def __init__(self) -> None:
        self.open: dict[int, Incoming] = {}
        self._positions: dict[int, int] = {}
        self._first_open = 0
        self._done = 0  # bit i: block `_first_open + i` is complete
        self._highest = -1  # block
        self._limit = FIRST_LIMIT
        self._flags = bytearray(b"0" * RING)
        self.newest = -1
        self.newest_at = 0.0
        self.delivered = 0  # bytes of datagrams
        self.duplicates = 0  # bytes of datagrams whose piece was there already

    # numbers
    def came(self, number: int, size: int, now: float) -> bool:
        """Note that a true datagram came; false when it has come before, or is too old to tell."""
        ahead = number - self.newest
        if ahead == 1:
            self.newest, self.newest_at = number, now
        elif ahead > 1:
            self._clear(self.newest + 1, number)
            self.newest, self.newest_at = number, now
        elif ahead <= -WINDOW or self._flags[number & _MASK] == _CAME:
            return False
        self._flags[number & _MASK] = _CAME
        self.delivered += size
        return True

    def _clear(self, first: int, end: int) -> None:
        for number in range(max(first, end - RING), end):
            self._flags[number & _MASK] = _MISSING

    # blocks
    def is_wanted(self, number: int, position: int) -> bool:
        """Whether a block is still to be put together; not when what is there was cut anew under a later number."""
        offset = number - self._first_open
        if offset < 0 or self._done >> offset & 1:
            return False
        if self._positions.get(position, number) > number:
            self._mark_done(number)
            return False
        return True

    def begin(self, number: int, size: int, position: int, length: int, buffer: memoryview) -> Incoming:
        """Open a block that its first true datagram announces. Raises RemoteProtocolError for one that cannot be."""
        if not self._first_open <= number < self._limit:
            raise RemoteProtocolError(detail="it sends a block it was not asked for")
        self._highest = max(self._highest, number)
        older = self._positions.get(position)
        if older is not None:  # it was cut anew, because the path does not take datagrams of that size any more
            self._forget(older)
        incoming = self.open[number] = Incoming(number, size, position, length, buffer)
        self._positions[position] = number
        return incoming

    def _forget(self, number: int) -> None:
        incoming = self.open.pop(number, None)
        if incoming is not None:
            del self._positions[incoming.position]
        self._mark_done(number)

    def complete(self, incoming: Incoming) -> None:
        """All of a block is there."""
        del self.open[incoming.number]
        del self._positions[incoming.position]
        self._mark_done(incoming.number)

    def give_up_below(self, floor: int) -> None:
        """What is missing of earlier blocks comes another way. Raises RemoteProtocolError for an impossible number."""
        if floor > self._limit + RING:
            raise RemoteProtocolError(detail="it gives up blocks it was not asked for")
        if floor <= self._first_open:
            return
        for number in [number for number in self.open if number < floor]:
            del self._positions[self.open.pop(number).position]
        self._done >>= floor - self._first_open
        self._first_open = floor
        self._highest = max(self._highest, floor - 1)
        self._move_on()

    def _mark_done(self, number: int) -> None:
        self._done |= 1 << (number - self._first_open)
        self._move_on()

    def _move_on(self) -> None:
        if self._done & 1:
            whole = (~self._done & (self._done + 1)).bit_length() - 1
            self._done >>= whole
            self._first_open += whole

    def report(self, now: float, *, waiting: int) -> Feedback:
        """Say how things stand; `waiting` blocks are complete and not on the disk yet."""
        room = min(AHEAD - AHEAD // MOST_WAITING * waiting, MOST_OPEN - len(self.open))
        reach = min(self._highest + 1 + max(0, room), self._first_open + MOST_DONE)
        self._limit = max(self._limit, reach)
        return Feedback(
            newest=max(0, self.newest),
            delay_us=min(LONGEST_US, max(0, int((now - self.newest_at) * 1e6))) if self.newest >= 0 else 0,
            counted_us=int(self.newest_at * 1e6),
            delivered=self.delivered,
            first_open=self._first_open,
            limit=self._limit,
            done=self._done,
            arrived=self._arrived(),
        )

    def _arrived(self) -> int:
        if self.newest < 0:
            return 0
        end = (self.newest & _MASK) + 1
        start = end - min(WINDOW, self.newest + 1)
        flags = self._flags[start:end] if start >= 0 else self._flags[start:] + self._flags[:end]
        return int(flags, 2)


def check_shape(segment: int, size: int, length: int, payload: int) -> None:
    """Whether a datagram's place fits its block. Raises RemoteProtocolError."""
    segments = -(-length // size) if size else 0
    expected = min(size, length - segment * size)
    if not 0 < segments <= SEGMENTS or segment >= segments or payload != expected or size > MOST_SIZE:
        raise RemoteProtocolError(detail="a datagram does not fit its block")
