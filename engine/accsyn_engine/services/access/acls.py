"""Grants: who may read and write which path of which share, and why."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, and_, insert, literal, or_, select, true
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.paths import join, normalise
from accsyn_engine.query.fields import Date, Flag, Path, Text
from accsyn_engine.query.functions import fold
from accsyn_engine.services import audit
from accsyn_engine.services.access import revocation, rights, seen, share_lists
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotAllowedNowError, NotFoundError
from accsyn_engine.services.people import letters, users
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records import entities
from accsyn_engine.services.records.fields import choice, flag, text
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.services.records.references import to_share, to_user
from accsyn_engine.services.records.rows import bare, require_share, require_user, user_by, volume_of
from accsyn_engine.services.scripts import guarding
from accsyn_engine.services.work.places import Place
from accsyn_engine.store.schema import acl, share, user

ROWS = (
    select(
        acl,
        user.c.code.label("user_code"),
        user.c.role.label("user_role"),
        share.c.code.label("share_code"),
        share.c.type.label("share_type"),
    )
    .join(user, user.c.id == acl.c.user_id)
    .join(share, share.c.id == acl.c.share_id)
)


def _named(kind: str, *parts: ColumnElement[str]) -> ColumnElement[str]:
    """As people read it: `user:lisa@x.com[standard](6b05...)`."""
    code, sort, number = parts
    return literal(f"{kind}:") + code + literal("[") + sort + literal("](") + number + literal(")")


_ENTITY = to_user(acl.c.user_id)

LISTING = Listing(
    rows=ROWS,
    attributes={
        "id": Text(acl.c.id),
        "entity": _ENTITY,
        "ident": _ENTITY,
        "user": _ENTITY,
        "target": to_share(acl.c.share_id),
        "share": to_share(acl.c.share_id),
        "path": Path(acl.c.path),
        "read": Flag(acl.c.read),
        "write": Flag(acl.c.write),
        "status": Text(acl.c.status),
        "role": Text(user.c.role, users.ROLES),
        "entity_hr": Text(_named("user", user.c.code, user.c.role, user.c.id)),
        "target_hr": Text(_named("share", share.c.code, share.c.type, share.c.id)),
        "modifier": Text(acl.c.modifier),
        "modified": Date(acl.c.modified),
        "acknowledged": Flag(acl.c.acknowledged),
        "description": Text(acl.c.description),
        "creator": Text(acl.c.creator),
        "created": Date(acl.c.created),
    },
    id=acl.c.id,
    order=(acl.c.created, acl.c.id),
    scopes=Scopes(active=user.c.active & share.c.active, inactive=~(user.c.active & share.c.active)),
    bare=("id",),
)

STATUSES = {"enabled": "enabled", "disabled": "disabled"}


def visible_acls(caller: Caller) -> ColumnElement[bool]:
    """Admins see all, others their own, employees also those of standard users on shares that they see."""
    if caller.is_admin:
        return true()
    own = acl.c.user_id == caller.user_id
    if caller.role != "employee":
        return own
    return or_(own, and_(user.c.role == "standard", share_lists.visible_shares(caller)))


@reads("acl.find")
def find(work: Work, caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List grants."""
    return listed(work, LISTING, find, visible_acls(caller), entities.acl)


