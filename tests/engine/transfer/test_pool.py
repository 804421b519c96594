from __future__ import annotations

import pytest

from accsyn_engine.transfer.belt import Ended
from accsyn_engine.transfer.transport.pool import Pool
from accsyn_engine.wire.datagram import BLOCK, TAG
from accsyn_engine.wire.messages import MAX_PAYLOAD
from accsyn_engine.wire.session import HEAD_ROOM
from tests.engine.transfer.test_outlet import Worker

SMALL, LARGE = HEAD_ROOM + BLOCK + TAG, HEAD_ROOM + MAX_PAYLOAD + TAG


@pytest.mark.parametrize(("capacity", "size"), [(1, SMALL), (BLOCK, SMALL), (BLOCK + 1, LARGE), (MAX_PAYLOAD, LARGE)])
def test_a_buffer_is_the_smallest_that_holds_it(capacity: int, size: int) -> None:
    assert len(Pool(1 << 30).get(capacity)) == size


def test_a_buffer_is_used_again() -> None:
    pool = Pool(1 << 30)
    buffer = pool.get(BLOCK)
    buffer[0] = 7
    pool.put(buffer)
    assert pool.get(BLOCK)[0] == 7


def test_whoever_would_exceed_the_memory_waits_for_a_buffer_given_back() -> None:
    pool = Pool(2 * SMALL)
    first = pool.get(BLOCK)
    pool.get(BLOCK)
    third = Worker(lambda: pool.get(BLOCK))
    assert third.waits()
    pool.put(first)
    assert third.join().result is not None


def test_more_memory_lets_those_who_wait_go_on() -> None:
    pool = Pool(SMALL)
    pool.get(BLOCK)
    second = Worker(lambda: pool.get(BLOCK))
    assert second.waits()
    pool.resize(2 * SMALL)
    assert second.join().result is not None


def test_one_buffer_there_is_however_little_is_allowed() -> None:
    assert len(Pool(1).get(MAX_PAYLOAD)) == LARGE


def held(pool: Pool) -> int:
    """Bytes of all buffers there are."""
    return pool._out + sum(len(buffer) for free in pool._free.values() for buffer in free)


def test_buffers_of_both_sizes_together_stay_within_the_memory() -> None:
    """Those of the size not in use any more were kept beside the others."""
    pool = Pool(4 * LARGE)
    for buffer in [pool.get(BLOCK) for _ in range(15)]:
        pool.put(buffer)
    for buffer in [pool.get(MAX_PAYLOAD) for _ in range(4)]:
        assert held(pool) <= 4 * LARGE
        pool.put(buffer)
    assert held(pool) <= 4 * LARGE


def test_less_memory_is_given_back_to_the_system() -> None:
    pool = Pool(10 * SMALL)
    buffers = [pool.get(BLOCK) for _ in range(10)]
    pool.resize(2 * SMALL)
    for buffer in buffers:
        pool.put(buffer)
    assert held(pool) <= 2 * SMALL


def test_the_end_sends_home_who_waits_and_who_comes_later() -> None:
    pool = Pool(SMALL)
    pool.get(BLOCK)
    waiting = Worker(lambda: pool.get(BLOCK))
    pool.end()
    assert waiting.join().is_ended
    with pytest.raises(Ended):
        pool.get(BLOCK)
