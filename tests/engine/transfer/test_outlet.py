from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from accsyn_engine.transfer.belt import Ended
from accsyn_engine.transfer.transport.outlet import DEPTH, Filled, Outlet


def filled(position: int) -> Filled:
    return Filled(memoryview(bytearray(1)), position, 1)


class Worker:
    """One thread at the outlet, and what came of it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.result: object = None
        self.is_ended = False
        self._work = work
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result = self._work()
        except Ended:
            self.is_ended = True

    def join(self) -> Worker:
        self.thread.join(10)
        assert not self.thread.is_alive(), "the thread hangs"
        return self

    def waits(self) -> bool:
        self.thread.join(0.05)
        return self.thread.is_alive()


def test_streams_wait_until_they_may_carry() -> None:
    outlet = Outlet()
    outlet.put(filled(0))
    stream = Worker(outlet.take)
    assert stream.waits()
    outlet.open_to_streams(takes_streams=True)
    assert stream.join().result == filled(0) or isinstance(stream.result, Filled)


def test_datagrams_take_without_waiting_and_in_order() -> None:
    outlet = Outlet()
    assert outlet.poll() is None
    for position in range(3):
        outlet.put(filled(position))
    taken = [outlet.poll() for _ in range(3)]
    assert [each.position for each in taken if each is not None] == [0, 1, 2]
    assert outlet.poll() is None


def test_a_block_wakes_the_datagrams_only_while_they_carry() -> None:
    outlet, rung = Outlet(), []
    outlet.wake = lambda: rung.append(1)
    outlet.put(filled(0))
    assert len(rung) == 1
    outlet.open_to_streams(takes_streams=True)
    outlet.put(filled(1))
    assert len(rung) == 1


def test_the_reader_waits_when_nobody_takes() -> None:
    outlet = Outlet()
    for position in range(DEPTH):
        outlet.put(filled(position))
    reader = Worker(lambda: outlet.put(filled(DEPTH)))
    assert reader.waits()
    assert outlet.poll() is not None
    reader.join()


def test_what_is_put_back_goes_first_and_in_its_order() -> None:
    outlet = Outlet()
    outlet.put(filled(9))
    outlet.put_back([filled(1), filled(2)])
    outlet.open_to_streams(takes_streams=True)
    assert [outlet.take().position for _ in range(3)] == [1, 2, 9]


def test_putting_back_never_waits_for_room() -> None:
    outlet = Outlet()
    for position in range(DEPTH):
        outlet.put(filled(position))
    outlet.put_back([filled(position) for position in range(100, 200)])
    assert outlet.poll() is not None


def test_the_end_sends_everybody_home() -> None:
    outlet, rung = Outlet(), []
    for position in range(DEPTH):
        outlet.put(filled(position))
    workers = [Worker(outlet.take), Worker(lambda: outlet.put(filled(9)))]
    outlet.wake = lambda: rung.append(1)
    outlet.end()
    assert [worker.join().is_ended for worker in workers] == [True, True]
    assert rung
    with pytest.raises(Ended):
        outlet.poll()
