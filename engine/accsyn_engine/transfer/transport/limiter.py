"""Holds what goes onto the line under a cap that may change at any moment."""

from __future__ import annotations

import threading

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.belt import Ended
from accsyn_engine.transfer.work import Control

BURST_S = 0.1  # what may go at once, as time at the cap
LOOK_S = 0.1  # how long a change of the cap may lag
SMALLEST, LARGEST = 16 * 1024, 1 << 20  # bytes of a block under a cap, and without


class Limiter:
    """A token bucket counted in debt: take first, then wait until it is paid off."""

    def __init__(self, control: Control, clock: Clock) -> None:
        self._control = control
        self._clock = clock
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._debt = 0.0
        self._at = clock.monotonic()

    def end(self) -> None:
        self._over.set()

    @property
    def is_holding(self) -> bool:
        """Whether the cap holds something back now."""
        return self._wait() > 0

    def block_size(self) -> int:
        """How large a block may be so that the cap stays smooth."""
        cap = self._control.bytes_per_s()
        return LARGEST if cap is None else max(SMALLEST, min(LARGEST, cap // 8))

    def take(self, count: int) -> None:
        """Wait until `count` more bytes may go. Raises Ended."""
        with self._lock:
            self._debt += count
        while (wait := self._wait()) > 0:
            if self._over.wait(min(wait, LOOK_S)):
                raise Ended

    def _wait(self) -> float:
        """Seconds until the debt is within the burst, as things stand now."""
        cap = self._control.bytes_per_s()
        with self._lock:
            now = self._clock.monotonic()
            passed, self._at = now - self._at, now
            if cap is None:
                self._debt = 0.0
                return 0.0
            self._debt = max(0.0, self._debt - passed * cap)
            over = self._debt - cap * BURST_S
            return over / cap if cap > 0 else LOOK_S
