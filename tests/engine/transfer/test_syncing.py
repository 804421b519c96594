from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from accsyn_engine.clock import SystemClock
from accsyn_engine.transfer.syncing import DEAR_S, FEW, Syncer


@pytest.fixture
def fds(tmp_path: Path) -> Iterator[list[int]]:
    opened = [os.open(tmp_path / str(number), os.O_RDWR | os.O_CREAT) for number in range(2 * FEW)]
    yield opened
    for fd in opened:
        os.close(fd)


class SlowClock(SystemClock):
    """Every look at it takes as long as a sync that is too dear."""

    at = 0.0

    def monotonic(self) -> float:
        self.at += DEAR_S * 2 * FEW + 1
        return self.at


def test_many_files_and_few_are_made_durable(fds: list[int]) -> None:
    with Syncer(SystemClock()) as syncer:
        assert syncer.sync(fds) == {}
        assert syncer.sync(fds[:2]) == {}
        assert syncer.sync([]) == {}


def test_a_disk_that_is_slow_as_a_whole_is_synced_by_file_from_then_on(fds: list[int]) -> None:
    with Syncer(SlowClock()) as syncer:
        assert syncer.sync(fds) == {}
        assert not any(syncer._whole.values())
        assert syncer.sync(fds) == {}


def test_what_cannot_be_made_durable_is_named(fds: list[int]) -> None:
    read, write = os.pipe()  # fsync refuses a pipe
    with Syncer(SystemClock()) as syncer:
        assert set(syncer.sync([*fds, write])) == {write}
        assert set(syncer.sync([read] * 1 + fds[:1])) == {read}
    os.close(read)
    os.close(write)
