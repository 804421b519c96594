"""Read blocks on their way to a transport: datagrams while they get through, else whichever stream has room."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from accsyn_engine.transfer.belt import Ended
from accsyn_engine.wire.session import HEAD_ROOM

DEPTH = 8  # blocks read and not taken yet


@dataclass(frozen=True, eq=False)
class Filled:
    """A buffer with `length` bytes of the stream from `position`, after HEAD_ROOM free bytes."""

    buffer: memoryview
    position: int
    length: int

    @property
    def content(self) -> memoryview:
        return self.buffer[HEAD_ROOM : HEAD_ROOM + self.length]


class Outlet:
    """Between the reader and the transports. At first nobody may take anything: see `open_to_streams`."""

    def __init__(self) -> None:
        # Separate, because a dozen streams may wait while datagrams take a thousand blocks a second.
        self._lock = threading.Lock()
        self._has_room = threading.Condition(self._lock)
        self._may_take = threading.Condition(self._lock)
        self._blocks: deque[Filled] = deque()
        self._takes_streams = False
        self._is_over = False
        self.wake: Callable[[], None] = lambda: None  # the datagrams' thread

    def put(self, filled: Filled) -> None:
        """Add a block, waiting for room. Raises Ended."""
        with self._lock:
            while len(self._blocks) >= DEPTH and not self._is_over:
                self._has_room.wait()
            if self._is_over:
                raise Ended
            self._blocks.append(filled)
            if self._takes_streams:
                self._may_take.notify()
                return
        self.wake()

    def put_back(self, blocks: Iterable[Filled]) -> None:
        """Blocks that a transport could not deliver go to the front, in their order."""
        with self._lock:
            self._blocks.extendleft(reversed(list(blocks)))
            if self._takes_streams:
                self._may_take.notify_all()

    def take(self) -> Filled:
        """The next block for a stream; waits for one, and while datagrams carry the bulk. Raises Ended."""
        with self._lock:
            while not (self._takes_streams and self._blocks) and not self._is_over:
                self._may_take.wait()
            return self._popped()

    def poll(self) -> Filled | None:
        """The next block for datagrams, if there is one now. Raises Ended."""
        with self._lock:
            return self._popped() if self._blocks or self._is_over else None

    def _popped(self) -> Filled:
        if self._is_over:
            raise Ended
        self._has_room.notify()
        return self._blocks.popleft()

    @property
    def is_empty(self) -> bool:
        """Whether the transports wait for the reader."""
        return not self._blocks

    @property
    def takes_streams(self) -> bool:
        return self._takes_streams

    def open_to_streams(self, takes_streams: bool) -> None:
        """Whether the streams carry the bulk now."""
        with self._lock:
            self._takes_streams = takes_streams
            self._may_take.notify_all()

    def end(self) -> None:
        with self._lock:
            self._is_over = True
            self._may_take.notify_all()
            self._has_room.notify_all()
        self.wake()
