"""When the next bytes may go, so that a pace is kept though this machine is late now and then. Time is an argument."""

from __future__ import annotations

CATCH_UP_S = 0.1  # how much of a delay of ours is made up for ...
BURST_S, CATCH_UP_RATE = 0.004, 2.0  # ... in bursts as long as the pace has it, and how much faster than the pace


class Pacer:
    """Counts what is sent in seconds of the pace."""

    def __init__(self, now: float) -> None:
        self._due = self.not_before = now  # when the pace has the next bytes, and when they may go
        self._burst, self._burst_at = 0.0, now  # seconds' worth sent at once because this machine was late

    def lateness(self, now: float) -> float:
        """Seconds since the next bytes were due; less than 0 before."""
        return now - self._due

    def spend(self, now: float, seconds: float) -> float:
        """What takes so long at the pace began to be sent at `now`; gives the moment when more may go."""
        is_late = now > self._due
        self._due = max(self._due, now - CATCH_UP_S) + seconds
        if not self._burst:
            self._burst_at = now
        self._burst = self._burst + seconds if is_late else 0.0
        self.not_before = self._due
        if self._burst > BURST_S:  # sending it took a part of its time already, often most of it
            self.not_before = max(self._due, self._burst_at + self._burst / CATCH_UP_RATE)
            self._burst = 0.0
        return self.not_before
