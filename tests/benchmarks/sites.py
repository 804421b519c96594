"""A studio at site a of a line and a vendor at site b: real processes, and the time a real job takes between them.

The agents run without the privileges that root has over a network, so they get what an ordinary user's agent gets.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from accsyn_engine.demo.processes import Child, Children
from accsyn_plugins.errors import AccsynError
from tests.benchmarks.line import A, B, Counters, Wan
from tests.benchmarks.loads import allocated
from tests.benchmarks.usage import Meter
from tests.benchmarks.watch import NS, FirstPacket, LogStamps, carried
from tests.system.world import FINISHED, VENDOR, World

ENGINE_PORT, TRANSFER_PORT = 8443, 45190
OTHERS = (22, 5201)  # of ssh and iperf3, which may run beside
LOOK_S, JOB_LOOK_S = 0.05, 5.0  # at the log; at the job, whose answer costs the engine work
UNPRIVILEGED = ("setpriv", "--bounding-set=-net_admin,-net_raw,-sys_nice,-sys_resource")
UDP_OVERHEAD = 72  # bytes of a full packet that are not content: 4.8 %, as in the line's limit
TCP_OVERHEAD = 54  # IP, TCP with time stamps, and a packet's part of the TLS record
MEASURED = ("line",)  # what a job tells of itself: transport, round trip, capacity, what was sent again


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
    path: Counters | None = None  # what the emulator counted meanwhile
    kinds: dict[str, int] = field(default_factory=dict)  # packets that reached the receiver, as its kernel counts
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def mbit_per_s(self) -> float:
        return self.bytes * 8 / self.seconds / 1e6

    @property
    def sent_twice(self) -> int:
        """Bytes of content that arrived beyond what was needed, by the emulator's count of what it delivered."""
        if self.path is None:
            return 0
        overhead = UDP_OVERHEAD if self.kinds.get("udp", 0) * 2 > self.kinds.get("tcp", 0) else TCP_OVERHEAD
        return self.path.bytes - self.path.packets * overhead - self.bytes

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
            "redundant_share": round(self.sent_twice / max(self.bytes, 1), 4),
            "packets_received": self.kinds,
            "path": self.path.row if self.path else {},
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

    @contextmanager
    def running(self, source: Path, size: int) -> Iterator[Running]:
        """A job that sends a folder of `size` bytes while the context lasts."""
        with FirstPacket(self.wan, (self._port, *OTHERS)) as first:
            running = Running(self, source, size, first)
            try:
                yield running
            finally:
                running.stop()

    def move(self, source: Path, size: int, *, seconds: float) -> Moved:
        """Send a folder; after `seconds` it is aborted, and what had arrived counts. Raises TransferFailedError."""
        with self.running(source, size) as running:
            return running.wait(seconds)


class Running:
    """One job under way."""

    def __init__(self, sites: Sites, source: Path, size: int, first: FirstPacket) -> None:
        self._sites, self._clock = sites, sites.world.clock
        self._size, self._first = size, first
        self.landing = sites.landing(source)
        self._log = LogStamps(sites.vendor.log)
        self._before = sites.wan.counters()
        self._meter, self._seen = Meter(sites.pids()), seen_by(sites.vendor.process.pid)
        self._begun = self._clock.monotonic()
        self._job = sites.submit(source)
        self._is_over = False

    def arrived(self) -> int:
        """Bytes that lie at the vendor now; of a job of few files, since it looks at each."""
        return allocated(self.landing)

    def wait(self, seconds: float) -> Moved:
        """Wait for the end; after `seconds` the job is aborted, and what had arrived counts. Raises TransferFailedError."""
        ended_ns = self._carried(seconds)
        taken = self._clock.monotonic() - self._begun
        now_ns = ended_ns or self._clock.now_ms() * NS // 1000
        assert self._first.at_ns is not None, "no packet passed between the agents"
        usage, path = self._meter.read(taken), self._sites.wan.counters().since(self._before)
        kinds = {kind: count - self._seen[kind] for kind, count in seen_by(self._sites.vendor.process.pid).items()}
        arrived = self._size if ended_ns else self.arrived()
        row = self._ended(is_whole=bool(ended_ns))
        return Moved(
            seconds=(now_ns - self._first.at_ns) / NS,
            job_s=self._clock.monotonic() - self._begun,
            bytes=arrived,
            is_whole=bool(ended_ns),
            usage=usage,
            path=path,
            kinds=kinds,
            told={name: row[name] for name in MEASURED if name in row},
        )

    def stop(self) -> None:
        """Abort the job if it has not ended."""
        if not self._is_over:
            self._is_over = True
            try:
                self._sites.abort(self._job["id"])
            except AccsynError as error:  # it ended this moment, or the engine is away; the site goes with its context
                print(f"The job was not aborted: {error.message}", file=sys.stderr)

    def _carried(self, seconds: float) -> int:
        """Wait for the receiver's word that all is there; gives its time, ns since 1970, or 0 after `seconds`."""
        clock, words = self._clock, carried(self._job)
        begun = looked = clock.monotonic()
        while (now := clock.monotonic()) < begun + seconds:
            text, at_ns = self._log.look()
            if words.search(text):
                return at_ns
            if now > looked + JOB_LOOK_S:
                looked = now
                self._insist()
            clock.sleep(LOOK_S)
        return 0

    def _insist(self) -> None:
        row = self._sites.job(self._job["id"])
        if row["status"] in FINISHED - {"done"}:
            self._is_over = True
            raise TransferFailedError(f"{row['status']}: {row.get('error') or row.get('status_reason')}")

    def _ended(self, *, is_whole: bool) -> dict[str, Any]:
        if not is_whole:
            self.stop()
        self._is_over = True
        with self._sites.wan.inside("a"):
            return self._sites.world.finished(self._job["id"], status="done" if is_whole else "aborted")


def seen_by(pid: int) -> dict[str, int]:
    """TCP segments and UDP datagrams that reached the network of a process."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/snmp").read_text().splitlines()]
    tables = {
        names[0]: dict(zip(names, values, strict=True)) for names, values in zip(rows[::2], rows[1::2], strict=True)
    }
    return {"tcp": int(tables["Tcp:"]["InSegs"]), "udp": int(tables["Udp:"]["InDatagrams"])}
