"""Emptying the queue now and then, in step with the other senders, and what that shows. Pure; time is an argument.

Whoever joins a queue measures the path's own delay with the queue in it, aims too high, and starves those who know
better. So all empty the queue at the same moments of a common clock. NTP's precision is enough; senders whose clocks
differ by more take each other for strangers, which costs delay and not the link.

An ebb also tells whose queue it is (after Nimbus, SIGCOMM 2022). While we send less than the link takes from us, a
queue that is ours, or belongs to senders of our kind, falls by one second in a second of sending nothing. Where it
falls by a share of that, we have that share of the link, and the rest belongs to others who do not join, such as TCP.
"""

from __future__ import annotations

import math

ROUNDS = 3  # that one lasts at most
STEP, LONG_STEP = 2.5, 7.5  # seconds from one to the next; where a round trip takes more than LONG
LONG = 0.4
ALONE = 0.8  # the share from which the queue is ours
# Of a round trip, and seconds, that a queue must have had to fall to tell anything. A busy machine sends and receives a
# few milliseconds late now and then, which looks like a queue that comes and goes.
EVIDENCE, LEAST_EVIDENCE = 0.03, 0.004
LEAST, MOST = 0.05, 1.0  # shares that are believed
BEGINNER = -0.2  # a queue that grows like this meanwhile comes from a sender that has just begun


class Ebb:
    """One after the other.

    `left` rounds of the present one, 0 outside; `began` is when the last began, `expected` the seconds it should lower
    the queue by if we were alone. `link` is what the whole link takes, in bytes per second.
    """

    def __init__(self, now: float, utc: float) -> None:
        self.left = 0
        self.began = now
        self.expected = 0.0
        self.link = math.inf
        self.finds_others = False
        self._utc = utc
        self._is_in_step = False
        self._from = self._to = 0.0
        self._count = 0  # of those that found others, less of those that did not

    @property
    def share(self) -> float:
        """Of the link that is ours. Only with something expected."""
        return (self._from - self._to) / self.expected

    @property
    def is_beside_others(self) -> bool:
        """Two in a row found others, and none has found us alone since."""
        return self._count == 2

    def is_due(self, now: float, rtt: float) -> bool:
        step = STEP if rtt < LONG else LONG_STEP
        return (now + self._utc) // step > (self.began + self._utc) // step

    def begin(self, now: float, queue: float, *, in_step: bool = False) -> None:
        self.left, self.began, self._is_in_step = ROUNDS, now, in_step
        self._from = self._to = queue
        self.expected = 0.0

    def note(self, queue: float, less: float) -> None:
        """Of a moment in which the queue should fall by `less` seconds; heard until it had time to fall alone."""
        if self.left and self.expected < 1.3 * self._from:
            self._to = queue
            self.expected += max(0.0, less)

    def end_round(self, *, is_empty: bool) -> None:
        self.left = 0 if is_empty else self.left - 1

    def tells(self, rtt: float) -> bool:
        """Whether there was queue enough to learn from."""
        return self.expected >= max(EVIDENCE * rtt, LEAST_EVIDENCE)

    def judge(self, capacity: float, rtt: float) -> None:
        """Learn from one that is over; `capacity` is ours. Where there was no queue, nobody fills it."""
        tells = self.tells(rtt)
        if not self._is_in_step or (tells and self.share < BEGINNER):
            return
        was_beside_others = self.is_beside_others
        self.finds_others = tells and self.share < ALONE
        self._count = min(self._count + 1, 2) if self.finds_others else max(self._count - 1, 0)
        if not tells:
            return
        part = min(max(self.share, LEAST), MOST) / capacity
        if was_beside_others:
            part = 0.7 / self.link + 0.3 * part  # the mean of shares, as a link's inverse; that of links would run away
        self.link = 1 / part

    def forget(self) -> None:
        """End it; others are no longer believed in."""
        self.left, self._count, self.finds_others = 0, 0, False
