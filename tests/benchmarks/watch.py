"""When a transfer began and ended: the first packet between two agents, and the receiver's word that all is verified.

Both are stamped by the kernel of this one machine: a packet as it passes the interface, a line of the agent's log by the
file's time of change. So nothing of the benchmark's own looking is in the figure.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from tests.benchmarks.line import Wan

ETH_P_IP = 0x0800
SO_TIMESTAMPNS, SO_ATTACH_FILTER = 35, 26
LOOK_S = 0.2
NS = 1_000_000_000


class FirstPacket:
    """Waits at both sites for the first TCP or UDP packet that uses none of `other_ports`."""

    def __init__(self, wan: Wan, other_ports: Iterable[int]) -> None:
        self._found: dict[str, int] = {}  # site -> ns since 1970
        self._over = threading.Event()
        self._program = _filter(tuple(other_ports))
        self._threads = []
        for site in "ab":
            with wan.inside(site):
                tap = _tap(self._program)
            self._threads.append(threading.Thread(target=self._look, args=(site, tap), daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def at_ns(self) -> int | None:
        """When it was seen, nanoseconds since 1970; None while there was none."""
        return min(self._found.values(), default=None)

    def _look(self, site: str, tap: socket.socket) -> None:
        with tap:
            tap.settimeout(LOOK_S)
            while not self._over.is_set():
                try:
                    _, ancillary, _, _ = tap.recvmsg(64, 64)
                except TimeoutError:
                    continue
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
                self._found[site] = seconds * NS + nanoseconds
                return  # and the tap is closed: the packets after it cost nothing


def _tap(program: bytes) -> socket.socket:
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)  # hears nothing before it is bound
    tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    kept = ctypes.create_string_buffer(program)
    tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(program) // 8, ctypes.addressof(kept)))
    tap.bind(("wan0", ETH_P_IP))
    return tap


def _filter(ports: tuple[int, ...]) -> bytes:
    """Classic BPF on the IP packet: TCP or UDP, no later fragment, neither port among `ports`."""
    reject = 9 + 2 * len(ports)  # the last instruction; a jump counts from the one after its own
    code = [
        (0x30, 0, 0, 9),  # the protocol
        (0x15, 1, 0, 6),  # TCP
        (0x15, 0, reject - 3, 17),  # UDP
        (0x28, 0, 0, 6),  # the place of a fragment
        (0x45, reject - 5, 0, 0x1FFF),
        (0xB1, 0, 0, 0),  # x = length of the IP header
    ]
    for offset in (0, 2):  # the source's port, the destination's
        code.append((0x48, 0, 0, offset))
        for port in ports:
            code.append((0x15, reject - len(code) - 1, 0, port))
    code += [(0x06, 0, 0, 64), (0x06, 0, 0, 0)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


class LogStamps:
    """A growing log; each look gives what was added, with the time of the last addition."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = path.stat().st_size if path.exists() else 0

    def look(self) -> tuple[str, int]:
        """The new text and when the log was last written, nanoseconds since 1970."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return "", 0
        if stat.st_size <= self._seen:
            return "", 0
        with self._path.open("rb") as log:
            log.seek(self._seen)
            text = log.read(stat.st_size - self._seen)
        self._seen = stat.st_size
        return text.decode("utf-8", "replace"), stat.st_mtime_ns


def carried(job: dict[str, Any]) -> re.Pattern[str]:
    """The receiver's sentence for a job whose files all lie there, verified, under their names, with the receipt signed."""
    return re.compile(rf"received .* of job (?:{job['id']}|{re.escape(job['name'])})\b")
