"""One end of one connection as a pure state machine: bytes in, events out; events in, bytes out.

Rule 1: whatever decides what may be said when stands in NEXT and FOLLOWS, and nowhere else.
Rule 2: each side of the conversation has a state of its own. What a side says moves its state by NEXT; where one side
stands may move the other by FOLLOWS. So both ends hold the same pair, and may differ only by what is under way.
Rule 3: nothing here reads a socket, a file or a clock.

    buffer = session.get_buffer()
    n = sock.recv_into(buffer)
    for event in session.received(n): ...
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from accsyn_engine.wire import codec
from accsyn_engine.wire.errors import LocalProtocolError, RemoteProtocolError
from accsyn_engine.wire.messages import (
    MAX_PAYLOAD,
    NUMBERS,
    Accept,
    Ack,
    Alike,
    Block,
    Bye,
    Control,
    Digests,
    Event,
    Failed,
    Finish,
    Heard,
    Held,
    Hello,
    Join,
    Manifest,
    ManifestEnd,
    Offer,
    Ping,
    Receipt,
    Repair,
    Seal,
    Stop,
    Taken,
    Wants,
    Welcome,
)


class State(enum.Enum):
    """Where one side of the conversation stands; the words fit into "while ..."."""

    WELCOMING = "welcoming"  # the listener, before its first frame
    WELCOMED = "waiting for the other side's greeting"
    GREETING = "greeting"
    SESSION = "choosing its part"
    OFFERING = "offering"  # the other side receives, so this one sends
    ACCEPTING = "accepting"  # the other side sends, so this one receives
    LISTING = "listing"
    LISTED = "sending"
    FINISHED = "waiting for the receipt"
    ANSWERING = "receiving"
    SIGNING = "signing the receipt"
    BULK = "bulk, open"
    FEEDING = "bulk, sending"
    SEALED = "bulk, sealed"
    SILENT = "bulk, receiving"
    DONE = "done"
    STOPPED = "stopped"


_SAME_WHILE_LISTING = dict.fromkeys((Manifest, Digests, Alike, Failed, Control, Ping), State.LISTING)
_SAME_WHILE_SENDING = dict.fromkeys((Digests, Alike, Failed, Control, Ping), State.LISTED)
_SAME_WHILE_FINISHED = dict.fromkeys((Digests, Alike, Failed, Finish, Control, Ping), State.FINISHED)
_ANSWERS = (Held, Wants, Ack, Taken, Failed, Repair, Heard, Ping)

# The whole protocol: what a side may say in each state, and its state after it.
NEXT: dict[State, dict[type[Event], State]] = {
    State.WELCOMING: {Welcome: State.WELCOMED},
    State.WELCOMED: {Stop: State.STOPPED},
    State.GREETING: {Hello: State.SESSION, Join: State.BULK, Stop: State.STOPPED},
    State.SESSION: {Offer: State.LISTING, Accept: State.ANSWERING, Ping: State.SESSION, Stop: State.STOPPED},
    State.OFFERING: {Offer: State.LISTING, Ping: State.OFFERING, Stop: State.STOPPED},
    State.ACCEPTING: {Accept: State.ANSWERING, Ping: State.ACCEPTING, Stop: State.STOPPED},
    State.LISTING: {**_SAME_WHILE_LISTING, ManifestEnd: State.LISTED, Stop: State.STOPPED},
    State.LISTED: {**_SAME_WHILE_SENDING, Finish: State.FINISHED, Stop: State.STOPPED},
    State.FINISHED: {**_SAME_WHILE_FINISHED, Bye: State.DONE, Stop: State.STOPPED},
    State.ANSWERING: {**dict.fromkeys(_ANSWERS, State.ANSWERING), Stop: State.STOPPED},
    State.SIGNING: {**dict.fromkeys(_ANSWERS, State.SIGNING), Receipt: State.DONE, Stop: State.STOPPED},
    State.BULK: {Block: State.FEEDING, Seal: State.SEALED},
    State.FEEDING: {Block: State.FEEDING},
    State.SEALED: {},
    State.SILENT: {},
    State.DONE: dict.fromkeys((Finish, Heard, Ping), State.DONE),  # what was on its way when the other word overtook it
    State.STOPPED: {},
}

# While one side is in a state, what the other moves from, and where to. The connector may be far before the welcome.
FOLLOWS: dict[State, dict[State, State]] = {
    State.SESSION: {State.WELCOMED: State.SESSION},
    State.BULK: {State.WELCOMED: State.BULK},
    State.LISTING: {State.SESSION: State.ACCEPTING, State.WELCOMED: State.ACCEPTING},
    State.LISTED: {State.WELCOMED: State.ACCEPTING},
    State.ANSWERING: {State.SESSION: State.OFFERING, State.WELCOMED: State.OFFERING},
    State.FINISHED: {State.ANSWERING: State.SIGNING, State.WELCOMED: State.ACCEPTING},
    State.FEEDING: {State.BULK: State.SILENT, State.WELCOMED: State.SILENT},
    State.SEALED: {State.BULK: State.SILENT, State.WELCOMED: State.SILENT},
}

CONTROLLED = frozenset((Manifest, ManifestEnd, Digests, Alike, Failed, Finish))  # what the control stream carries

HEAD_ROOM = codec.BLOCK_HEAD.size  # bytes a block's buffer keeps free before its payload
CAPACITY = HEAD_ROOM + MAX_PAYLOAD + 64 * 1024  # the longest frame, and room to read ahead


class Session:
    """One end of one connection; the same class for both ends and for every channel."""

    def __init__(self, *, listener: bool) -> None:
        self.mine = State.WELCOMING if listener else State.GREETING
        self.theirs = State.GREETING if listener else State.WELCOMING
        self._view = memoryview(bytearray(CAPACITY))
        self._start = 0
        self._end = 0
        self._is_apart = False  # the other side has begun its control stream

    def get_buffer(self) -> memoryview:
        """Where the next bytes go; never empty. Payloads handed out before are no longer valid."""
        if self._start:
            rest = self._end - self._start
            self._view[:rest] = self._view[self._start : self._end]
            self._start, self._end = 0, rest
        return self._view[self._end :]

    def received(self, count: int) -> Iterator[Event]:
        """Take `count` bytes that were put into the buffer; yield the events they complete."""
        self._end += count
        while (held := self._end - self._start) >= codec.HEADER.size:
            length, number = codec.HEADER.unpack_from(self._view, self._start)
            codec.check_length(number, length)
            if held < codec.HEADER.size + length:
                return
            body = self._start + codec.HEADER.size
            self._start = body + length
            event = self._heard(number, self._view[body : body + length])
            if self._is_apart and type(event) in CONTROLLED:
                raise RemoteProtocolError(detail=f"{type(event).__name__} beside its control stream")
            self._is_apart |= type(event) is Control
            yield event

    def received_apart(self, number: int, body: bytes) -> Event:
        """Take a message of the other side's control stream. Raises RemoteProtocolError."""
        kind = codec.kind_of(number)
        if kind not in CONTROLLED:
            raise RemoteProtocolError(detail=f"{kind.__name__} in its control stream")
        return self._heard(number, memoryview(body))

    def _heard(self, number: int, body: memoryview) -> Event:
        kind = codec.kind_of(number)
        after = NEXT[self.theirs].get(kind)
        if after is None:
            raise RemoteProtocolError(detail=f"{kind.__name__} while {self.theirs.value}")
        event = codec.decode(number, body)
        self.theirs = after
        self._follow()
        return event

    def _follow(self) -> None:
        self.mine = FOLLOWS.get(self.theirs, {}).get(self.mine, self.mine)
        self.theirs = FOLLOWS.get(self.mine, {}).get(self.theirs, self.theirs)

    def send(self, event: Event) -> bytes:
        """Return the bytes that say `event`; raises LocalProtocolError when it is not ours to say now."""
        self._say(type(event))
        return codec.encode(event)

    def frame_block(self, buffer: memoryview, position: int, length: int) -> memoryview:
        """Put the head of a block before the payload that starts at HEAD_ROOM of `buffer`; return the whole frame."""
        self._say(Block)
        codec.BLOCK_HEAD.pack_into(buffer, 0, length + 8, NUMBERS[Block], position)
        return buffer[: HEAD_ROOM + length]

    def _say(self, kind: type[Event]) -> None:
        after = NEXT[self.mine].get(kind)
        if after is None:
            raise LocalProtocolError(event=kind.__name__, state=self.mine.value)
        self.mine = after
        self._follow()
