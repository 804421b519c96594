"""A path between two datagram sockets on the loopback that does whatever a network or an attacker may do."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from accsyn_engine.clock import SystemClock

CLOCK = SystemClock()
HERE = "127.0.0.1"
Address = tuple[str, int]


@dataclass
class Weather:
    """Shares of datagrams, each way; may be changed while it runs."""

    loss: float = 0.0
    copies: float = 0.0
    swaps: float = 0.0  # held back behind up to ten later ones
    spoils: float = 0.0  # an altered copy goes before
    cuts: float = 0.0  # a shortened copy goes before
    replays: float = 0.0  # an old one goes before
    delay: float = 0.01  # seconds, each way
    most: int = 65_535  # bytes of a datagram; longer ones vanish
    is_cut: bool = False


@dataclass
class _Side:
    sock: socket.socket
    to: Address | None
    held: list[bytes] = field(default_factory=list)
    old: list[bytes] = field(default_factory=list)


class Relay:
    """The connector sends to `address`; what it says reaches `target`, and the answers come back."""

    def __init__(self, target: Address, weather: Weather, seed: int = 1) -> None:
        self.weather = weather
        self.passed = 0  # datagrams towards the target, lost ones included
        self.longest = 0  # bytes of a datagram that got through
        self.script: dict[int, Callable[[], None]] = {}  # what happens after so many datagrams of either direction
        self.first: socket.socket | None = None  # somebody whose copy is always there before the original
        self._random = random.Random(seed)
        self._front, self._back = _Side(_socket(), None), _Side(_socket(), target)
        self.address: Address = self._front.sock.getsockname()
        self._sources: list[socket.socket] = []
        self._count = 0
        self._under_way: deque[tuple[float, _Side, bytes]] = deque()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def source(self) -> Address:
        """Where the target sees the datagrams come from."""
        address: Address = self._back.sock.getsockname()
        return address

    def move(self) -> None:
        """The connector's address changes, as the target sees it; the old one is closed."""
        old, self._back.sock = self._back.sock, _socket()
        old.close()

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
        for side in (self._front, self._back):
            side.sock.close()

    def _run(self) -> None:
        while not self._over.is_set():
            socks = {self._front.sock: self._front, self._back.sock: self._back}
            readable, _, _ = select.select(list(socks), [], [], 0.001 if self._under_way else 0.01)
            for sock in readable:
                with contextlib.suppress(OSError):
                    self._take(socks[sock])
            if not readable:
                for side in (self._front, self._back):
                    self._release(side, 0)
            self._deliver()

    def _deliver(self) -> None:
        now = CLOCK.monotonic()
        while self._under_way and self._under_way[0][0] <= now:
            _, side, frame = self._under_way.popleft()
            if side.to is not None:
                with contextlib.suppress(OSError):
                    side.sock.sendto(frame, side.to)

    def _send(self, side: _Side, frame: bytes) -> None:
        self._under_way.append((CLOCK.monotonic() + self.weather.delay, side, frame))

    def _take(self, side: _Side) -> None:
        for _ in range(64):
            try:
                frame, source = side.sock.recvfrom(65_536)
            except BlockingIOError:
                return
            if side is self._front:
                side.to = source
            self._count += 1
            if (action := self.script.pop(self._count, None)) is not None:
                action()
            self._pass(frame, self._back if side is self._front else self._front)

    def _pass(self, frame: bytes, to: _Side) -> None:
        weather, chance = self.weather, self._random.random
        self.passed += to is self._back
        if weather.is_cut or len(frame) > weather.most or chance() < weather.loss:
            return
        self.longest = max(self.longest, len(frame))
        if self.first is not None and to is self._back:
            assert to.to is not None
            self.first.sendto(frame, to.to)
        if chance() < weather.spoils:
            spoilt = bytearray(frame)
            spoilt[self._random.randrange(len(frame))] ^= 1 << self._random.randrange(8)
            self._send(to, bytes(spoilt))
        if chance() < weather.cuts:
            self._send(to, frame[: self._random.randrange(len(frame))])
        if weather.replays:
            to.old.append(frame)
            if chance() < weather.replays:
                self._send(to, self._random.choice(to.old))
        if chance() < weather.swaps:
            to.held.append(frame)
            self._release(to, 10)
            return
        for _ in range(1 + (chance() < weather.copies)):
            self._send(to, frame)
        if to.held and chance() < 0.2:
            self._release(to, len(to.held) - 1)

    def _release(self, side: _Side, keep: int) -> None:
        while len(side.held) > keep:
            self._send(side, side.held.pop(self._random.randrange(len(side.held))))


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((HERE, 0))
    sock.setblocking(False)
    return sock
