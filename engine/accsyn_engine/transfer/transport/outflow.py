"""The sender's end of the datagrams: paces blocks onto the line, sends again what is lost, notices a dead line.

One thread. What decides the pace is `wire.rate`, what decides on losses is `wire.scoreboard`; here is the clock.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.bell import Bell
from accsyn_engine.transfer.belt import Ended
from accsyn_engine.transfer.transport.emitter import Emitter, Piece
from accsyn_engine.transfer.transport.lane import ControlLane
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.transport.outlet import Filled, Outlet
from accsyn_engine.transfer.transport.pacer import Pacer
from accsyn_engine.transfer.transport.pool import Pool
from accsyn_engine.transfer.work import Control, LineState
from accsyn_engine.wire.control import CONTROL_AT
from accsyn_engine.wire.datagram import BATCH, BLOCK, SIZES, SMALLEST, Feedback, payload_of
from accsyn_engine.wire.measures import Report
from accsyn_engine.wire.rate import Known, RateControl
from accsyn_engine.wire.scoreboard import Outgoing, Scoreboard
from accsyn_engine.wire.session import HEAD_ROOM

TURN_S = 0.001  # a batch is about what the pace allows in this time
BEHIND_S = 0.02  # so late, this machine does not keep up with the pace
IDLE_S = 0.25
LOOK_S = 0.05  # a look again while a cap of zero holds everything
LONGEST_S = 1.0  # between two datagrams, so that a cap that is lifted is noticed
FULL_S = 0.005  # a look again while the window or the socket is full
SILENT_RTTS, SILENT_S = 4, 0.3  # without news for the longer of both, all that is out counts as lost
DEAD_S = 6.0  # after so long a silence the streams take over
PROBE_S, SELDOM_S = 0.2, 2.0  # between two knocks, at first ...
PATIENCE_S = 5.0  # ... and after so long without an answer
WIDEN_S = 10.0  # between two tries whether longer datagrams get through
USUAL_SIZE = SIZES[1]  # longer ones are tried only when the line opens
TAIL_SHARE, TAIL_LEAST = 0.01, 32  # of what was sent, and datagrams: what may be sent twice at the end unasked
TAIL_S = 0.005
CHEAP = 0.06  # of loss, below which a second repair may go twice without costing a hundredth of the line
COPY_SHARES = (0.01, 0.04)  # of loss, above which repairs at the end are sent a third and a fourth time
RUNS_A_TURN = 16
MEMORY = 512 << 20  # bytes of blocks on the line and before it, on the longest lines
LEAST_MEMORY = 16 << 20


@dataclass(eq=False)
class Load:
    """One block as it was read, and how many of the blocks cut from it are still under way."""

    filled: Filled
    left: int


class Outflow:
    """Sends blocks from the outlet by datagrams while they get through."""

    def __init__(
        self,
        line: Line,
        outlet: Outlet,
        lane: ControlLane,
        pool: Pool,
        control: Control,
        *,
        rtt: float,
        known: Known | None,
        clock: Clock,
    ) -> None:
        self._line = line
        self._outlet = outlet
        self._lane = lane
        self._pool = pool
        self._control = control
        self._clock = clock
        now = clock.monotonic()
        self._rtt = rtt
        self._known = known
        self.rate = RateControl(now=now, rtt=rtt, datagram=SIZES[1], known=known, utc=clock.now_ms() / 1000 - now)
        self.book = Scoreboard()
        self._open_book()
        pool.resize(self._memory())
        self._bell = Bell()
        outlet.wake = lane.wake = self._bell.ring
        self._emitter = Emitter(line, self.book, clock)
        self._queue: deque[Outgoing] = deque()  # cut, and not all of it sent
        self._blocks = 0
        self._size = 0  # of datagrams, as blocks are cut now
        self._pacer = Pacer(now)
        self._news_at = now  # when something newer was reported
        self._probed_at = -PROBE_S
        self._is_silent = self._is_idle = self._is_full = False  # full: the receiver takes no further block now
        self._reasons: Counter[str] = Counter()  # what held the sending back, counted in turns
        self._echoes: deque[Piece] = deque()  # to be sent again at the end, unasked
        self._has_echoed = False  # the end of what was read so far
        self._tail_spent = 0
        self._tail_at = now
        self._is_over = False

    # from other threads
    @property
    def carries(self) -> bool:
        """Whether datagrams carry the bulk."""
        return self._line.is_open and not self._outlet.takes_streams

    @property
    def takes_control(self) -> bool:
        """Whether datagrams carry what is said, too.

        Not while the receiver takes no further blocks: it may wait for just what would be said.
        """
        return self.carries and not self._is_full

    def state(self, streams: int) -> LineState:
        """What the line is like now, and what held the sending back most since the last time this was asked."""
        reasons, self._reasons = self._reasons, Counter()
        rate = self.rate
        return LineState(
            transport="udp",
            streams=streams,
            rtt_s=rate.srtt,
            min_rtt_s=rate.min_rtt,
            capacity=rate.capacity,
            loss=rate.loss,
            retransmitted=self.book.repaired + self._tail_spent,
            limited_by=reasons.most_common(1)[0][0] if reasons else None,
        )

    @property
    def forged(self) -> int:
        """How many datagrams came that were not the other side's."""
        return self._line.forged

    def end(self) -> None:
        self._is_over = True
        self._bell.ring()

    def close(self) -> None:
        self._bell.close()
        self._line.socket.close()

    # the thread
    def run(self) -> None:
        """Until `end`. Raises Ended."""
        while not self._is_over:
            now = self._clock.monotonic()
            self._hear(now)
            self._rest(self._act(now))
        raise Ended

    def _act(self, now: float) -> float:
        """Do what is due; gives the moment when something may be again."""
        if not self._line.is_open:
            return self._ask(now)
        if self._outlet.takes_streams and not self._is_dead(now):
            self._outlet.open_to_streams(takes_streams=False)
        self._fit()
        if self._is_silent or self.book.in_flight:
            self._mind_silence(now)
        self._find_out(now)
        return self._send(now) if now >= self._pacer.not_before else self._pacer.not_before

    def _ask(self, now: float) -> float:
        """The line is not open yet: knock."""
        if now - self._probed_at >= (PROBE_S if now - self._news_at < PATIENCE_S else SELDOM_S):
            self._probed_at = now
            self._line.probe()
        return now + PROBE_S

    def _find_out(self, now: float) -> None:
        """Probe where something is in doubt: the line's size, whether it lives, whether blocks are known to be gone."""
        pause = max(PROBE_S, self.rate.srtt)
        self._line.settle_doubt(3 * pause)
        if now - self._probed_at < pause:
            return
        if self._is_silent or self._line.is_doubted:
            sizes = tuple(size for size in SIZES if size <= self._line.size)
        elif self.book.first_open < self._line.floor:
            sizes = (SMALLEST,)
        elif now - self._probed_at > WIDEN_S:
            sizes = tuple(size for size in SIZES if self._line.size < size <= USUAL_SIZE)
        else:
            return
        self._probed_at = now
        self._line.probe(sizes)

    def _is_dead(self, now: float) -> bool:
        return self._is_silent and now - self._news_at > DEAD_S

    def _fit(self) -> None:
        """Cut blocks as long as the line takes them; a line that takes less than it did gets its blocks cut anew."""
        if self._line.size != self._size:
            is_less, self._size = self._line.size < self._size, self._line.size
            if is_less:
                self._recut()

    def _recut(self) -> None:
        self._queue.clear()
        self._line.floor = self._blocks
        for old in self.book.withdraw():
            self._queue.append(self._new_block(old.position, old.content, old.handle))

    def _cut(self, filled: Filled) -> None:
        """Queue what was read as blocks."""
        self._has_echoed = False
        content = filled.buffer[HEAD_ROOM : HEAD_ROOM + filled.length]
        load = Load(filled, -(-filled.length // BLOCK))
        for at in range(0, filled.length, BLOCK):
            self._queue.append(self._new_block(filled.position + at, content[at : at + BLOCK], load))

    def _fetch(self) -> None:
        """Queue what goes next: what is said goes before content, which may wait for it at the receiver."""
        if self._blocks < self.book.limit and (piece := self._lane.take()) is not None:
            self._has_echoed = False
            self._queue.append(self._new_block(CONTROL_AT + piece[0], memoryview(piece[1]), None))
        elif (filled := self._outlet.poll()) is not None:
            self._cut(filled)

    def _new_block(self, position: int, content: memoryview, load: object) -> Outgoing:
        block = Outgoing(self._blocks, position, content, payload_of(self._size), load)
        self._blocks += 1
        self.book.add(block)
        return block

    # hearing
    def _hear(self, now: float) -> None:
        for view, size, source in self._line.socket.drain(RUNS_A_TURN):
            for at in range(0, len(view), size):
                heard = self._line.hear(view[at : at + size], source)
                if heard is not None and heard[1] is not None:
                    self._take(heard[1], now)

    def _take(self, feedback: Feedback, now: float) -> None:
        news = self.book.hear(feedback, now, srtt=self.rate.srtt)
        for block in news.done:
            self._release(block)
        if news.rtt is not None:
            self._news_at = now
            self._is_silent = False
        self.rate.on_report(
            Report(
                now=now,
                rtt=news.rtt,
                sent_at=news.sent_at,
                sent=news.sent,
                delivered=feedback.delivered,
                counted_at=feedback.counted_us / 1e6,
                lost=news.lost,
                in_flight=self.book.in_flight,
                is_app_limited=self._is_idle,
            )
        )
        self._is_idle = False
        self._pool.resize(self._memory())

    def _memory(self) -> int:
        """What the blocks may take: those on the line, those sent again, those read ahead."""
        return max(LEAST_MEMORY, min(MEMORY, 2 * self.rate.window))

    def _release(self, block: Outgoing) -> None:
        load = block.handle
        if not isinstance(load, Load):
            return  # of the control stream
        load.left -= 1
        if not load.left:
            self._pool.put(load.filled.buffer)

    def _mind_silence(self, now: float) -> None:
        """All that is out counts as lost after a while without news; after a longer one the streams take over."""
        quiet = now - self._news_at
        if not self._is_silent and quiet > max(SILENT_RTTS * self.rate.srtt, SILENT_S):
            self._is_silent = True
            self.book.call_all_lost()
            self._line.doubt()
        if not self._is_silent:
            return
        self.rate.on_silence(now)
        if quiet > DEAD_S and not self._outlet.takes_streams:
            self._give_up()

    def _give_up(self) -> None:
        """Let the streams carry what is out; datagrams begin anew when the line answers."""
        self._queue.clear()
        self._line.floor = self._blocks
        blocks = self.book.withdraw()
        self._lane.put_back((b.position - CONTROL_AT, bytes(b.content)) for b in blocks if b.position >= CONTROL_AT)
        loads = {id(block.handle): block.handle for block in blocks}
        self._outlet.put_back(load.filled for load in loads.values() if isinstance(load, Load))
        self._outlet.open_to_streams(takes_streams=True)

    # sending
    def _send(self, now: float) -> float:
        cap = self.rate.cap = self._control.bytes_per_s()
        if cap == 0:
            self._reasons["cap"] += 1
            return now + LOOK_S
        size = self._size
        room = (self.rate.window - self.book.in_flight) // size
        if room <= 0 or not self.book.has_room:
            self._reasons["line"] += 1
            return now + FULL_S
        most = min(BATCH * SIZES[1] // size or 1, max(1, int(self.rate.rate * TURN_S / size)), room)
        pieces = self._choose(most)
        if not pieces:
            self._reasons["receiver-disk" if self._queue else "sender-disk"] += 1
            pieces = self._tail(now, most)
            self._is_idle = True
        if not pieces:
            return now + (TAIL_S if self.book.in_flight else IDLE_S)
        return self._emit(pieces, now)

    def _emit(self, pieces: list[Piece], now: float) -> float:
        """Send these; gives the moment when the pace allows the next ones."""
        takes = min(LONGEST_S, self._emitter.emit(pieces, now) / max(self.rate.rate, 1.0))
        is_behind = self._pacer.lateness(now) > BEHIND_S
        is_capped = self.rate.cap is not None and self.rate.rate >= self.rate.cap
        self._reasons["cpu" if is_behind else "cap" if is_capped else "line"] += 1
        return self._pacer.spend(now, takes)

    def _choose(self, most: int) -> list[Piece]:
        """What goes next: lost pieces first, then new ones."""
        dear = 2 if self.rate.loss < CHEAP else 3
        pieces = [(self.book.block(number), segment) for number, segment in self.book.repairs(most, dear=dear)]
        lost = len(pieces)
        while len(pieces) < most and (block := self._current()) is not None:
            end = min(block.segments, block.begun + most - len(pieces))
            pieces.extend((block, segment) for segment in range(block.begun, end))
            block.begun = end
        self.book.repaired += lost * payload_of(self._size)
        if len(pieces) == lost < most:
            self._echoes.extend(pieces * self._copies())  # nothing new: each further loss would cost a round trip
        return pieces

    def _copies(self) -> int:
        return 1 + sum(self.rate.loss > share for share in COPY_SHARES)

    def _current(self) -> Outgoing | None:
        """The block whose pieces have not all been sent, from the outlet if need be."""
        while self._queue and self._queue[0].begun >= self._queue[0].segments:
            self._queue.popleft()
        if not self._queue and not self._outlet.takes_streams:
            self._fetch()
        self._is_full = (self._queue[0].number if self._queue else self._blocks) >= self.book.limit
        return None if self._is_full or not self._queue else self._queue[0]

    def _tail(self, now: float, most: int) -> list[Piece]:
        """Nothing is left to send: send again unasked what is lost most dearly, the repairs, or all of a short end."""
        budget = max(int(self.book.sent * TAIL_SHARE), TAIL_LEAST * self._size) - self._tail_spent
        if not self.book.in_flight or budget < self._size or now < self._tail_at:
            return []
        if not self._has_echoed and self.book.in_flight <= budget:
            self._has_echoed = True
            last = self.book.last_pieces(self.book.in_flight // self._size)
            self._echoes.extend((self.book.block(number), segment) for number, segment in last)
        self._tail_at = now + TAIL_S
        pieces: list[Piece] = []
        while self._echoes and len(pieces) < min(most, budget // self._size):
            block, segment = self._echoes.popleft()
            if self.book.is_open(block):
                pieces.append((block, segment))
        self._tail_spent += len(pieces) * self._size
        return pieces

    def _rest(self, until: float) -> None:
        """Wait for the pace, or else for news, for blocks and for time."""
        seconds = until - self._clock.monotonic()
        if seconds >= FULL_S:
            self._line.socket.wait(seconds, self._bell.fileno())
            self._bell.clear()
        elif seconds > 0:
            self._clock.sleep(seconds)

    def _open_book(self) -> None:
        """With what went over the line before it was ours."""
        self._line.on_sent = self._note_bare
        for number, size, at in self._line.take_early().sent:
            self.book.skip(number, size, at)

    def _note_bare(self, number: int, size: int) -> None:
        self.book.skip(number, size, self._clock.monotonic())
