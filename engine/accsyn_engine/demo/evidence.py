"""What landed where: every file of both sides, hashed again from the disk and compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3


@dataclass(frozen=True)
class Pair:
    """One file at its source and at its destination; a hash is empty where the file is not there."""

    path: str
    size: int
    source: str
    destination: str
    same_time: bool

    @property
    def is_same(self) -> bool:
        return bool(self.source) and self.source == self.destination and self.same_time


@dataclass(frozen=True)
class Leg:
    """One way of the package; `seconds` from the transfer's start to its last file in place."""

    name: str
    seconds: float
    pairs: tuple[Pair, ...]

    @property
    def size(self) -> int:
        return sum(pair.size for pair in self.pairs)

    @property
    def mb_per_s(self) -> float:
        return self.size / 1e6 / self.seconds if self.seconds else 0.0

    @property
    def is_whole(self) -> bool:
        return bool(self.pairs) and all(pair.is_same for pair in self.pairs)


def compare(source: Path, destination: Path, below: Iterable[str]) -> tuple[Pair, ...]:
    """Pair every file below the relative paths `below` by its path, those that only one side has included."""
    paths: set[str] = set()
    for part in below:
        for root in (source, destination):
            paths.update(_files(root, part))
    return tuple(_pair(source / path, destination / path, path) for path in sorted(paths))


def _files(root: Path, part: str) -> set[str]:
    top = root / part
    found = [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix() for path in found}


def _pair(source: Path, destination: Path, path: str) -> Pair:
    here, there = source.is_file(), destination.is_file()
    size = (source if here else destination).stat().st_size
    same_time = here and there and source.stat().st_mtime_ns == destination.stat().st_mtime_ns
    return Pair(path, size, digest(source) if here else "", digest(destination) if there else "", same_time)


def digest(path: Path) -> str:
    """The BLAKE3 hash of a file's content, hexadecimal."""
    return blake3().update_mmap(path).hexdigest() if path.stat().st_size else blake3().hexdigest()
