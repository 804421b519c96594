"""One transfer's datagrams, both ways: seals and opens what carries no content, probes, and knows where the peer is.

Used by one thread. The peer is where a true datagram came from; when that changes, a probe to the new place must be
answered from there before anything else goes to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.transport.sealing import Keys
from accsyn_engine.transfer.transport.udp import Address, DatagramSocket
from accsyn_engine.wire.datagram import (
    ANSWER,
    BARE_HEAD,
    FEEDBACK,
    NONCE,
    NUMBER_AT,
    PLACE_PROBE,
    PROBE,
    SIZES,
    TAG,
    Feedback,
    Probe,
    read_feedback,
    read_probe,
    write_answer,
    write_feedback,
    write_probe,
)

AGAIN_S = 0.1  # a probe without an answer is repeated
TOKENS = 64  # probes whose answers are awaited
DOUBT_S = 0.5  # how long the longest datagrams may stay unanswered while shorter ones are answered


Run = tuple[bytes, int, Address]  # datagrams of one size but the last, and where they came from
Noted = tuple[int, int, float]  # number, size, moment


@dataclass(frozen=True)
class _Asked:
    at: float
    place: Address
    size: int


@dataclass
class Early:
    """What went over a line before it had a user, who keeps the books."""

    sent: list[Noted] = field(default_factory=list)
    heard: list[Noted] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)  # content that came already


class Line:
    """`peer` is None until the other side was heard of.

    A datagram can be copied and sent from elsewhere, so what comes first is believed to come from the peer only if it
    comes from `host`, where the session comes from, once there is one. Whoever is elsewhere must answer a probe.
    """

    def __init__(
        self,
        sock: DatagramSocket,
        secret: bytes,
        *,
        is_connector: bool,
        clock: Clock,
        peer: Address | None = None,
        host: str | None = None,
    ) -> None:
        self.socket = sock
        self.peer = peer
        self.host = host  # the other end of the session
        self.out_keys = Keys(secret, by_connector=is_connector)
        self.in_keys = Keys(secret, by_connector=not is_connector)
        self.size = 0  # the longest datagram known to get through; 0 before any has
        self.rtt: float | None = None
        self.forged = 0  # datagrams that did not prove themselves
        self.floor = 0  # blocks below it do not come any more; told with each probe
        self.early = Early()
        self.on_sent: Callable[[int, int], None] = self._note_sent  # (number, size) of each that goes out from here
        self.on_floor: Callable[[int], None] = _ignore_floor  # what the other side told
        self._clock = clock
        self._numbers = 0
        self._highest = -1  # number heard
        self._asked: dict[int, _Asked] = {}  # by token
        self._longest: tuple[Address | None, int] = (None, 0)  # probe that came from the place asked last
        self._tokens = 0
        self.is_doubted = False  # whether it is being found out if it still takes datagrams of its size
        self._found = 0  # the longest that did since the doubt began
        self._found_at = 0.0

    @property
    def is_open(self) -> bool:
        return self.size > 0 and self.peer is not None

    def take_numbers(self, count: int) -> int:
        """The first of `count` new numbers."""
        first, self._numbers = self._numbers, self._numbers + count
        return first

    def _note_sent(self, number: int, size: int) -> None:
        self.early.sent.append((number, size, self._clock.monotonic()))

    def take_early(self) -> Early:
        """What happened before there was a user; to be asked once."""
        early, self.early = self.early, Early()
        return early

    def is_true(self, head: memoryview, body: memoryview) -> bool:
        """Whether a datagram proves itself, without believing anything it says."""
        (number,) = NUMBER_AT.unpack_from(head, 8)
        try:
            self.in_keys.of(number).decrypt(head[NONCE], body, head)
        except InvalidTag:
            self.forged += 1
            return False
        return True

    def send_feedback(self, feedback: Feedback) -> None:
        if self.peer is not None:
            self._send(FEEDBACK, write_feedback(feedback), self.peer)

    def probe(self, sizes: tuple[int, ...] = SIZES, to: Address | None = None) -> None:
        """Ask for answers to datagrams of these sizes."""
        place = to or self.peer
        if place is None:
            return
        for size in sizes:
            self._tokens = (self._tokens + 1) & 0xFFFFFFFF
            self._asked[self._tokens] = _Asked(self._clock.monotonic(), place, size)
            if len(self._asked) > TOKENS:
                del self._asked[next(iter(self._asked))]
            self._send(PROBE, write_probe(Probe(size, self._tokens, self.floor)), place)

    def doubt(self) -> None:
        """Nothing comes back: perhaps the path does not take long datagrams any more. Whoever calls this probes."""
        if not self.is_doubted:
            self.is_doubted = True
            self._found = 0
            self._asked.clear()

    def settle_doubt(self, patience: float) -> None:
        """Believe the answers, `patience` seconds and more after the first of them."""
        if self.is_doubted and self._found and self._clock.monotonic() - self._found_at > max(patience, DOUBT_S):
            self.is_doubted = False
            self.size = self._found

    def _send(self, kind: int, body: bytes, to: Address) -> None:
        number = self.take_numbers(1)
        head = BARE_HEAD.pack(kind, 0, number)
        frame = head + self.out_keys.of(number).encrypt(head[NONCE], body, head)
        self.on_sent(number, len(frame))
        self.socket.send(memoryview(frame), len(frame), to)

    def hear(self, frame: memoryview, source: Address) -> tuple[int, Feedback | None] | None:
        """Take a datagram without content; its number, and the feedback if it is one. None for what is not true."""
        if len(frame) < BARE_HEAD.size + TAG:
            self.forged += 1
            return None
        (number,) = NUMBER_AT.unpack_from(frame, 8)
        head = bytes(frame[: BARE_HEAD.size])
        try:
            body = self.in_keys.of(number).decrypt(head[NONCE], frame[BARE_HEAD.size :], head)
        except InvalidTag:
            self.forged += 1
            return None
        is_newer = self.proved(number, source)
        if head[0] == FEEDBACK:
            return (number, read_feedback(body)) if is_newer else None
        if head[0] == PROBE:
            probe = read_probe(body)
            self.on_floor(probe.floor)
            self._answer(probe, len(frame), source, is_newer=is_newer)
        elif head[0] == ANSWER:
            self._take_answer(read_probe(body), source)
        return number, None

    def proved(self, number: int, source: Address) -> bool:
        """A true datagram of this number came from there; true when it is the newest so far."""
        if number <= self._highest:
            return False
        self._highest = number
        if self.peer is None and source[0] == self.host:
            self.peer = source
        elif source != self.peer and not self._is_asked(source):
            self.probe((PLACE_PROBE,), source)
        return True

    def _is_asked(self, place: Address) -> bool:
        now = self._clock.monotonic()
        return any(asked.place == place and now - asked.at < AGAIN_S for asked in self._asked.values())

    def _answer(self, probe: Probe, size: int, source: Address, *, is_newer: bool) -> None:
        if size == probe.size and size in SIZES:
            # Most paths take the same both ways; a black hole is noticed.
            if source == self.peer:
                self.size = max(self.size, size)
            elif is_newer:
                place, longest = self._longest
                self._longest = source, max(size, longest if place == source else 0)
                self.probe((PLACE_PROBE,), source)  # with each, since any may be lost; both are shorter than what asked
        self._send(ANSWER, write_answer(probe), source)

    def _take_answer(self, probe: Probe, source: Address) -> None:
        asked = self._asked.pop(probe.token, None)
        if asked is None or asked.place != source:
            return
        self.peer = source
        if self._longest[0] == source:
            self.size = max(self.size, self._longest[1])
        self.rtt = self._clock.monotonic() - asked.at
        if asked.size in SIZES:
            self._found_out(asked.size)

    def _found_out(self, size: int) -> None:
        """A datagram of that size got through, and its answer back."""
        if size >= self.size:
            self.size, self.is_doubted = size, False
        elif self.is_doubted:
            self._found_at = self._found_at if self._found else self._clock.monotonic()
            self._found = max(self._found, size)


def _ignore_floor(floor: int) -> None:
    """Nothing comes from there anyway."""
