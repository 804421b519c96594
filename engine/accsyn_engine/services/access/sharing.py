"""Making, changing and ending shares. Nothing here touches a disk."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, and_, exists, insert, or_, select
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.jobs.states import Status
from accsyn_engine.services import audit
from accsyn_engine.services.access import revocation, rights, share_lists
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import BadValueError, ExistsError, ForbiddenError, NotAllowedNowError, NotFoundError
from accsyn_engine.services.people import users
from accsyn_engine.services.people.homes import open_home
from accsyn_engine.services.permissions import writes
from accsyn_engine.services.records.fields import choice, flag, known_only, mapping, reference, slug, text
from accsyn_engine.services.records.rows import address, bare, default_volume, require_share, share_by, volume_of
from accsyn_engine.services.work import queues
from accsyn_engine.services.work.places import Place, below_volume, volume_path
from accsyn_engine.store.schema import acl, job, job_volume, share, user

STATUSES = {"enabled": "enabled", "disabled": "disabled"}
_ALIVE = (Status.RUNNING, Status.WAITING, Status.INIT, Status.PAUSED)
_WRITABLE = ("name", "description", "metadata", "status", "email", "queue")
_WRITABLE_OF_VOLUMES = ("default", "paths", "server", "siteserver")
_SYSTEMS = frozenset({"windows", "linux", "mac", "windows_vpn", "linux_vpn", "mac_vpn"})


@writes("share.create")
def create(work: Work, caller: Caller, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Make a share. A folder needs a parent volume (id, code, or the default) and a path below it; a volume a path."""
    word = share_lists.TYPES.get(kind, "folder")
    type_ = choice(data, ("type",), share_lists.TYPES, default=word)
    if type_ == "home":
        return _create_home(work, caller, data)
    if type_ == "collection":
        raise BadValueError(what="Collections cannot be created yet; create a folder share instead.")
    code = _code(work, data)
    values = _volume(work, caller, data) if type_ == "volume" else _folder(work, caller, data, code)
    new = work.context.ids.entity()
    work.connection.execute(
        insert(share).values(
            id=new,
            code=code,
            name=text(data, "name") or code,
            type=type_,
            status="enabled",
            active=True,
            description=text(data, "description") or "",
            metadata=mapping(data, "metadata"),
            created=work.now,
            creator=caller.code,
            **values,
        )
    )
    audit.record(work, caller, "share.create", "share", new, code=code, type=type_, path=values["path"])
    return share_lists.shown(work, new)


def _code(work: Work, data: dict[str, Any]) -> str:
    name = text(data, "name", longest=254)
    code = (text(data, "code", longest=254) or slug(name or "")).strip()
    if not code or any(char in code for char in "/\\:=\n\t"):
        raise BadValueError(
            what=f'A share needs a "code" without / \\ : and =, like proj002-outsourcing, not "{code}".'
        )
    if share_by(work, code) is not None:
        raise ExistsError(kind="share", name=code)
    return code


