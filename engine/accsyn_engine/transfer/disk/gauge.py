"""Counts the descriptors a transfer has open, so that many small files do not use up all there are."""

from __future__ import annotations

import threading

from accsyn_engine.transfer.belt import Ended

OPEN_FILES = 64


class Gauge:
    """Opening is never refused, but who is about to open a further file waits for room first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._is_over = False

    def enter(self) -> None:
        with self._changed:
            self._count += 1

    def leave(self) -> None:
        with self._changed:
            self._count -= 1
            if self._count < OPEN_FILES <= self._count + 1:
                self._changed.notify_all()

    @property
    def has_room(self) -> bool:
        return self._count < OPEN_FILES

    def wait_for_room(self) -> None:
        """Raises Ended."""
        with self._changed:
            while self._count >= OPEN_FILES and not self._is_over:
                self._changed.wait()
            if self._is_over:
                raise Ended

    def end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
