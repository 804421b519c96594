"""A file that lies at the receiver already under the name of one to come, compared by content."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from blake3 import blake3

from accsyn_engine.transfer.disk import system
from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.disk.tree import Folder
from accsyn_engine.transfer.errors import TransferError
from accsyn_engine.wire.manifest import Entry
from accsyn_engine.wire.messages import HEAD_SIZE

_GONE = b""  # the digest of what is not there any more as it was: like no other


class Twin:
    """One such file; open only while it is read or kept, and believed only as long as nobody has touched it.

    `hint` is the first byte of the BLAKE3 of its beginning; `digest` is of all of it, None until that was read.
    """

    __slots__ = ("_facts", "_fd", "digest", "hint")

    def __init__(self, facts: os.stat_result, head: bytes, *, is_whole: bool) -> None:
        self._facts = _told_by(facts)
        self._fd: int | None = None
        self.hint = head[0]
        self.digest: bytes | None = head if is_whole else None

    def read(self, root: Root, path: str, aside: memoryview, is_wanted: Callable[[], bool]) -> None:
        """Hash all of it, as long as it is wanted; what cannot be read, or was changed meanwhile, is like nothing."""
        try:
            self.digest = self._hashed(root, path, aside, is_wanted)
        except (OSError, TransferError):
            self.digest = _GONE

    def _hashed(self, root: Root, path: str, aside: memoryview, is_wanted: Callable[[], bool]) -> bytes:
        fd = root.open_read(path)
        try:
            hasher, at = blake3(), 0
            while is_wanted() and (got := system.pread(fd, aside, at)):
                hasher.update(aside[:got])
                at += got
            found: bytes = hasher.digest() if self._is_same(os.fstat(fd)) else _GONE
        finally:
            os.close(fd)
        return found

    def keep(self, root: Root, path: str, mtime: int) -> int:
        """Set its time of change, in ns; returns the descriptor to be synced. Raises OSError, TransferError."""
        self._fd = root.open_keep(path)
        facts = os.fstat(self._fd)
        if not self._is_same(facts):
            raise OSError("it was changed meanwhile")
        if facts.st_mtime_ns != mtime:
            system.set_mtime(self._fd, path, mtime)
        return self._fd

    def _is_same(self, facts: os.stat_result) -> bool:
        return _told_by(facts) == self._facts

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def meet(folder: Folder, name: str, entry: Entry, aside: memoryview) -> Twin | None:
    """Read the beginning of the file of that name; None when it has not the size of `entry`. Raises OSError.

    `aside` is room for that much.
    """
    fd = folder.open_read(name)
    try:
        facts = os.fstat(fd)  # before it is read: a change from here on shows when it is to be kept
        head = aside[: min(entry.size, HEAD_SIZE)]
        if facts.st_size != entry.size or not stat.S_ISREG(facts.st_mode) or system.pread(fd, head, 0) != len(head):
            return None
        return Twin(facts, blake3(head).digest(), is_whole=len(head) == entry.size)
    finally:
        os.close(fd)


def _told_by(facts: os.stat_result) -> tuple[int, ...]:
    """What tells that a file is another one, or was written to."""
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
