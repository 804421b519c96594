"""The control stream puts pieces in order, whatever order and however often they come."""

from __future__ import annotations

import itertools
import random

import pytest

from accsyn_engine.wire import codec
from accsyn_engine.wire.control import CONTROL_WINDOW, ControlStream
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.messages import NUMBERS, Digests, Event, Failed, ManifestEnd
from tests.engine.wire.examples import EXAMPLES

EVENTS: list[Event] = [EXAMPLES[kind] for kind in (Failed, Digests, ManifestEnd)] * 20
BYTES = b"".join(codec.encode(event) for event in EVENTS)


def heard(stream: ControlStream) -> list[Event]:
    found = []
    while (frame := stream.next_frame()) is not None:
        found.append(codec.decode(frame[0], memoryview(frame[1])))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_frames_come_out_in_order_whatever_the_pieces_do(seed: int) -> None:
    chance = random.Random(seed)
    cuts = sorted({0, len(BYTES), *(chance.randrange(len(BYTES)) for _ in range(50))})
    pieces = [(a, BYTES[a:b]) for a, b in itertools.pairwise(cuts)]
    pieces += [(a, BYTES[a : a + 100]) for a in (chance.randrange(len(BYTES)) for _ in range(10))]
    chance.shuffle(pieces)
    stream, found = ControlStream(), []
    for offset, piece in pieces:
        stream.put(offset, piece)
        found += heard(stream)
    assert found == EVENTS
    assert stream.heard == len(BYTES)


def test_nothing_is_heard_behind_a_gap() -> None:
    stream = ControlStream()
    stream.put(1, BYTES[1:])
    assert heard(stream) == []
    stream.put(0, BYTES[:1])
    assert heard(stream) == EVENTS


def test_a_piece_beyond_the_window_is_refused_and_the_window_moves_with_what_is_heard() -> None:
    stream = ControlStream()
    with pytest.raises(RemoteProtocolError, match="more than may be under way"):
        stream.put(CONTROL_WINDOW, b"x")
    stream.put(0, BYTES)
    heard(stream)
    stream.put(CONTROL_WINDOW, b"x")


def test_a_frame_longer_than_any_may_be_is_refused_before_it_comes() -> None:
    stream = ControlStream()
    stream.put(0, codec.HEADER.pack(codec.MAX_CONTROL + 1, NUMBERS[Digests]))
    with pytest.raises(RemoteProtocolError, match="too long"):
        stream.next_frame()
