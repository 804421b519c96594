"""The sender's bulk connections: what went over each and has not been confirmed, so that nothing is lost with one."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from accsyn_engine.transfer.meeting.channel import Channel
from accsyn_engine.wire.errors import RemoteProtocolError

Range = tuple[int, int]  # of the stream


@dataclass
class _Stream:
    sent: deque[tuple[float, Range]] = field(default_factory=deque)  # when, what
    taken: int = 0  # blocks confirmed
    is_dead: bool = False


class Streams:
    """By their numbers. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[int, _Stream] = {}

    def add(self, channel: Channel) -> None:
        with self._lock:
            self._streams[channel.number] = _Stream()

    def wrote(self, channel: Channel, start: int, end: int, now: float) -> None:
        """A block is about to go over a connection."""
        with self._lock:
            self._streams[channel.number].sent.append((now, (start, end)))

    def confirm(self, number: int, blocks: int) -> None:
        """So many blocks have come over a connection. Raises RemoteProtocolError for more than went."""
        with self._lock:
            stream = self._streams.get(number)
            if stream is None or blocks - stream.taken > len(stream.sent):
                raise RemoteProtocolError(detail="it confirms blocks that were not sent")
            for _ in range(blocks - stream.taken):
                stream.sent.popleft()
            stream.taken = max(stream.taken, blocks)

    def lose(self, channel: Channel) -> list[Range]:
        """A connection died: what went over it and may be lost."""
        with self._lock:
            stream = self._streams[channel.number]
            stream.is_dead = True
            return [piece for _, piece in stream.sent if piece[1] > piece[0]]

    def overdue(self, before: float) -> list[Range]:
        """What was sent before that moment and is not confirmed; it is told only once."""
        with self._lock:
            found = []
            for stream in self._streams.values():
                for index, (at, (start, end)) in enumerate(stream.sent):
                    if at >= before:
                        break
                    if end > start:
                        found.append((start, end))
                        stream.sent[index] = (at, (start, start))
            return found

    @property
    def alive(self) -> int:
        """How many are not known to be dead."""
        with self._lock:
            return sum(not stream.is_dead for stream in self._streams.values())
