"""People: inviting, changing, sending away."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, and_, insert, or_, select, true
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.query.fields import Date, Text
from accsyn_engine.services import audit
from accsyn_engine.services.access.revocation import end_jobs_of, rights_changed
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import BadValueError, ExistsError, ForbiddenError, NotAllowedNowError, NotFoundError
from accsyn_engine.services.people import letters
from accsyn_engine.services.people.homes import bring_home_back, close_home, give_volumes, open_home, take_home_along
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records import entities
from accsyn_engine.services.records.fields import choice, flag, known_only, mapping, reference, text
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.services.records.rows import address, bare, by_id, require_user, user_by
from accsyn_engine.services.work import queues
from accsyn_engine.store.schema import acl, client, session_key, user

ROLES = {"admin": "admin", "employee": "employee", "standard": "standard", "user": "standard", "client": "standard"}
_WRITABLE = ("name", "description", "metadata", "status", "role", "clearance", "queue")
STATUSES = {"enabled": "enabled", "disabled": "disabled"}

LISTING = Listing(
    rows=select(user),
    attributes={
        "id": Text(user.c.id),
        "code": Text(user.c.code),
        "email": Text(user.c.code),
        "name": Text(user.c.name),
        "role": Text(user.c.role, ROLES),
        "clearance": Text(user.c.role, ROLES),
        "status": Text(user.c.status),
        "logged_in": Date(user.c.logged_in),
        "modifier": Text(user.c.modifier),
        "description": Text(user.c.description),
        "creator": Text(user.c.creator),
        "created": Date(user.c.created),
        "modified": Date(user.c.modified),
    },
    id=user.c.id,
    order=(user.c.created, user.c.id),
    scopes=Scopes(active=user.c.active, inactive=~user.c.active),
    bare=("id", "code"),
)


def visible_users(caller: Caller) -> ColumnElement[bool]:
    """Admins see everybody, employees themselves and standard users, standard users themselves."""
    if caller.is_admin:
        return true()
    own = user.c.id == caller.user_id
    return or_(own, user.c.role == "standard") if caller.role == "employee" else own


def may_manage(caller: Caller, role: str, user_id: str) -> bool:
    """Whether the caller sees a user of this role, and so may change them: `visible_users` for one row."""
    return caller.is_admin or user_id == caller.user_id or (caller.role == "employee" and role == "standard")


def require(work: Work, caller: Caller, reference: object) -> Row[Any]:
    """Read a user the caller may see, by id, `user:id` or address; raises NotFoundError."""
    row = require_user(work, reference)
    if not may_manage(caller, row.role, row.id):
        raise NotFoundError(kind="user", name=bare(reference))
    return row


@reads("user.find")
def find(work: Work, caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List users; with no query at all the caller comes first."""
    found = listed(work, LISTING, find, visible_users(caller), entities.user)
    if not find.query and not find.id:
        found.sort(key=lambda entry: entry["id"] != caller.user_id)
    return found


