from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    capacity: float
    min_rtt: float
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
    def __init__(self, *, now, rtt, datagram, known=None):
        import os

        self.rate = float(os.environ.get("STUB_RATE", 115e6))
        self.min_rtt = self.srtt = rtt
        self.cap = None
        self.loss = 0
        self.capacity = 0

    @property
    def window(self):
        return int(self.rate * max(self.srtt, 0.02) * 2.5) + 200000

    def on_report(self, r):
        if r.rtt:
            self.srtt += (r.rtt - self.srtt) / 8

    def on_silence(self, now):
        pass
