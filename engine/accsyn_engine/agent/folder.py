"""The agent's own folder: who it is over all its starts, and the lock that keeps a second agent out.

The lock is the operating system's and goes with the process, however it ends; the file only says who holds it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from accsyn_engine.agent.errors import FolderInUseError, FolderRefusedError
from accsyn_engine.clock import Clock
from accsyn_engine.ids import Ids

LOCK, INSTANCE = "lock", "instance"
LOOKS, LOOK_S = 5, 0.05
_FAR = 1 << 30  # Windows locks bytes against reading, so the locked one lies far behind the text


@dataclass(frozen=True)
class Holder:
    """The running agent of a folder; pid 0 when it has not yet written who it is."""

    pid: int
    server: str


class DataFolder:
    """A data folder with its lock taken; `close` gives it back."""

    def __init__(self, path: Path, *, server: str, ids: Ids, clock: Clock) -> None:
        """Raises FolderInUseError when an agent holds it, FolderRefusedError when it cannot be written."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderRefusedError(folder=path, why=error.strerror or error) from error
        if not _take_lock(self._lock, clock):
            os.close(self._lock)
            raise FolderInUseError(folder=path, pid=_read_holder(path).pid)
        try:
            _write(self._lock, f"{os.getpid()}\n{server}\n")
            self.instance = _instance(path, ids)
        except OSError as error:
            self.close()
            raise FolderRefusedError(folder=path, why=error.strerror or error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._lock)


def _take_lock(handle: int, clock: Clock) -> bool:
    # `holder_of` of another process holds the lock for a moment, too.
    for _ in range(LOOKS):
        if _try_lock(handle):
            return True
        clock.sleep(LOOK_S)
    return False


def holder_of(path: Path) -> Holder | None:
    """Say which agent runs on this folder; None when none does. Starts nothing, changes nothing."""
    try:
        handle = os.open(path / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        return None if _try_lock(handle) else _read_holder(path)
    finally:
        os.close(handle)  # and with it the lock, if it was ours for this moment


def _read_holder(path: Path) -> Holder:
    try:
        lines = (path / LOCK).read_text(encoding="utf-8").splitlines()
        return Holder(pid=int(lines[0]), server=lines[1])
    except (OSError, ValueError, IndexError):
        return Holder(pid=0, server="")


def _write(handle: int, text: str) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, text.encode())


def _instance(path: Path, ids: Ids) -> str:
    """The identity of this folder, made at its first use; whole or not there, whenever the power goes."""
    file = path / INSTANCE
    try:
        known = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        known = ""
    if known:
        return known
    made = ids.entity()
    fresh = path / f"{INSTANCE}.new"
    with fresh.open("w", encoding="ascii") as stream:
        stream.write(made + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
    return made


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        os.lseek(handle, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
