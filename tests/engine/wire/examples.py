"""One event of each kind, as the tests and PROTOCOL.md spell them."""

from __future__ import annotations

from accsyn_engine.wire.datagram import (
    ANSWER,
    BARE_HEAD,
    DATA,
    DATA_HEAD,
    FEEDBACK,
    PROBE,
    Feedback,
    Probe,
    write_answer,
    write_feedback,
    write_probe,
)
from accsyn_engine.wire.manifest import Entry, Kind
from accsyn_engine.wire.messages import (
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

ENTRIES = (Entry(Kind.FILE, 7, "sub/ä b".encode(), 5, 1_700_000_000_000_000_001), Entry(Kind.FOLDER, 7, b"", 0, 0))
EXAMPLES: dict[type[Event], Event] = {
    type(event): event
    for event in (
        Welcome(2, 2, 45190),
        Hello(2, "ab" * 12, 2, datagrams=True),
        Join(2, "ab" * 12, 1),
        Offer("cd" * 12),
        Accept("cd" * 12, fresh=True),
        Manifest(0, 0, 0, ENTRIES),
        ManifestEnd(1, 2, 5),
        Wants(0, b"\x02", ((0, 5),)),
        Digests(((0, bytes(range(32))),)),
        Failed(0, "source-changed", "sub/ä b changed."),
        Ack(5, 5, 1, 2),
        Repair(0),
        Finish(bytes(32), 1, 5, 0, b"signature"),
        Receipt(b"signature"),
        Bye(),
        Taken(((1, 7), (2, 9))),
        Held(((0, 0xEA),)),
        Alike(((0, bytes(range(32))),)),
        Control(3, b"piece"),
        Heard(8),
        Ping(),
        Stop("user", "Stopped."),
        Block(3, memoryview(b"payload")),
        Seal(bytes(range(32))),
    )
}

SECRET = bytes(range(32))
EXAMPLE_FEEDBACK = Feedback(5, 250, 1_000_000, 2888, 1, 1025, 0b10, 0b100011)
EXAMPLE_PROBE = Probe(64, 7, 3)
# kind, direction, number, header, body; the connector sends the files
DATAGRAMS = (
    ("Probe", "connector", 0, BARE_HEAD.pack(PROBE, 0, 0), write_probe(EXAMPLE_PROBE)),
    ("Answer", "listener", 0, BARE_HEAD.pack(ANSWER, 0, 0), write_answer(EXAMPLE_PROBE)),
    ("Data", "connector", 1 << 22, DATA_HEAD.pack(DATA, 1, 8, 2, 1 << 22, 24, 15), b"payload"),
    ("Feedback", "listener", 1, BARE_HEAD.pack(FEEDBACK, 0, 1), write_feedback(EXAMPLE_FEEDBACK)),
)
