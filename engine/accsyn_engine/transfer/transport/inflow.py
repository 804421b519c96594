"""The receiver's end of the datagrams: proves each, puts blocks together, and says what came.

One thread takes them off the line, another hands whole blocks on, so that a slow disk does not cost datagrams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cryptography.exceptions import InvalidTag

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.bell import Bell
from accsyn_engine.transfer.belt import Belt, Ended
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.transport.udp import ROOM, Address
from accsyn_engine.wire.assembly import MOST_WAITING, Assembly, Incoming, check_shape
from accsyn_engine.wire.control import CONTROL_AT
from accsyn_engine.wire.datagram import BLOCK, DATA, DATA_HEAD, NONCE, SIZES, TAG, WINDOW
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.messages import MAX_PAYLOAD, Block

SOONEST_S, LATEST_S = 0.005, 0.025  # between two feedbacks while datagrams come
A_RTT = 8  # feedbacks in one round trip
ALIVE_S = 0.25  # between two feedbacks while none come
OFTEN = WINDOW // 4  # datagrams after which a feedback does not wait for its time
PROBE_S, SELDOM_S = 0.2, 2.0  # between two knocks, at first ...
PATIENCE_S = 5.0  # ... and after so long without an answer
RUNS_A_TURN = 64
KEPT = 64  # buffers kept for further blocks
AGAIN_S = 0.02  # between two tries to store what waits for others

Stow = Callable[[Block, memoryview, list[Block]], None]  # the last takes what cannot be stored now
_Cut = tuple[memoryview, memoryview, memoryview]


class Inflow:
    """Takes blocks by datagrams and gives them to `stow`, from a thread of its own.

    Those of the control stream go to `hear` at once, with their offset there: the others may wait for them.
    """

    def __init__(self, line: Line, stow: Stow, *, hear: Callable[[int, bytes], None], rtt: float, clock: Clock) -> None:
        self._line = line
        self._stow = stow
        self._hear = hear
        self._clock = clock
        self._interval = min(LATEST_S, max(SOONEST_S, rtt / A_RTT))
        self._book = Assembly()
        line.on_floor = self._book.give_up_below
        self._bell = Bell()
        self._scratch = memoryview(bytearray(65536))
        self._whole: Belt[Incoming] = Belt()
        self._storing = 0
        self._left: list[tuple[Incoming, list[Block]]] = []  # pieces for which no further file could be opened
        self._tried_at = 0.0
        self._free: list[memoryview] = []
        self._cuts: dict[int, list[_Cut]] = {}
        self._begun_at = clock.monotonic()
        self._told_at = self._probed_at = -1.0
        self._told = 0  # datagrams that had come when the last feedback was sent
        self._has_news = False
        self._is_over = False

    @property
    def has_heard(self) -> bool:
        """Whether any datagram got through."""
        return self._book.newest >= 0

    @property
    def is_behind(self) -> bool:
        """Whether the disk does not keep up with the line."""
        return len(self._whole) > MOST_WAITING // 4

    @property
    def forged(self) -> int:
        """How many datagrams came that were not the other side's."""
        return self._line.forged

    def end(self) -> None:
        self._is_over = True
        self._whole.end()
        self._bell.ring()

    def close(self) -> None:
        self._bell.close()
        self._line.socket.close()

    # the thread at the line
    def run(self) -> None:
        """Until `end`. Raises Ended, RemoteProtocolError."""
        sock = self._line.socket
        self._take_early()
        self._act(self._clock.monotonic())
        while not self._is_over:
            sock.wait(self._patience(), self._bell.fileno())
            for view, size, source in sock.drain(RUNS_A_TURN):
                now = self._clock.monotonic()  # of each run: rates and round trips are made of it
                self._take(view, size, source, now)
                if self._book.newest - self._told >= OFTEN:
                    self._tell(now)
            self._act(self._clock.monotonic())
        raise Ended

    def _take_early(self) -> None:
        """What came before there was somebody to take it."""
        early = self._line.take_early()
        for number, size, at in early.heard:
            self._book.came(number, size, at)
        buffer = self._line.socket.buffer
        for run, size, source in early.runs:
            buffer[: len(run)] = run
            self._take(buffer[: len(run)], size, source, self._clock.monotonic())

    def _patience(self) -> float:
        if self._book.newest < 0:
            return PROBE_S
        return self._interval if self._has_news else ALIVE_S

    def _act(self, now: float) -> None:
        if self._book.newest < 0:
            if now - self._probed_at >= (PROBE_S if now - self._begun_at < PATIENCE_S else SELDOM_S):
                self._probed_at = now
                self._line.probe()
        elif now - self._told_at >= (self._interval if self._has_news else ALIVE_S):
            self._tell(now)

    def _tell(self, now: float) -> None:
        self._told_at, self._told, self._has_news = now, self._book.newest, False
        self._line.send_feedback(self._book.report(now, waiting=len(self._whole) + self._storing + len(self._left)))

    def _take(self, view: memoryview, size: int, source: Address, now: float) -> None:
        """Take a run of datagrams."""
        self._has_news = True
        highest = -1
        for nonce, head, body in self._cut(view, size):
            if len(body) <= TAG or head[0] != DATA:
                self._take_bare(head, body, source, now)
                continue
            _, segment, payload, block, number, position, length = DATA_HEAD.unpack(head)
            incoming = self._book.open.get(block)
            if incoming is None or incoming.key != (payload, position, length) or not incoming.lacks(segment):
                self._take_first(nonce, head, body, source, now)
                continue
            place = incoming.buffer[segment * payload : segment * payload + payload]
            try:
                self._line.in_keys.of(number).decrypt_into(nonce, body, head, place)
            except (InvalidTag, ValueError):  # ValueError: of the wrong length
                self._line.forged += 1
                continue
            highest = max(highest, number)
            self._book.came(number, len(body) + DATA_HEAD.size, now)
            if incoming.take(segment):
                self._finish(incoming)
        if highest >= 0:
            self._line.proved(highest, source)

    def _cut(self, view: memoryview, size: int) -> Iterable[_Cut]:
        """Nonce, head and body of each datagram of a run; kept for the usual sizes, which saves a fifth of the work."""
        if size not in SIZES:
            return [_cut_one(view[at : at + size]) for at in range(0, len(view), size)]
        cuts = self._cuts.get(size)
        if cuts is None:
            buffer = self._line.socket.buffer
            cuts = self._cuts[size] = [_cut_one(buffer[at : at + size]) for at in range(0, ROOM - size + 1, size)]
        whole, rest = divmod(len(view), size)
        return cuts[:whole] if not rest else [*cuts[:whole], _cut_one(view[whole * size :])]

    def _take_bare(self, head: memoryview, body: memoryview, source: Address, now: float) -> None:
        frame = bytes(head) + bytes(body)
        heard = self._line.hear(memoryview(frame), source)
        if heard is not None:
            self._book.came(heard[0], len(frame), now)

    def _take_first(self, nonce: memoryview, head: memoryview, body: memoryview, source: Address, now: float) -> None:
        """A datagram of a block not known yet, or whose piece is there: nothing is kept before it proves itself."""
        _, segment, payload, block, number, position, length = DATA_HEAD.unpack(head)
        content = self._scratch[: len(body) - TAG]
        try:
            self._line.in_keys.of(number).decrypt_into(nonce, body, head, content)
        except InvalidTag:
            self._line.forged += 1
            return
        self._line.proved(number, source)
        is_new = self._book.came(number, len(body) + DATA_HEAD.size, now)
        check_shape(segment, payload, length, len(content))
        incoming = self._wanted(block, payload, position, length) if is_new else None
        if incoming is None or not incoming.lacks(segment):
            self._book.duplicates += len(content)
            return
        incoming.buffer[segment * payload : segment * payload + len(content)] = content
        if incoming.take(segment):
            self._finish(incoming)

    def _wanted(self, block: int, payload: int, position: int, length: int) -> Incoming | None:
        """The block a true datagram speaks of; None when all of it has come. Raises RemoteProtocolError."""
        if not self._book.is_wanted(block, position):
            return None
        incoming = self._book.open.get(block)
        if incoming is None:
            return self._book.begin(block, payload, position, length, self._buffer(length))
        if incoming.key != (payload, position, length):
            raise RemoteProtocolError(detail="two datagrams of one block do not agree about it")
        return incoming

    def _buffer(self, length: int) -> memoryview:
        if length > BLOCK:
            raise RemoteProtocolError(detail="a block is longer than any may be")
        return self._free.pop() if self._free else memoryview(bytearray(BLOCK))

    def _finish(self, incoming: Incoming) -> None:
        self._book.complete(incoming)
        if incoming.position < CONTROL_AT:
            self._whole.put(incoming)
            return
        self._hear(incoming.position - CONTROL_AT, bytes(incoming.buffer))
        self._keep(incoming.base)

    def _keep(self, buffer: memoryview) -> None:
        if len(self._free) < KEPT:
            self._free.append(buffer)

    # the thread at the disk
    def store(self) -> None:
        """Hand on whole blocks until `end`. Raises Ended."""
        aside = memoryview(bytearray(MAX_PAYLOAD))
        while True:
            if self._left and self._clock.monotonic() - self._tried_at > AGAIN_S:
                self._try_again(aside)
            incoming = self._whole.get_within(AGAIN_S) if self._left else self._whole.get()
            if incoming is not None:
                self._storing = 1
                self._bring(incoming, [Block(incoming.position, incoming.buffer)], aside)
                self._storing = 0

    def _bring(self, incoming: Incoming, pieces: list[Block], aside: memoryview) -> None:
        """Store what can be stored now. A file may have to wait for others, and those for blocks behind this one."""
        left: list[Block] = []
        for piece in pieces:
            self._stow(piece, aside, left)
        if left:
            self._left.append((incoming, left))
        else:
            self._keep(incoming.base)

    def _try_again(self, aside: memoryview) -> None:
        waiting, self._left = self._left, []
        for incoming, pieces in waiting:
            self._bring(incoming, pieces, aside)
        self._tried_at = self._clock.monotonic()


def _cut_one(frame: memoryview) -> _Cut:
    return frame[NONCE], frame[: DATA_HEAD.size], frame[DATA_HEAD.size :]
