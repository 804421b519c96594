"""The sender's buffers: made when first needed, used again, never more than `most` bytes of them."""

from __future__ import annotations

import threading

from accsyn_engine.transfer.belt import Ended
from accsyn_engine.wire.datagram import BLOCK, TAG
from accsyn_engine.wire.messages import MAX_PAYLOAD
from accsyn_engine.wire.session import HEAD_ROOM

_SIZES = (BLOCK, MAX_PAYLOAD)
_AROUND = HEAD_ROOM + TAG


class Pool:
    """Buffers of two sizes, for datagrams and for streams, each with room for a head and a seal around."""

    def __init__(self, most: int) -> None:
        self._changed = threading.Condition()
        self._most = most
        self._free: dict[int, list[memoryview]] = {_AROUND + size: [] for size in _SIZES}
        self._out = 0  # bytes handed out
        self._kept = 0  # bytes free
        self._is_over = False

    def get(self, capacity: int) -> memoryview:
        """A buffer for `capacity` bytes of content after its head; waits for one. Raises Ended."""
        size = _AROUND + next(size for size in _SIZES if capacity <= size)
        with self._changed:
            while self._out + size > self._most and self._out and not self._is_over:
                self._changed.wait()
            if self._is_over:
                raise Ended
            self._out += size
            return self._take(size)

    def _take(self, size: int) -> memoryview:
        if self._free[size]:
            self._kept -= size
            return self._free[size].pop()
        if self._out + self._kept > self._most:  # buffers of the other size are not to be kept beside these
            for free in self._free.values():
                free.clear()
            self._kept = 0
        return memoryview(bytearray(size))

    def put(self, buffer: memoryview) -> None:
        """Give a buffer back."""
        with self._changed:
            self._out -= len(buffer)
            if self._out + self._kept + len(buffer) <= self._most:
                self._free[len(buffer)].append(buffer)
                self._kept += len(buffer)
            self._changed.notify_all()

    def resize(self, most: int) -> None:
        """Allow this many bytes from now on."""
        with self._changed:
            self._most = most
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
