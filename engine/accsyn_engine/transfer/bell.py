"""Wakes a thread that waits for sockets."""

from __future__ import annotations

import contextlib
import socket


class Bell:
    """Readable from `ring` until `clear`; from any thread."""

    def __init__(self) -> None:
        self._awake, self._bell = socket.socketpair()
        self._awake.setblocking(False)
        self._bell.setblocking(False)

    def fileno(self) -> int:
        return self._awake.fileno()

    def ring(self) -> None:
        with contextlib.suppress(OSError):  # full, so it rings already; or closed, so nobody listens
            self._bell.send(b"\0")

    def clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._awake.recv(4096)

    def close(self) -> None:
        self._awake.close()
        self._bell.close()
