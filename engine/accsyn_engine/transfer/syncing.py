"""Makes the contents of several files durable, in one go where the disk can, else in a few threads."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from accsyn_engine.clock import Clock
from accsyn_engine.transfer import system

THREADS = 8
FEW = 8  # below, each file is synced alone
DEAR_S = 0.005  # a file: a disk that others write to is not synced as a whole for our sake


class Syncer:
    """One sync of the disk costs about as much as one of a file, unless others have much to write there."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fsync")
        self._whole: dict[int, bool] = {}  # by disk: whether it is synced as a whole

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown()

    def sync(self, fds: Sequence[int]) -> dict[int, OSError]:
        """Make the files durable; returns those that could not be, and why."""
        disks: defaultdict[int, list[int]] = defaultdict(list)
        for fd in fds:
            disks[os.fstat(fd).st_dev].append(fd)
        failed: dict[int, OSError] = {}
        for disk, group in disks.items():
            if len(group) < FEW or not self._sync_whole(disk, group):
                failed.update(self._sync_each(group))
        return failed

    def _sync_whole(self, disk: int, group: list[int]) -> bool:
        if disk not in self._whole:
            self._whole[disk] = system.can_sync_all(group[0])
        if not self._whole[disk]:
            return False
        began = self._clock.monotonic()
        try:
            system.sync_all(group[0])
        except OSError:
            return False  # perhaps a file of somebody else; each of ours will tell
        if self._clock.monotonic() - began > DEAR_S * len(group):
            self._whole[disk] = False
        return True

    def _sync_each(self, group: list[int]) -> dict[int, OSError]:
        shares = [group[number::THREADS] for number in range(min(THREADS, len(group)))]
        failed: dict[int, OSError] = {}
        for share in self._pool.map(_sync_some, shares):
            failed.update(share)
        return failed


def _sync_some(fds: Sequence[int]) -> dict[int, OSError]:
    failed = {}
    for fd in fds:
        try:
            system.sync(fd)
        except OSError as error:
            failed[fd] = error
    return failed
