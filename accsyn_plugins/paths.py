"""From a path on this machine to its place below a volume. Pure: POSIX and Windows spellings alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath

WINDOWS = re.compile(r"^([A-Za-z]:[\\/]|\\\\|//)")


def is_absolute(path: str) -> bool:
    """Whether a path is absolute on any platform."""
    return path.startswith("/") or bool(WINDOWS.match(path))


def below(path: str, folder: str) -> str | None:
    """The part of `path` below `folder` with "/" between, or None when it is elsewhere; Windows folds case."""
    inner, outer = _pure(path), _pure(folder)
    if type(inner) is not type(outer) or ".." in inner.parts:
        return None
    try:
        rest = inner.relative_to(outer).as_posix()
    except ValueError:
        return None
    return "" if rest == "." else rest


def place(path: str, roots: Mapping[str, str]) -> tuple[str, str] | None:
    """Volume and path below it for a local path, by the longest root that holds it."""
    found = [(len(folder), volume, rest) for volume, folder in roots.items() if (rest := below(path, folder))]
    if not found:
        return None
    _, volume, rest = max(found)
    return volume, rest


def parent_of_project(path: str, project: str) -> str | None:
    """The folder that holds the outermost folder called `project` on the way to `path`, or None."""
    pure = _pure(path)
    for index, part in enumerate(pure.parts[:-1]):
        if index and part == project:
            return str(type(pure)(*pure.parts[:index]))
    return None


def _pure(path: str) -> PurePath:
    return PureWindowsPath(path) if WINDOWS.match(path) else PurePosixPath(path)
