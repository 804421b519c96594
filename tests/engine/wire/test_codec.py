from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsyn_engine.wire import codec
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.manifest import Entry, Kind
from accsyn_engine.wire.messages import NUMBERS, Accept, Block, Control, Event, Manifest, Offer, Wants, Welcome
from tests.engine.wire.examples import EXAMPLES


def decoded(kind: type[Event], body: bytes) -> Event:
    return codec.decode(NUMBERS[kind], memoryview(body))


def body_of(event: Event) -> bytes:
    return codec.encode(event)[codec.HEADER.size :]


@pytest.mark.parametrize("kind", NUMBERS)
def test_what_is_written_is_read_again(kind: type[Event]) -> None:
    assert decoded(kind, body_of(EXAMPLES[kind])) == EXAMPLES[kind]


@pytest.mark.parametrize("kind", [kind for kind in NUMBERS if kind not in (Block, Control)])
def test_a_body_that_is_cut_or_goes_on_is_refused(kind: type[Event]) -> None:
    body = body_of(EXAMPLES[kind])
    for wrong in [body[:length] for length in range(len(body))] + [body + b"\0"]:
        with pytest.raises(RemoteProtocolError):
            decoded(kind, wrong)


@given(st.sampled_from(sorted(NUMBERS.values())), st.binary(max_size=200))
def test_no_bytes_do_more_than_end_the_session(number: int, body: bytes) -> None:
    try:
        event = codec.decode(number, memoryview(body))
    except RemoteProtocolError:
        return
    assert body_of(event) == body


def entry(**changes: object) -> bytes:
    good = {"kind": Kind.FILE, "task": 1, "path": b"a", "size": 1, "mtime": 0}
    return body_of(Manifest(0, 0, 0, (Entry(**{**good, **changes}),)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (entry(kind=9), "no known kind"),
        (entry(size=codec.MAX_POSITION + 1), "impossible size"),
        (entry(kind=Kind.FOLDER), "impossible size"),
        (entry(path=b"../a"), "climbs"),
        (entry(path=b"/a"), "absolute"),
        (entry(path=b"a\0"), "NUL"),
    ],
)
def test_entries_that_cannot_be_are_refused(body: bytes, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        decoded(Manifest, body)


def test_a_page_of_more_entries_than_agreed_is_refused() -> None:
    entries = (Entry(Kind.FILE, 1, b"a", 1, 0),) * (codec.MAX_ENTRIES + 1)
    with pytest.raises(RemoteProtocolError, match="too many"):
        decoded(Manifest, body_of(Manifest(0, 0, 0, entries)))


@pytest.mark.parametrize("ranges", [((5, 5),), ((5, 4),), ((0, 5), (4, 6)), ((0, codec.MAX_POSITION + 1),)])
def test_wanted_ranges_are_in_order_and_not_empty(ranges: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(RemoteProtocolError, match="out of order"):
        decoded(Wants, body_of(Wants(0, b"", ranges)))


def test_a_count_is_not_believed_when_the_frame_cannot_hold_it() -> None:
    body = struct.pack(">IQQI", 0, 0, 0, 2**32 - 1)
    with pytest.raises(RemoteProtocolError, match="count"):
        decoded(Manifest, body)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Offer, b"\0\1\xff"),
        (Accept, b"\0\0\2"),
        (Welcome, b"HTTP/1.1 400\0\1\0\1"),
        (Block, b"\xff" * 9),
        (Block, bytes(8)),
    ],
)
def test_fields_of_the_wrong_form_are_refused(kind: type[Event], body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decoded(kind, body)


def test_an_unknown_number_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="message 21"):
        codec.decode(21, memoryview(b""))