@writes("acl.grant")
def grant(work: Work, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Let a user read or write a path of a share; the same user, share and path again changes the grant there is.

    `entity` is user:<id> or an address; an unknown address is invited unless `invite` is false. A disabled user or
    share is enabled again by an admin's grant.
    """
    read, write = flag(data, "read", default="write" not in data), flag(data, "write", default=False)
    if not read and not write:
        raise BadValueError(what='A grant needs "read" or "write" to be true; to take access away, revoke it.')
    target = share_lists.require(work, caller, _required(data, "target", "share"))
    path = normalise(text(data, "path", longest=8192) or "")
    person = _person(work, caller, data)
    _check(work, caller, person, target, path, read=read, write=write)
    if caller.is_admin:
        _enable(work, caller, person, target)
    row = _upsert(work, caller, person, target, path=path, given={"read": read, "write": write}, data=data)
    told = {"user": person.code, "share": target.code, "path": path, "read": read, "write": write}
    audit.record(work, caller, "acl.grant", "acl", row.id, about=("user", person.id), **told)
    return entities.acl(row)


def _enable(work: Work, caller: Caller, person: Row[Any], target: Row[Any]) -> None:
    """What an admin grants is meant to work: the user and the share are enabled again."""
    for table, kind, row in ((user, "user", person), (share, "share", target)):
        if row.status != "enabled":
            stamped = {"status": "enabled", "modified": work.now, "modifier": caller.code}
            work.connection.execute(alter(table).where(table.c.id == row.id).values(stamped))
            audit.record(work, caller, f"{kind}.update", kind, row.id, status="enabled")


def _required(data: dict[str, Any], *field_names: str) -> str:
    value = next((data[name] for name in field_names if data.get(name)), None)
    if not isinstance(value, str):
        raise BadValueError(what=f'"{field_names[0]}" is missing; write it like {field_names[0]}: "type:<id or code>".')
    return value


def _person(work: Work, caller: Caller, data: dict[str, Any]) -> Row[Any]:
    reference = _required(data, "entity", "ident", "user")
    found = user_by(work, reference)
    if found is not None and found.active and users.may_manage(caller, found.role, found.id):
        return found
    if "@" not in reference or not flag(data, "invite", default=True):
        raise NotFoundError(kind="user", name=bare(reference))
    return users.invite(work, caller, {"code": bare(reference), "message": data.get("message")})


def _check(
    work: Work, caller: Caller, person: Row[Any], target: Row[Any], path: str, *, read: bool, write: bool
) -> None:
    """Only admins grant volumes; an employee grants to standard users what they have themselves."""
    if write:
        below = path if target.type == "volume" else join(target.path, path)
        guarding.refuse_grant(work, person.role, target, volume_of(work, target).id, below)
    if caller.is_admin:
        return
    if person.role != "standard" or target.type == "volume":
        raise ForbiddenError(who=caller.code, what=f"grant {person.code} access to {target.code}")
    if person.status != "enabled" or target.status != "enabled":
        raise NotAllowedNowError(
            what=f"{person.code} or the share {target.code} is disabled; ask an admin to enable it."
        )
    own = rights.of_caller(work, caller)
    on = Place(volume_of(work, target), target, join(target.path, path), is_folder=True)
    for right, given in (("read", read), ("write", write)):
        if given:
            own.require(right, on)


def _upsert(
    work: Work,
    caller: Caller,
    person: Row[Any],
    target: Row[Any],
    *,
    path: str,
    given: dict[str, bool],
    data: dict[str, Any],
) -> Row[Any]:
    known = _known(work, person, target, path)
    values: dict[str, Any] = given | {"status": "enabled"}
    if known is not None:
        before = _row(work, known)
        changed = values | {"modified": work.now, "modifier": caller.code}
        work.connection.execute(alter(acl).where(acl.c.id == known).values(changed))
        _narrowed(work, caller, before)
        return _row(work, known)
    new = work.context.ids.entity()
    values |= {
        "user_id": person.id,
        "share_id": target.id,
        "path": path,
        "description": text(data, "description") or "",
    }
    work.connection.execute(
        insert(acl).values(id=new, acknowledged=False, created=work.now, creator=caller.code, **values)
    )
    if flag(data, "notify", default=False):
        path_shown = f"{target.code}/{path}".rstrip("/")
        letters.granted(work, new, person.code, granter=caller.code, path=path_shown, message=text(data, "message"))
    return _row(work, new)


def _known(work: Work, person: Row[Any], target: Row[Any], path: str) -> str | None:
    """The grant on the same place; on a volume that folds case, a path in other letters is the same place."""
    same = acl.c.path == path if target.case_sensitive else fold(acl.c.path) == path.lower()
    statement = select(acl.c.id).where(acl.c.user_id == person.id, acl.c.share_id == target.id, same)
    return work.connection.execute(statement).scalar()


def _row(work: Work, id: str) -> Row[Any]:
    row = work.connection.execute(ROWS.where(acl.c.id == id)).first()
    if row is None:
        raise NotFoundError(kind="acl", name=id)
    return row


def _require(work: Work, caller: Caller, id: str) -> Row[Any]:
    row = work.connection.execute(ROWS.where(acl.c.id == bare(id), visible_acls(caller))).first()
    if row is None:
        raise NotFoundError(kind="acl", name=id)
    if not caller.is_admin and row.user_role != "standard":
        raise ForbiddenError(who=caller.code, what=f"change the access of {row.user_code}")
    return row


@writes("acl.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Change read, write, status or description of a grant; what it no longer allows is stopped."""
    row = _require(work, caller, id)
    read, write = flag(data, "read", default=row.read), flag(data, "write", default=row.write)
    if not read and not write:
        raise BadValueError(what='A grant needs "read" or "write" to be true; to take access away, revoke it.')
    status = choice(data, ("status",), STATUSES, default=row.status)
    person, target = require_user(work, row.user_id), require_share(work, row.share_id)
    _check(work, caller, person, target, row.path, read=read, write=write)
    values = {"read": read, "write": write, "status": status, "description": data.get("description", row.description)}
    work.connection.execute(
        alter(acl).where(acl.c.id == row.id).values(modified=work.now, modifier=caller.code, **values)
    )
    told = {"read": read, "write": write, "status": status}
    audit.record(work, caller, "acl.update", "acl", row.id, about=("user", person.id), **told)
    _narrowed(work, caller, row)
    return entities.acl(_row(work, row.id))


@writes("acl.revoke")
def revoke(work: Work, caller: Caller, id: str) -> bool:
    """Take a grant away and stop what ran by it."""
    row = _require(work, caller, id)
    work.connection.execute(erase(acl).where(acl.c.id == row.id))
    told = {"user": row.user_code, "share": row.share_code, "path": row.path}
    audit.record(work, caller, "acl.revoke", "acl", row.id, about=("user", row.user_id), **told)
    _lost(work, caller, row)
    return True


def _narrowed(work: Work, caller: Caller, before: Row[Any]) -> None:
    """Stop what ran by a grant if it gives less than `before`."""
    now = _row(work, before.id)
    gave = {right for right in ("read", "write") if before.status == "enabled" and getattr(before, right)}
    gives = {right for right in ("read", "write") if now.status == "enabled" and getattr(now, right)}
    if gave - gives:
        _lost(work, caller, now)


def _lost(work: Work, caller: Caller, row: Row[Any]) -> None:
    target, person = require_share(work, row.share_id), require_user(work, row.user_id)
    below = row.path if target.type == "volume" else join(target.path, row.path)
    shown = f"{target.code}/{row.path}".rstrip("/")
    revocation.grant_lost(work, caller, person, volume_of(work, target).id, path=below, shown=shown)


@reads("acl.why")
def why(work: Work, caller: Caller, user: str, path: str) -> dict[str, Any]:
    """Say whether a user may read and write a path of the workspace, and by which grants."""
    person = users.require(work, caller, user)
    on = seen.place(work, caller, rights.of_caller(work, caller), path)
    verdict = rights.of_user(work, person.id, person.code, person.role).on(on.volume, on.path)
    reasons = list(verdict.reasons)
    return {"user": person.code, "path": path, "read": verdict.read, "write": verdict.write, "reasons": reasons}
