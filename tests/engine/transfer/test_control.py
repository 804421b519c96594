from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from accsyn_engine.clock import SystemClock
from accsyn_engine.transfer.belt import Ended
from accsyn_engine.transfer.errors import PeerLost, TransferStopped
from accsyn_engine.transfer.receiving.receiver import receive
from accsyn_engine.transfer.transport.limiter import LARGEST, SMALLEST, Limiter
from accsyn_engine.transfer.work import Control, Item
from tests.engine.transfer.ends import JOB, Ends, Side, bytes_of, connected, start


class WhenBytesMove(Control):
    """Calls back once, at the first report of bytes at the destination."""

    def __init__(self, bytes_per_s: int | None = None) -> None:
        super().__init__(bytes_per_s)
        self.moving = threading.Event()

    def report(self, **numbers: Any) -> None:
        super().report(**numbers)
        if numbers.get("acked", 0) > 0:
            self.moving.set()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "large").write_bytes(bytes_of(8_000_000))
    return source, target


def running(folders: tuple[Path, Path], sender: Control, receiver: Control) -> Ends:
    source, target = folders
    return start(
        [Item(1, source, "large")],
        lambda task: Item(task, target, "large"),
        sender_control=sender,
        receiver_control=receiver,
    )


@pytest.mark.parametrize("who", ["sender", "receiver"])
def test_a_stop_ends_both_sides_with_its_reason(folders: tuple[Path, Path], who: str) -> None:
    sender, receiver = WhenBytesMove(1_000_000), WhenBytesMove()
    ends = running(folders, sender, receiver)
    assert sender.moving.wait(10)
    {"sender": sender, "receiver": receiver}[who].stop("paused", "Paused by andrea@geoscan.org.")
    for side in ends.join():
        assert isinstance(side.error, TransferStopped)
        assert side.error.facts["reason"] == "paused"
        assert side.error.message == "Paused by andrea@geoscan.org."
    assert not (folders[1] / "large").exists()


def test_a_stop_before_the_start_counts(folders: tuple[Path, Path]) -> None:
    control = Control()
    control.stop("aborted", "Aborted.")
    for side in running(folders, control, Control()).join():
        assert isinstance(side.error, TransferStopped)


def test_a_cap_can_be_taken_away_while_the_transfer_runs(folders: tuple[Path, Path]) -> None:
    sender = WhenBytesMove(200_000)  # 40 s for all of it
    ends = running(folders, sender, Control())
    assert sender.moving.wait(10)
    assert sender.progress().acked < 4_000_000
    sender.limit(None)
    sent, received = ends.outcomes()
    assert replace(sent.progress, line=None) == replace(received.progress, line=None)
    assert received.progress.acked == 8_000_000


class StandingClock(SystemClock):
    """Moves only when told."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


def test_the_limiter_lets_through_what_the_cap_allows() -> None:
    clock, control = StandingClock(), Control(1_000_000)
    limiter = Limiter(control, clock)
    limiter.take(100_000)  # the burst
    assert limiter._wait() == 0.0 or limiter._wait() <= 0.0
    passed = threading.Thread(target=limiter.take, args=(500_000,))
    passed.start()
    assert limiter._wait() > 0
    clock.at = 0.6
    passed.join(5)
    assert not passed.is_alive()


def test_a_limiter_without_a_cap_never_waits_and_an_ended_one_never_hangs() -> None:
    control = Control()
    limiter = Limiter(control, StandingClock())
    limiter.take(1 << 40)
    assert limiter.block_size() == LARGEST
    control.limit(0)
    assert limiter.block_size() == SMALLEST
    limiter.end()
    with pytest.raises(Ended):
        limiter.take(1)


class QuickClock(SystemClock):
    """Runs a hundred times as fast."""

    def monotonic(self) -> float:
        return super().monotonic() * 100


def test_a_peer_that_falls_silent_is_lost_after_fifteen_seconds(folders: tuple[Path, Path]) -> None:
    near, far = connected()
    control = Control()
    receiver = Side(
        lambda: receive(near, lambda task: Item(task, folders[1], ""), control, job=JOB, clock=QuickClock())
    )
    receiver.join()
    assert isinstance(receiver.error, PeerLost)
    assert "silent for 15 s" in receiver.error.message
    far.close()


def test_two_sides_that_wait_for_a_slow_source_keep_each_other_alive(folders: tuple[Path, Path]) -> None:
    source, target = folders
    go_on = threading.Event()

    def items() -> Any:
        yield Item(1, source, "large")
        go_on.wait(10)

    ends = start(items(), lambda task: Item(task, target, "large"), clock=QuickClock())
    ends.receiver.thread.join(0.5)  # fifty seconds of its clock
    assert ends.receiver.thread.is_alive()
    go_on.set()
    ends.outcomes()
