"""The sender's end of the control stream: messages on their way to the datagrams, or to the session without these."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from accsyn_engine.wire.control import CONTROL_WINDOW
from accsyn_engine.wire.datagram import BLOCK
from accsyn_engine.wire.errors import RemoteProtocolError

Piece = tuple[int, bytes]  # its offset in the control stream, and what is said there


class ControlLane:
    """Filled by the session's thread, emptied by whoever carries; holds what the entries under way need."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._begin = 0  # offset of what waits
        self._heard = 0
        self._back: deque[Piece] = deque()
        self.wake: Callable[[], None] = lambda: None  # the datagrams' thread

    def put(self, frame: bytes) -> None:
        """Say this after what was said before."""
        with self._lock:
            self._waiting += frame
        self.wake()

    def take(self) -> Piece | None:
        """What goes next, as much as one block carries and the receiver may be sent; None when that is nothing."""
        with self._lock:
            if self._back:
                return self._back.popleft()
            room = min(BLOCK, self._heard + CONTROL_WINDOW - self._begin)
            if not self._waiting or room <= 0:
                return None
            piece = bytes(self._waiting[:room])
            del self._waiting[:room]
            offset, self._begin = self._begin, self._begin + len(piece)
            return offset, piece

    def put_back(self, pieces: Iterable[Piece]) -> None:
        """What datagrams did not deliver, or may not have."""
        with self._lock:
            self._back.extend(pieces)

    def confirm(self, heard: int) -> None:
        """The receiver has heard all before that offset. Raises RemoteProtocolError for what was not said."""
        with self._lock:
            if not self._heard <= heard <= self._begin:
                raise RemoteProtocolError(detail="it has heard what was not said")
            self._heard = heard
        self.wake()
