"""From a written path to a place: which volume, which share, and the path below the volume."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from accsyn_engine.clock import iso
from accsyn_engine.paths import (
    Endpoint,
    KnownNames,
    PartyKind,
    Path,
    PathError,
    PathKind,
    is_below,
    join,
    normalise,
    parse,
)
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import BadValueError, NotFoundError
from accsyn_engine.services.records.rows import default_volume, require_share, volume_of
from accsyn_engine.store.schema import share

_TYPES: dict[PathKind, tuple[str, ...]] = {
    PathKind.SHARE: (),
    PathKind.VOLUME: ("volume",),
    PathKind.FOLDER: ("folder",),
    PathKind.HOME: ("home",),
}
_SEPARATOR = re.compile(r"^(?:[A-Za-z]:(?:[\\/]|$)|\\\\)")
NAMES = KnownNames(workspace="")


@dataclass(frozen=True)
class Place:
    """A file or folder of the workspace."""

    volume: Row[Any]
    share: Row[Any]  # the share it was named by; the volume itself when by none
    path: str  # below the volume
    is_folder: bool

    @property
    def in_share(self) -> str:
        """The path below the share."""
        if self.share.type == "volume" or not self.share.path:
            return self.path
        return self.path[len(self.share.path) :].lstrip("/")

    @property
    def name(self) -> str:
        """The last name; the share's code at its root."""
        return self.path.rpartition("/")[2] or str(self.share.code)


def native(volume_path: str, relative: str) -> str:
    """Write a place the way its server's platform does."""
    separator = "\\" if _SEPARATOR.match(volume_path) else "/"
    if not relative:
        return volume_path
    return volume_path.rstrip("/\\") + separator + relative.replace("/", separator)


def names(work: Work) -> KnownNames:
    """The names that may stand before a colon in this workspace."""
    return KnownNames(workspace=work.context.config.workspace)


def read(work: Work, text: object) -> Endpoint:
    """Parse one end of a transfer; raises PathError or BadValueError."""
    if not isinstance(text, str):
        raise BadValueError(what=f"A path is text like share=projects/file, not {text!r}.")
    return parse(text, names(work))


def locate(work: Work, caller: Caller, path: Path, *, written: str, is_landing: bool = False) -> Place:
    """Find the place of the workspace that a path names; raises NotFoundError or PathError.

    A bare `~` is the home itself; what lands there (`is_landing`) does so below a folder named after the day.
    """
    if path.kind in _TYPES:
        row = _named(work, path)
        volume = volume_of(work, row)
        return Place(volume, row, _below(row, path.relative), path.is_folder)
    if path.kind is PathKind.OWN_HOME:
        return _own_home(work, caller, path, is_landing=is_landing)
    if path.kind is PathKind.RELATIVE:
        volume = default_volume(work)
        return Place(volume, volume, path.relative, path.is_folder)
    if path.is_local:
        return _under_a_volume(work, path, written)
    raise PathError(text=written, reason="it names no place of the workspace; write share=CODE/path")


def place(work: Work, caller: Caller, text: object) -> Place:
    """Find the place of the workspace that a script wrote."""
    return locate(work, caller, in_workspace(work, text), written=str(text))


def in_workspace(work: Work, text: object) -> Path:
    """Read a path that must be one of the workspace; raises PathError or BadValueError."""
    endpoint = read(work, text)
    if endpoint.party.kind not in {PartyKind.NONE, PartyKind.WORKSPACE}:
        raise PathError(
            text=str(text), reason="it lies on a person's machine; only paths of the workspace can be used here"
        )
    return endpoint.path


def volume_path(text: str) -> str:
    """Read the absolute path of a volume on its server; raises PathError."""
    if not text.strip():
        raise PathError(text=text, reason="a volume needs an absolute path on its server")
    path = parse(text, NAMES).path
    if not path.is_local:
        raise PathError(text=text, reason="a volume needs an absolute path on its server, like /mnt/production")
    return path.native.rstrip("/\\") or path.native


def below_volume(volume: Row[Any], text: str | None) -> str:
    """Read a path below a volume; an absolute one must lie below the volume's own."""
    written = (text or "").strip()
    root = parse(volume.path, NAMES).path
    if written and not written.startswith(("share=", "~")):
        path = parse(written, NAMES).path if _is_absolute(written) else None
        if (
            path is not None
            and path.kind is root.kind
            and is_below(path.relative, root.relative, bool(volume.case_sensitive))
        ):
            return normalise(path.relative[len(root.relative) :])
        if path is not None and path.kind is not PathKind.POSIX:
            raise PathError(text=written, reason=f"it does not lie below the volume {volume.code} at {volume.path}")
    return normalise(written)


def _is_absolute(text: str) -> bool:
    return text.startswith("/") or _SEPARATOR.match(text) is not None


def _named(work: Work, path: Path) -> Row[Any]:
    if not path.root:
        return default_volume(work)
    row = require_share(work, path.root, kinds=_TYPES[path.kind], kind=path.kind.value)
    if not row.active:
        raise NotFoundError(kind=path.kind.value, name=path.root)
    return row


def _below(row: Row[Any], relative: str) -> str:
    return relative if row.type == "volume" else join(row.path, relative)


def _own_home(work: Work, caller: Caller, path: Path, *, is_landing: bool) -> Place:
    home = work.connection.execute(
        select(share).where(share.c.type == "home", share.c.user_id == caller.user_id, share.c.active)
    ).first()
    if home is None:
        raise NotFoundError(kind="home of", name=caller.code)
    day = (iso(work.now) or "")[:10].replace("-", "")
    relative = join(path.relative, day) if path.is_dated and is_landing else path.relative
    return Place(volume_of(work, home), home, join(home.path, relative), path.is_folder)


def _under_a_volume(work: Work, path: Path, written: str) -> Place:
    volumes = work.connection.execute(select(share).where(share.c.type == "volume", share.c.active))
    best = max(_matches(volumes, path), key=lambda match: len(match[1].relative), default=None)
    if best is None:
        raise under_no_volume(written)
    volume, root = best
    relative = path.relative[len(root.relative) :].lstrip("/")
    return Place(volume, volume, normalise(relative), path.is_folder)


def under_no_volume(written: str) -> PathError:
    """The error of an absolute path that belongs to nobody."""
    return PathError(text=written, reason="it lies below no volume of the workspace")


def _matches(volumes: Iterable[Row[Any]], path: Path) -> Iterable[tuple[Row[Any], Path]]:
    for volume in volumes:
        root = parse(volume.path, NAMES).path
        same = root.kind is path.kind and root.root.lower() == path.root.lower()
        if same and is_below(path.relative, root.relative, path.kind is PathKind.POSIX):
            yield volume, root