def _volume(work: Work, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    if not caller.is_admin:
        raise ForbiddenError(who=caller.code, what="create volumes")
    path = volume_path(text(data, "path") or "")
    is_first = work.connection.execute(select(share.c.id).where(share.c.type == "volume")).first() is None
    is_windows = "\\" in path
    if flag(data, "default", default=False):
        work.connection.execute(alter(share).where(share.c.is_default).values(is_default=False))
        is_first = True
    return {
        "path": path,
        "is_default": is_first,
        "case_sensitive": flag(data, "case_sensitive", default=not is_windows),
    }


def _folder(work: Work, caller: Caller, data: dict[str, Any], code: str) -> dict[str, Any]:
    parent = bare(reference(data, "parent"))
    volume = _parent(work, caller, parent) if parent else _default(work, caller)
    path = below_volume(volume, text(data, "path") if data.get("path") is not None else code)
    if not path:
        raise BadValueError(
            what=f'A folder share needs a path below the volume; "{volume.code}" itself is a share already.'
        )
    rights.of_caller(work, caller).require("read", Place(volume, volume, path, is_folder=True))
    return {"path": path, "parent_id": volume.id, "is_default": False, "case_sensitive": volume.case_sensitive}


def _parent(work: Work, caller: Caller, name: str) -> Row[Any]:
    """The volume, if the caller sees it or a share of it that names it."""
    volume = require_share(work, name, kinds=("volume",), kind="volume")
    if not share_lists.knows_volume(work, caller, volume):
        raise NotFoundError(kind="volume", name=name)
    return volume


def _default(work: Work, caller: Caller) -> Row[Any]:
    volume = default_volume(work)
    if not share_lists.knows_volume(work, caller, volume):
        raise NotFoundError(kind="volume", name="(default)")
    return volume


def _create_home(work: Work, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    owner = users.require(work, caller, data.get("user") or data.get("code"))
    if share_by(work, owner.code, kinds=("home",)) is not None:
        raise ExistsError(kind="home", name=owner.code)
    open_home(work, caller, owner)
    return share_lists.shown(work, require_share(work, owner.code, kinds=("home",), kind="home").id)


def _require(work: Work, caller: Caller, id: str) -> Row[Any]:
    """The share, if the caller may change it: volumes are the admin's, homes of colleagues too."""
    row = share_lists.require(work, caller, id)
    if row.type == "volume" and not caller.is_admin:
        raise ForbiddenError(who=caller.code, what=f"change the volume {row.code}")
    return row


@writes("share.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Change name, description, metadata, status, email, queue, or a volume's `default` and `paths`.

    `paths` is where people have the volume mounted, by operating system; `server` assigns an agent.
    """
    row = _require(work, caller, id)
    writable = _WRITABLE + (_WRITABLE_OF_VOLUMES if row.type == "volume" else ())
    known_only(data, writable, kind=row.type)
    if caller.is_admin and ("server" in data or "siteserver" in data):
        share_lists.serve(work, row.id, bare(data.get("server") or data.get("siteserver")))
    values = _changes(work, row, data)
    if row.type == "volume" and flag(data, "default", default=False):
        work.connection.execute(alter(share).where(share.c.is_default).values(is_default=False))
        values["is_default"] = True
    work.connection.execute(
        alter(share).where(share.c.id == row.id).values(modified=work.now, modifier=caller.code, **values)
    )
    audit.record(work, caller, "share.update", "share", row.id, fields=sorted(values), status=values.get("status"))
    if values.get("status") == "disabled":
        _lost(work, caller, row)
    return share_lists.shown(work, row.id)


def _changes(work: Work, row: Row[Any], data: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {name: text(data, name) or "" for name in ("name", "description") if name in data}
    if "metadata" in data:
        values["metadata"] = mapping(data, "metadata")
    if "status" in data:
        values["status"] = choice(data, ("status",), STATUSES)
        if row.is_default and values["status"] == "disabled":
            raise NotAllowedNowError(what=f"{row.code} is the default volume; make another one the default first.")
    if "email" in data:
        values["email"] = address(data["email"]) if data["email"] else None
    if "queue" in data:
        values["queue_id"] = queues.require(work, line).id if (line := reference(data, "queue")) else None
    if "paths" in data:
        values["paths"] = _paths(data)
    return values


def _paths(data: dict[str, Any]) -> dict[str, str]:
    paths = mapping(data, "paths")
    known_only(paths, _SYSTEMS, kind="volume's paths")
    return {system: volume_path(path) for system in paths if (path := text(paths, system))}


def _lost(work: Work, caller: Caller, row: Row[Any]) -> None:
    """Stop what ran by the grants of a share, or on those of its volume, that count no longer."""
    family = select(share.c.id).where(or_(share.c.id == row.id, share.c.parent_id == row.id))
    holders = select(user).where(exists().where(acl.c.user_id == user.c.id, acl.c.share_id.in_(family)))
    below = "" if row.type == "volume" else row.path
    for person in work.connection.execute(holders).all():
        revocation.grant_lost(work, caller, person, volume_of(work, row).id, path=below, shown=row.code)


@writes("share.deactivate")
def deactivate(work: Work, caller: Caller, id: str) -> bool:
    """Take a share and everything below it out of use, to come back by `activate`; refused while jobs use it."""
    row = _require(work, caller, id)
    if row.type == "home":
        raise NotAllowedNowError(what=f"{row.code} is a home, which goes with its user; deactivate the user.")
    _check_end(work, row)
    _check_unused(work, row)
    stamped: dict[str, Any] = {"active": False, "modified": work.now, "modifier": caller.code}
    work.connection.execute(alter(share).where(share.c.id == row.id).values(stamped))
    below = and_(share.c.parent_id == row.id, share.c.active)
    work.connection.execute(alter(share).where(below).values(stamped | {"ended_with": row.id}))
    audit.record(work, caller, "share.deactivate", "share", row.id)
    _lost(work, caller, row)
    return True


@writes("share.activate")
def activate(work: Work, caller: Caller, id: str) -> bool:
    """Bring a deactivated share back, with its grants and, for a volume, with what went along with it."""
    row = _require(work, caller, id)
    if row.type == "home" and not row.active:
        raise NotAllowedNowError(what=f"{row.code} is a home, which comes with its user; activate the user.")
    if row.type != "volume" and not volume_of(work, row).active:
        raise NotAllowedNowError(what=f"The volume of {row.code} is deactivated; ask an admin to activate it.")
    family = or_(share.c.id == row.id, share.c.ended_with == row.id)
    back: dict[str, Any] = {"active": True, "ended_with": None, "modified": work.now, "modifier": caller.code}
    work.connection.execute(alter(share).where(family).values(back))
    audit.record(work, caller, "share.activate", "share", row.id)
    return True


@writes("share.delete")
def delete(work: Work, caller: Caller, id: str, force: bool = False) -> bool:
    """Forget a share and its grants; a volume with folders only with `force`. Files stay where they are."""
    row = _require(work, caller, id)
    _check_end(work, row)
    children = work.connection.execute(select(share.c.id).where(share.c.parent_id == row.id)).first()
    if children is not None and not force:
        raise NotAllowedNowError(what=f"The volume {row.code} has shares below it; delete them first or use force.")
    work.connection.execute(alter(share).where(share.c.id == row.id).values(active=False))
    work.connection.execute(alter(share).where(share.c.parent_id == row.id).values(active=False))
    _lost(work, caller, row)
    work.connection.execute(erase(share).where(share.c.parent_id == row.id))
    work.connection.execute(erase(share).where(share.c.id == row.id))
    audit.record(work, caller, "share.delete", "share", row.id, code=row.code)
    return True


def _check_end(work: Work, row: Row[Any]) -> None:
    if row.is_default:
        raise NotAllowedNowError(what=f"{row.code} is the default volume; make another one the default first.")
    if row.type == "volume":
        _check_unused(work, row)


def _check_unused(work: Work, row: Row[Any]) -> None:
    """Raise NotAllowedNowError while a job that is not over moves something of the share."""
    volume = volume_of(work, row)
    busy = (
        select(job)
        .join(job_volume, job_volume.c.job_id == job.c.id)
        .where(job_volume.c.volume_id == volume.id, job.c.status.in_(_ALIVE), job.c.archived.is_(False))
    )
    for found in work.connection.execute(busy).all():
        if row.type == "volume" or revocation.moves_below(work, found, volume, row.path):
            raise NotAllowedNowError(
                what=f'The job "{found.name}" uses the {row.type} {row.code}; abort it or wait for its end.'
            )
