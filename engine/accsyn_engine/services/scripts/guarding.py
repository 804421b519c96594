"""Hook scripts inside a volume: only admins may write in their folder, or somebody else's words would run.

A grant of a whole volume to an employee, as the invitation gives it, stands, but does not reach into such a folder.
Every other grant of writing that touches one is refused, and a script under such a grant is neither set nor run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, func, or_, select

from accsyn_engine.acl import volume_path
from accsyn_engine.hooks.command import split_command
from accsyn_engine.hooks.errors import HookError
from accsyn_engine.hooks.trust import SCRIPTS, SHELLS
from accsyn_engine.paths import is_below
from accsyn_engine.services.context import Work
from accsyn_engine.services.errors import NotAllowedNowError
from accsyn_engine.services.scripts.hooking import HOOKS, stored_names
from accsyn_engine.store.schema import acl, setting, share, user

INTERPRETERS = SHELLS | {"python", "python3", "pythonw", "perl", "ruby", "node", "wscript", "cscript", "env"}
_NAMES = tuple(name for hook in HOOKS for name in stored_names(hook))


@dataclass(frozen=True)
class Guarded:
    """A folder of a volume that holds hook scripts."""

    volume: str  # its id
    volume_code: str
    folder: str  # relative to the volume
    script: str
    case_sensitive: bool

    def touches(self, volume: str, path: str) -> bool:
        """Whether writing `path` could change what is in the folder."""
        below = is_below(path, self.folder, self.case_sensitive) or is_below(self.folder, path, self.case_sensitive)
        return self.volume == volume and below


def guarded(work: Work) -> tuple[Guarded, ...]:
    """Every folder that holds a script of a configured hook."""
    commands = work.connection.execute(select(setting.c.value).where(setting.c.name.in_(_NAMES)).distinct()).scalars()
    texts = commands.all()
    return tuple(dict.fromkeys(found for text in texts for found in folders_of(work, text))) if texts else ()


def folders_of(work: Work, command: str) -> list[Guarded]:
    """Where the scripts of a command lie, as far as they lie inside volumes."""
    volumes = work.connection.execute(select(share).where(share.c.type == "volume", share.c.path != "")).all()
    words = dict.fromkeys(word for windows in (False, True) for word in _scripts(command, windows=windows))
    return [found for word in words for volume in volumes if (found := _inside(volume, word)) is not None]


def _scripts(command: str, *, windows: bool) -> Iterator[str]:
    try:
        words = split_command(command, windows=windows)
    except HookError:
        return
    program = words[0].replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
    follows = next((place for place, word in enumerate(words) if place and not word.startswith("-")), 0)
    for place, word in enumerate(words):
        suffix = posixpath.splitext(word.replace("\\", "/"))[1].lower()
        if place == 0 or suffix in SCRIPTS or (place == follows and program in INTERPRETERS):
            yield word


def _inside(volume: Row[Any], word: str) -> Guarded | None:
    path, root = _plain(word), _plain(volume.path)
    if not is_below(path, root, bool(volume.case_sensitive)) or len(path) <= len(root):
        return None
    relative = path[len(root) :].lstrip("/")
    folder = posixpath.dirname(relative)
    return Guarded(volume.id, volume.code, folder, relative, bool(volume.case_sensitive))


def _plain(path: str) -> str:
    slashed = path.replace("\\", "/")
    clean = posixpath.normpath(slashed) if slashed else ""
    return "/" + clean.lstrip("/") if slashed.startswith("/") else clean


def fault(work: Work, command: str) -> str | None:
    """Say why a command must not run: somebody who is no admin may write beside its script; None when it may."""
    for found in folders_of(work, command):
        if not found.folder:
            return (
                f"The hook script {found.script} lies at the top of the volume {found.volume_code}, where others write;"
                " put it into a folder of its own."
            )
        writer = _writer(work, found)
        if writer is not None:
            return (
                f"The hook script {found.script} lies in the volume {found.volume_code}, where {writer} may write;"
                " move the script or narrow that grant."
            )
    return None


def refuse_command(work: Work, command: str) -> None:
    """Raise NotAllowedNowError for a command whose script others could change."""
    why = fault(work, command)
    if why is not None:
        raise NotAllowedNowError(what=why)


def refuse_grant(work: Work, role: str, target: Row[Any], volume: str, path: str) -> None:
    """Raise NotAllowedNowError for a grant of writing that reaches the folder of a hook script.

    `path` is relative to the volume; `role` is that of who gets the grant.
    """
    if role == "admin" or (role == "employee" and target.type == "volume" and not path):
        return
    for found in guarded(work):
        if found.touches(volume, path):
            raise NotAllowedNowError(
                what=f"The hook script {found.script} lies there, and only admins may write where hook scripts lie;"
                " grant another folder or move the script."
            )


def _writer(work: Work, found: Guarded) -> str | None:
    """Somebody who is no admin and holds a grant of writing into a folder, whole volumes of employees left out."""
    place = volume_path(share.c.type, share.c.path, acl.c.path)
    invited = and_(user.c.role == "employee", share.c.type == "volume", acl.c.path == "")
    idle = and_(user.c.role == "standard", share.c.type == "volume")
    rows = work.connection.execute(
        select(user.c.code, place.label("path"))
        .select_from(acl)
        .join(share, share.c.id == acl.c.share_id)
        .join(user, user.c.id == acl.c.user_id)
        .where(
            acl.c.write,
            acl.c.status == "enabled",
            or_(share.c.status == "enabled", share.c.active),
            user.c.active,
            user.c.role != "admin",
            ~invited,
            ~idle,
            func.coalesce(share.c.parent_id, share.c.id) == found.volume,
        )
    )
    return next((row.code for row in rows if found.touches(found.volume, row.path)), None)
