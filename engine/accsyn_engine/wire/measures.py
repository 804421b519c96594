"""What the rate control measures a path by. Pure; times in seconds, amounts in bytes."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

MEMORY = 10.0  # seconds that a delay is remembered at least


@dataclass(frozen=True)
class Report:
    """What one feedback from the receiver says, digested by the sender's scoreboard. Bytes and seconds.

    `rtt`, of the newest datagram, is None when there is nothing newer. `sent` and `delivered` are totals up to it;
    `counted_at` is its arrival by the receiver's clock, all other times are the sender's. `lost` is not used here.
    """

    now: float
    rtt: float | None
    sent_at: float
    sent: int
    delivered: int
    counted_at: float
    lost: int
    in_flight: int
    is_app_limited: bool


@dataclass(frozen=True)
class Sample:
    """The last part of a round: bytes per second, the share lost, datagrams, seconds."""

    pace: float
    arrival: float
    loss: float
    datagrams: float
    queue: float
    target: float
    passed: float  # seconds since the sample before


@dataclass
class Round:
    """What was seen since a moment `mark`: a round ends with the first report of a datagram sent after it."""

    mark: float
    first: Report | None = None
    least: float = math.inf  # queue
    most: float = 0.0
    rtt: float = math.inf
    delay: float = math.inf
    is_limited: bool = False

    def add(self, report: Report, rtt: float, queue: float) -> None:
        self.first = self.first or report
        self.least, self.most = min(self.least, queue), max(self.most, queue)
        self.rtt = min(self.rtt, rtt)
        self.delay = min(self.delay, report.counted_at - report.sent_at)
        self.is_limited |= report.is_app_limited

    @property
    def is_flat(self) -> bool:
        return self.most - self.least < max(0.001, 0.1 * self.least)


class Delays:
    """One-way delays: the path's own is the least of the last 10 to 20 s. Only differences mean something."""

    def __init__(self, now: float) -> None:
        self._recent: deque[float] = deque(maxlen=3)
        self.forget(now)

    def forget(self, now: float, base: float = math.inf) -> None:
        self._recent.clear()
        self._base = self._before = base
        self._since = now

    def add(self, now: float, delay: float) -> float:
        """Gives the queue in seconds."""
        if now - self._since > MEMORY:
            self._before, self._base, self._since = self._base, delay, now
        self._base = min(self._base, delay)
        self._recent.append(delay)
        return self.queue

    @property
    def base(self) -> float:
        return min(self._base, self._before)

    @property
    def queue(self) -> float:
        return max(0.0, min(self._recent) - self.base) if self._recent else 0.0


class Most:
    """The most of the last one to two spans."""

    def __init__(self) -> None:
        self._this = self._before = self._since = 0.0

    def add(self, now: float, value: float, span: float) -> None:
        if now - self._since > span:
            self._before, self._this, self._since = self._this, 0.0, now
        self._this = max(self._this, value)

    @property
    def most(self) -> float:
        return max(self._this, self._before)
