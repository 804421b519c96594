"""Names beneath a held folder descriptor, on Linux and macOS.

Linux resolves with `openat2`: beneath the root, no links, one call. Where the kernel or a sandbox has none, and on
macOS, a walk opens one folder after the other and follows no link. A FIFO does not hang and is refused by its kind.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import contextlib
    import ctypes
    import errno
    import fcntl
    import os
    import re
    import resource
    import stat
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from accsyn_engine.transfer.disk import tree

    Opener = Callable[[int, str, int], int]  # folder descriptor, path, flags -> descriptor

    FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    _PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    _OPEN_FILES = 8192  # thirty transfers of 64 files each and their connections, with room to spare
    _NEW_MODE = 0o666  # the umask decides, as for every program of that user
    _OPENAT2 = 437  # the same on every architecture
    _BENEATH, _NO_SYMLINKS, _NO_MAGICLINKS = 0x08, 0x04, 0x02
    _LOCAL_DISKS = {0xEF53, 0x58465342, 0x9123683E, 0x01021994}  # ext, xfs, btrfs, tmpfs
    _SYNCFS_TELLS_ERRORS = (5, 8)  # the kernel from which syncfs answers with what could not be written
    _LIBC = ctypes.CDLL(None, use_errno=True)

    class _How(ctypes.Structure):
        _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))

    def open_beneath(folder: int, path: str, flags: int) -> int:
        """Open by openat2. Raises OSError; ENOSYS or EPERM where there is none."""
        how = _How(flags, _NEW_MODE if flags & os.O_CREAT else 0, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
        name = os.fsencode(path or ".")
        while True:
            fd: int = _LIBC.syscall(_OPENAT2, folder, name, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
            if fd >= 0:
                return fd
            number = ctypes.get_errno()
            if number not in {errno.EINTR, errno.EAGAIN}:  # EAGAIN: something was renamed meanwhile
                raise OSError(number, os.strerror(number), path)

    def open_by_walk(folder: int, path: str, flags: int) -> int:
        """Open one part after the other, following no link."""
        *folders, last = path.split("/") if path else ["."]
        if ".." in (*folders, last):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)  # as openat2 answers
        held = folder
        try:
            for part in folders:
                before, held = held, os.open(part, FOLDER, dir_fd=held)
                if before != folder:
                    os.close(before)
            return os.open(last, flags, _NEW_MODE, dir_fd=held)
        finally:
            if held != folder:
                os.close(held)

    def best_opener(folder: int) -> Opener:
        if sys.platform == "linux":
            try:
                os.close(open_beneath(folder, "", FOLDER))
            except OSError as error:
                if error.errno not in {errno.ENOSYS, errno.EPERM, errno.EINVAL}:
                    raise
            else:
                return open_beneath
        return open_by_walk

    def _refuse_unless_plain(fd: int, facts: os.stat_result, path: str) -> None:
        if not stat.S_ISREG(facts.st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "it is not a plain file", path)

    class PosixFolder:
        """The `tree.Folder` of systems with folder descriptors; a name has no slash, so one call resolves it."""

        def __init__(self, fd: int) -> None:
            self._fd = fd
            self.device = os.fstat(fd).st_dev

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            os.close(self._fd)

        def open_read(self, name: str) -> int:
            return os.open(name, os.O_RDONLY | _PLAIN, dir_fd=self._fd)

        def create(self, name: str) -> int:
            try:  # what is new is a plain file
                return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN, _NEW_MODE, dir_fd=self._fd)
            except FileExistsError:
                fd = os.open(name, os.O_RDWR | _PLAIN, dir_fd=self._fd)
            _refuse_unless_plain(fd, os.fstat(fd), name)
            os.ftruncate(fd, 0)
            return fd

        def stat(self, name: str) -> os.stat_result:
            return os.stat(name, dir_fd=self._fd, follow_symlinks=False)

        def descriptor(self) -> int:
            return os.dup(self._fd)

    class PosixTree:
        """The `tree.Tree` of systems with folder descriptors."""

        FLAGS = {  # noqa: RUF012  # a table, never changed
            tree.Way.READ: os.O_RDONLY | _PLAIN,
            tree.Way.KEEP: os.O_RDONLY | _PLAIN,
            tree.Way.CHANGE: os.O_RDWR | _PLAIN,
            tree.Way.CREATE: os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN,
        }

        def __init__(self, path: Path, opener: Opener | None = None) -> None:
            self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._open = opener or best_opener(self._root)

        def open(self, path: str, way: tree.Way) -> int:
            fd = self._open(self._root, path, self.FLAGS[way])
            _refuse_unless_plain(fd, os.fstat(fd), path)
            return fd

        def folder(self, path: str) -> PosixFolder:
            return PosixFolder(self._open(self._root, path, FOLDER))

        @contextlib.contextmanager
        def _folder(self, path: str) -> Iterator[int]:
            fd = self._open(self._root, path, FOLDER)
            try:
                yield fd
            finally:
                os.close(fd)

        @contextlib.contextmanager
        def _parent(self, path: str) -> Iterator[tuple[int, str]]:
            folder, name = tree.split(path)
            if not name:
                raise OSError(errno.EBUSY, "it is the root of the share", path)
            with self._folder(folder) as fd:
                yield fd, name

        def stat(self, path: str) -> os.stat_result:
            if not path:
                return os.fstat(self._root)
            with self._parent(path) as (fd, name):
                return os.stat(name, dir_fd=fd, follow_symlinks=False)

        def scan(self, path: str) -> list[tuple[str, os.stat_result]]:
            with self._folder(path) as fd, os.scandir(fd) as entries:
                return list(tree.looked_at(entries))

        def names(self, path: str) -> list[str]:
            with self._folder(path) as fd:
                return os.listdir(fd)  # noqa: PTH208  # a descriptor has no Path

        def mkdir(self, path: str) -> None:
            with self._parent(path) as (fd, name):
                os.mkdir(name, dir_fd=fd)
                os.fsync(fd)

        def unlink(self, path: str) -> None:
            with self._parent(path) as (fd, name):
                os.unlink(name, dir_fd=fd)

        def rmdir(self, path: str) -> None:
            with self._parent(path) as (fd, name):
                os.rmdir(name, dir_fd=fd)

        def rename(self, source: str, target: str) -> None:
            with self._parent(source) as (there, old), self._parent(target) as (here, new):
                os.rename(old, new, src_dir_fd=there, dst_dir_fd=here)
                os.fsync(here)
                os.fsync(there)

        def settle(self, folder: str, renames: Sequence[tuple[str, str]]) -> None:
            with self._folder(folder) as fd:
                for old, new in renames:
                    os.rename(old, new, src_dir_fd=fd, dst_dir_fd=fd)
                os.fsync(fd)

        def free_bytes(self, path: str) -> int:
            with self._folder(path) as fd:
                facts = os.fstatvfs(fd)
            return facts.f_bavail * facts.f_frsize

        def close(self) -> None:
            os.close(self._root)

    def pread(fd: int, view: memoryview, position: int) -> int:
        """Read at `position` into `view`; less than its length only at the end of the file."""
        done = 0
        while done < len(view) and (count := os.preadv(fd, [view[done:]], position + done)):
            done += count
        return done

    def pwrite(fd: int, data: memoryview | bytes, position: int) -> None:
        """Write all of `data` at `position`."""
        done = os.pwrite(fd, data, position)
        while done < len(data):
            done += os.pwrite(fd, data[done:], position + done)

    def sync(fd: int) -> None:
        """Make a file's content durable."""
        if sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync leaves it in the drive's cache there
        else:
            os.fsync(fd)

    def can_sync_all(fd: int) -> bool:
        """Whether `sync_all` promises what `sync` of each file does: it tells errors, the disk is this machine's."""
        if sys.platform == "linux":
            facts = ctypes.create_string_buffer(256)  # struct statfs; its first field is the kind
            if _LIBC.fstatfs(fd, facts) == 0:
                kind = ctypes.c_ulong.from_buffer(facts).value
                release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
                return kind in _LOCAL_DISKS and release >= _SYNCFS_TELLS_ERRORS
        return False

    def sync_all(fd: int) -> None:
        """Make everything written to the disk of this file durable. Raises OSError."""
        if _LIBC.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def set_mtime(fd: int, path: str, mtime: int) -> None:  # noqa: ARG001  # the path is for systems without futimens
        os.utime(fd, ns=(mtime, mtime))

    def lock(fd: int) -> None:
        """Keep other processes from the file as long as it is open. Raises BlockingIOError while one has it."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def allow_open_files() -> None:
        """Raise the limit of open files as far as it may go: thirty transfers need more than the usual 1024."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
