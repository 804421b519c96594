"""Put a new content in a file's place in one step, and say what was in its place.

Where the system can exchange two names (Linux) the answer is exact: whatever somebody else saved in the last moment is
in it, so nothing of theirs is lost. Elsewhere the file is looked at right before it is replaced.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
import tempfile
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def swap(path: Path, content: bytes) -> bytes:
    """Write `content` beside `path`, flush it to disk, put it in place; the displaced content comes back.

    OSError passes through, and then the file is as it was.
    """
    temporary = _write_beside(path, content)
    try:
        if _exchange(temporary, path):
            displaced = temporary.read_bytes()
        else:
            displaced = path.read_bytes()
            temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    _flush_folder(path.parent)
    return displaced


def _write_beside(path: Path, content: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".accsyn-tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        shutil.copymode(path, temporary)
        _copy_owner(path, temporary)
    except BaseException:
        temporary.unlink()
        raise
    return temporary


def _copy_owner(path: Path, temporary: Path) -> None:
    if sys.platform != "win32":
        found = path.stat()
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.chown(temporary, found.st_uid, found.st_gid)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names; False where the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _flush_folder(folder: Path) -> None:
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
