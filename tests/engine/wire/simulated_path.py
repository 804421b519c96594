"""A path with a clock of its own: one drop-tail bottleneck, shared by our flows and by models of TCP.

A rate control is tried on it. Datagrams go in bursts of a millisecond or so; a burst is queued, cut, delayed and delivered as one. The forward delay is
behind the queue, reports come back after the backward delay.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from accsyn_engine.wire.rate import Known, RateControl, Report

DATAGRAM = 1500
MBIT = 1e6 / 8  # bytes per second


class World:
    """Clock and events, in order of time."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._ids = count()

    def at(self, moment: float, do: Callable[..., None], *args: object) -> None:
        heapq.heappush(self._events, (moment, next(self._ids), do, args))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, do, args = heapq.heappop(self._events)
            do(*args)
        self.now = until


class Losses:
    """Random loss of a share of all datagrams, in runs of a mean length (Gilbert's model): 1 for single losses."""

    def __init__(self, rng: random.Random, share: float, run: float = 1.0) -> None:
        self._rng, self.share, self._run = rng, share, run
        self._good = self._gap()
        self._bad = 0

    def _gap(self) -> int:
        if not self.share:
            return 1 << 60
        return self._geometric(self._run * (1 - self.share) / self.share)

    def _geometric(self, mean: float) -> int:
        if mean <= 1:
            return 1
        return max(1, math.ceil(math.log(1 - self._rng.random()) / math.log(1 - 1 / mean)))

    def of(self, datagrams: int) -> int:
        """How many of the next ones are lost."""
        lost = 0
        while datagrams:
            step = min(datagrams, self._bad or self._good)
            datagrams -= step
            if self._bad:
                lost += step
                self._bad -= step
                if not self._bad:
                    self._good = self._gap()
            else:
                self._good -= step
                if not self._good:
                    self._bad = self._geometric(self._run)
        return lost


