from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from accsyn_engine.clock import SystemClock
from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.disk.syncing import DEAR_S, FEW, Syncer


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


def test_files_may_be_closed_early_only_as_long_as_their_disk_keeps_everything(tmp_path: Path) -> None:
    with Root(tmp_path) as root, root.folder("") as folder, Syncer(SystemClock()) as syncer:
        if not syncer.may_close(folder):
            pytest.skip("the temporary folder's disk is not synced as a whole")
        assert syncer.sync_disk(folder.device, 1)
        assert syncer.may_close(folder)
        os.close(syncer._witnesses[folder.device])  # the witness can tell of nothing any more
        try:
            assert not syncer.sync_disk(folder.device, 1)
            assert not syncer.may_close(folder)
        finally:
            del syncer._witnesses[folder.device]


def test_on_a_disk_that_is_slow_as_a_whole_files_stay_open_from_then_on(tmp_path: Path) -> None:
    with Root(tmp_path) as root, root.folder("") as folder, Syncer(SlowClock()) as syncer:
        if not syncer.may_close(folder):
            pytest.skip("the temporary folder's disk is not synced as a whole")
        assert syncer.sync_disk(folder.device, 1)
        assert not syncer.may_close(folder)
        assert syncer.sync_disk(folder.device, 1)  # those closed before it are still made durable