@writes("user.create")
def create(work: Work, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Invite somebody: an account, a home or volumes by role, and a mail.

    Raises ExistsError when the address has an account already; one that was deactivated is restored.
    """
    return entities.user(invite(work, caller, data))


def invite(work: Work, caller: Caller, data: dict[str, Any]) -> Row[Any]:
    """As `create`, inside a running transaction."""
    code = address(data.get("code") or data.get("email"))
    role = choice(data, ("role", "clearance"), ROLES, default="standard")
    if role != "standard" and not caller.is_admin:
        raise ForbiddenError(who=caller.code, what=f"invite a user with the role {role}")
    known = user_by(work, code)
    if known is not None and (known.active or not may_manage(caller, known.role, known.id)):
        raise ExistsError(kind="user", name=code)
    invited = _restore(work, caller, known, role) if known is not None else _add(work, caller, code, role, data)
    if role == "standard":
        if flag(data, "create_home_share", default=True):
            open_home(work, caller, invited)
    else:
        give_volumes(work, caller, invited, data)
    audit.record(work, caller, "user.create", "user", invited.id, code=code, role=role)
    if flag(data, "mail", default=True):
        letters.invitation(work, invited, caller.code, text(data, "message"))
    return invited


def _add(work: Work, caller: Caller, code: str, role: str, data: dict[str, Any]) -> Row[Any]:
    new = work.context.ids.entity()
    work.connection.execute(
        insert(user).values(
            id=new,
            code=code,
            name=text(data, "name") or code,
            role=role,
            status="enabled",
            active=True,
            description=text(data, "description") or "",
            metadata=mapping(data, "metadata"),
            created=work.now,
            creator=caller.code,
        )
    )
    return require_user(work, new)


def _restore(work: Work, caller: Caller, known: Row[Any], role: str) -> Row[Any]:
    _set(work, caller, known, {"active": True, "status": "enabled", "role": role})
    if role != known.role:
        work.connection.execute(erase(acl).where(acl.c.user_id == known.id))
    return require_user(work, known.id)


def _set(work: Work, caller: Caller, row: Row[Any], values: dict[str, Any]) -> None:
    stamped = values | {"modified": work.now, "modifier": caller.code}
    work.connection.execute(alter(user).where(user.c.id == row.id).values(stamped))


@writes("user.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Change name, description, metadata, queue, status (enabled or disabled) or, as admin, the role."""
    row = _require(work, caller, id)
    known_only(data, _WRITABLE, kind="user")
    values: dict[str, Any] = {name: text(data, name) or "" for name in ("name", "description") if name in data}
    if "metadata" in data:
        values["metadata"] = mapping(data, "metadata")
    if "status" in data:
        values["status"] = choice(data, ("status",), STATUSES)
    if "role" in data or "clearance" in data:
        values["role"] = choice(data, ("role", "clearance"), ROLES)
    if "queue" in data:
        values["queue_id"] = queues.require(work, line).id if (line := reference(data, "queue")) else None
    _check_change(work, caller, row, values)
    _set(work, caller, row, values)
    audit.record(
        work, caller, "user.update", "user", row.id, **{name: values[name] for name in values if name != "metadata"}
    )
    if values.get("role", row.role) != row.role:
        work.connection.execute(erase(acl).where(acl.c.user_id == row.id))
        rights_changed(work, caller, require_user(work, row.id))
    if values.get("status") == "disabled":
        _lock_out(work, caller, row)
    return entities.user(require_user(work, row.id))


def _check_change(work: Work, caller: Caller, row: Row[Any], values: dict[str, Any]) -> None:
    if not values:
        raise BadValueError(what="Nothing to change: write name, description, metadata, queue, status or role.")
    if values.get("role", row.role) != row.role and not caller.is_admin:
        raise ForbiddenError(who=caller.code, what="change roles")
    loses_admin = values.get("role", row.role) != "admin" or values.get("status") == "disabled"
    if row.role == "admin" and loses_admin and not _another_admin(work, row):
        raise NotAllowedNowError(what=f"{row.code} is the only admin; make somebody else admin first.")
    if "status" in values and row.id == caller.user_id and values["status"] == "disabled":
        raise NotAllowedNowError(what="You cannot disable yourself; ask another admin.")


def _another_admin(work: Work, row: Row[Any]) -> bool:
    others = and_(user.c.role == "admin", user.c.status == "enabled", user.c.active, user.c.id != row.id)
    return work.connection.execute(select(user.c.id).where(others)).first() is not None


def _lock_out(work: Work, caller: Caller, row: Row[Any]) -> None:
    work.connection.execute(erase(session_key).where(session_key.c.user_id == row.id))
    end_jobs_of(work, caller, row, f"{row.code} was disabled, so this transfer was stopped; enable the user and retry.")


@writes("user.activate")
def activate(work: Work, caller: Caller, id: str) -> bool:
    """Bring a deactivated user back, with home and grants."""
    row = _require(work, caller, id)
    _set(work, caller, row, {"active": True, "status": "enabled"})
    bring_home_back(work, row)
    audit.record(work, caller, "user.activate", "user", row.id)
    return True


@writes("user.deactivate")
def deactivate(work: Work, caller: Caller, id: str) -> bool:
    """Send a user away with home and grants, to come back by `activate`; refused while jobs involve them."""
    row = _require_other(work, caller, id)
    end_jobs_of(work, caller, row, None)
    _leave(work, caller, row)
    take_home_along(work, row)
    audit.record(work, caller, "user.deactivate", "user", row.id)
    return True


@writes("user.delete")
def delete(work: Work, caller: Caller, id: str, force: bool = False) -> bool:  # noqa: ARG001 - the protocol's word
    """Send a user away for good: jobs aborted, grants and home gone; the account stays for whoever invites again."""
    row = _require_other(work, caller, id)
    end_jobs_of(work, caller, row, f"{row.code} was deleted, so this job was aborted.", abort=True)
    _leave(work, caller, row)
    work.connection.execute(erase(acl).where(acl.c.user_id == row.id))
    close_home(work, row)
    _hand_over(work, caller, row)
    audit.record(work, caller, "user.delete", "user", row.id, code=row.code)
    return True


def _hand_over(work: Work, caller: Caller, row: Row[Any]) -> None:
    """Have the servers of a deleted user go on under whoever deleted them; the engine itself takes nothing over."""
    if caller.user_id:
        servers = and_(client.c.user_id == row.id, client.c.type == 1)
        work.connection.execute(alter(client).where(servers).values(user_id=caller.user_id))


def _leave(work: Work, caller: Caller, row: Row[Any]) -> None:
    if row.role == "admin" and not _another_admin(work, row):
        raise NotAllowedNowError(what=f"{row.code} is the only admin; make somebody else admin first.")
    _set(work, caller, row, {"active": False})
    work.connection.execute(erase(session_key).where(session_key.c.user_id == row.id))


def _require(work: Work, caller: Caller, id: str) -> Row[Any]:
    row = require(work, caller, id)
    return by_id(work, user, row.id, lock=True) or row


def _require_other(work: Work, caller: Caller, id: str) -> Row[Any]:
    row = _require(work, caller, id)
    if row.id == caller.user_id:
        raise NotAllowedNowError(what="You cannot send yourself away; ask another admin.")
    return row
