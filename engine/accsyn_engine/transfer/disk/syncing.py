"""Makes the contents of several files durable, in one go where the disk can, else in a few threads."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.disk import system
from accsyn_engine.transfer.disk.tree import Folder

THREADS = 8
FEW = 8  # below, each file is synced alone
DEAR_S = 0.005  # a file: a disk that others write to is not synced as a whole for our sake


class Syncer:
    """One sync of the disk costs about as much as one of a file, unless others have much to write there."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fsync")
        self._whole: dict[int, bool] = {}  # by disk: whether it is synced as a whole
        self._lock = threading.Lock()
        self._witnesses: dict[int, int] = {}  # by disk: a descriptor that is told of what could not be written since

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back; no thread may use it any more."""
        self._pool.shutdown()
        for fd in self._witnesses.values():
            os.close(fd)

    def may_close(self, folder: Folder) -> bool:
        """Whether files written to this folder from now on may be closed before `sync_disk` makes them durable."""
        with self._lock:
            disk = folder.device
            if disk not in self._witnesses and disk not in self._whole:
                self._begin(folder)
            return disk in self._witnesses and self._whole[disk]

    def _begin(self, folder: Folder) -> None:
        """Before the first write: the system tells a descriptor of every fault that comes after its opening."""
        self._whole[folder.device] = False
        with contextlib.suppress(OSError):
            fd = folder.descriptor()
            self._whole[folder.device] = system.can_sync_all(fd)
            if self._whole[folder.device]:
                self._witnesses[folder.device] = fd
            else:
                os.close(fd)

    def sync_disk(self, disk: int, files: int) -> bool:
        """Make all of a disk durable; false when something, perhaps of somebody else, could not be written."""
        began = self._clock.monotonic()
        try:
            system.sync_all(self._witnesses[disk])
        except OSError:
            self._whole[disk] = False
            return False
        if self._clock.monotonic() - began > max(DEAR_S * files, DEAR_S * FEW):
            self._whole[disk] = False
        return True

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
