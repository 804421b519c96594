"""The demo's data, made on the spot: the same bytes on every machine, no download, a second of work.

A scan is a stream of 8-bit intensities; 255 means that nothing came back. Beside the scans lie tiles, small files with
the names that people really give: blanks, umlauts, another alphabet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

MIB = 1 << 20
TAKEN_AT = 1_203_000_000  # seconds since 1970; the files are as old as the survey
DESCRIPTION = """Task: clean the survey and export it.

1. Remove the samples where nothing came back (255).
2. Keep every fourth sample.
3. Export one line of figures for each scan and each tile.

Send back the project file with everything it depends on.
"""


@dataclass(frozen=True)
class Shape:
    """How much data: `scans` files of `scan_bytes`, `tiles` files of about `tile_bytes`."""

    scans: int = 3
    scan_bytes: int = 56 * MIB
    tiles: int = 300
    tile_bytes: int = 100_000

    @property
    def about_bytes(self) -> int:
        return self.scans * self.scan_bytes + self.tiles * self.tile_bytes


SCANS = ("flight line 01.raw", "flight line 02 (återflygning).raw", "Höhenmodell öst.raw")
TILES = ("tile {0:03d}.xyz", "tile {0:03d} Åre.xyz", "čtverec {0:03d}.xyz", "плитка {0:03d}.xyz", "区画 {0:03d}.xyz")


def make(project: Path, dataset: str, shape: Shape) -> None:
    """Write `dataset` and the task's description below `project`, which must not exist yet."""
    source = project / dataset / "source"
    (source / "tiles").mkdir(parents=True)
    for index, path, size in _plan(source, shape):
        _write(path, index, size)
    description = project / "TO_VENDORS" / "analysis_task_description.txt"
    description.parent.mkdir()
    description.write_text(DESCRIPTION, encoding="utf-8")
    os.utime(description, (TAKEN_AT, TAKEN_AT))


def _plan(source: Path, shape: Shape) -> Iterator[tuple[int, Path, int]]:
    for scan in range(shape.scans):
        name = SCANS[scan] if scan < len(SCANS) else f"flight line {scan + 1:02d}.raw"
        yield scan, source / name, shape.scan_bytes
    for tile in range(shape.tiles):
        name = TILES[tile % len(TILES)].format(tile + 1)
        # Sizes from nothing at all to twice the usual, so that borders of files fall anywhere in a block.
        yield shape.scans + tile, source / "tiles" / name, shape.tile_bytes * 2 * tile // max(shape.tiles - 1, 1)


def _write(path: Path, index: int, size: int) -> None:
    stream = blake3(f"survey {index}".encode())
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            file.write(stream.digest(length=min(MIB, size - start), seek=start))
    os.utime(path, (TAKEN_AT + index, TAKEN_AT + index))
