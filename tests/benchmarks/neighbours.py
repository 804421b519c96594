"""Good neighbour: a transfer beside a long TCP flow, beside others of its kind, and what it does to the line's delay."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from accsyn_engine.clock import SystemClock
from tests.benchmarks.line import B, Line, Wan
from tests.benchmarks.loads import Load, allocated
from tests.benchmarks.options import Options
from tests.benchmarks.peers import IPERF_PORT, has, iperf_server
from tests.benchmarks.series import Series
from tests.benchmarks.sites import Sites

CLOCK = SystemClock()
LINE = Line(200, 100)
SETTLE_S, WINDOW_S, LEAST_S = 10.0, 60.0, 5.0
PAIRS, JOIN_S = 4, 5.0


@dataclass(frozen=True)
class Neighbour:
    """A way of sharing a line; `kind` is beside | among | delay."""

    kind: str
    line: Line

    @property
    def name(self) -> str:
        about = {
            "beside": f"beside one TCP flow of {self.line.cc}",
            "among": f"{PAIRS} pairs of agents",
            "delay": "delay added",
        }
        return f"{about[self.kind]}, {replace(self.line, cc='cubic').name}"


NEIGHBOURS = (
    Neighbour("beside", LINE),
    Neighbour("beside", replace(LINE, cc="bbr")),
    Neighbour("among", LINE),
    Neighbour("delay", LINE),
    Neighbour("delay", Line(1000, 20)),
    Neighbour("delay", Line(1000, 100, 0.1)),
)


def measure(row: Neighbour, options: Options) -> dict[str, Any]:
    measures = {"beside": _beside, "among": _among, "delay": _delay}
    found = measures[row.kind](row.line, max(WINDOW_S * options.scale, LEAST_S), options)
    return {"name": row.name, "line": asdict(row.line), **found}


def _load(line: Line, seconds: float) -> Load:
    """A file that takes longer than `seconds`."""
    return Load(1, int(line.rate_mbit * 1e6 / 8 * seconds))


@contextmanager
def _sites(options: Options, wan: Wan, number: int = 0) -> Iterator[Sites]:
    folder = options.top / f"w{number}"
    try:
        with Sites(folder, options.stock.folder, wan, number=number) as sites:
            yield sites
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- beside TCP -------------------------------------------------------------------------------------------------------


def _beside(line: Line, window: float, options: Options) -> dict[str, Any]:
    """The flow has the line first; both are looked at once they had time to settle."""
    if not has("the TCP flow", "iperf3"):
        return {"failed": "iperf3 is not installed"}
    load = _load(line, window + SETTLE_S + 5)
    source = options.stock.get(load, 0)
    with ExitStack() as stack:
        wan = stack.enter_context(Wan(line))
        sites = stack.enter_context(_sites(options, wan))
        flow = stack.enter_context(_flow(wan, 2 * SETTLE_S + window + 5))
        CLOCK.sleep(SETTLE_S)
        running = stack.enter_context(sites.running(source, load.bytes))
        series = stack.enter_context(Series({"engine": running.arrived}))
        CLOCK.sleep(SETTLE_S)
        begin = CLOCK.monotonic()
        CLOCK.sleep(window)
        engine = series.per_second("engine", begin, begin + window) * 8 / 1e6
        running.stop()
        tcp = flow.mbit_per_s(begin, begin + window)
    shares = {"engine": round(engine / line.limit_mbit, 3), "tcp": round(tcp / line.limit_mbit, 3)}
    print(f"beside {line.cc}: {shares}", file=sys.stderr)
    return {
        "mbit_per_s": {"engine": round(engine, 1), "tcp": round(tcp, 1)},
        "share_of_limit": shares,
        "to_reach": "neither under 0.3",
        "met": min(shares.values()) >= 0.3,
        "per_second": series.rows(begin - SETTLE_S),
    }


@dataclass
class Flow:
    """A long TCP flow from a to b."""

    process: subprocess.Popen[str]
    begun: float

    def mbit_per_s(self, begin: float, end: float) -> float:
        """Its mean between two monotonic times, from what it tells at its end."""
        said, _ = self.process.communicate()
        sums = [interval["sum"] for interval in json.loads(said)["intervals"]]
        inside = [
            one for one in sums if self.begun + one["start"] >= begin - 0.5 and self.begun + one["end"] <= end + 0.5
        ]
        return float(sum(one["bytes"] for one in inside) * 8 / 1e6 / sum(one["seconds"] for one in inside))


@contextmanager
def _flow(wan: Wan, seconds: float) -> Iterator[Flow]:
    with iperf_server(wan), wan.inside("a"):
        command = ["iperf3", "-c", B, "-p", str(IPERF_PORT), "-t", f"{seconds:.0f}", "-J", "-C", wan.line.cc]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        begun = CLOCK.monotonic() + 3 * wan.line.rtt_ms / 1000  # its clock starts once both its connections stand
        try:
            yield Flow(process, begun)
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


# --- among its kind ---------------------------------------------------------------------------------------------------


def _among(line: Line, window: float, options: Options) -> dict[str, Any]:
    """Pairs with engines of their own join one after the other; the last stretch counts."""
    load = _load(line, window + PAIRS * JOIN_S + 5)
    source = options.stock.get(load, 0)
    with ExitStack() as stack:
        wan = stack.enter_context(Wan(line))
        pairs = [stack.enter_context(_sites(options, wan, number)) for number in range(PAIRS)]
        series = stack.enter_context(Series({}))
        begun = CLOCK.monotonic()
        for number, sites in enumerate(pairs):
            running = stack.enter_context(sites.running(source, load.bytes))
            series.counts[f"pair {number + 1}"] = running.arrived
            CLOCK.sleep(JOIN_S)
        begin = CLOCK.monotonic()
        CLOCK.sleep(window)
        speeds = [series.per_second(name, begin, begin + window) * 8 / 1e6 for name in series.counts]
        landed = [allocated(sites.landing(source)) for sites in pairs]
    index = jain(speeds)
    print(f"{PAIRS} pairs: {[round(speed) for speed in speeds]} Mbit/s, Jain {index:.3f}", file=sys.stderr)
    return {
        "mbit_per_s": [round(speed, 1) for speed in speeds],
        "share_of_limit": round(sum(speeds) / line.limit_mbit, 3),
        "jain": round(index, 4),
        "to_reach": "Jain index 0.95",
        "met": index >= 0.95,
        "ended_early": max(landed) >= load.bytes,
        "per_second": series.rows(begun),
    }


def jain(values: list[float]) -> float:
    """Jain's index of fairness (R. Jain, D. Chiu, W. Hawe, DEC-TR-301, 1984): 1 when all are equal, 1/n when one has all."""
    squares = len(values) * sum(value * value for value in values)
    return sum(values) ** 2 / squares if squares else 0.0


