from __future__ import annotations

import itertools

import pytest

from accsyn_engine.wire import codec
from accsyn_engine.wire.errors import LocalProtocolError, RemoteProtocolError
from accsyn_engine.wire.messages import (
    MAX_PAYLOAD,
    NUMBERS,
    RESERVED,
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
    Wants,
    Welcome,
)
from accsyn_engine.wire.session import CONTROLLED, FOLLOWS, HEAD_ROOM, NEXT, Session, State
from tests.engine.wire.examples import EXAMPLES

SENDER_SAYS: list[Event] = [
    EXAMPLES[kind] for kind in (Offer, Manifest, Ping, ManifestEnd, Digests, Alike, Failed, Finish, Bye)
]
RECEIVER_SAYS: list[Event] = [EXAMPLES[kind] for kind in (Accept, Held, Wants, Ack, Repair, Failed, Ping)]


PAIRS = list(itertools.product(State, NUMBERS))


def feed(session: Session, data: bytes) -> list[Event]:
    """Feed bytes as a socket would; payloads are copied, since they die with the next call."""
    events: list[Event] = []
    while data:
        buffer = session.get_buffer()
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        data = data[count:]
        events.extend(kept(event) for event in session.received(count))
    return events


def kept(event: Event) -> Event:
    return Block(event.position, memoryview(bytes(event.payload))) if isinstance(event, Block) else event


def greeted(first: type[Event] = Hello) -> tuple[Session, Session]:
    """A listener and a connector after their greeting."""
    listener, connector = Session(listener=True), Session(listener=False)
    feed(connector, listener.send(EXAMPLES[Welcome]))
    feed(listener, connector.send(EXAMPLES[first]))
    return listener, connector


SCRIPT: list[Event] = [Hello(2, "ab" * 12, 2, datagrams=True), *SENDER_SAYS[:-2]]
BYTES = b"".join(codec.encode(event) for event in SCRIPT)


@pytest.mark.parametrize("cut", range(len(BYTES) + 1))
def test_events_do_not_depend_on_where_the_bytes_are_cut(cut: int) -> None:
    session = Session(listener=True)
    session.send(Welcome(2, 2, 45190))
    assert feed(session, BYTES[:cut]) + feed(session, BYTES[cut:]) == SCRIPT


def test_events_come_out_the_same_byte_by_byte() -> None:
    session = Session(listener=True)
    session.send(Welcome(2, 2, 45190))
    assert [event for byte in BYTES for event in feed(session, bytes([byte]))] == SCRIPT


def test_a_whole_conversation_leaves_both_sides_done() -> None:
    sender, receiver = greeted()
    for event in SENDER_SAYS[:-2]:
        assert feed(receiver, sender.send(event)) == [event]
    for event in RECEIVER_SAYS:
        assert feed(sender, receiver.send(event)) == [event]
    feed(receiver, sender.send(EXAMPLES[Finish]))
    feed(sender, receiver.send(EXAMPLES[Receipt]))
    feed(receiver, sender.send(Bye()))
    assert (sender.mine, sender.theirs, receiver.mine, receiver.theirs) == (State.DONE,) * 4


@pytest.mark.parametrize(("state", "kind"), PAIRS)
def test_what_the_table_does_not_list_is_refused_and_the_rest_is_not(state: State, kind: type[Event]) -> None:
    session = Session(listener=True)
    session.theirs = state
    if kind in NEXT[state]:
        assert feed(session, codec.encode(EXAMPLES[kind])) == [EXAMPLES[kind]]
        assert session.theirs is NEXT[state][kind]
    else:
        with pytest.raises(RemoteProtocolError, match=f"{kind.__name__} while {state.value}"):
            feed(session, codec.encode(EXAMPLES[kind]))


@pytest.mark.parametrize(("state", "kind"), PAIRS)
def test_this_side_is_held_to_the_same_table(state: State, kind: type[Event]) -> None:
    session = Session(listener=True)
    session.mine = state
    if kind in NEXT[state]:
        assert session.send(EXAMPLES[kind]) == codec.encode(EXAMPLES[kind])
    else:
        with pytest.raises(LocalProtocolError):
            session.send(EXAMPLES[kind])


def test_every_state_has_a_row_and_every_row_leads_to_a_state_with_a_row() -> None:
    assert set(NEXT) == set(State)
    assert {after for row in NEXT.values() for after in row.values()} <= set(NEXT)
    assert {after for row in FOLLOWS.values() for after in row.values()} <= set(NEXT)


@pytest.mark.parametrize("said", range(1, len(SENDER_SAYS)))
def test_the_connecting_side_may_be_far_before_the_welcome_reaches_it(said: int) -> None:
    listener, connector = Session(listener=True), Session(listener=False)
    welcome = listener.send(EXAMPLES[Welcome])
    early = [EXAMPLES[Hello], *SENDER_SAYS[: said - 1]]
    feed(listener, b"".join(connector.send(event) for event in early))
    feed(connector, welcome)
    feed(connector, listener.send(EXAMPLES[Accept]))
    assert (connector.mine, connector.theirs) == (listener.theirs, listener.mine)
    assert listener.mine in (State.ANSWERING, State.SIGNING)


@pytest.mark.parametrize("said", [(Join,), (Join, Block), (Join, Seal)])
def test_a_bulk_connection_may_be_before_the_welcome_too(said: tuple[type[Event], ...]) -> None:
    listener, connector = Session(listener=True), Session(listener=False)
    welcome = listener.send(EXAMPLES[Welcome])
    feed(listener, b"".join(connector.send(EXAMPLES[kind]) for kind in said))
    feed(connector, welcome)
    assert (connector.mine, connector.theirs) == (listener.theirs, listener.mine)


