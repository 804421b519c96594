"""The files of a sequence, found in their folder."""

from __future__ import annotations

from dataclasses import dataclass

from accsyn_engine.paths import read_sequence
from accsyn_engine.transfer.disk.files import FOLDER, Root, Stat
from accsyn_engine.transfer.errors import NotFound
from accsyn_engine.wire import names


@dataclass(frozen=True)
class Frames:
    """What of a sequence is there, in the order of its numbers, and what is not."""

    there: tuple[Stat, ...]
    missing: str  # "101, 104-109"; "" when nothing lacks, or when nobody said which there are


def find_frames(root: Root, path: str) -> Frames | None:
    """Find the frames of the sequence that `path` names.

    None when the path is there as it is written, or names no sequence. Raises NotFound when no frame is there.
    """
    folder, _, name = path.rpartition("/")
    sequence = read_sequence(name)
    if sequence is None or root.exists(path):
        return None
    files = {found.name: found for found in root.list(folder) if found.kind != FOLDER}
    frames = sequence.frames(files)
    if not frames:
        raise NotFound(path=names.shown(path))
    missing = sequence.missing(number for number, _ in frames)
    return Frames(tuple(files[name] for _, name in frames), missing)
