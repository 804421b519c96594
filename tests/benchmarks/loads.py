"""The files that are moved, made once a size: `one file of 4 GB`, `100,000 files of 20 kB`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.system.world import write_file

FOLDER = 1000  # files


@dataclass(frozen=True)
class Load:
    """A tree of files of one size."""

    files: int
    size: int  # bytes of each

    @property
    def bytes(self) -> int:
        return self.files * self.size

    @property
    def name(self) -> str:
        size = _text(self.size)
        return f"one file of {size}" if self.files == 1 else f"{self.files:,} files of {size}"

    def scaled(self, scale: float) -> Load:
        """A big file gets smaller, a tree gets fewer files."""
        if self.files == 1:
            return Load(1, max(int(self.size * scale), 1_000_000))
        return Load(max(int(self.files * scale), 10), self.size)

    def make(self, folder: Path, seed: int) -> None:
        for number in range(self.files):
            place = folder / f"{number // FOLDER:04d}" / f"file {number:07d}.dat"
            write_file(place, self.size, seed=seed * 10_000_019 + number)


class Stock:
    """Loads below one folder; those of another kind go when a new kind is asked for, since memory is short."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, load: Load, number: int) -> Path:
        """The folder of the `number`-th tree of this kind; different numbers have different content."""
        kind = self.folder / f"{load.files}x{load.size}"
        place = kind / f"tree {number}"
        if not place.exists():
            for other in self.folder.iterdir():
                if other != kind:
                    shutil.rmtree(other)
            print(f"making {load.name} ...", file=sys.stderr)
            fresh = kind / "making"
            shutil.rmtree(fresh, ignore_errors=True)
            load.make(fresh, number)
            fresh.rename(place)
        return place


def check(source: Path, destination: Path) -> None:
    """Insist that every file arrived with its size; what is in it was compared by whoever moved it."""
    there = dict(sizes(destination))
    for path, size in sizes(source):
        if there.pop(path, None) != size:
            sys.exit(f"{destination}/{path} did not arrive whole.")
    if there:
        sys.exit(f"{destination}/{next(iter(there))} is there, and was never sent.")


def sizes(folder: Path) -> Iterator[tuple[str, int]]:
    """The relative path and size of every file."""
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)  # noqa: PTH118  # a million of them
            yield os.path.relpath(path, folder), os.lstat(path).st_size


def allocated(folder: Path) -> int:
    """Bytes that files below a folder take: of a file that is being written, what has come so far."""
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(top, name)).st_blocks * 512  # noqa: PTH118
            except FileNotFoundError:
                continue  # renamed meanwhile
    return total


def _text(size: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:g} {name}"
    return f"{size} bytes"
