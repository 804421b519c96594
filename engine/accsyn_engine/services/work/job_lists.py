"""How jobs are listed and shown, and who sees which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
)

from accsyn_engine.query.fields import Date, Flag, Number, Text
from accsyn_engine.query.functions import folded
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import NotFoundError
from accsyn_engine.services.moving import lines
from accsyn_engine.services.permissions import reads
from accsyn_engine.services.records import entities
from accsyn_engine.services.records.finding import Listing, Scopes, listed, named_one, page_of, rows_of, scopes_of
from accsyn_engine.services.records.references import to_party, to_queue, to_user
from accsyn_engine.services.records.rows import bare
from accsyn_engine.store.schema import acl, client, job, job_volume, queue, share, site, transfer, user, workspace

TRANSFER = 1  # among the types of the job family

_submitter = user.alias("submitter")
_parent = job.alias("parent")
_from_user, _to_user = user.alias("from_user"), user.alias("to_user")
_from_client, _to_client = client.alias("from_client"), client.alias("to_client")
_workspace_code = select(workspace.c.code).limit(1).scalar_subquery()


def _party_code(type_: ColumnElement[str], id: ColumnElement[str], person: Any, machine: Any) -> ColumnElement[str]:
    a_site = select(site.c.code).where(site.c.id == id).scalar_subquery()
    place = func.coalesce(a_site, _workspace_code)
    return case((type_ == "user", person.c.code), (type_ == "client", machine.c.code), else_=place)


_source_code = _party_code(job.c.source_type, job.c.source_id, _from_user, _from_client)
_destination_code = _party_code(job.c.destination_type, job.c.destination_id, _to_user, _to_client)

ROWS = (
    select(
        job,
        _submitter.c.code.label("user_code"),
        queue.c.code.label("queue_code"),
        _parent.c.code.label("parent_code"),
        _source_code.label("source_code"),
        _destination_code.label("destination_code"),
        transfer.c.sender_line,
        transfer.c.receiver_line,
        transfer.c.lease_until,
    )
    .join(_submitter, _submitter.c.id == job.c.user_id)
    .join(queue, queue.c.id == job.c.queue_id)
    .outerjoin(_parent, _parent.c.id == job.c.parent_id)
    .outerjoin(_from_user, _from_user.c.id == job.c.source_id)
    .outerjoin(_from_client, _from_client.c.id == job.c.source_id)
    .outerjoin(_to_user, _to_user.c.id == job.c.destination_id)
    .outerjoin(_to_client, _to_client.c.id == job.c.destination_id)
    .outerjoin(transfer, and_(transfer.c.job_id == job.c.id, transfer.c.attempt == job.c.attempts))
)


def _one(table: Table, id: ColumnElement[str]) -> ColumnElement[str]:
    """The code of what a column refers to, by itself: a page is chosen before anything is joined."""
    named = table.alias(f"hr_{table.name}_{id.key}")
    return select(named.c.code).where(named.c.id == id).scalar_subquery()


def _code_of(kind: ColumnElement[str], id: ColumnElement[str]) -> ColumnElement[str]:
    return case((kind == "user", _one(user, id)), (kind == "client", _one(client, id)), else_=_workspace_code)


_SPEED = case((and_(job.c.status == "running", job.c.speed > 0), job.c.speed / float(entities.MEGABYTE)), else_=-1.0)
_USER_HR, _QUEUE_HR = _one(user, job.c.user_id), _one(queue, job.c.queue_id)
_PERCENT = job.c.bytes_done * 100 // func.nullif(job.c.size, 0)
_PROGRESS = case((job.c.status == "done", 100), (job.c.size <= 0, 0), (_PERCENT > 99, 99), else_=_PERCENT)

_is_transfer = job.c.type == TRANSFER

LISTING = Listing(
    rows=ROWS,
    attributes={
        "id": Text(job.c.id),
        "code": Text(job.c.code, folded=job.c.code_folded),
        "name": Text(job.c.name, folded=job.c.name_folded),
        "type": Number(job.c.type),
        "status": Text(job.c.status),
        "user": to_user(job.c.user_id),
        "queue": to_queue(job.c.queue_id),
        "parent": to_queue(job.c.queue_id),
        "source": to_party(job.c.source_type, job.c.source_id),
        "destination": to_party(job.c.destination_type, job.c.destination_id),
        "user_hr": Text(_USER_HR),
        "queue_hr": Text(_QUEUE_HR),
        "parent_hr": Text(_QUEUE_HR),
        "source_hr": Text(job.c.source_type + literal(":") + _code_of(job.c.source_type, job.c.source_id)),
        "destination_hr": Text(
            job.c.destination_type + literal(":") + _code_of(job.c.destination_type, job.c.destination_id)
        ),
        "uri": Text(_QUEUE_HR + literal("/") + job.c.code),
        "progress": Number(_PROGRESS),
        "files": Number(job.c.files),
        "files_done": Number(job.c.files_done),
        "bytes": Number(job.c.bytes_done),
        "attempts": Number(job.c.attempts),
        "archived": Flag(job.c.archived),
        "modifier": Text(job.c.modifier),
        "started": Date(job.c.started),
        "error_code": Text(job.c.error_code),
        "size": Number(job.c.size),
        "speed": Number(_SPEED),
        "priority": Number(job.c.priority),
        "description": Text(job.c.description),
        "error": Text(job.c.error),
        "creator": Text(job.c.creator),
        "created": Date(job.c.created),
        "modified": Date(job.c.modified),
        "finished": Date(job.c.finished),
    },
    id=job.c.id,
    order=(job.c.created, job.c.id),
    scopes=Scopes(
        active=and_(_is_transfer, job.c.archived.is_(False), job.c.is_over.is_(False)),
        finished=and_(_is_transfer, job.c.archived.is_(False), job.c.is_over),
        archived=and_(_is_transfer, job.c.archived.is_(True)),
    ),
    bare=("id", "code"),
    is_long=True,
)
FEW = 2000  # jobs: so many are looked at sooner than all jobs in their order


def visible_jobs(caller: Caller) -> ColumnElement[bool]:
    """Admins see all; others what they submitted, send or receive; employees also what runs on their volumes."""
    return _visible(caller.role, caller.user_id)


def _visible(role: str, user_id: str | BindParameter[str]) -> ColumnElement[bool]:
    if role == "admin":
        return true()
    own = or_(*_own(user_id))
    return or_(own, _held(user_id)) if role == "employee" else own


def _own(user_id: str | BindParameter[str]) -> tuple[ColumnElement[bool], ...]:
    return tuple(column == user_id for column in (job.c.user_id, job.c.sender_user_id, job.c.receiver_user_id))


def _held(user_id: str | BindParameter[str]) -> ColumnElement[bool]:
    mine = job_volume.c.job_id == job.c.id, job_volume.c.volume_id.in_(_granted(user_id))
    # As a value and not as EXISTS, for which PostgreSQL would first gather the volumes of all jobs.
    return select(job_volume.c.job_id).where(*mine).limit(1).scalar_subquery().is_not(None)


def _granted(user_id: str | BindParameter[str]) -> Select[tuple[str]]:
    """The volumes an employee may read as a whole."""
    given = and_(acl.c.user_id == user_id, acl.c.path == "", acl.c.read, acl.c.status == "enabled")
    in_use = and_(share.c.type == "volume", share.c.status == "enabled", share.c.active)
    return select(acl.c.share_id).join(share, share.c.id == acl.c.share_id).where(given, in_use)


Ways = Callable[[Work], tuple[ColumnElement[bool], ...]]


def ways_to(caller: Caller) -> Ways:
    """As `visible_jobs`, as the ways by each of which an index leads to jobs in the order of their lists."""

    def ways(work: Work) -> tuple[ColumnElement[bool], ...]:
        if caller.role != "employee":
            return (true(),) if caller.is_admin else _own(caller.user_id)
        held = select(job_volume.c.job_id).where(job_volume.c.volume_id.in_(_granted(caller.user_id)))
        some = work.connection.execute(held.limit(FEW + 1)).scalars().all()
        if len(some) > FEW:
            return (visible_jobs(caller),)  # nearly every job is theirs: the first of all are soon found
        return (*_own(caller.user_id), job.c.id.in_(some))

    return ways


@reads("job.find")
def find(work: Work, caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List transfers, without their tasks; those of one queue or delivery by its id as `parent`."""
    named = named_one(find) if not find.parent else None
    if named is not None:
        return [shown(caller, row) for row in _named(work, caller, find, *named)]
    ways = _below(find.parent, ways_to(caller)) if find.parent else ways_to(caller)
    return listed(work, LISTING, find, ways, lambda row: shown(caller, row))


