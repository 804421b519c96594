"""A line between two sites: what it is like, and the emulator in `wan/` that makes one on this machine (root, cc, iproute2).

Site a is 10.99.0.1, site b 10.99.0.2, each a network namespace. The emulator and its namespaces go with the context.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

WAN = Path(__file__).parent / "wan" / "wan"
A, B = "10.99.0.1", "10.99.0.2"
PAYLOAD_SHARE = 0.952  # of a 1500-byte packet with our headers
ALLOWED = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Line:
    """The path between the sites, both directions alike."""

    rate_mbit: float
    rtt_ms: float
    loss_percent: float = 0.0
    cc: str = "cubic"  # what both hosts' TCP uses

    @property
    def limit_mbit(self) -> float:
        """The most payload the line can carry, Mbit/s: rate x (1 - loss) x 0.952."""
        return self.rate_mbit * (1 - self.loss_percent / 100) * PAYLOAD_SHARE

    @property
    def name(self) -> str:
        rate = f"{self.rate_mbit / 1000:g} Gbit/s" if self.rate_mbit >= 1000 else f"{self.rate_mbit:g} Mbit/s"
        rtt = f"{self.rtt_ms / 1000:g} s" if self.rtt_ms >= 1000 else f"{self.rtt_ms:g} ms"
        return f"{rate} {rtt} {self.loss_percent:g} %" + ("" if self.cc == "cubic" else f" {self.cc}")

    def allowed_s(self, size: int, share: float, round_trips: int) -> float:
        """Seconds that `size` bytes may take at `share` of the limit, with `round_trips` for finding the line."""
        return size * 8 / (share * self.limit_mbit * 1e6) + round_trips * self.rtt_ms / 1000

    def arguments(self) -> list[str]:
        told = {
            "rate": f"{self.rate_mbit:g}mbit",
            "rtt": f"{self.rtt_ms:g}ms",
            "loss": f"{self.loss_percent:g}%",
            "cc": self.cc,
        }
        return [word for name, value in told.items() for word in (f"--{name}", value)]


@dataclass(frozen=True)
class Counters:
    """What the emulator has counted from a to b since it started; maxima over the whole time."""

    packets: int  # delivered
    bytes: int  # delivered, IP headers included
    lost: int  # packets
    queue_dropped: int  # packets
    max_queue_ms: float
    max_late_ms: float  # how late the emulator itself was; above 5 the machine was too busy for the figure
    tun_dropped: int  # packets the emulator did not fetch in time

    def since(self, before: Counters) -> Counters:
        """The counts after `before`."""
        return Counters(
            self.packets - before.packets,
            self.bytes - before.bytes,
            self.lost - before.lost,
            self.queue_dropped - before.queue_dropped,
            self.max_queue_ms,
            self.max_late_ms,
            self.tun_dropped - before.tun_dropped,
        )

    @property
    def row(self) -> dict[str, float]:
        return asdict(self)


_COUNTED = re.compile(
    r"a->b forwarded (\d+) \((\d+) bytes\) lost (\d+) queue-dropped (\d+) max-queue ([\d.]+)ms max-late ([\d.]+)ms"
)
_TUN = re.compile(r"tun drops a: (\d+)")


def why_not() -> str:
    """Why this machine cannot emulate a line; empty if it can."""
    if os.geteuid() != 0:
        return "it needs root"
    missing = [name for name in ("ip", "cc", "sysctl", "awk") if shutil.which(name) is None]
    if not Path("/dev/net/tun").exists():
        missing.append("/dev/net/tun")
    return f"{', '.join(missing)} is missing" if missing else ""


class Wan:
    """A line that is up while the context lasts."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._id = f"bench{os.getpid()}"

    def __enter__(self) -> Self:
        try:
            self._do("up", *self.line.arguments())
        except BaseException:
            self._do("down")
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._do("down")
        Path(f"/run/wan/{self._id}.log").unlink(missing_ok=True)

    def counters(self) -> Counters:
        said = self._do("stats")
        counted, tun = _COUNTED.search(said), _TUN.search(said)
        assert counted is not None, said
        assert tun is not None, said
        packets, size, lost, dropped = (int(counted[number]) for number in (1, 2, 3, 4))
        return Counters(packets, size, lost, dropped, float(counted[5]), float(counted[6]), int(tun[1]))

    def cut(self) -> None:
        """Lose every packet from now on."""
        self._do("cut")

    def mend(self) -> None:
        self._do("mend")

    def block_udp(self) -> None:
        """Drop every UDP datagram at both sites, as a strict firewall does."""
        rules = "table ip bench { chain out { type filter hook output priority 0; meta l4proto udp drop; }; }"
        for site in "ab":
            subprocess.run(["ip", "netns", "exec", f"{self._id}-{site}", "nft", rules], check=True)

    def readdress(self, old: str, new: str) -> None:
        """Give site b another address, as a router does that was restarted."""
        # In this order: the second address of a net goes with its first.
        for change in (("del", f"{old}/24"), ("add", f"{new}/24")):
            command = ["ip", "-n", f"{self._id}-b", "addr", change[0], change[1], "dev", "wan0"]
            subprocess.run(command, check=True)

    @contextmanager
    def inside(self, site: str) -> Iterator[None]:
        """Be at site a or b: sockets that this thread opens and processes that it starts belong there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self._id}-{site}", os.O_RDONLY)
        try:
            _enter(there)
            try:
                yield
            finally:
                _enter(home)
        finally:
            os.close(there)
            os.close(home)

    def _do(self, *words: str) -> str:
        environment = {**os.environ, "WAN_ID": self._id}
        done = subprocess.run([WAN, *words], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"wan {' '.join(words)}: {done.stderr}"
        return done.stdout


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "cannot enter the network namespace")


@contextmanager
def allowed(algorithms: str | None) -> Iterator[None]:
    """Let ordinary processes of this machine choose these TCP algorithms only; None leaves it as it is."""
    before = ALLOWED.read_text()
    try:
        if algorithms is not None:
            ALLOWED.write_text(algorithms)
        yield
    finally:
        if algorithms is not None:
            ALLOWED.write_text(before)