class Link:
    """The bottleneck: bytes per second, a queue of so many bytes at most, what it served and dropped in all."""

    def __init__(self, world: World, rate: float, queue: float) -> None:
        self.world, self.rate = world, rate
        self.queue = max(queue, 12 * DATAGRAM)
        self.backlog = 0.0
        self.accepted = 0
        self.dropped = 0
        self.is_cut = False
        self._at = 0.0

    def _drain(self) -> None:
        self.backlog = max(0.0, self.backlog - self.rate * (self.world.now - self._at))
        self._at = self.world.now

    def change(self, rate: float) -> None:
        self._drain()
        self.rate = rate

    @property
    def served(self) -> float:
        self._drain()
        return self.accepted - self.backlog

    def take(self, datagrams: int) -> tuple[int, float]:
        """Gives how many of them pass, and when the last is out."""
        self._drain()
        if self.is_cut:
            return 0, 0.0
        passed = max(0, min(datagrams, int((self.queue - self.backlog) // DATAGRAM)))
        self.backlog += passed * DATAGRAM
        self.accepted += passed * DATAGRAM
        self.dropped += (datagrams - passed) * DATAGRAM
        return passed, self.world.now + self.backlog / self.rate


@dataclass
class Way:
    """What lies around the bottleneck for one flow. Times in seconds, both delays one way."""

    rtt: float
    loss: float = 0.0
    run: float = 1.0
    is_loss_behind: bool = False  # the queue comes before the loss
    jitter: float = 0.0  # a burst comes up to so much later, and so behind others
    report_loss: float = 0.0
    compression: float = 0.0  # reports wait for a multiple of this
    stalls: tuple[float, float] = (0.0, 0.0)  # receiver: every, for
    oversleeps: tuple[float, float] = (0.0, 0.0)  # sender: every, for
    app: Callable[[float], float] | None = None  # most bytes per second the sender has, by time


class Flow:
    """A sender of ours with its receiver: paces, counts, reports. `arrivals` are delivered bytes by tenth of a second."""

    def __init__(self, world: World, link: Link, way: Way, *, start: float = 0.0, known: Known | None = None) -> None:
        self.world, self.link, self.way = world, link, way
        self.losses = Losses(world.random, way.loss, way.run)
        self.start = start
        self.known = known
        self.sent = self.lost = self.delivered = self.newest = 0
        self.newest_at = self.counted_at = 0.0
        self.reported = (0, 0)
        self.last_heard = start
        self.credit = 0.0
        self.app_credit = 0.0
        self.is_app_limited = False
        self.last_tick = start
        self.delays: list[tuple[float, float]] = []
        self.arrivals: dict[int, int] = {}
        world.at(start, self._begin)

    def _begin(self) -> None:
        now = self.world.now
        self.control = RateControl(now=now, rtt=self.way.rtt * 1.05 + 0.001, datagram=DATAGRAM, known=self.known)
        self.world.at(now, self._tick)
        self.world.at(now, self._report)

    # sender
    def _tick(self) -> None:
        now = self.world.now
        control = self.control
        if now - self.last_heard > max(0.5, 4 * control.srtt):
            control.on_silence(now)
        rate = control.rate
        step = now - self.last_tick
        self.last_tick = now
        self.credit = min(self.credit + rate * step, max(2 * DATAGRAM, rate * 0.02))
        out = self.sent - self.reported[0]
        room = max(0, control.window - out) // DATAGRAM
        datagrams = min(int(self.credit // DATAGRAM), room)
        if self.way.app is not None:
            self.app_credit = min(self.app_credit + self.way.app(now) * step, 1e6)
            if self.app_credit < datagrams * DATAGRAM:
                self.is_app_limited = True
                datagrams = int(self.app_credit // DATAGRAM)
            self.app_credit -= datagrams * DATAGRAM
        if datagrams:
            self.credit -= datagrams * DATAGRAM
            self._send(datagrams)
        pause = max(DATAGRAM / max(rate, 1.0), min(0.002, max(0.0005, self.way.rtt / 50)))
        every, long = self.way.oversleeps
        if every and int(now / every) != int((now + pause) / every):
            pause += long
        self.world.at(now + min(pause, 0.2), self._tick)

    def _send(self, datagrams: int) -> None:
        self.sent += datagrams * DATAGRAM
        behind = self.way.is_loss_behind
        passed = datagrams if behind else datagrams - self.losses.of(datagrams)
        passed, out_at = self.link.take(passed)
        if behind:
            passed -= self.losses.of(passed)
        if passed > 0:
            extra = self.world.random.random() * self.way.jitter if self.way.jitter else 0.0
            arrival = out_at + self.way.rtt / 2 + extra
            every, long = self.way.stalls
            if every and arrival % every < long:
                arrival += long - arrival % every
            self.world.at(arrival, self._arrive, passed * DATAGRAM, self.sent, self.world.now)

    # receiver
    def _arrive(self, size: int, sent: int, sent_at: float) -> None:
        now = self.world.now
        self.delivered += size
        tenth = int(now * 10)
        self.arrivals[tenth] = self.arrivals.get(tenth, 0) + size
        if sent > self.newest:
            self.newest, self.newest_at, self.counted_at = sent, sent_at, now + 1e6

    def _report(self) -> None:
        now = self.world.now
        way = self.way
        every, long = way.stalls
        is_stalled = bool(every) and now % every < long
        if self.newest and not is_stalled and not self.link.is_cut and self.world.random.random() >= way.report_loss:
            arrival = now + way.rtt / 2
            if way.compression:
                arrival = math.ceil(arrival / way.compression) * way.compression
            held = now + 1e6 - self.counted_at
            self.world.at(arrival, self._hear, self.newest, self.newest_at, self.counted_at, self.delivered, held)
        self.world.at(now + max(0.005, min(way.rtt / 8, 0.025)), self._report)

    def _hear(self, newest: int, newest_at: float, counted_at: float, delivered: int, held: float) -> None:
        now = self.world.now
        if newest < self.reported[0]:
            return
        is_new = newest > self.reported[0]
        self.reported = (newest, delivered)
        self.last_heard = now if is_new else self.last_heard
        lost = newest - delivered - self.lost
        self.lost += lost
        rtt = now - newest_at - held if is_new else None
        self.control.on_report(
            Report(
                now=now,
                rtt=rtt,
                sent_at=newest_at,
                sent=newest,
                delivered=delivered,
                counted_at=counted_at,
                lost=lost,
                in_flight=self.sent - newest,
                is_app_limited=self.is_app_limited,
            )
        )
        self.is_app_limited = False
        self.delays.append((now, self.link.backlog / self.link.rate))

    def goodput(self, start: float, end: float) -> float:
        """Bytes per second delivered between two times (multiples of 0.1 s)."""
        low, high = round(start * 10), round(end * 10)
        return sum(self.arrivals.get(tenth, 0) for tenth in range(low, high)) / (end - start)

    def queueing(self, start: float, end: float) -> float:
        """Mean delay of the queue, in seconds."""
        found = [delay for now, delay in self.delays if start <= now <= end]
        return sum(found) / max(1, len(found))


class Tcp:
    """One TCP flow without end: acknowledgement for every burst, losses seen when a later burst is acknowledged."""

    def __init__(self, world: World, link: Link, rtt: float, *, start: float = 0.0) -> None:
        self.world, self.link, self.rtt = world, link, rtt
        self.window = 10.0 * DATAGRAM
        self.pacing = 2 * self.window / rtt
        self.sent = self.acked = self.delivered = self.lost = 0
        self.delivered_at = start
        self.srtt = rtt
        self.arrivals: dict[int, int] = {}
        self.credit = 0.0
        self.last = self.rescued_at = start
        world.at(start, self._tick)

    def _tick(self) -> None:
        now = self.world.now
        self.credit = min(self.credit + self.pacing * (now - self.last), max(4 * DATAGRAM, 0.004 * self.pacing))
        self.last = now
        if self.acked < self.sent and now - max(self.delivered_at, self.rescued_at) > max(1.0, 2 * self.srtt):
            self.rescued_at, self.acked = now, self.sent  # time out: all of it is lost
        room = self.window - (self.sent - self.acked)
        datagrams = int(min(room, self.credit) // DATAGRAM)
        if datagrams > 0:
            self.credit -= datagrams * DATAGRAM
            self._send(datagrams)
        self.world.at(now + 0.002, self._tick)

    def _send(self, datagrams: int) -> None:
        now = self.world.now
        self.sent += datagrams * DATAGRAM
        passed, out_at = self.link.take(datagrams)
        if passed:
            then = (self.delivered, self.delivered_at if self.sent > self.acked else now)
            self.world.at(out_at + self.rtt, self._acknowledge, passed * DATAGRAM, self.sent, now, *then)

    def _acknowledge(self, size: int, sent: int, sent_at: float, then: int, then_at: float) -> None:
        now = self.world.now
        tenth = int(now * 10)
        self.arrivals[tenth] = self.arrivals.get(tenth, 0) + size
        self.delivered += size
        self.delivered_at = now
        lost = max(0, sent - self.acked - size)
        self.acked = max(self.acked, sent)
        self.lost += lost
        self.srtt = 0.875 * self.srtt + 0.125 * (now - sent_at)
        self.on_ack(size, lost, now - sent_at, sent_at, (self.delivered - then) / max(1e-9, now - then_at))

    def on_ack(self, size: int, lost: int, rtt: float, sent_at: float, delivery: float) -> None:
        raise NotImplementedError

    def goodput(self, start: float, end: float) -> float:
        """Bytes per second acknowledged between two times (multiples of 0.1 s)."""
        low, high = round(start * 10), round(end * 10)
        return sum(self.arrivals.get(tenth, 0) for tenth in range(low, high)) / (end - start)


class Cubic(Tcp):
    """RFC 9438, with HyStart's delay test (RFC 9406) reduced to one line and proportional rate reduction (RFC 6937)."""

    _peak = _start = 0.0
    _epoch = -1.0
    _reduced_at = -1.0
    _is_slow_start = True
    _is_reducing = False
    _best = math.inf

    def on_ack(self, size: int, lost: int, rtt: float, sent_at: float, delivery: float) -> None:
        now = self.world.now
        self._best = min(self._best, rtt)
        self.pacing = (2 if self._is_slow_start else 1.2) * self.window / self.srtt  # as Linux does
        if lost > 0 and sent_at > self._reduced_at:
            self._peak = self.window * (0.85 if self.window < self._peak else 1)
            self._start = max(2 * DATAGRAM, self.window * 0.7)
            self._reduced_at = self._epoch = now
            self._is_slow_start, self._is_reducing = False, True
        if self._is_reducing:
            self.window = max(self._start, self.window - 0.3 * (size + lost))
            self._is_reducing = self.window > self._start
        elif self._is_slow_start:
            self.window += size
            if rtt > self._best + max(0.004, min(0.016, self._best / 8)):
                self._is_slow_start = False
                self._peak, self._start, self._epoch = 0.0, self.window, now
        else:
            origin = max(self._peak, self._start) / DATAGRAM
            period = ((origin - self._start / DATAGRAM) / 0.4) ** (1 / 3)
            target = (0.4 * (now - self._epoch + self.srtt - period) ** 3 + origin) * DATAGRAM
            target = min(max(target, self.window), 1.5 * self.window)
            self.window += (target - self.window) * size / self.window + 0.53 * DATAGRAM * size / self.window * 0.1


class Bbr(Tcp):
    """BBR version 1: the largest delivery rate of ten rounds, eight phases of pacing, twice the product in flight."""

    _best = math.inf
    _best_at = 0.0
    _round_end = 0
    _round = 0
    _full = 0.0
    _stale = 0
    _state = "startup"
    _phase = 2
    _phase_at = 0.0
    _until = 0.0

    def __init__(self, world: World, link: Link, rtt: float, *, start: float = 0.0) -> None:
        super().__init__(world, link, rtt, start=start)
        self._samples: dict[int, float] = {}

    def on_ack(self, size: int, lost: int, rtt: float, sent_at: float, delivery: float) -> None:
        now = self.world.now
        is_expired = now - self._best_at > 10
        if rtt <= self._best or is_expired:
            self._best, self._best_at = rtt, now
        self._samples[self._round] = max(self._samples.get(self._round, 0.0), delivery)
        if self.acked > self._round_end:
            self._round_end = self.sent
            self._round += 1
            self._samples = {one: rate for one, rate in self._samples.items() if one > self._round - 10}
            if self._state == "startup":
                self._check_full()
        most = max(self._samples.values())
        product = most * self._best
        gain, hold = self._gains(now, product, is_expired=is_expired)
        self.pacing = gain * most
        target = 4 * DATAGRAM if self._state == "rtt" else hold * product + 3 * DATAGRAM
        self.window = min(target, self.window + size) if self._state != "rtt" else target

    def _check_full(self) -> None:
        most = max(self._samples.values())
        self._stale = 0 if most > 1.25 * self._full else self._stale + 1
        self._full = max(self._full, most)
        if self._stale >= 3:
            self._state = "drain"

    def _gains(self, now: float, product: float, *, is_expired: bool) -> tuple[float, float]:
        out = self.sent - self.acked
        if is_expired and self._state != "rtt":
            self._state, self._until = "rtt", now + 0.2 + self.srtt
        if self._state == "rtt" and now > self._until:
            self._state, self._phase_at, self._phase = "bw", now, 2
        if self._state == "drain" and out <= product:
            self._state, self._phase_at, self._phase = "bw", now, 2
        if self._state == "bw":
            gain = (1.25, 0.75, 1, 1, 1, 1, 1, 1)[self._phase]
            is_long = now - self._phase_at > self._best
            if (is_long and (gain <= 1 or out >= 1.25 * product)) or (gain < 1 and out <= product):
                self._phase, self._phase_at = (self._phase + 1) % 8, now
            return (1.25, 0.75, 1, 1, 1, 1, 1, 1)[self._phase], 2.0
        return {"startup": (2.89, 2.89), "drain": (1 / 2.89, 2.89), "rtt": (1.0, 1.0)}[self._state]


@dataclass
class Bench:
    """One link with what runs over it."""

    rate: float  # bytes per second
    rtt: float
    queue: float = 1.0  # in products of rate and rtt
    seed: int = 1
    world: World = field(init=False)
    link: Link = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.seed)
        self.link = Link(self.world, self.rate, self.queue * self.rate * self.rtt)

    def flow(self, *, start: float = 0.0, known: Known | None = None, **way: object) -> Flow:
        return Flow(self.world, self.link, Way(rtt=self.rtt, **way), start=start, known=known)  # type: ignore[arg-type]

    def use(self, start: float, end: float) -> float:
        """Runs on; gives the share of the link that was used between two times."""
        self.world.run(start)
        before = self.link.served
        self.world.run(end)
        return (self.link.served - before) / (self.link.rate * (end - start))


def jain(values: list[float]) -> float:
    """Jain's index of fairness: 1 when all are equal, 1/n when one has all."""
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))
