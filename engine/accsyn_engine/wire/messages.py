"""The events of the protocol as values; their numbers are never changed and never used twice.

21 to 31 are kept for what comes later. An unknown number ends the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from accsyn_engine.wire.manifest import Entry

OLDEST = VERSION = 2  # what this side speaks
DIGEST_SIZE = 32
SECRET_SIZE = 32  # bytes from which keys are made
MAX_PAYLOAD = 1 << 20  # bytes of one block
HEAD_SIZE = 1 << 20  # bytes of a file's beginning that Held and Alike are about


@dataclass(frozen=True)
class Welcome:
    """First frame of every connection, by the side that listens: its versions, and its port for datagrams or 0."""

    lowest: int
    highest: int
    datagrams: int


@dataclass(frozen=True)
class Hello:
    """The connecting side opens the session: at most so many bulk connections, and whether there are datagrams."""

    version: int
    transfer: str
    streams: int
    datagrams: bool


@dataclass(frozen=True)
class Join:
    """The connecting side adds bulk connection `channel`, counted from 1."""

    version: int
    transfer: str
    channel: int


@dataclass(frozen=True)
class Offer:
    """The side that will send the files says so."""

    job: str


@dataclass(frozen=True)
class Accept:
    """The side that will receive says so; `fresh` when nothing of this job lies there yet."""

    job: str
    fresh: bool


@dataclass(frozen=True)
class Manifest:
    """One page of entries: the first one's number and its place in the stream."""

    page: int
    first: int
    position: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class ManifestEnd:
    """The walk is over: how many pages, entries and bytes there were."""

    pages: int
    entries: int
    size: int


@dataclass(frozen=True)
class Wants:
    """The answer to a page: one bit an entry for what is there already, and the wanted ranges of the stream."""

    page: int
    present: bytes
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Digests:
    """BLAKE3 of whole files, by entry number."""

    digests: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True)
class Failed:
    """One entry cannot be moved; the rest goes on."""

    index: int
    code: str
    message: str


@dataclass(frozen=True)
class Ack:
    """Bytes at the destination, bytes that came over the line, files in place, and the first entry not settled yet."""

    written: int
    moved: int
    done: int
    settled: int


@dataclass(frozen=True)
class Repair:
    """The content of this file did not match its digest: send all of it again."""

    index: int


@dataclass(frozen=True)
class Finish:
    """Everything is settled: the root over all entries, the counts, and the sender's signature over them."""

    root: bytes
    files: int
    size: int
    failed: int
    signature: bytes


@dataclass(frozen=True)
class Receipt:
    """The receiver's signature over the same statement."""

    signature: bytes


@dataclass(frozen=True)
class Bye:
    """The sender has the receipt."""


@dataclass(frozen=True)
class Taken:
    """How many blocks have come whole over each bulk connection: (its number, blocks)."""

    counts: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Held:
    """Files of the same size that lie at the receiver: (entry, the first byte of the BLAKE3 of its first HEAD_SIZE).

    A byte is enough to tell most that differ, and says next to nothing to one who only guesses what lies there.
    """

    hints: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Alike:
    """Held files that begin alike at the sender: BLAKE3 of all of it, by entry number; their content does not come."""

    digests: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True)
class Control:
    """A piece of the control stream that datagrams do not carry; the first one begins it."""

    offset: int
    piece: bytes


@dataclass(frozen=True)
class Heard:
    """How far the control stream was heard."""

    offset: int


@dataclass(frozen=True)
class Ping:
    """Still here."""


@dataclass(frozen=True)
class Stop:
    """The side that says it ends the transfer, and why."""

    code: str
    message: str


@dataclass(frozen=True)
class Block:
    """A piece of the stream. `payload` is valid until the next call of `get_buffer`."""

    position: int
    payload: memoryview


@dataclass(frozen=True)
class Seal:
    """What the sender says next on this bulk connection is not TLS but blocks sealed with keys of this secret."""

    secret: bytes


Event = Union[
    Welcome, Hello, Join, Offer, Accept, Manifest, ManifestEnd, Wants, Digests, Failed, Ack, Repair, Finish, Receipt,
    Bye, Taken, Held, Alike, Control, Heard, Ping, Stop, Block, Seal,
]  # fmt: skip

NUMBERS: dict[type[Event], int] = {
    Welcome: 1,
    Hello: 2,
    Join: 3,
    Offer: 4,
    Accept: 5,
    Manifest: 6,
    ManifestEnd: 7,
    Wants: 8,
    Digests: 9,
    Failed: 10,
    Ack: 11,
    Repair: 12,
    Finish: 13,
    Receipt: 14,
    Bye: 15,
    Taken: 16,
    Held: 17,
    Alike: 18,
    Control: 19,
    Heard: 20,
    Ping: 32,
    Stop: 33,
    Block: 34,
    Seal: 35,
}
RESERVED = range(21, 32)
