"""Byte layout of datagrams. Every one is sealed with AES-256-GCM: the header is authenticated, the rest encrypted too.

    header | sealed body | tag (16 bytes)

A header begins with its kind; its bytes 4 to 16 are the nonce. They hold the datagram's number, which grows by one with
every datagram of its direction whatever it carries, so that no nonce is ever used twice.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from accsyn_engine.wire.errors import RemoteProtocolError

DATA, FEEDBACK, PROBE, ANSWER = 1, 2, 3, 4
TAG = 16
NONCE = slice(4, 16)

# kind, segment, payload of a full segment; block, number; position of the block, length of the block
DATA_HEAD = struct.Struct(">BBHIQQI")
# kind, three zeros, zero, number
BARE_HEAD = struct.Struct(">B3xIQ")
NUMBER_AT = struct.Struct(">Q")
SEGMENTS = 256  # of one block, at most
BATCH = 44  # full packets of Ethernet that one call of the system takes (65,507 bytes)
BLOCK = 4 * BATCH * 1428  # bytes of content of one block, about 256 KiB
FIRST_LIMIT = 256  # blocks that may be sent before the first feedback

WINDOW = 6144  # how many datagrams one feedback speaks of
MOST_DONE = 4096  # how many blocks, beginning with the first unfinished one

_FEEDBACK = struct.Struct(">QIQQIIHH")
_PROBE = struct.Struct(">HII")

# What a datagram may take on usual paths (IPv4, UDP): loopback and jumbo frames, Ethernet, tunnels, the least of IPv6.
SIZES = (8972, 1472, 1432, 1372, 1232)
SMALLEST = SIZES[-1]
PLACE_PROBE = BARE_HEAD.size + _PROBE.size + TAG  # asks whether somebody is there, and makes nobody answer more than it


def payload_of(size: int) -> int:
    """How much content a datagram of `size` bytes carries."""
    return size - DATA_HEAD.size - TAG


def size_of(payload: int) -> int:
    return payload + DATA_HEAD.size + TAG


@dataclass(frozen=True)
class Feedback:
    """What the receiver of content says to its sender.

    `newest` is the highest number that came, `arrived` has bit i for number `newest - i`; `delay_us` passed since it
    came, at `counted_us` by the receiver's clock, when `delivered` bytes of datagrams had come in all. Blocks below
    `first_open` are complete, and `first_open + i` is where bit i of `done` is set. Blocks up to `limit` may be sent.
    """

    newest: int
    delay_us: int
    counted_us: int
    delivered: int
    first_open: int
    limit: int
    done: int
    arrived: int


def write_feedback(event: Feedback) -> bytes:
    done = event.done.to_bytes((event.done.bit_length() + 7) // 8, "big")
    arrived = event.arrived.to_bytes((event.arrived.bit_length() + 7) // 8, "big")
    head = _FEEDBACK.pack(
        event.newest,
        event.delay_us,
        event.counted_us,
        event.delivered,
        event.first_open,
        event.limit,
        len(done),
        len(arrived),
    )
    return head + done + arrived


def read_feedback(body: bytes) -> Feedback:
    """Raises RemoteProtocolError."""
    if len(body) < _FEEDBACK.size:
        raise RemoteProtocolError(detail="a feedback is too short")
    newest, delay_us, counted_us, delivered, first_open, limit, done, arrived = _FEEDBACK.unpack_from(body)
    if len(body) != _FEEDBACK.size + done + arrived or done > MOST_DONE // 8 or arrived > WINDOW // 8:
        raise RemoteProtocolError(detail="a feedback is not as long as it says")
    middle = _FEEDBACK.size + done
    return Feedback(
        newest,
        delay_us,
        counted_us,
        delivered,
        first_open,
        limit,
        int.from_bytes(body[_FEEDBACK.size : middle], "big"),
        int.from_bytes(body[middle:], "big"),
    )


@dataclass(frozen=True)
class Probe:
    """Asks for an answer of the same content; `size` is the length of the whole datagram, so it tells what fits.

    What its sender has not brought of blocks below `floor` it will not bring any more.
    """

    size: int
    token: int
    floor: int = 0


def write_probe(event: Probe) -> bytes:
    """Filled up to its size."""
    return _PROBE.pack(event.size, event.token, event.floor).ljust(event.size - BARE_HEAD.size - TAG, b"\0")


def write_answer(event: Probe) -> bytes:
    return _PROBE.pack(event.size, event.token, event.floor)


def read_probe(body: bytes) -> Probe:
    """Raises RemoteProtocolError."""
    if len(body) < _PROBE.size:
        raise RemoteProtocolError(detail="a probe is too short")
    return Probe(*_PROBE.unpack_from(body))
