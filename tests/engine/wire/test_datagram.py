from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsyn_engine.wire.datagram import (
    BARE_HEAD,
    BATCH,
    BLOCK,
    DATA_HEAD,
    MOST_DONE,
    NONCE,
    PLACE_PROBE,
    SEGMENTS,
    SIZES,
    TAG,
    WINDOW,
    Feedback,
    Probe,
    payload_of,
    read_feedback,
    read_probe,
    size_of,
    write_answer,
    write_feedback,
    write_probe,
)
from accsyn_engine.wire.errors import RemoteProtocolError

FEEDBACKS = st.builds(
    Feedback,
    newest=st.integers(0, 2**64 - 1),
    delay_us=st.integers(0, 2**32 - 1),
    counted_us=st.integers(0, 2**64 - 1),
    delivered=st.integers(0, 2**64 - 1),
    first_open=st.integers(0, 2**32 - 1),
    limit=st.integers(0, 2**32 - 1),
    done=st.integers(0, 2**MOST_DONE - 1),
    arrived=st.integers(0, 2**WINDOW - 1),
)


@given(FEEDBACKS)
def test_a_feedback_is_read_as_it_was_written(feedback: Feedback) -> None:
    assert read_feedback(write_feedback(feedback)) == feedback


@given(st.binary(max_size=80))
def test_no_bytes_do_more_than_end_the_session(body: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        assert write_feedback(read_feedback(body))
    with contextlib.suppress(RemoteProtocolError):
        assert write_answer(read_probe(body)) == body[:10]


def test_a_feedback_cut_short_or_going_on_or_too_long_is_refused() -> None:
    body = write_feedback(Feedback(9, 1, 2, 3, 4, 5, 0b101, 0b11))
    for wrong in [body[:length] for length in range(len(body))] + [body + b"\0"]:
        with pytest.raises(RemoteProtocolError, match="feedback"):
            read_feedback(wrong)
    for done, arrived in ((MOST_DONE // 8 + 1, 0), (0, WINDOW // 8 + 1)):
        head = struct.pack(">QIQQIIHH", 0, 0, 0, 0, 0, 0, done, arrived)
        with pytest.raises(RemoteProtocolError, match="as long as it says"):
            read_feedback(head + bytes(done + arrived))


@pytest.mark.parametrize("size", [*SIZES, PLACE_PROBE])
def test_a_probe_fills_its_size_and_its_answer_is_never_longer(size: int) -> None:
    probe = Probe(size, 2**32 - 1, 7)
    body = write_probe(probe)
    assert BARE_HEAD.size + len(body) + TAG == size
    assert read_probe(body) == probe == read_probe(write_answer(probe))
    assert len(write_answer(probe)) <= len(body)


def test_a_probe_too_short_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="probe"):
        read_probe(bytes(9))


@pytest.mark.parametrize("size", SIZES)
def test_a_block_has_few_enough_segments_in_datagrams_of_any_size(size: int) -> None:
    assert size_of(payload_of(size)) == size
    assert -(-BLOCK // payload_of(size)) <= SEGMENTS
    assert BATCH * SIZES[1] <= 65_507


def test_the_nonce_holds_the_number_in_both_kinds_of_head() -> None:
    data = DATA_HEAD.pack(1, 2, 1428, 3, 2**40, 5, 6)
    bare = BARE_HEAD.pack(2, 0, 2**40)
    assert data[NONCE] == struct.pack(">IQ", 3, 2**40)
    assert bare[NONCE] == struct.pack(">IQ", 0, 2**40)
