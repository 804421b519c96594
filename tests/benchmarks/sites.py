"""A studio at site a of a line and a vendor at site b: real processes, and the time a real job takes between them.

The agents run without the privileges that root has over a network, so they get what an ordinary user's agent gets.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from accsyn_engine.demo.processes import Child, Children
from tests.benchmarks.line import A, B, Wan
from tests.benchmarks.loads import allocated
from tests.benchmarks.usage import Meter
from tests.benchmarks.watch import NS, FirstPacket, LogStamps, carried
from tests.system.world import FINISHED, VENDOR, World

ENGINE_PORT, TRANSFER_PORT = 8443, 45190
OTHERS = (22, 5201)  # of ssh and iperf3, which may run beside
LOOK_S, JOB_LOOK_S = 0.05, 5.0  # at the log; at the job, whose answer costs the engine work
UNPRIVILEGED = ("setpriv", "--bounding-set=-net_admin,-net_raw,-sys_nice,-sys_resource")
MEASURED = ("goodput", "retransmitted", "rtt", "transport", "limited_by")  # of a job, where it tells them


def of_this_code() -> dict[str, str]:
    """The environment that lets the programs find the code from which the benchmark itself runs."""
    return {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}


class TransferFailedError(Exception):
    """A job did not end as `done`."""


@dataclass(frozen=True)
class Moved:
    """One job that was carried out."""

    seconds: (
        float  # from the first packet between the agents to the receiver's word; so that is what a figure is made of
    )
    job_s: float  # from the submission to the engine's `done`
    bytes: int  # that arrived
    is_whole: bool = True  # false: it was not waited for any longer
    usage: dict[str, dict[str, Any]] = field(default_factory=dict)
    path: dict[str, float] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def mbit_per_s(self) -> float:
        return self.bytes * 8 / self.seconds / 1e6

    def __str__(self) -> str:
        return f"{self.mbit_per_s:.0f} Mbit/s in {self.seconds:.1f} s" + ("" if self.is_whole else ", stopped")

    @property
    def row(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 3),
            "job_s": round(self.job_s, 3),
            "bytes": self.bytes,
            "mbit_per_s": round(self.mbit_per_s, 1),
            "is_whole": self.is_whole,
            "usage": self.usage,
            "path": self.path,
            **self.told,
        }


class Unprivileged(Children):
    """Programs that must do without root's rights over the network."""

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Child:
        within = UNPRIVILEGED if shutil.which("setpriv") else ()
        return super().start(name, [*within, *command], environment, folder)


class Sites:
    """One pair of agents with its engine; several pairs on one line have different numbers."""

    def __init__(self, folder: Path, volume: Path, wan: Wan, *, number: int = 0) -> None:
        self.world = World(folder, environment=of_this_code())
        self.world.volume = volume
        self.world.children = Unprivileged(folder / "logs", self.world.clock)
        self.wan = wan
        self._port = ENGINE_PORT + number
        self._ports = f"{TRANSFER_PORT + 20 * number}-{TRANSFER_PORT + 20 * number + 19}"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        world = self._stack.enter_context(self.world)
        try:
            self._start(world)
        except BaseException:
            self._stack.close()
            raise
        return self

    def _start(self, world: World) -> None:
        url = f"https://{A}:{self._port}"
        with self.wan.inside("a"):
            world.init("--url", url)
            world.url = url  # whose port it then serves
            self._server = world.serve("--host", A, "--advertise", A, "--ports", self._ports)
            world.session().create("user", {"code": VENDOR})
        with self.wan.inside("b"):
            self.vendor = world.agent(VENDOR, "--advertise", B)
        self._log = LogStamps(self.vendor.log)

    def __exit__(self, *stop: object) -> None:
        self._stack.__exit__(None, None, None)

    def pids(self) -> dict[str, int]:
        """The processes whose cost counts."""
        return {
            "sender": self.world.server_agent_pid(),
            "receiver": self.vendor.process.pid,
            "engine": self._server.process.pid,
        }

    def landing(self, source: Path) -> Path:
        """Where at the vendor the folder `source` of the volume lands."""
        return self.world.vendor_volume / source.relative_to(self.world.volume)

    def submit(self, source: Path, **more: Any) -> dict[str, Any]:
        """A job that sends a folder of the volume to the vendor."""
        path = source.relative_to(self.world.volume).as_posix()
        with self.wan.inside("a"):
            tasks = {"0": {"source": path, "destination": f"{VENDOR}:{path}"}}
            return dict(self.world.session().create("job", {"name": path.replace("/", " "), "tasks": tasks, **more}))

    def job(self, ident: str) -> dict[str, Any]:
        with self.wan.inside("a"):
            return self.world.job(ident)

    def abort(self, ident: str) -> None:
        with self.wan.inside("a"):
            self.world.session().update("job", ident, {"status": "aborted"})

    def move(self, source: Path, size: int, *, seconds: float) -> Moved:
        """Send a folder; after `seconds` it is aborted, and what had arrived counts. Raises TransferFailedError."""
        clock = self.world.clock
        self._log.look()
        before = self.wan.counters()
        meter = Meter(self.pids())
        with FirstPacket(self.wan, (self._port, *OTHERS)) as first:
            begun = clock.monotonic()
            job = self.submit(source)
            ended_ns = self._carried(job, seconds)
            taken = clock.monotonic() - begun
        assert first.at_ns is not None, "no packet passed between the agents"
        usage, path = meter.read(taken), self.wan.counters().since(before).row
        arrived = size if ended_ns else allocated(self.landing(source))
        row = self._ended(job["id"], is_whole=bool(ended_ns))
        return Moved(
            seconds=((ended_ns or clock.now_ms() * NS // 1000) - first.at_ns) / NS,
            job_s=clock.monotonic() - begun,
            bytes=arrived,
            is_whole=bool(ended_ns),
            usage=usage,
            path=path,
            told={name: row[name] for name in MEASURED if name in row},
        )

    def _carried(self, job: dict[str, Any], seconds: float) -> int:
        """Wait for the receiver's word that all is there; gives its time, ns since 1970, or 0 after `seconds`."""
        clock, words = self.world.clock, carried(job)
        begun = looked = clock.monotonic()
        while (now := clock.monotonic()) < begun + seconds:
            text, at_ns = self._log.look()
            if words.search(text):
                return at_ns
            if now > looked + JOB_LOOK_S:
                looked = now
                self._insist(job["id"])
            clock.sleep(LOOK_S)
        return 0

    def _insist(self, ident: str) -> None:
        row = self.job(ident)
        if row["status"] in FINISHED - {"done"}:
            raise TransferFailedError(f"{row['status']}: {row.get('error') or row.get('status_reason')}")

    def _ended(self, ident: str, *, is_whole: bool) -> dict[str, Any]:
        if not is_whole:
            self.abort(ident)
        with self.wan.inside("a"):
            return self.world.finished(ident, status="done" if is_whole else "aborted")