# --- the delay it adds ------------------------------------------------------------------------------------------------


def _delay(line: Line, window: float, options: Options) -> dict[str, Any]:
    """Echoes from a to b, first on the idle line, then beside a transfer that has settled."""
    if not has("the delay", "ping"):
        return {"failed": "ping is not installed"}
    window = window / 2
    load = _load(line, window + SETTLE_S + 5)
    source = options.stock.get(load, 0)
    with Wan(line) as wan, _sites(options, wan) as sites:
        idle = _echoes(wan, LEAST_S)
        with sites.running(source, load.bytes) as running, Series({"engine": running.arrived}) as series:
            CLOCK.sleep(SETTLE_S)
            begin = CLOCK.monotonic()
            loaded = _echoes(wan, window)
            speed = series.per_second("engine", begin, CLOCK.monotonic()) * 8 / 1e6
    added = statistics.median(loaded) - statistics.median(idle)
    most = max(0.25 * line.rtt_ms, 20.0)
    print(f"{line.name}: {added:.1f} ms added at {speed:.0f} Mbit/s", file=sys.stderr)
    return {
        "idle_ms": round(statistics.median(idle), 2),
        "loaded_ms": round(statistics.median(loaded), 2),
        "loaded_p95_ms": round(statistics.quantiles(loaded, n=20)[-1], 2),
        "added_ms": round(added, 2),
        "to_reach": f"at most {most:g} ms added",
        "met": added <= most,
        "mbit_per_s": round(speed, 1),
        "share_of_limit": round(speed / line.limit_mbit, 3),
    }


def _echoes(wan: Wan, seconds: float) -> list[float]:
    """Round trips in ms, five a second."""
    with wan.inside("a"):
        command = ["ping", "-n", "-i", "0.2", "-w", f"{max(seconds, 2):.0f}", B]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [float(text) for text in re.findall(r"time=([\d.]+)", said)]
