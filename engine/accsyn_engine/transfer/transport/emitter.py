"""Seals pieces of blocks and hands them to the socket in runs, as the sender's book is told."""

from __future__ import annotations

from collections.abc import Iterator

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.transport.udp import ROOM
from accsyn_engine.wire.datagram import DATA, DATA_HEAD, NONCE, TAG, size_of
from accsyn_engine.wire.scoreboard import Outgoing, Scoreboard

TRIES, AGAIN_S = 3, 0.001  # when the interface is behind; what it does not take at last counts as lost

Piece = tuple[Outgoing, int]  # a block and the number of its segment
_Slot = tuple[int, memoryview, memoryview, memoryview]  # where a datagram begins; its head, nonce and sealed body


class Emitter:
    """Keeps the buffer that runs are sealed into."""

    def __init__(self, line: Line, book: Scoreboard, clock: Clock) -> None:
        self._line = line
        self._book = book
        self._clock = clock
        self._frames = memoryview(bytearray(ROOM))
        self._payload = 0
        self._slots: list[_Slot] = []  # of full datagrams: to cut views anew for each takes longer than to seal it

    def emit(self, pieces: list[Piece], now: float) -> int:
        """Send the pieces, in as few calls as their sizes allow; gives the bytes."""
        return sum(self._emit_run(run, now) for run in runs_of(pieces))

    def _emit_run(self, pieces: list[Piece], now: float) -> int:
        payload = pieces[0][0].size
        if payload != self._payload:
            self._payload, self._slots = payload, [self._slot(at, payload) for at in self._places(payload)]
        first = self._line.take_numbers(len(pieces))
        total = self._seal(pieces, first)
        self._send(total, size_of(payload))
        self._book.wrote(
            first, [block.number << 8 | segment for block, segment in pieces], size_of(payload), now, total=total
        )
        return total

    def _seal(self, pieces: list[Piece], number: int) -> int:
        """Fill the buffer; gives the bytes. Only the last piece may be shorter than the others."""
        frames, key_of, pack = self._frames, self._line.out_keys.of, DATA_HEAD.pack_into
        total = 0
        for (block, segment), slot in zip(pieces, self._slots, strict=False):
            payload = block.size
            content = block.content[segment * payload : segment * payload + payload]
            at, head, nonce, body = slot if len(content) == payload else self._slot(slot[0], len(content))
            pack(frames, at, DATA, segment, payload, block.number, number, block.position, len(block.content))
            key_of(number).encrypt_into(nonce, content, head, body)
            number += 1
            total = at + size_of(len(content))
        return total

    def _slot(self, at: int, payload: int) -> _Slot:
        head = self._frames[at : at + DATA_HEAD.size]
        body = at + DATA_HEAD.size
        return at, head, head[NONCE], self._frames[body : body + payload + TAG]

    def _places(self, payload: int) -> range:
        return range(0, ROOM - size_of(payload), size_of(payload))

    def _send(self, total: int, size: int) -> None:
        assert self._line.peer is not None  # noqa: S101  # nothing is emitted before the line is open
        for _ in range(TRIES):
            if self._line.socket.send(self._frames[:total], size, self._line.peer):
                return
            self._clock.sleep(AGAIN_S)


def runs_of(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Split where the size changes, and after a piece that is shorter: the system takes runs of equal ones."""
    begin = 0
    for index in range(1, len(pieces)):
        (before, segment), (block, _) = pieces[index - 1], pieces[index]
        if block.size != before.size or (segment + 1) * before.size > len(before.content):
            yield pieces[begin:index]
            begin = index
    if pieces:
        yield pieces[begin:]
