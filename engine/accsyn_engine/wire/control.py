"""The control stream: what the sender says from some moment on, as bytes at offsets, so that datagrams can carry it.

Where packets are lost TCP brings a megabit a second, and small files take 80 bytes each of names and digests.
"""

from __future__ import annotations

from accsyn_engine.wire import codec
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.intervals import Intervals

CONTROL_AT = 1 << 63  # blocks of datagrams from this position on are pieces of the control stream
CONTROL_WINDOW = 4 << 20  # bytes of it that the sender may be ahead of what the receiver has heard


class ControlStream:
    """The receiver's end: pieces in any order and any number of times, frames in order. Never more than the window."""

    def __init__(self) -> None:
        self.heard = 0  # offset after the last frame taken
        self._bytes = bytearray()  # from `heard` on, with gaps
        self._have = Intervals()

    def put(self, offset: int, piece: bytes) -> None:
        """Take a piece. Raises RemoteProtocolError for one beyond the window."""
        end = offset + len(piece)
        if end > self.heard + CONTROL_WINDOW:
            raise RemoteProtocolError(detail="it says more than may be under way")
        if end <= self.heard:
            return
        skipped = max(0, self.heard - offset)
        at = offset + skipped - self.heard
        self._bytes.extend(bytes(max(0, end - self.heard - len(self._bytes))))
        self._bytes[at : end - self.heard] = piece[skipped:]
        self._have.add(offset + skipped, end)

    def next_frame(self) -> tuple[int, bytes] | None:
        """The number and the body of the next message, once all of it is there. Raises RemoteProtocolError."""
        held = self._have.reach(self.heard) - self.heard
        if held < codec.HEADER.size:
            return None
        length, number = codec.HEADER.unpack_from(self._bytes)
        codec.check_length(number, length)
        size = codec.HEADER.size + length
        if held < size:
            return None
        body = bytes(self._bytes[codec.HEADER.size : size])
        del self._bytes[:size]
        self.heard += size
        return number, body
