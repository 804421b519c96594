"""Names beneath a folder on Windows, which has no folder descriptors to open beneath.

Each part of a path is looked at before the whole is opened. A local user of that machine who swaps a folder for a
junction at the right moment could outrun the look; a peer, who only names paths, cannot. Not run by our tests.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    import errno
    import msvcrt
    import os
    import shutil
    import stat
    import threading
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from accsyn_engine.transfer.disk import tree

    _POSITION = threading.Lock()  # seek and read are two calls there
    _PLAIN = os.O_BINARY | os.O_NOINHERIT
    _EPOCH_100NS = 116_444_736_000_000_000  # 1601 to 1970

    def _is_junction(place: Path) -> bool:
        try:
            return place.lstat().st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT
        except FileNotFoundError:
            return False

    class WindowsFolder:
        """The `tree.Folder` of Windows: nothing is held, each name is looked up with its whole path."""

        def __init__(self, opened: WindowsTree, path: str) -> None:
            self._tree = opened
            self._path = path
            self.device = opened.stat(path).st_dev

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is held."""

        def open_read(self, name: str) -> int:
            return self._tree.open(tree.join(self._path, name), tree.Way.READ)

        def create(self, name: str) -> int:
            path = tree.join(self._path, name)
            try:
                return self._tree.open(path, tree.Way.CREATE)
            except FileExistsError:
                fd = self._tree.open(path, tree.Way.CHANGE)
            os.ftruncate(fd, 0)
            return fd

        def stat(self, name: str) -> os.stat_result:
            return self._tree.stat(tree.join(self._path, name))

        def descriptor(self) -> int:
            raise OSError(errno.ENOTSUP, "Windows has no folder descriptors", self._path)

    class WindowsTree:
        """The `tree.Tree` of Windows."""

        FLAGS = {  # noqa: RUF012  # a table, never changed
            tree.Way.READ: os.O_RDONLY | _PLAIN,
            tree.Way.KEEP: os.O_RDWR | _PLAIN,
            tree.Way.CHANGE: os.O_RDWR | _PLAIN,
            tree.Way.CREATE: os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN,
        }

        def __init__(self, path: Path) -> None:
            self._root = path.resolve(strict=True)

        def _place(self, path: str) -> Path:
            place = self._root
            for part in path.split("/") if path else []:
                if any(character in part for character in '\\:*?"<>|') or part.endswith((" ", ".")):
                    raise OSError(errno.EINVAL, "Windows does not allow this name", path)
                place /= part
                if place.is_symlink() or _is_junction(place):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            return place

        def open(self, path: str, way: tree.Way) -> int:
            place = self._place(path)
            if way is not tree.Way.CREATE and not place.is_file():
                raise OSError(errno.ENOENT if not place.exists() else errno.EINVAL, "it is not a plain file", path)
            return os.open(place, self.FLAGS[way])

        def folder(self, path: str) -> WindowsFolder:
            return WindowsFolder(self, path)

        def stat(self, path: str) -> os.stat_result:
            return self._place(path).lstat()

        def scan(self, path: str) -> list[tuple[str, os.stat_result]]:
            with os.scandir(self._place(path)) as entries:
                return list(tree.looked_at(entries))

        def names(self, path: str) -> list[str]:
            return [place.name for place in self._place(path).iterdir()]

        def mkdir(self, path: str) -> None:
            self._place(path).mkdir()

        def unlink(self, path: str) -> None:
            self._place(path).unlink()

        def rmdir(self, path: str) -> None:
            self._place(path).rmdir()

        def rename(self, source: str, target: str) -> None:
            self._place(source).replace(self._place(target))

        def settle(self, folder: str, renames: Sequence[tuple[str, str]]) -> None:
            for old, new in renames:
                self.rename(tree.join(folder, old), tree.join(folder, new))  # NTFS journals names by itself

        def free_bytes(self, path: str) -> int:
            return shutil.disk_usage(self._place(path)).free

        def close(self) -> None:
            """Nothing is held."""

    def pread(fd: int, view: memoryview, position: int) -> int:
        """Read at `position` into `view`; less than its length only at the end of the file."""
        with _POSITION:
            os.lseek(fd, position, os.SEEK_SET)
            data = os.read(fd, len(view))
        view[: len(data)] = data
        return len(data)

    def pwrite(fd: int, data: memoryview | bytes, position: int) -> None:
        """Write all of `data` at `position`."""
        with _POSITION:
            os.lseek(fd, position, os.SEEK_SET)
            done = 0
            while done < len(data):
                done += os.write(fd, data[done:])

    def sync(fd: int) -> None:
        """Make a file's content durable."""
        os.fsync(fd)

    def can_sync_all(fd: int) -> bool:  # noqa: ARG001  # nothing like it there
        return False

    def sync_all(fd: int) -> None:
        raise NotImplementedError(fd)

    def set_mtime(fd: int, path: str, mtime: int) -> None:  # noqa: ARG001  # the path is for systems without SetFileTime
        ticks = ctypes.c_uint64(mtime // 100 + _EPOCH_100NS)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(fd))
        if not ctypes.windll.kernel32.SetFileTime(handle, None, None, ctypes.byref(ticks)):
            raise ctypes.WinError()

    def lock(fd: int) -> None:
        """Keep other processes from the file as long as it is open. Raises OSError while one has it."""
        # A byte far behind any content: locked bytes cannot be read by the renaming process itself there.
        with _POSITION:
            os.lseek(fd, 1 << 40, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

    def allow_open_files() -> None:
        """Do nothing: Windows has no such limit to raise."""