def _below(parent: str, ways: Ways) -> Ways:
    """Narrow ways to what belongs to one queue or delivery."""
    name = bare(parent)
    mine = or_(job.c.parent_id == name, job.c.queue_id == name)
    return lambda work: tuple(and_(way, mine) for way in ways(work))


def _named(work: Work, caller: Caller, find: Find, attribute: str, value: str) -> list[Row[Any]]:
    """Read the job of an id or a name, by a statement made once: scripts ask for one job again and again."""
    given = {"value": value, "user_id": caller.user_id}
    asked = replace(find, query=None, id=None if find.query else "any", attributes=())
    for scope in range(len(scopes_of(LISTING.scopes, asked))):
        ids = work.connection.execute(_prepared(caller.role, attribute, asked, scope), given).scalars().all()
        if ids:
            return rows_of(work, LISTING, ids)
    return []


@lru_cache(maxsize=64)
def _prepared(role: str, attribute: str, find: Find, scope: int) -> Select[Any]:
    column = {"id": job.c.id, "code": job.c.code_folded, "name": job.c.name_folded}[attribute]
    where = [scopes_of(LISTING.scopes, find)[scope], column == bindparam("value", type_=column.type)]
    seen = _visible(role, bindparam("user_id", type_=job.c.user_id.type))
    return page_of(LISTING, find, (seen,), where)


def shown(caller: Caller, row: Row[Any]) -> dict[str, Any]:
    """Show a job; what its metadata calls internal, and the detail of an error, is for the studio's people."""
    line = lines.joined(row.sender_line, row.receiver_line, is_running=row.lease_until is not None)
    entity = entities.job(row) | {"line": line}
    if caller.is_elevated and row.error and row.error_detail:
        entity["error"] = entity["status_reason"] = row.error_detail
    if not caller.is_elevated:
        entity["metadata"] = {name: value for name, value in row.metadata.items() if name != "internal"}
    return entity


def require(work: Work, caller: Caller, id: object, *, lock: bool = False) -> Row[Any]:
    """Read a job the caller may see, by id or code; raises NotFoundError."""
    name = bare(id)
    by = or_(job.c.id == name, and_(job.c.code_folded == folded(name), job.c.code == name))  # by index
    statement = ROWS.where(by, job.c.type == TRANSFER, visible_jobs(caller)).order_by(job.c.created.desc())
    if lock:
        statement = statement.with_for_update(of=job)
    row = work.connection.execute(statement.limit(1)).first()
    if row is None:
        raise NotFoundError(kind="job", name=name)
    return row
