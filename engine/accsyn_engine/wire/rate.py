"""Rate control of the datagram transport."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

FIRST = 128 * 1024
START_GAIN = 3.5
LEAST_GAIN = 0.5
DEEP = 0.75
SHY = 10.0
CUT = 0.75
MOST_LOSS = 0.25
MOST_PUSH = 1.77
REFRESH = 5.0
BASE_AGE = 10.0


@dataclass(frozen=True)
class Known:
    rate: float
    rtt: float
    loss: float


@dataclass(frozen=True)
class Report:
    now: float
    rtt: float | None
    sent_at: float
    sent: int
    delivered: int
    counted_at: float
    lost: int
    in_flight: int
    is_app_limited: bool


class RateControl:
    def __init__(self, *, now: float, rtt: float, datagram: int, known: Known | None = None) -> None:
        self._datagram = datagram
        self.cap: float | None = None
        self.min_rtt = self.srtt = max(rtt, 1e-3)
        self.loss = 0.0
        self.state = "start"
        self._pace = FIRST / max(rtt, 0.05)
        self.capacity = self._pace
        self._level = 0
        self._points: deque[Report] = deque()
        self._delays: deque[float] = deque(maxlen=3)
        self._base = self._base_before = math.inf
        self._base_at = self._touched = now
        self._ceiling = math.inf
        self._ceiling_at = now
        self._mark = now
        self._round_q = math.inf  # least queue in the round
        self._round_most = 0.0
        self._round_rtt = math.inf
        self._round_delay = math.inf
        self._limited = False
        self._stuck = 0  # rounds
        self._expected = self._drained = 0.0
        self._refresh = self._deep = 0
        self._deep_at = now
        self._competed_at = -math.inf
        self._cut_at = -math.inf
        self._in_flight = 0
        self._last: Report | None = None
        self._share = 0.5
        self._silences = 0
        self._counted: Report | None = None
        self._high = 0.0
        self._excess = 0.0
        self._excess_at = -math.inf
        if known:
            self.capacity = self._pace = 0.8 * known.rate
            self.loss = known.loss
            self.state = "cruise"
            self._level = 2

    @property
    def rate(self) -> float:
        return self._pace if self.cap is None else min(self._pace, self.cap)

    @property
    def window(self) -> int:
        if self.state == "silent":
            return 1 << 40
        q = 0.0 if not self._delays else min(self._delays) - self._base
        return int(max(self.capacity, self._pace) * (2 * self.min_rtt + max(0.0, q) + 0.1)) + 32 * self._datagram

    @property
    def known(self) -> Known:
        return Known(self.capacity, self.min_rtt, self.loss)

    @property
    def target(self) -> float:
        """Seconds of queue."""
        c = max(self.capacity, 1.0)
        part = 0.133 - 0.01 * math.log2(c / 1e6)
        q = self.min_rtt * min(max(part, 0.03), 0.14)
        return min(max(q, 0.002, 3 * self._datagram / c), max(self._ceiling / 2, 0.0005))

    def on_silence(self, now: float) -> None:
        if self.state != "silent":
            self.state = "silent"
            self._silent_since = now
            self._silences = 0
        self._silences += 1
        pause = min(max(self.srtt, 0.01), 0.2) if now - self._silent_since < 5 else 0.5
        self._pace = self._datagram / pause

    def _resume(self, r: Report) -> None:
        self.state = "cruise"
        self.capacity *= 0.7
        self._pace = self.capacity
        self._level = 3
        self._points.clear()
        self._delays.clear()
        self._base = self._base_before = math.inf
        self._new_round(r)

    def on_report(self, r: Report) -> None:
        self._in_flight = r.in_flight
        if r.rtt is None:
            return
        if self.state == "silent":
            self._resume(r)
        self.srtt += (r.rtt - self.srtt) / 8
        delay = r.counted_at - r.sent_at
        self._delays.append(delay)
        if r.now - self._base_at > BASE_AGE:
            self._base_before, self._base, self._base_at = min(self._base, delay + 1), delay, r.now
        self._base = min(self._base, delay)
        base = min(self._base, self._base_before)
        q = min(self._delays) - base
        target = self.target
        if q < max(0.1 * target, 0.0003):
            self._touched = r.now
        self._limited = self._limited or r.is_app_limited
        self._round_q = min(self._round_q, q)
        self._round_most = max(self._round_most, q)
        self._round_rtt = min(self._round_rtt, r.rtt)
        self._round_delay = min(self._round_delay, delay)
        points = self._points
        points.append(r)
        span = max(0.02, self.min_rtt / 4) if self.state == "start" else max(0.03, min(self.min_rtt / 2, 0.25))
        span = max(span, 16 * self._datagram / self.capacity)
        while len(points) > 2 and points[1].sent_at <= r.sent_at - span:
            points.popleft()
        a = points[0]
        sent, over, took = r.sent - a.sent, r.sent_at - a.sent_at, r.counted_at - a.counted_at
        if sent <= 0 or over <= 0 or took <= 0:
            return
        S = sent / over
        E = min(sent / took, 2 * S)
        loss = max(0.0, 1 - (r.delivered - a.delivered) / sent)
        n = sent / self._datagram
        excess = self._count_losses(r, q, target)
        dt = min(r.now - (self._last.now if self._last else r.now), self.min_rtt)
        self._last = r
        if self.state == "start":
            self._start(r, S, E, loss, q, over, took, n)
        else:
            self._learn(r, S, E, loss, excess, q, dt, target)
            self._steer(r, q, target)
        if r.sent_at >= self._mark:
            self._end_round(r, S, target)

    def _start(self, r, S, E, loss, q, over, took, n) -> None:
        is_queueing = over < 0.75 * took and q > max(0.003, self.min_rtt / 16)
        is_dropping = loss > self.loss + 0.1 + 4 / math.sqrt(n)
        if is_queueing or is_dropping:
            self.capacity = E * (1 - max(0.0, loss - self.loss))
            self.state = "cruise"
            self._refresh = self._deep = 2
            self._mark = r.now
            self._steer(r, q, self.target)
            return
        self.capacity = max(self.capacity, E) if not r.is_app_limited else self.capacity
        self._pace = max(self._pace, START_GAIN * E)

    def _learn(self, r, S, E, loss, excess, q, dt, target) -> None:
        weight = min(1.0, dt / (0.5 * self.min_rtt))
        rate = E * (1 - excess)
        if r.now - max(self._cut_at, self._competed_at) < SHY:
            rate = min(rate, max(S, self.capacity))
        is_busy = q > 0.3 * target
        if self.state == "compete":
            return
        if is_busy and S < 0.95 * self.capacity:
            self._expected += (1 - S / self.capacity) * dt
        if excess or (is_busy and S >= 0.97 * self.capacity):
            self.capacity += weight * (rate - self.capacity)
            self.capacity = min(self.capacity, 2 * max(S, E * (1 - loss)))
        elif not is_busy and rate > self.capacity:
            self.capacity += weight * (rate - self.capacity)
        elif is_busy and rate < self.capacity:
            self.capacity += 0.5 * weight * (rate - self.capacity)

    def _count_losses(self, r, q, target) -> float:
        """Looks at windows of a round and 200 datagrams; gives the share dropped by a full queue."""
        a = self._counted or r
        self._counted = a
        self._high = max(self._high, q)
        n = (r.sent - a.sent) / self._datagram
        if r.sent_at - a.sent_at < max(0.05, self.min_rtt / 2) or n < 200:
            return self._excess if r.now - self._excess_at < self.srtt else 0.0
        loss = max(0.0, 1 - (r.delivered - a.delivered) / (r.sent - a.sent))
        speed = (r.sent - a.sent) / (r.sent_at - a.sent_at)
        margin = 0.02 + 3 * math.sqrt(16 * self.loss / n)
        is_high = self._high > 1.5 * target or speed > 1.03 * self.capacity
        if loss > self.loss + margin and is_high and self.state != "start":
            self._excess = loss - self.loss
            self._excess_at = r.now
            self._yield_to_others(r, self._high > 1.5 * target)
        else:
            if r.now - self._ceiling_at > 10:
                self._ceiling = math.inf
            self._excess = 0.0
            if not is_high or loss < self.loss or self.state == "start":
                self.loss = min(MOST_LOSS, self.loss + (loss - self.loss) * 0.2)
        self._counted = r
        self._high = 0.0
        return self._excess

    def _yield_to_others(self, r, is_full) -> None:
        if is_full and not self._deep and r.now - self._cut_at > 2 * self.srtt:
            self.capacity *= CUT
        if self.state == "cruise" and r.now - self._deep_at > REFRESH:
            self._deep_at, self._deep, self._refresh = r.now, 2, 2
        self._cut_at = r.now
        self._ceiling, self._ceiling_at = self._high, r.now

    def _steer(self, r, q, target) -> None:
        if self.state == "compete":
            self._pace = self.capacity * (1 + 0.1 * self._pulse)
            return
        age = r.now - r.sent_at
        pred = max(0.0, q + r.in_flight / self.capacity - age)
        if self._refresh:
            target = -0.05 * self.min_rtt
        gain = 1 + (target - pred) / self.min_rtt
        if self._level and q < 0.3 * target:
            gain = max(gain, 1 + target / self.min_rtt * 2**self._level)
        if r.now - self._cut_at < 2 * self.srtt:
            gain = min(gain, 1.0)
        if self._deep:
            gain = min(gain, DEEP)
        self._pace = self.capacity * min(max(gain, LEAST_GAIN), 1 + MOST_PUSH)

    def _end_round(self, r, S, target) -> None:
        if self.state == "compete":
            self._compete(r, target)
        elif self.state == "cruise":
            idle = self._round_most < 0.3 * target and not self._limited and S > 0.95 * self.capacity
            most = 1 if r.now - max(self._cut_at, self._competed_at) < SHY else 6
            self._level = min(self._level + 1, most) if idle else 0
            self._judge_queue(r, target)
        if self.state != "start":
            self.min_rtt = max(1e-3, self._round_rtt - self._round_q)
        self._deep = max(0, self._deep - 1)
        if self._refresh:
            self._refresh -= 1
            if self._touched >= self._mark:
                self._refresh = 0
        elif r.now - self._touched > max(REFRESH, 15 * self.min_rtt) and self.state == "cruise":
            self._refresh = 2
            self._touched = r.now
        self._new_round(r)

    def _judge_queue(self, r, target) -> None:
        """A queue that stays although less is sent: is it ours, another's, or has the path become longer?"""
        if self._round_q < 2 * target + 0.002:
            self._stuck, self._expected = 0, 0.0
            return
        if not self._stuck:
            self._stuck_from, self._expected = self._round_q, 0.0
        self._stuck += 1
        if self._stuck < 4 or self._expected < max(0.15 * self.min_rtt, 0.005):
            return
        share = (self._stuck_from - self._round_q) / self._expected
        is_flat = self._round_most - self._round_q < max(0.001, 0.1 * self._round_q)
        if share < 0.15 and is_flat:
            self._stuck = 0
            self._base = self._base_before = self._round_delay
            self._delays.clear()
            self._delays.append(r.counted_at - r.sent_at)
            self._base_at = self._touched = r.now
            self._round_rtt, self._round_q = self._round_rtt, 0.0
            self._level = 3
        elif self._stuck >= 10:
            self._stuck = 0
            if share > 0.6:
                return
            self.state = "compete"
            self._competes_since = r.now
            self._share, self._pulse, self._growth = share, 1, {}
            self._round_from = r

    def _compete(self, r, target) -> None:
        self._competed_at = r.now
        a = self._round_from
        self._growth[-self._pulse] = (r.counted_at - a.counted_at) / max(1e-6, r.sent_at - a.sent_at) - 1
        self._round_from = r
        if len(self._growth) == 2:
            share = (self._growth[1] - self._growth[-1]) / 0.2
            self._share += 0.1 * (min(max(share, -0.5), 1.5) - self._share)
            self.capacity *= 1 + 0.03 * (0.33 - self._share)
        self._pulse = -self._pulse
        if self._round_most < target or r.now - self._competes_since > 10:
            self.state, self._level = "cruise", 0

    def _new_round(self, r) -> None:
        self._mark = r.now
        self._round_q = self._round_rtt = self._round_delay = math.inf
        self._round_most = 0.0
        self._limited = False