def test_nothing_but_a_greeting_opens_a_connection() -> None:
    for kind in NUMBERS:
        if kind not in (Hello, Join, Stop):
            with pytest.raises(LocalProtocolError):
                Session(listener=False).send(EXAMPLES[kind])


def test_two_senders_on_one_session_are_refused() -> None:
    listener, connector = greeted()
    first, second = listener.send(EXAMPLES[Offer]), connector.send(EXAMPLES[Offer])
    with pytest.raises(RemoteProtocolError, match="Offer while accepting"):
        feed(connector, first)
    with pytest.raises(RemoteProtocolError):
        feed(listener, second)


@pytest.mark.parametrize("kind", [kind for kind in NUMBERS if kind in CONTROLLED])
def test_what_belongs_into_a_control_stream_is_refused_beside_it(kind: type[Event]) -> None:
    sender, receiver = greeted()
    feed(receiver, sender.send(EXAMPLES[Offer]))
    feed(receiver, sender.send(EXAMPLES[Control]))
    with pytest.raises(RemoteProtocolError):
        feed(receiver, codec.encode(EXAMPLES[kind]))


def test_a_control_stream_is_held_to_the_same_table() -> None:
    _, receiver = greeted()
    receiver.theirs = State.LISTING
    for kind in (Manifest, ManifestEnd, Digests, Finish):
        frame = codec.encode(EXAMPLES[kind])
        assert receiver.received_apart(NUMBERS[kind], frame[codec.HEADER.size :]) == EXAMPLES[kind]
    assert receiver.theirs is State.FINISHED
    with pytest.raises(RemoteProtocolError, match="Manifest while"):
        receiver.received_apart(NUMBERS[Manifest], codec.encode(EXAMPLES[Manifest])[codec.HEADER.size :])


def test_a_repeated_finish_may_come_after_the_goodbye_that_overtook_it() -> None:
    _, receiver = greeted()
    receiver.theirs = receiver.mine = State.DONE
    frame = codec.encode(EXAMPLES[Finish])
    assert receiver.received_apart(NUMBERS[Finish], frame[codec.HEADER.size :]) == EXAMPLES[Finish]
    assert receiver.theirs is State.DONE
    with pytest.raises(RemoteProtocolError, match="Digests while done"):
        receiver.received_apart(NUMBERS[Digests], codec.encode(EXAMPLES[Digests])[codec.HEADER.size :])


@pytest.mark.parametrize("kind", [kind for kind in NUMBERS if kind not in CONTROLLED])
def test_a_control_stream_carries_nothing_else(kind: type[Event]) -> None:
    _, receiver = greeted()
    receiver.theirs = State.LISTING
    with pytest.raises(RemoteProtocolError, match="in its control stream"):
        receiver.received_apart(NUMBERS[kind], codec.encode(EXAMPLES[kind])[codec.HEADER.size :])


def test_a_receipt_is_refused_before_the_finish() -> None:
    sender, receiver = greeted()
    feed(receiver, sender.send(EXAMPLES[Offer]))
    receiver.send(EXAMPLES[Accept])
    with pytest.raises(LocalProtocolError):
        receiver.send(EXAMPLES[Receipt])


def test_blocks_go_one_way_only() -> None:
    listener, connector = greeted(Join)
    feed(connector, listener.send(EXAMPLES[Block]))
    with pytest.raises(LocalProtocolError):
        connector.send(EXAMPLES[Block])


def test_a_block_of_the_largest_size_passes_and_its_payload_is_not_copied() -> None:
    listener, connector = greeted(Join)
    frame = memoryview(bytearray(HEAD_ROOM + MAX_PAYLOAD))
    frame[HEAD_ROOM:] = bytes(range(256)) * (MAX_PAYLOAD // 256)
    data = bytes(connector.frame_block(frame, 9, MAX_PAYLOAD))
    assert data == codec.encode(Block(9, frame[HEAD_ROOM:]))
    buffer = listener.get_buffer()
    buffer[: len(data)] = data
    (block,) = listener.received(len(data))
    assert isinstance(block, Block)
    buffer[HEAD_ROOM] = 77  # seen through the payload: the same memory
    assert block.payload[0] == 77
    assert block.payload[1:] == frame[HEAD_ROOM + 1 :]


def test_events_before_a_broken_frame_are_still_heard() -> None:
    session = Session(listener=True)
    session.send(Welcome(2, 2, 45190))
    data = codec.encode(EXAMPLES[Hello]) + b"\0\0\0\0\x63"
    buffer = session.get_buffer()
    buffer[: len(data)] = data
    events = session.received(len(data))
    assert next(events) == EXAMPLES[Hello]
    with pytest.raises(RemoteProtocolError, match="message 99"):
        next(events)


@pytest.mark.parametrize("number", NUMBERS.values())
def test_a_length_beyond_its_bound_is_refused_before_the_body_comes(number: int) -> None:
    session = Session(listener=True)
    too_long = codec.MAX_BODY.get(number, codec.MAX_CONTROL) + 1
    with pytest.raises(RemoteProtocolError, match="too long"):
        feed(session, codec.HEADER.pack(too_long, number))


def test_numbers_are_used_once_and_those_for_datagrams_are_free() -> None:
    assert len(set(NUMBERS.values())) == len(NUMBERS)
    assert not set(NUMBERS.values()) & set(RESERVED)
