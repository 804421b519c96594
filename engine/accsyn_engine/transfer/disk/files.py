"""The one door to files below a share root: whoever reads or writes one comes through here.

Paths are relative to the root, "/" between the parts; "" is the root itself. Names that are not valid UTF-8 are held as
surrogates. Links are never followed. Errors are TransferErrors that name the path.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import operator
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from accsyn_engine.transfer.disk import system
from accsyn_engine.transfer.disk.tree import Folder, Tree, Way, join, split
from accsyn_engine.transfer.errors import (
    AlreadyThere,
    DestinationRefused,
    DiskFull,
    FileRefused,
    NotFound,
    PathRefused,
    TransferError,
)
from accsyn_engine.wire import names

HIDDEN = ".accsyn-"  # what this engine keeps beside the files it is still receiving
HIDDEN_END = ".part"
FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"

_NO_NAMES = {"", ".", ".."}
_LINK_IN_PATH = {errno.ELOOP, errno.ENOTDIR, errno.EXDEV}
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Stat(NamedTuple):
    """What a name is: its kind, bytes, and time of change in ns since 1970; `path` is relative to the root."""

    path: str
    kind: str
    size: int
    mtime: int
    detail: str = ""  # why a walk could not go in

    @property
    def name(self) -> str:
        return split(self.path)[1]


class Root:
    """A share's folder, held open; everything below it is reached through here. Safe for several threads."""

    def __init__(self, path: Path | str, opened: Tree | None = None) -> None:
        with told(str(path)):
            self._tree = opened or system.open_tree(Path(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._tree.close()

    def stat(self, path: str) -> Stat:
        """Raises NotFound, PathRefused, FileRefused."""
        with told(check(path)):
            return read_stat(path, self._tree.stat(path))

    def exists(self, path: str) -> bool:
        """False below a link too. Raises PathRefused for what is no path below the root."""
        check(path)
        try:
            self.stat(path)
        except (NotFound, PathRefused):
            return False
        return True

    def list(self, path: str) -> list[Stat]:
        """The names in one folder, sorted, without our own partial files."""
        with told(check(path)):
            found = self._tree.scan(path)
        found.sort(key=operator.itemgetter(0))
        return [read_stat(join(path, name), facts) for name, facts in found if not is_hidden(name)]

    def walk(self, path: str) -> Iterator[Stat]:
        """Yield files, empty folders and whatever else lies at or below `path`, sorted; one folder's names in memory.

        A folder that cannot be read comes as OTHER with a `detail`.
        """
        first = self.stat(path)
        stack = [iter([first])]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
            elif found.kind != FOLDER:
                yield found
            else:
                inside = self._enter(found)
                if inside:
                    stack.append(iter(inside))
                else:
                    yield found

    def _enter(self, folder: Stat) -> Sequence[Stat]:
        try:
            return self.list(folder.path)
        except TransferError as error:
            return [Stat(folder.path, OTHER, 0, 0, error.message)]

    def size(self, path: str) -> int:
        """Bytes of a file, or of all files below a folder."""
        return sum(found.size for found in self.walk(path) if found.kind == FILE)

    def mkdir(self, path: str, *, exist_ok: bool = True) -> None:
        """Make a folder and those above it. Raises AlreadyThere for a file of that name, or any without `exist_ok`."""
        if self.exists(path):
            if not exist_ok or self.stat(path).kind != FOLDER:
                raise AlreadyThere(path=names.shown(path))
            return
        folder, _ = split(check(path))
        self.mkdir(folder)
        try:
            with told(path):
                self._tree.mkdir(path)
        except AlreadyThere:  # another thread was quicker
            if not exist_ok:
                raise

    def rename(self, path: str, name: str) -> None:
        """Give a file or folder another name in its folder. Raises AlreadyThere."""
        if not name or "/" in name:
            raise PathRefused(path=names.shown(name), detail="a name has no slash and is not empty")
        self.move(path, join(split(path)[0], name))

    def move(self, source: str, target: str) -> None:
        """Put a file or folder to another place below this root, making folders on the way. Raises AlreadyThere."""
        self.stat(source)
        if self.exists(target):
            raise AlreadyThere(path=names.shown(target))
        if f"{target}/".startswith(f"{source}/"):
            raise PathRefused(path=names.shown(target), detail="it lies inside of what is to be moved")
        self.mkdir(split(target)[0])
        with told(source):
            self._tree.rename(source, target)

    def delete(self, path: str, *, force: bool = False) -> None:
        """Delete a file or an empty folder; with `force` a folder with all it holds."""
        if not path:
            raise FileRefused(path="The root of the share", detail="it is never deleted")
        if self.stat(path).kind != FOLDER:
            with told(path):
                self._tree.unlink(path)
            return
        if force:
            with told(path):
                inside = self._tree.names(path)
            for name in inside:
                self.delete(join(path, name), force=True)
        with told(path):
            self._tree.rmdir(path)

    def open_read(self, path: str) -> int:
        """A descriptor for reading a plain file; anything else is refused, nothing hangs."""
        with told(check(path)):
            return self._tree.open(path, Way.READ)

    def open_keep(self, path: str) -> int:
        """A descriptor of a plain file for setting its time of change and making it durable."""
        with told(check(path)):
            return self._tree.open(path, Way.KEEP)

    def folder(self, path: str) -> Folder:
        """Hold one folder for looking at, reading or making several of its files.

        Its own methods raise OSError; `told` turns that into a sentence.
        """
        with told(check(path)):
            return self._tree.folder(path)

    def open_partial(self, path: str) -> tuple[int, bool]:
        """A descriptor for reading and writing, and whether the file was there before; made if it was not."""
        with told(check(path)):
            try:
                return self._tree.open(path, Way.CREATE), False
            except FileExistsError:
                return self._tree.open(path, Way.CHANGE), True

    def remove(self, path: str) -> None:
        """Delete a file of ours; gone already is fine."""
        with contextlib.suppress(FileNotFoundError), told(check(path), passed=FileNotFoundError):
            self._tree.unlink(path)

    def settle(self, folder: str, renames: Sequence[tuple[str, str]]) -> None:
        """Give finished files of one folder their final names, replacing what was there, and make it durable."""
        check(folder)
        for name in itertools.chain.from_iterable(renames):
            if "/" in name or name in _NO_NAMES:
                raise PathRefused(path=names.shown(join(folder, name)), detail="a name has no slash and is not empty")
        with told(join(folder, renames[-1][1])):
            self._tree.settle(folder, renames)

    def hidden(self, folder: str) -> Sequence[str]:
        """Names of partial files in one folder."""
        with told(check(folder)):
            return [name for name in self._tree.names(folder) if is_hidden(name)]

    def ignores_case(self) -> bool:
        """Whether this disk takes two names that differ in case for one; found out by trying."""
        # A name of its own: several transfers may try at the same moment.
        probe = f"{HIDDEN}case-{secrets.token_hex(6)}{HIDDEN_END}"
        fd, _ = self.open_partial(probe)
        os.close(fd)
        try:
            return self.exists(probe.upper())
        finally:
            self.remove(probe)

    def free_bytes(self, path: str) -> int:
        with told(check(path)):
            return self._tree.free_bytes(path)


def check(path: str) -> str:
    """Return the path; raises PathRefused when it is not a plain path below the root."""
    fault = names.fault_of(names.to_bytes(path))
    if fault:
        raise PathRefused(path=names.shown(path), detail=fault)
    return path


def is_hidden(name: str) -> bool:
    return name.startswith(HIDDEN) and name.endswith(HIDDEN_END)


_KINDS = {stat.S_IFREG: FILE, stat.S_IFDIR: FOLDER, stat.S_IFLNK: LINK}


def read_stat(path: str, facts: os.stat_result) -> Stat:
    """What the operating system knows of a name, in our words."""
    kind = _KINDS.get(stat.S_IFMT(facts.st_mode), OTHER)
    return Stat(path, kind, facts.st_size if kind == FILE else 0, facts.st_mtime_ns)


@contextlib.contextmanager
def told(path: str, passed: type[OSError] | None = None) -> Iterator[None]:
    """Turn what the operating system says into a sentence that names the path."""
    try:
        yield
    except OSError as error:
        if passed is not None and isinstance(error, passed):
            raise
        raise sentence(path, error) from error


def sentence(path: str, error: OSError) -> TransferError:
    """What the operating system said about a path, as an error of ours."""
    shown = names.shown(path) or "The root of the share"
    if isinstance(error, FileNotFoundError):
        return NotFound(path=shown)
    if isinstance(error, FileExistsError):
        return AlreadyThere(path=shown)
    if error.errno in _LINK_IN_PATH:
        return PathRefused(path=shown, detail="a part of it is a link or no folder")
    if error.errno in _FULL:
        return DiskFull(f"The disk is full: {shown} could not be written. Free space and retry.")
    if error.errno == errno.EISDIR:
        return DestinationRefused(path=shown, detail="there is a folder of that name")
    if error.errno == errno.ENOTEMPTY:
        return FileRefused(path=shown, detail="the folder is not empty; use force to delete all it holds")
    return FileRefused(path=shown, detail=error.strerror or type(error).__name__)
