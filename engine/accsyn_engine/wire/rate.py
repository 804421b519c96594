"""Rate control of the datagram transport: how fast to send, from what the receiver reports. Pure; time is an argument.

The model is BBR's (draft-ietf-ccwg-bbr): the path is a capacity and a round trip. It is measured without BBR's filters:

- Queue: q = (arrival - sending) of the newest datagram, the least of three reports, less the least of the last 10 to
  20 s. It is one-way, so clocks need not agree and the way back does not matter.
- Capacity C, in bytes *sent* per second: between two reports E = d(sent) / d(arrival). While a queue stands this is
  the bottleneck's own pace, whatever is lost at random before or behind it. Without a queue E is only what we sent.
- Loss: 1 - d(delivered) / d(sent) over at least 200 datagrams. More than usual while the queue is high is overflow.

start    pace = 3.5 E, in flight at most twice E times the RTT, until E falls clearly behind what was sent, or loss
         jumps; then C is the best rate of arrivals. What was too much is drained, and teaches the queue's depth only.
cruise   the queue a datagram sent now will find is p = q + in_flight / C - age of the newest reported (a Smith
         predictor); pace = C (1 + (target - p) / RTT). The target is 4 to 20 % of the RTT and falls with C, so that of
         two senders at one queue the slower one grows (as Swift's flow scaling, SIGCOMM 2020). A round without a queue
         at full pace doubles the push: capacity that was added is found in a few rounds.
ebb      every 2.5 s of the clock that all have in common the queue is drained, to see the path's own delay; that is all
         which replaces BBR's probing. See `ebb`: it also shows whether the queue is others'.
shallow  a queue that drops before it is as high as aimed at shows as loss whenever it is pushed: that is not taken for
         random, and C never rises beyond what arrived over the loss that is known.
overflow C is cut to 0.75 of what it was, the queue drained, and for 10 s we grow slowly and take nothing at once that
         others leave.
compete  beside others who fill the queue C moves to a share of the link and is cut on overflow only. Ends when ebbs
         show nobody else, or when there is no queue for five rounds.
silent   one datagram each min(RTT, 200 ms), later 500 ms; the first answer brings 0.7 C back, which must prove itself.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from accsyn_engine.wire.ebb import STEP, Ebb
from accsyn_engine.wire.measures import MEMORY, Delays, Most, Report, Round, Sample

FIRST = 128 * 1024  # bytes in the first round trip
LEAST_RTT = 0.001
START_GAIN = 3.5  # E lags by a report and half a span: about 2.77 a round trip in effect
LEAST_GAIN, MOST_GAIN = 0.5, 2.77
CUT = 0.75  # on overflow; CUBIC's is 0.7 (RFC 9438), BBR has none
MOST_LOSS, SPARE = 0.25, 0.1  # the most that is taken for random, and how much more than known at once
SAMPLE = 200  # datagrams on which a loss is judged
FAIR = 0.45  # the share of the link that is aimed at beside others who fill the queue
GROWTH, YIELD = 0.06, 0.01  # in a round
START, CRUISE, COMPETE, SILENT = "start", "cruise", "compete", "silent"


@dataclass(frozen=True)
class Known:
    """What a path showed: bytes sent per second that it takes, its own RTT in seconds, its random loss (0 to 1)."""

    rate: float
    rtt: float
    loss: float


class RateControl:
    """One path. `rtt` in seconds, `datagram` in bytes; `known` is what this path showed last time.

    `utc` added to the times gives a clock that senders on all machines share, more or less.

    `capacity`, `loss`, `min_rtt`, `srtt` and `state` are for display. `cap` is a limit in bytes per second that takes
    effect at the next look at `rate`; a capped flow teaches nothing about the path.
    """

    def __init__(self, *, now: float, rtt: float, datagram: int, known: Known | None = None, utc: float = 0.0) -> None:
        self.cap: float | None = None
        self.min_rtt = self.srtt = max(rtt, LEAST_RTT)
        self.state = CRUISE if known else START
        self.loss = known.loss if known else 0.0
        self.capacity = self._pace = 0.8 * known.rate if known else FIRST / max(rtt, 0.05)
        self._level = 2 if known else 0  # of the push: doubles with each
        self._before = known
        self._proven = 0.0  # the capacity when it was last in full use
        self._gain, self._in_vain = 1.0, 0
        self._started_at = -math.inf  # when the start ended
        self._goodput = Most()
        self._datagram = datagram
        self._points: deque[Report] = deque()
        self._heard_at = now
        self._delays = Delays(now)
        self._full, self._full_at = math.inf, now  # the one-way delay at which the queue overflowed
        self._round = Round(now)
        self._ebb = Ebb(now, utc)
        self._calm = 0  # rounds without a queue
        self._cut_at = self._reduced_at = self._competed_at = -math.inf
        self._counted: Report | None = None  # where the count of losses began
        self._high = 0.0  # queue since then
        self._excess, self._excess_at, self._surplus = 0.0, -math.inf, 0.0
        self._stuck = 0  # rounds
        self._were = deque([self.capacity], maxlen=3)  # capacities at the end of the last rounds
        self._silent_at = now

    @property
    def rate(self) -> float:
        """Bytes per second to pace at, headers included."""
        return self._pace if self.cap is None else min(self._pace, self.cap)

    @property
    def window(self) -> int:
        """Bytes in flight at most: a guard, not a control. In silence only the rate limits, as flight is unknown."""
        if self.state == SILENT:
            return 1 << 40
        if self.state == START:  # what is out when a line fills up is twice what it holds, not START_GAIN times that
            return int(2 * self.capacity * self.srtt) + 32 * self._datagram
        longest = 2 * self.min_rtt + self._delays.queue + 0.1
        return int(max(self.capacity, self._pace) * longest) + 32 * self._datagram

    @property
    def known(self) -> Known | None:
        """To remember for the next transfer on this path; what was known before where this one filled it at no time."""
        return Known(self._proven, self.min_rtt, self.loss) if self._proven else self._before

    @property
    def target(self) -> float:
        """The queue to stand at, in seconds: falls by 2.5 % of the RTT with every doubling of the rate."""
        share = 0.06 - 0.025 * math.log2(max(self.capacity, 1.0) / 1.25e8)
        wanted = max(self.min_rtt * min(max(share, 0.04), 0.2), 0.002, 3 * self._datagram / max(self.capacity, 1.0))
        return min(wanted, max(self._depth / 2, 0.0005))

    @property
    def _depth(self) -> float:
        """Of the queue, in seconds; grows where the path's own delay turns out to be less than was thought."""
        return max(0.0, self._full - self._delays.base) if self._full < math.inf else math.inf

    def on_silence(self, now: float) -> None:
        """No report for long although datagrams are out. May be called again and again."""
        if self.state != SILENT:
            self.state, self._silent_at = SILENT, now
        is_fresh = now - self._silent_at < 5
        self._pace = self._datagram / (min(max(self.srtt, 0.01), 0.2) if is_fresh else 0.5)

    def on_report(self, report: Report) -> None:
        if report.rtt is None:
            return
        if self.state == SILENT:
            self._resume(report)
        self.srtt += (report.rtt - self.srtt) / 8
        sample = self._sample(report, report.rtt)
        if sample is None:
            return
        if self.state == START:
            self._start(report, sample)
        elif report.sent_at < self._started_at:
            self._clear_up(report, sample)
        else:
            self._learn(report, sample)
            self._steer(report, sample)
        if report.sent_at >= self._round.mark:
            self._end_round(report, sample)

    def _resume(self, report: Report) -> None:
        self.state, self._level = CRUISE, 3
        self.capacity = self._pace = 0.7 * self.capacity
        self._points.clear()
        self._counted = None
        self._delays.forget(report.now)
        self._ebb.forget()
        self._round = Round(report.now)

    # measuring
    def _sample(self, report: Report, rtt: float) -> Sample | None:
        """Measures over the last part of a round trip: long enough for 16 datagrams and a few reports."""
        target = self.target
        queue = self._delays.add(report.now, report.counted_at - report.sent_at)
        self._round.add(report, rtt, queue)
        part = self.min_rtt / 4 if self.state == START else min(self.min_rtt / 2, 0.25)
        span = max(part, 0.02 if self.state == START else 0.03, 16 * self._datagram / self.capacity)
        points = self._points
        points.append(report)
        while len(points) > 2 and points[1].sent_at <= report.sent_at - span:
            points.popleft()
        first = points[0]
        sent, over, took = (
            report.sent - first.sent,
            report.sent_at - first.sent_at,
            report.counted_at - first.counted_at,
        )
        if sent <= 0 or over <= 0 or took <= 0:
            return None
        passed, self._heard_at = min(report.now - self._heard_at, self.min_rtt), report.now
        loss = max(0.0, 1 - (report.delivered - first.delivered) / sent)
        pace = sent / over
        self._goodput.add(report.now, (report.delivered - first.delivered) / took, max(1.0, 10 * self.min_rtt))
        return Sample(pace, min(sent / took, 2 * pace), loss, sent / self._datagram, queue, target, passed)

    def _overflow(self, report: Report, sample: Sample) -> float:
        """The share that a full queue drops at present; learns the random loss from the rest."""
        first = self._counted = self._counted or report
        self._high = max(self._high, sample.queue)
        sent, over = report.sent - first.sent, report.sent_at - first.sent_at
        if over < max(0.05, self.min_rtt / 2) or sent < SAMPLE * self._datagram:
            return self._excess if report.now - self._excess_at < self.srtt else 0.0
        loss = 1 - (report.delivered - first.delivered) / sent
        self._surplus = max(0.9 * self._surplus, -loss)  # more came than was sent: reordering blurs the count
        loss = max(0.0, loss)
        noise = 2 * self._surplus + 3 * math.sqrt(16 * self.loss * self._datagram / sent)  # of losses in runs of 8
        is_full = self._high > 1.5 * sample.target
        is_excess = loss > self.loss + 0.02 + noise
        # A queue so shallow that it drops before it is high shows by drops each time it is pushed.
        self._in_vain = self._in_vain + 1 if is_excess and self._gain > 1.005 else 0
        is_high = is_full or self._in_vain >= 3 or sent > 1.03 * self.capacity * over
        self._excess = 0.0
        if self.state != START and is_high and is_excess:
            self._excess, self._excess_at = loss - self.loss, report.now
            self._yield(report, is_full=is_full)
        elif self.state == START or loss < self.loss or (self._high > 0.9 * sample.target and not is_high):
            self.loss = min(MOST_LOSS, self.loss + 0.2 * (loss - self.loss))
        if report.now - self._full_at > max(6 * MEMORY, 60 * self.min_rtt):
            self._full = math.inf
        self._counted, self._high = report, 0.0
        return self._excess

    def _yield(self, report: Report, *, is_full: bool) -> None:
        if is_full or self._in_vain >= 3:  # one loss while pushing may be bad luck
            self._full_at, self._full = report.now, self._delays.base + self._high
        if is_full and not self._ebb.left and report.now - self._reduced_at > 2 * self.srtt:
            self._reduced_at = report.now
            self.capacity = min(self.capacity, CUT * max(self._were))
        if self.state == CRUISE and report.now - self._ebb.began > max(STEP, 5 * self.srtt):
            self._ebb.begin(report.now, self._delays.queue)
        self._cut_at = report.now

    def _is_shy(self, now: float) -> bool:
        """Others were seen a short while ago."""
        return now - max(self._cut_at, self._competed_at) < MEMORY

    # steering
    def _start(self, report: Report, sample: Sample) -> None:
        self._overflow(report, sample)
        is_queueing = sample.arrival < 0.75 * sample.pace and sample.queue > max(0.003, self.min_rtt / 16)
        is_dropping = sample.loss > self.loss + 0.1 + 4 / math.sqrt(sample.datagrams)
        if is_queueing or is_dropping:
            self.state = CRUISE
            self.capacity = min(max(self.capacity, sample.arrival), self._goodput.most / (1 - self.loss))
            self._ebb.begin(report.now, self._delays.queue)
            self._round.mark = self._started_at = report.now
            self._steer(report, sample)
            return
        if not report.is_app_limited:
            self.capacity = max(self.capacity, sample.arrival)
        self._pace = max(self._pace, START_GAIN * sample.arrival)

    def _clear_up(self, report: Report, sample: Sample) -> None:
        """What the start sent too much is still coming in: it tells how deep the queue is, and nothing about others."""
        self._counted, self._high = None, max(self._high, sample.queue)
        if sample.loss > self.loss + SPARE:
            self._full_at, self._full = report.now, self._delays.base + self._high
        self._steer(report, sample)

    def _learn(self, report: Report, sample: Sample) -> None:
        """Capacity from arrivals: both ways while a queue stands, upwards only without one."""
        excess = self._overflow(report, sample)
        is_busy = sample.queue > 0.3 * sample.target
        if is_busy:
            self._ebb.note(sample.queue, (1 - sample.pace / self.capacity) * sample.passed)
        if self.state == COMPETE:
            return
        rate = sample.arrival * (1 - excess)
        if self._is_shy(report.now):
            rate = min(rate, max(sample.pace, self.capacity))
        # What never arrived proves little: or the drops of a shallow queue would be taken for bad luck, and for room.
        rate = min(rate, max(self.capacity, self._goodput.most / (1 - min(self.loss + SPARE, MOST_LOSS))))
        weight = min(1.0, 2 * sample.passed / self.min_rtt)
        if excess or (is_busy and sample.pace >= 0.97 * self.capacity):
            self.capacity += weight * (rate - self.capacity)
            self.capacity = min(self.capacity, 2 * max(sample.pace, sample.arrival * (1 - sample.loss)))
        elif is_busy and rate < self.capacity and not self._ebb.left:
            self.capacity += 0.5 * weight * (rate - self.capacity)  # sent less: others may have taken its place
        elif not is_busy and rate > self.capacity:
            self.capacity += weight * (rate - self.capacity)

    def _steer(self, report: Report, sample: Sample) -> None:
        coming = max(0.0, sample.queue + report.in_flight / self.capacity - (report.now - report.sent_at))
        target = self.target
        gain = 1 + (target - coming) / self.min_rtt
        if self.state == COMPETE:
            gain = 1.0
        elif self._ebb.finds_others:
            gain = max(gain, 1.0)
        if self._ebb.left:
            gain = min(1.0, 1 - 6 * (coming / self.min_rtt + 0.005))
        if self._level and sample.queue < 0.3 * target:
            gain = max(gain, 1 + target / self.min_rtt * 2**self._level)
        if report.now - self._cut_at < 2 * self.srtt:
            gain = min(gain, 1.0)
        self._gain = min(max(gain, LEAST_GAIN), MOST_GAIN)
        self._pace = self.capacity * self._gain

    # once a round
    def _end_round(self, report: Report, sample: Sample) -> None:
        seen = self._round
        if self._ebb.left:
            self._go_on_with_ebb(report, sample)
        elif self.state == COMPETE:
            self._compete(report, sample)
        if self.state == CRUISE:
            is_idle = seen.most < 0.3 * sample.target and not seen.is_limited and sample.pace > 0.95 * self.capacity
            self._level = min(self._level + 1, 1 if self._is_shy(report.now) else 6) if is_idle else 0
        if self.state != START:
            if not seen.is_limited and sample.pace > 0.7 * self.capacity:
                self._proven = self.capacity
            self.min_rtt = max(LEAST_RTT, seen.rtt - seen.least)
            self._look_for_ebb(report, sample)
        self._were.append(self.capacity)
        self._round = Round(report.now, report)

    def _look_for_ebb(self, report: Report, sample: Sample) -> None:
        """In step with all others, and where a queue stays."""
        self._stuck = self._stuck + 1 if self._round.least > 2 * sample.target + 0.002 else 0
        is_stuck = self._stuck >= 4 and self.state == CRUISE and report.now - self._ebb.began > 5 * self.srtt
        is_time = self._ebb.is_due(report.now, self.min_rtt)
        if not self._ebb.left and (is_time or is_stuck):
            self._ebb.begin(report.now, self._delays.queue, in_step=is_time)

    def _go_on_with_ebb(self, report: Report, sample: Sample) -> None:
        seen, ebb = self._round, self._ebb
        ebb.end_round(is_empty=seen.least < max(0.25 * sample.target, 0.0003))
        if ebb.left:
            return
        is_still = seen.is_flat and seen.least > 2 * sample.target + 0.002 and report.now - self._cut_at > MEMORY / 2
        if is_still and ebb.tells(self.min_rtt) and ebb.share < 0.15:
            self.state, self._level = CRUISE, 3  # the path has become longer
            ebb.forget()
            self._delays.forget(report.now, seen.delay)
            seen.least = 0.0
            return
        ebb.judge(self.capacity, self.min_rtt)
        if self.state == CRUISE:
            self._calm = 0
        self.state = COMPETE if ebb.is_beside_others else CRUISE

    def _compete(self, report: Report, sample: Sample) -> None:
        self._competed_at = report.now
        wanted = FAIR * self._ebb.link
        self.capacity *= 1 + min(max(0.1 * (wanted / self.capacity - 1), -YIELD), GROWTH)
        self.capacity = min(self.capacity, 1.25 * sample.arrival)
        self._calm = self._calm + 1 if self._round.most < sample.target else 0
        if self._calm >= 5:
            self.state = CRUISE
            self._ebb.forget()
