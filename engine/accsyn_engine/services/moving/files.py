"""Looking at and changing files of the workspace: permission here, the work at the volume's server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from accsyn_engine.acl import leads_somewhere, visible
from accsyn_engine.services import audit
from accsyn_engine.services.access import rights
from accsyn_engine.services.access.rights import Rights
from accsyn_engine.services.access.seen import place
from accsyn_engine.services.context import Caller, Context, Work
from accsyn_engine.services.errors import AgentRefusedError, BadValueError, PathRefusedError
from accsyn_engine.services.moving.asking import ask
from accsyn_engine.services.permissions import PERMISSIONS, check, waits
from accsyn_engine.services.records.fields import flag, text
from accsyn_engine.services.work.places import Place

MOST_PATHS = 10_000
DIRECTORY = 0
_OPTIONS = {
    "ls": ("recursive", "maxdepth", "getsize", "files_only", "directories_only", "include", "exclude"),
    "getsize": ("include", "exclude"),
}


@dataclass(frozen=True)
class Asked:
    """One path of a call, found and judged."""

    place: Place
    target: Place | None
    rights: Rights
    data: dict[str, Any]

    @property
    def shown(self) -> str:
        """The path in an error."""
        return f"{self.place.share.code}/{self.place.in_share}".rstrip("/")


@waits("file.ls")
def operate(context: Context, caller: Caller, operation: str, data: dict[str, Any]) -> Any:
    """Carry out ls, getsize, exists, mkdir, rename, move or delete on a path, or on each of a list of paths.

    A list is answered with a list of {"path", "result"}. Every path is judged before the first is touched, so one that
    the caller may not use refuses them all; what the server cannot do with one path (it is missing, it is not empty)
    stands in its entry as "message", beside a "result" of None.
    """
    if operation not in OPERATIONS or f"file.{operation}" not in PERMISSIONS:
        raise BadValueError(what=f'There is no file operation "{operation}"; there are {", ".join(OPERATIONS)}.')
    check(caller, f"file.{operation}")
    paths = data.get("path")
    if not isinstance(paths, list):
        return _carry_out(context, caller, operation, _judged(context, caller, operation, paths, data))
    if len(paths) > MOST_PATHS:
        raise BadValueError(what=f"At most {MOST_PATHS} paths at a time; ask in parts.")
    asked = [(path, _judged(context, caller, operation, path, data)) for path in paths]
    return [_entry(context, caller, operation, path, one) for path, one in asked]


def _entry(context: Context, caller: Caller, operation: str, path: Any, asked: Asked) -> dict[str, Any]:
    try:
        return {"path": path, "result": _carry_out(context, caller, operation, asked)}
    except AgentRefusedError as error:
        return {"path": path, "result": None, "message": error.message}


def _judged(context: Context, caller: Caller, operation: str, path: Any, data: dict[str, Any]) -> Asked:
    """Find a path and check the rights the operation needs on it; raises PathRefusedError or what finding it raises."""
    options = data | path if isinstance(path, dict) else data
    written = path.get("path") if isinstance(path, dict) else path
    with context.reading() as work:
        held = rights.of_caller(work, caller)
        found = place(work, caller, held, written if written is not None else "share=(default)")
        asked = Asked(found, None, held, options)
        if operation in {"rename", "move"}:
            asked = replace(asked, target=_target(work, caller, operation, asked))
        _NEEDS[operation](asked)
    return asked


def _target(work: Work, caller: Caller, operation: str, asked: Asked) -> Place:
    """Where a file is to be afterwards; raises BadValueError where it cannot get."""
    found, options = asked.place, asked.data
    names = ("path_to", "to", "new_name", "newname", "destination", "name")
    written = next((text(options, name, longest=8192) for name in names if options.get(name)), None)
    if not written:
        raise BadValueError(what=f'"{operation}" needs "path_to", where the file is to be afterwards.')
    if operation == "rename" and not any(char in written for char in "/\\="):
        folder = found.path.rpartition("/")[0]
        return Place(found.volume, found.share, f"{folder}/{written}" if folder else written, is_folder=False)
    target = place(work, caller, asked.rights, written)
    if target.volume.id != found.volume.id:
        raise BadValueError(what="Files cannot be moved to another volume; transfer and delete them instead.")
    if operation == "rename" and target.path.rpartition("/")[0] != found.path.rpartition("/")[0]:
        raise BadValueError(what=f'A rename stays in its folder; move "{written}" to reach another one.')
    return target


def _needs_read(asked: Asked) -> None:
    asked.rights.require("read", asked.place)


def _needs_way(asked: Asked) -> None:
    """A folder above a grant may be listed for the way down; a folder that may only be written may not."""
    found = asked.place
    volume = found.volume
    if not leads_somewhere(
        asked.rights.person, asked.rights.grants, volume.id, found.path, case_sensitive=bool(volume.case_sensitive)
    ):
        raise PathRefusedError(user=asked.rights.person.code, right="read", path=asked.shown)


def _needs_write(asked: Asked) -> None:
    asked.rights.require("write", asked.place)
    _keep_root(asked)


def _needs_folder(asked: Asked) -> None:
    """What goes away leaves its folder: a granted folder itself stays, what lies in it may go."""
    _needs_write(asked)
    folder = asked.place.path.rpartition("/")[0]
    if not asked.rights.on(asked.place.volume, folder).write:
        raise PathRefusedError(user=asked.rights.person.code, right="delete or move", path=asked.shown)


def _needs_both_ends(asked: Asked) -> None:
    _needs_folder(asked)
    if asked.target is not None:
        asked.rights.require("write", asked.target)


def _keep_root(asked: Asked) -> None:
    if not asked.place.path:
        raise BadValueError(what=f"{asked.shown} is a whole volume and stays as it is; name something below it.")


def _always(_asked: Asked) -> None:
    """Whether something exists is answered with no to whoever may not see it."""


_NEEDS: dict[str, Callable[[Asked], None]] = {
    "ls": _needs_way,
    "getsize": _needs_read,
    "exists": _always,
    "mkdir": _needs_write,
    "rename": _needs_both_ends,
    "move": _needs_both_ends,
    "delete": _needs_folder,
}
OPERATIONS = tuple(_NEEDS)
CHANGES = frozenset({"mkdir", "rename", "move", "delete"})


_OF_FRAMES = frozenset({"ls", "getsize", "exists"})


def _carry_out(context: Context, caller: Caller, operation: str, asked: Asked) -> Any:
    if operation == "exists" and not _may_know(asked):
        return False
    volume = asked.place.volume
    question: dict[str, Any] = {"root": {"volume": volume.code}, "path": asked.place.path}
    question |= {name: asked.data[name] for name in _OPTIONS.get(operation, ()) if name in asked.data}
    if operation in _OF_FRAMES and asked.rights.on_frames(asked.place):
        question["sequence"] = True
    if operation == "delete":
        question["force"] = flag(asked.data, "force", default=False)
    if asked.target is not None:
        question |= {"to": asked.target.path, "to_root": {"volume": volume.code}}
    try:
        answer = ask(context, volume, operation, question)
    except AgentRefusedError as error:
        if operation == "exists" and error.facts.get("reason") == "not-found":
            return False
        raise
    if operation in CHANGES:
        _note(context, caller, operation, asked)
    return _seen(asked, answer, asked.place.path) if operation == "ls" else answer


def _may_know(asked: Asked) -> bool:
    volume = asked.place.volume
    return leads_somewhere(
        asked.rights.person,
        asked.rights.grants,
        volume.id,
        asked.place.path,
        case_sensitive=bool(volume.case_sensitive),
    )


def _note(context: Context, caller: Caller, operation: str, asked: Asked) -> None:
    with context.changing() as work:
        target = None if asked.target is None else asked.target.path
        volume = asked.place.volume
        audit.record(work, caller, f"file.{operation}", "share", volume.id, path=asked.place.path, to=target)


def _seen(asked: Asked, entries: Any, folder: str) -> Any:
    """Leave out what the caller may not see; below a folder that may only be passed, its own grants decide."""
    held, volume = asked.rights, asked.place.volume
    if not isinstance(entries, list) or held.on(volume, folder).read:
        return entries
    names = [entry["filename"] for entry in entries if isinstance(entry, dict)]
    allowed = set(
        visible(held.person, held.grants, volume.id, folder, names, case_sensitive=bool(volume.case_sensitive))
    )
    seen = []
    for entry in entries:
        if entry["filename"] not in allowed:
            continue
        below = f"{folder}/{entry['filename']}" if folder else entry["filename"]
        seen.append(entry | {"files": _seen(asked, entry["files"], below)} if entry.get("files") else entry)
    return seen
