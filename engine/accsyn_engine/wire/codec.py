"""Bodies of frames: events to bytes and back. A length is checked before it is believed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from accsyn_engine.wire import names
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.manifest import Entry, Kind
from accsyn_engine.wire.messages import (
    DIGEST_SIZE,
    MAX_PAYLOAD,
    NUMBERS,
    SECRET_SIZE,
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

MAGIC = b"accsyn-data\n"
HEADER = struct.Struct(">IB")  # length of the body, number of the event
BLOCK_HEAD = struct.Struct(">IBQ")  # the same, then the position: what stands before a payload
MAX_CONTROL = 256 * 1024
MAX_BODY: dict[int, int] = {NUMBERS[Manifest]: 1 << 20, NUMBERS[Wants]: 1 << 20, NUMBERS[Block]: 8 + MAX_PAYLOAD}
MAX_ENTRIES = 1024  # of one page
MAX_POSITION = 1 << 62  # bytes of one stream; leaves room for sums in 64 bits
_ENTRY = struct.Struct(">BIQqH")
_KINDS_OF_ENTRY = {int(kind): kind for kind in Kind}
_RANGE = struct.Struct(">QQ")
_TAKEN = struct.Struct(">HQ")
_HINT = struct.Struct(">QB")
_DIGEST = struct.Struct(f">Q{DIGEST_SIZE}s")


def _refuse(detail: str) -> RemoteProtocolError:
    return RemoteProtocolError(detail=detail)


class Reader:
    """Takes fields off the front of a body; what is not there ends the session."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._at = 0

    def unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        return layout.unpack(self.take(layout.size))

    def take(self, size: int) -> memoryview:
        piece = self._body[self._at : self._at + size]
        if len(piece) != size:
            raise _refuse("a frame is shorter than what it announces")
        self._at += size
        return piece

    def uint(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def position(self) -> int:
        value = self.uint(8)
        if value > MAX_POSITION:
            raise _refuse("a position lies beyond the largest stream")
        return value

    def data(self) -> bytes:
        return bytes(self.take(self.uint(2)))

    def text(self) -> str:
        try:
            return self.data().decode()
        except UnicodeDecodeError as error:
            raise _refuse("a text is not UTF-8") from error

    def flag(self) -> bool:
        value = self.uint(1)
        if value > 1:
            raise _refuse("a flag is neither 0 nor 1")
        return bool(value)

    def counted(self, size: int) -> int:
        """A count of things of at least `size` bytes that the body can really hold."""
        count = self.uint(4)
        if count * size > len(self._body) - self._at:
            raise _refuse("a count is larger than its frame")
        return count

    def rest(self) -> bytes:
        return bytes(self.take(len(self._body) - self._at))

    def end(self) -> None:
        if self._at != len(self._body):
            raise _refuse("a frame is longer than what it announces")


def _u(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")


def _data(value: bytes) -> bytes:
    return _u(len(value), 2) + value


def _text(value: str) -> bytes:
    return _data(value.encode("utf-8", "replace")[:65535])


def _write_manifest(event: Manifest) -> bytes:
    head = _u(event.page, 4) + _u(event.first, 8) + _u(event.position, 8) + _u(len(event.entries), 4)
    return head + b"".join(_ENTRY.pack(e.kind, e.task, e.size, e.mtime, len(e.path)) + e.path for e in event.entries)


def _read_manifest(reader: Reader) -> Manifest:
    page, first, position = reader.uint(4), reader.position(), reader.position()
    count = reader.counted(_ENTRY.size)
    if count > MAX_ENTRIES:
        raise _refuse("a page lists too many entries")
    return Manifest(page, first, position, tuple([_read_entry(reader) for _ in range(count)]))


def _read_entry(reader: Reader) -> Entry:
    kind, task, size, mtime, length = reader.unpack(_ENTRY)
    path = bytes(reader.take(length))
    if kind not in _KINDS_OF_ENTRY:
        raise _refuse("an entry is of no known kind")
    if size > MAX_POSITION or (size and kind != Kind.FILE):
        raise _refuse("an entry has an impossible size")
    if fault := names.fault_of(path):
        raise _refuse(f"a name was refused: {fault}")
    return Entry(_KINDS_OF_ENTRY[kind], task, path, size, mtime)


def _write_wants(event: Wants) -> bytes:
    head = _u(event.page, 4) + _u(len(event.present), 4) + event.present + _u(len(event.ranges), 4)
    return head + b"".join(_RANGE.pack(*piece) for piece in event.ranges)


def _read_wants(reader: Reader) -> Wants:
    page = reader.uint(4)
    present = bytes(reader.take(reader.counted(1)))
    ranges, last = [], 0
    for _ in range(reader.counted(_RANGE.size)):
        start, end = reader.unpack(_RANGE)
        if not last <= start < end <= MAX_POSITION:
            raise _refuse("wanted ranges are empty or out of order")
        ranges.append((start, end))
        last = end
    return Wants(page, present, tuple(ranges))


def _write_digests(event: Digests | Alike) -> bytes:
    return _u(len(event.digests), 4) + b"".join(_u(index, 8) + digest for index, digest in event.digests)


def _read_by_entry(reader: Reader, layout: struct.Struct) -> tuple[tuple[int, Any], ...]:
    """Something of several entries, after the number of each."""
    count = reader.counted(layout.size)
    found = tuple(layout.iter_unpack(reader.take(count * layout.size)))
    if any(index > MAX_POSITION for index, _ in found):
        raise _refuse("a position lies beyond the largest stream")
    return found


def _read_welcome(reader: Reader) -> Welcome:
    if reader.take(len(MAGIC)) != MAGIC:
        raise _refuse("it does not speak this protocol")
    return Welcome(reader.uint(2), reader.uint(2), reader.uint(2))


def _read_finish(reader: Reader) -> Finish:
    root = bytes(reader.take(DIGEST_SIZE))
    return Finish(root, reader.position(), reader.position(), reader.position(), reader.data())


def _read_taken(reader: Reader) -> Taken:
    counts = tuple(reader.unpack(_TAKEN) for _ in range(reader.counted(_TAKEN.size)))
    return Taken(tuple((channel, blocks) for channel, blocks in counts))


def _write_finish(e: Finish) -> bytes:
    return e.root + _u(e.files, 8) + _u(e.size, 8) + _u(e.failed, 8) + _data(e.signature)


_WRITE: dict[type[Event], Callable[..., bytes]] = {
    Welcome: lambda e: MAGIC + _u(e.lowest, 2) + _u(e.highest, 2) + _u(e.datagrams, 2),
    Hello: lambda e: _u(e.version, 2) + _text(e.transfer) + _u(e.streams, 2) + _u(e.datagrams, 1),
    Join: lambda e: _u(e.version, 2) + _text(e.transfer) + _u(e.channel, 2),
    Offer: lambda e: _text(e.job),
    Accept: lambda e: _text(e.job) + _u(e.fresh, 1),
    Manifest: _write_manifest,
    ManifestEnd: lambda e: _u(e.pages, 4) + _u(e.entries, 8) + _u(e.size, 8),
    Wants: _write_wants,
    Digests: _write_digests,
    Failed: lambda e: _u(e.index, 8) + _text(e.code) + _text(e.message),
    Ack: lambda e: _u(e.written, 8) + _u(e.moved, 8) + _u(e.done, 8) + _u(e.settled, 8),
    Repair: lambda e: _u(e.index, 8),
    Finish: _write_finish,
    Receipt: lambda e: _data(e.signature),
    Bye: lambda _: b"",
    Taken: lambda e: _u(len(e.counts), 4) + b"".join(_TAKEN.pack(*count) for count in e.counts),
    Held: lambda e: _u(len(e.hints), 4) + b"".join(_HINT.pack(*hint) for hint in e.hints),
    Alike: _write_digests,
    Control: lambda e: _u(e.offset, 8) + e.piece,
    Heard: lambda e: _u(e.offset, 8),
    Ping: lambda _: b"",
    Stop: lambda e: _text(e.code) + _text(e.message),
    Block: lambda e: _u(e.position, 8) + bytes(e.payload),
    Seal: lambda e: bytes(e.secret),
}

_READ: dict[type[Event], Callable[[Reader], Event]] = {
    Welcome: _read_welcome,
    Hello: lambda r: Hello(r.uint(2), r.text(), r.uint(2), r.flag()),
    Join: lambda r: Join(r.uint(2), r.text(), r.uint(2)),
    Offer: lambda r: Offer(r.text()),
    Accept: lambda r: Accept(r.text(), r.flag()),
    Manifest: _read_manifest,
    ManifestEnd: lambda r: ManifestEnd(r.uint(4), r.position(), r.position()),
    Wants: _read_wants,
    Digests: lambda r: Digests(_read_by_entry(r, _DIGEST)),
    Failed: lambda r: Failed(r.position(), r.text(), r.text()),
    Ack: lambda r: Ack(r.position(), r.position(), r.position(), r.position()),
    Repair: lambda r: Repair(r.position()),
    Finish: _read_finish,
    Receipt: lambda r: Receipt(r.data()),
    Bye: lambda _: Bye(),
    Taken: _read_taken,
    Held: lambda r: Held(_read_by_entry(r, _HINT)),
    Alike: lambda r: Alike(_read_by_entry(r, _DIGEST)),
    Control: lambda r: Control(r.position(), r.rest()),
    Heard: lambda r: Heard(r.position()),
    Ping: lambda _: Ping(),
    Stop: lambda r: Stop(r.text(), r.text()),
    Seal: lambda r: Seal(bytes(r.take(SECRET_SIZE))),
}
_KINDS = {number: kind for kind, number in NUMBERS.items()}


def kind_of(number: int) -> type[Event]:
    """Which event a number stands for."""
    if number not in _KINDS:
        raise _refuse(f"message {number} is not known")
    return _KINDS[number]


def check_length(number: int, length: int) -> None:
    if length > MAX_BODY.get(number, MAX_CONTROL):
        raise _refuse(f"message {number} is too long")


def decode(number: int, body: memoryview) -> Event:
    """Read one body; the payload of a block is a view, not a copy."""
    kind = kind_of(number)
    if kind is Block:
        if len(body) <= 8:
            raise _refuse("a block is empty")
        return Block(Reader(body[:8]).position(), body[8:])
    reader = Reader(body)
    event = _READ[kind](reader)
    reader.end()
    return event


def encode(event: Event) -> bytes:
    body = _WRITE[type(event)](event)
    return HEADER.pack(len(body), NUMBERS[type(event)]) + body
