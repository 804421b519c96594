"""The files of a publish: what a scene depends on, found on this machine and placed below the volume."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fileseq.filesequence import FileSequence

from accsyn_plugins.config import Settings
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.model import PublishItem, Scene, Verdict, is_below
from accsyn_plugins.paths import parent_of_project, place

PADDING = re.compile(r"%0?\d*d|[#@]+")
RANGE = re.compile(r"\d+-\d+(?:x\d+)?[#@]+")
SETTLE_S = 1.0  # a file touched within this time is looked at twice

Sleep = Callable[[float], None]


class DocumentMissingError(AccsynError):
    """The project file is not there."""

    code = "document-missing"
    status = 404
    sentence = "The project file {path} does not exist; save it and publish again."


class OutsideVolumeError(AccsynError):
    """Nothing says which folder stands for the volume."""

    code = "volume-unknown"
    sentence = (
        "{path} lies in no folder that stands for a volume; "
        "set ACCSYN_<VOLUME>_PATH to the folder that holds the project {project}."
    )


@dataclass(frozen=True)
class Root:
    """The local folder that stands for a volume, and who says so."""

    folder: str
    origin: str


def find_root(scene: Scene, settings: Settings) -> Root:
    """The folder that stands for the volume: mapped, the download folder, or the one that holds the project."""
    document = os.path.realpath(scene.document)
    mapped = {name: os.path.realpath(folder) for name, folder in settings.volumes().items()}
    found = place(document, mapped)
    if found:
        return Root(mapped[found[0]], settings.origin(f"volumes.{found[0]}"))
    download = os.path.realpath(settings.get("download")) if settings.get("download") else ""
    if download and place(document, {"download": download}):
        return Root(download, settings.origin("download"))
    folder = parent_of_project(document, scene.project)
    if folder is None:
        raise OutsideVolumeError(path=scene.document, project=scene.project)
    return Root(folder, f"the folder that holds {scene.project}")


def find_items(scene: Scene, root: Root) -> tuple[PublishItem, ...]:
    """Every file the scene publishes, once each; a file outside the root has an empty path, a missing one size -1."""
    items: dict[str, PublishItem] = {}
    for dependency in scene.dependencies:
        for local in _expand(dependency):
            real = str(Path(local).parent.resolve() / Path(local).name)  # the folder resolved, a link itself kept
            items.setdefault(real, _item(real, root))
    return tuple(items.values())


def judge(items: Iterable[PublishItem], root: Root, sleep: Sleep, now_ms: int) -> list[Verdict]:
    """The refusals that need nobody but this machine: elsewhere, missing, empty, still being written."""
    items = tuple(items)
    verdicts = [verdict for item in items for verdict in _judge(item, root)]
    fresh = [i for i in items if i.size > 0 and now_ms - i.modified_ns // 1_000_000 < SETTLE_S * 1000]
    if fresh:
        sleep(SETTLE_S)
    changing = [item for item in fresh if _stat(item.local) != (item.size, item.modified_ns)]
    sentence = "It is still being written; wait and try again."
    return verdicts + [Verdict(item.local, False, sentence, "changing") for item in changing]


def _judge(item: PublishItem, root: Root) -> Iterator[Verdict]:
    if item.size < 0:
        yield Verdict(item.local, False, "It does not exist; save or render it first.", "missing")
    elif not item.path:
        yield Verdict(item.local, False, f"It lies outside {root.folder}; move it into the project.", "outside")
    elif Path(item.local).is_symlink():
        yield Verdict(item.local, False, "It is a link; publish the file itself.", "link")
    elif item.size == 0:
        yield Verdict(item.local, False, "It is empty; write it again.", "empty")


def _item(real: str, root: Root) -> PublishItem:
    placed = place(real, {"": root.folder})
    size, modified = _stat(real)
    return PublishItem(real, placed[1] if placed else "", size, modified)


def _stat(path: str) -> tuple[int, int]:
    try:
        found = Path(path).stat()
    except OSError:
        return -1, 0
    return found.st_size, found.st_mtime_ns


def _expand(dependency: str) -> Iterator[str]:
    """A folder stands for all files in it, a pattern (`a.####.exr`, `a.%04d.exr`, `a.1-9#.exr`) for its frames."""
    path = Path(dependency)
    if path.is_dir():
        for folder, folders, names in os.walk(dependency):
            folders.sort()
            yield from (str(Path(folder) / name) for name in sorted(names))
    elif path.exists() or not any(sign in path.name for sign in "#@%"):
        yield dependency
    else:
        yield from _frames(dependency) or [dependency]


def _frames(pattern: str) -> list[str]:
    """The frames on disk, or those that a range names. Only the name is a pattern: folders may hold "@" and "#"."""
    path = Path(pattern)
    if RANGE.search(path.name):
        return [str(path.parent / str(member)) for member in FileSequence(path.name)]
    parts = PADDING.split(path.name)
    signs = PADDING.findall(path.name)
    digits = [f"[0-9]{{{_width(sign)},}}" for sign in signs]
    frame = re.compile("".join(re.escape(part) + digit for part, digit in zip(parts, [*digits, ""])))
    try:
        names = [found.name for found in path.parent.iterdir()]
    except OSError:
        return []
    return sorted(str(path.parent / name) for name in names if frame.fullmatch(name))


def _width(sign: str) -> int:
    """How many digits a padding stands for at least: `####` and `%04d` four; a lone `#` or `@` any number."""
    return int(sign.strip("%d") or 1) if sign.startswith("%") else len(sign)


def within(path: str, folders: Iterable[str]) -> bool:
    """Whether a path lies in one of the folders, whatever the case; the studio's own rule decides in the end."""
    return any(is_below(path.casefold(), folder.casefold()) for folder in folders)
