"""Numbers that grow, looked at several times a second while something runs: what came of them in a stretch of time."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable
from typing import Self

from accsyn_engine.clock import SystemClock

EVERY_S = 0.2


class Series:
    """Samples of named counts, from a thread of its own while the context lasts."""

    def __init__(self, counts: dict[str, Callable[[], int]]) -> None:
        self._clock = SystemClock()
        self.counts = counts  # more may be put in while it runs
        self._times: list[float] = []
        self._values: list[dict[str, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(EVERY_S):
            self._times.append(self._clock.monotonic())
            self._values.append({name: count() for name, count in list(self.counts.items())})

    def per_second(self, name: str, begin: float, end: float) -> float:
        """How fast it grew between two monotonic times; 0 without samples there."""
        first = bisect_left(self._times, begin)
        last = min(bisect_left(self._times, end), len(self._times) - 1)
        if last <= first:
            return 0.0
        grown = self._values[last].get(name, 0) - self._values[first].get(name, 0)
        return grown / (self._times[last] - self._times[first])

    def rows(self, begin: float, every: float = 1.0) -> dict[str, list[float]]:
        """Of each name its growth per second in each stretch of `every` seconds since `begin`, for a plot."""
        count = int((self._times[-1] - begin) / every) if self._times else 0
        starts = [begin + every * number for number in range(count)]
        return {name: [round(self.per_second(name, at, at + every)) for at in starts] for name in self.counts}
