"""Faults of the line under a transfer: it is cut, it flaps, the vendor's address changes. The job must end well by itself."""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from accsyn_engine.clock import SystemClock
from tests.benchmarks.line import B, Line, Wan
from tests.benchmarks.loads import Load, check
from tests.benchmarks.options import Options
from tests.benchmarks.sites import Running, Sites, TransferFailedError

CLOCK = SystemClock()
LINE = Line(200, 100, 0.1)
LOAD = Load(1, 10**9)
ELSEWHERE = "10.99.0.3"
BEGUN = 0.1  # of the file is there when the fault comes
LOOK_S = 0.005
RESUME_S = 2.0  # in which it must move again
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Fault:
    """What happens to the line; `strike` gives the seconds from each return to the next byte at the vendor."""

    name: str
    strike: Callable[[Wan, Running], list[float | None]]


def measure(fault: Fault, options: Options) -> dict[str, Any]:
    load = LOAD.scaled(options.scale)
    source = options.stock.get(load, 0)
    folder = options.top / "w"
    try:
        with Wan(LINE) as wan, Sites(folder, options.stock.folder, wan) as sites:
            with sites.running(source, load.bytes) as running:
                _await_progress(running, int(load.bytes * BEGUN), PATIENCE_S)
                resumed = fault.strike(wan, running)
                try:
                    moved = running.wait(PATIENCE_S)
                except TransferFailedError as error:
                    return {"name": fault.name, "line": asdict(LINE), "met": False, "failed": str(error)}
            if moved.is_whole:
                check(source, sites.landing(source))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    window = int(LINE.rate_mbit * 1e6 / 8 * LINE.rtt_ms / 1000)
    known = [seconds for seconds in resumed if seconds is not None]
    is_in_time = len(known) == len(resumed) and max(known) <= RESUME_S
    print(f"{fault.name}: moves again after {resumed} s, {moved.sent_twice} bytes twice, {moved}", file=sys.stderr)
    return {
        "name": fault.name,
        "line": asdict(LINE),
        "resumed_s": [seconds if seconds is None else round(seconds, 3) for seconds in resumed],
        "median_resumed_s": round(statistics.median(known), 3) if known else None,
        "sent_twice_bytes": moved.sent_twice,
        "window_bytes": window,
        "to_reach": f"moves again within {RESUME_S:g} s, at most one window twice, ends by itself",
        "met": moved.is_whole and is_in_time and moved.sent_twice <= window,
        **moved.row,
    }


def _await_progress(running: Running, size: int, seconds: float) -> float | None:
    """Wait until more than `size` bytes lie at the vendor; gives how long that took, None after `seconds`."""
    begun = CLOCK.monotonic()
    while CLOCK.monotonic() < begun + seconds:
        if running.arrived() > size:
            return CLOCK.monotonic() - begun
        CLOCK.sleep(LOOK_S)
    return None


def _cut(seconds: float) -> Callable[[Wan, Running], list[float | None]]:
    def strike(wan: Wan, running: Running) -> list[float | None]:
        wan.cut()
        CLOCK.sleep(seconds)
        return [_mended(wan, running, PATIENCE_S)]

    return strike


def _mended(wan: Wan, running: Running, seconds: float) -> float | None:
    before = running.arrived()
    begun = CLOCK.monotonic()
    wan.mend()
    mending = CLOCK.monotonic() - begun
    took = _await_progress(running, before, seconds)
    return None if took is None else took + mending


def _flaps(wan: Wan, running: Running) -> list[float | None]:
    """Twenty times half a second without and a second and a half with the line."""
    found = []
    for _ in range(20):
        wan.cut()
        CLOCK.sleep(0.5)
        begun = CLOCK.monotonic()
        found.append(_mended(wan, running, 1.5))
        CLOCK.sleep(max(0.0, begun + 1.5 - CLOCK.monotonic()))
    return found


def _moves(wan: Wan, running: Running) -> list[float | None]:
    wan.readdress(B, ELSEWHERE)
    CLOCK.sleep(LINE.rtt_ms / 1000)  # for what was on its way to the old address
    before = running.arrived()
    took = _await_progress(running, before, PATIENCE_S)
    return [None if took is None else took + LINE.rtt_ms / 1000]


FAULTS = (
    Fault("the line is cut for 1 s", _cut(1)),
    Fault("the line is cut for 10 s", _cut(10)),
    Fault("the line is cut for 60 s", _cut(60)),
    Fault("the vendor's address changes", _moves),
    Fault("the line flaps 20 times", _flaps),
)
