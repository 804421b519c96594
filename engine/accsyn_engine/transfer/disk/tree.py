"""What the one door asks of the operating system; one implementation a family of systems.

Paths are relative, "/" between the parts, checked for their form before they come here; "" is the root. Nothing follows
a link. Everything raises OSError; `files.Root` turns that into sentences.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, Self


class Way(enum.Enum):
    """For what a file is opened."""

    READ = "read"
    KEEP = "keep"  # an existing file whose content stays: to be given another time of change, and synced
    CHANGE = "change"  # an existing file, read and write
    CREATE = "create"  # a new file, read and write; refused when the name is taken


class Folder(Protocol):
    """One folder below a root, found once for many of its names; give it back soon."""

    device: int  # the disk it lies on, as `os.stat` numbers it

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def open_read(self, name: str) -> int:
        """A descriptor for reading what was a plain file a moment ago; nothing hangs, no link is followed."""
        ...

    def create(self, name: str) -> int:
        """A descriptor of a plain, empty file for reading and writing, whether it was there before or not."""
        ...

    def stat(self, name: str) -> os.stat_result:
        """Look at the name itself, not where a link leads."""
        ...

    def descriptor(self) -> int:
        """A further descriptor on the folder's disk; whoever asks closes it."""
        ...


class Tree(Protocol):
    """One root folder and the names beneath it."""

    def open(self, path: str, way: Way) -> int: ...

    def folder(self, path: str) -> Folder: ...

    def stat(self, path: str) -> os.stat_result:
        """Look at the name itself, not where a link leads."""
        ...

    def scan(self, path: str) -> list[tuple[str, os.stat_result]]:
        """The names in a folder with what they are, unsorted."""
        ...

    def names(self, path: str) -> list[str]:
        """The names in a folder, unsorted."""
        ...

    def mkdir(self, path: str) -> None: ...

    def unlink(self, path: str) -> None: ...

    def rmdir(self, path: str) -> None: ...

    def rename(self, source: str, target: str) -> None:
        """Replace `target` in one step."""
        ...

    def settle(self, folder: str, renames: Sequence[tuple[str, str]]) -> None:
        """Rename names within one folder, replacing, and make that durable."""
        ...

    def free_bytes(self, path: str) -> int: ...

    def close(self) -> None: ...


def looked_at(entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, os.stat_result]]:
    """Look at each entry itself; one deleted between the listing and the look is left out."""
    for entry in entries:
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        yield entry.name, facts


def split(path: str) -> tuple[str, str]:
    """Folder and name of a relative path."""
    folder, _, name = path.rpartition("/")
    return folder, name


def join(folder: str, name: str) -> str:
    """Put a path below a folder; either may be the root or the item itself, ""."""
    return f"{folder}/{name}" if folder and name else folder or name
