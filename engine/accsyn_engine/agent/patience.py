"""How long to wait before something is tried again: doubling, with a random part so that agents do not come in step.

A line that was cut is mostly back within a minute or two, and then each second of waiting is lost: so the waits stay
short for that long before they grow.
"""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.25
EAGER_S, EAGER_TRIES = 1.0, 120  # so long at most, and so many tries, before the waits grow
LONGEST_S = 15.0
SPREAD = 0.25  # up to this much more or less


class Patience:
    """The waits of one thing that is tried again and again; `jitter` gives numbers from 0 up to 1."""

    def __init__(self, jitter: Callable[[], float], *, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._jitter = jitter
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s
        self._tries = 0

    def next_s(self) -> float:
        """The next wait, in seconds."""
        wait = self._next_s
        self._tries += 1
        most = EAGER_S if self._tries < EAGER_TRIES else self._longest_s
        self._next_s = min(self._longest_s, max(self._first_s, min(most, wait * 2)))
        return wait * (1 + SPREAD * (2 * self._jitter() - 1))

    def reset(self) -> None:
        """It worked: begin with short waits again."""
        self._next_s = self._first_s
        self._tries = 0
