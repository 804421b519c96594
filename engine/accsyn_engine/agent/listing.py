"""Lists a folder the way the accsyn protocol shows one: name, kind, size, time, and what lies inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from accsyn_engine.agent.errors import RequestInvalidError, TooLongError, TooManyEntriesError
from accsyn_engine.agent.filters import Filter, make_filter
from accsyn_engine.clock import Clock, iso
from accsyn_engine.transfer.disk.files import FOLDER, Root, Stat
from accsyn_engine.transfer.disk.frames import find_frames

MOST_ENTRIES = 200_000
LONGEST_S = 30.0  # the engine asks for so long
DEEPEST = 200

Entry = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What of a folder is to be shown."""

    depth: int = 1  # levels; 1 is the folder's own entries
    sizes_of_folders: bool = False
    files: bool = True
    folders: bool = True
    filter: Filter = field(default_factory=Filter)
    frames: bool = False  # a name with a counter stands for the frames of a sequence

    @property
    def is_recursive(self) -> bool:
        return self.depth > 1


def read_wish(data: dict[str, Any]) -> Wish:
    """Read recursive, maxdepth, getsize, files_only, directories_only, include, exclude; raises RequestInvalidError."""
    deepest = data.get("maxdepth")
    if deepest is not None and (not isinstance(deepest, int) or deepest < 1):
        raise RequestInvalidError(what=f"maxdepth is a number of levels from 1, not {deepest!r}.")
    depth = min(deepest or DEEPEST, DEEPEST) if data.get("recursive") else 1
    return Wish(
        depth=depth,
        sizes_of_folders=bool(data.get("getsize")),
        files=not data.get("directories_only"),
        folders=not data.get("files_only"),
        filter=make_filter(data.get("include"), data.get("exclude")),
        frames=bool(data.get("sequence")),
    )


def list_folder(root: Root, path: str, wish: Wish, clock: Clock) -> list[Entry]:
    """List what `wish` asks for; a file lists itself, a sequence the frames that are there.

    Raises TooManyEntriesError above 200,000 entries, and TooLongError when nobody waits for the answer any more.
    """
    return _Listing(root, path, wish, clock).entries()


class _Listing:
    def __init__(self, root: Root, path: str, wish: Wish, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.monotonic() + LONGEST_S
        self._root = root
        self._path = path
        self._wish = wish
        self._left = MOST_ENTRIES

    def entries(self) -> list[Entry]:
        frames = find_frames(self._root, self._path) if self._wish.frames else None
        if frames is not None:
            return [entry for found in frames.there if (entry := self._file(found)) is not None]
        found = self._root.stat(self._path)
        if found.kind != FOLDER:
            return [self._entry(found)]
        return list(self._inside(self._path, self._wish.depth))

    def _inside(self, path: str, depth: int) -> Iterator[Entry]:
        for found in self._root.list(path):
            self._left -= 1
            if self._left < 0:
                raise TooManyEntriesError(path=self._path or "/", limit=MOST_ENTRIES)
            if self._clock.monotonic() > self._until:
                raise TooLongError(path=self._path or "/", seconds=LONGEST_S)
            entry = self._folder(found, depth) if found.kind == FOLDER else self._file(found)
            if entry is not None:
                yield entry

    def _file(self, found: Stat) -> Entry | None:
        shown = self._wish.files and self._wish.filter.shows(found.name)
        return self._entry(found) if shown else None

    def _folder(self, found: Stat, depth: int) -> Entry | None:
        """A folder that is not asked for is shown all the same when it is the way to something that is."""
        if self._wish.filter.hides(found.name):
            return None
        shown = self._wish.folders and self._wish.filter.shows(found.name)
        if depth <= 1:
            return self._entry(found) if shown else None
        inside = list(self._inside(found.path, depth - 1))
        return {**self._entry(found), "files": inside} if shown or inside else None

    def _entry(self, found: Stat) -> Entry:
        is_folder = found.kind == FOLDER
        size = self._root.size(found.path) if is_folder and self._wish.sizes_of_folders else found.size
        return {
            # A name of broken bytes cannot be written in JSON; it is shown, and cannot be asked for.
            "filename": found.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
            "type": 0 if is_folder else 1,
            "size": size,
            "modified": iso(found.mtime // 1_000_000),
        }
