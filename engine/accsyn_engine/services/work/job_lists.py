"""How jobs are listed and shown, and who sees which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, func, or_, select, true

from accsyn_engine.query.fields import Date, Number, Text
from accsyn_engine.query.functions import folded
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import NotFoundError
from accsyn_engine.services.moving import lines
from accsyn_engine.services.permissions import reads
from accsyn_engine.services.records import entities
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.services.records.references import to_party, to_queue, to_user
from accsyn_engine.services.records.rows import bare
from accsyn_engine.store.schema import acl, client, job, job_volume, queue, share, transfer, user, workspace

_submitter = user.alias("submitter")
_from_user, _to_user = user.alias("from_user"), user.alias("to_user")
_from_client, _to_client = client.alias("from_client"), client.alias("to_client")
_workspace_code = select(workspace.c.code).limit(1).scalar_subquery()


def _party_code(type_: ColumnElement[str], person: Any, machine: Any) -> ColumnElement[str]:
    return case((type_ == "user", person.c.code), (type_ == "client", machine.c.code), else_=_workspace_code)


_source_code = _party_code(job.c.source_type, _from_user, _from_client)
_destination_code = _party_code(job.c.destination_type, _to_user, _to_client)

ROWS = (
    select(
        job,
        _submitter.c.code.label("user_code"),
        queue.c.code.label("queue_code"),
        _source_code.label("source_code"),
        _destination_code.label("destination_code"),
        transfer.c.sender_line,
        transfer.c.receiver_line,
        transfer.c.lease_until,
    )
    .join(_submitter, _submitter.c.id == job.c.user_id)
    .join(queue, queue.c.id == job.c.queue_id)
    .outerjoin(_from_user, _from_user.c.id == job.c.source_id)
    .outerjoin(_from_client, _from_client.c.id == job.c.source_id)
    .outerjoin(_to_user, _to_user.c.id == job.c.destination_id)
    .outerjoin(_to_client, _to_client.c.id == job.c.destination_id)
    .outerjoin(transfer, and_(transfer.c.job_id == job.c.id, transfer.c.attempt == job.c.attempts))
)

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
        "size": Number(job.c.size),
        "speed": Number(job.c.speed),
        "priority": Number(job.c.priority),
        "description": Text(job.c.description),
        "error": Text(func.coalesce(job.c.error, "")),
        "creator": Text(job.c.creator),
        "created": Date(job.c.created),
        "modified": Date(job.c.modified),
        "finished": Date(job.c.finished),
    },
    id=job.c.id,
    order=(job.c.created, job.c.id),
    scopes=Scopes(
        active=and_(job.c.archived.is_(False), job.c.is_over.is_(False)),
        finished=and_(job.c.archived.is_(False), job.c.is_over),
        archived=job.c.archived.is_(True),
    ),
    bare=("id", "code"),
    is_long=True,
)
FEW = 5000  # jobs: so many are looked at sooner than all jobs in their order


def visible_jobs(caller: Caller) -> ColumnElement[bool]:
    """Admins see all; others what they submitted, send or receive; employees also what runs on their volumes."""
    if caller.is_admin:
        return true()
    own = or_(*_own(caller))
    return or_(own, _held(caller)) if caller.role == "employee" else own


def _own(caller: Caller) -> tuple[ColumnElement[bool], ...]:
    columns = (job.c.user_id, job.c.sender_user_id, job.c.receiver_user_id)
    return tuple(column == caller.user_id for column in columns)


def _held(caller: Caller) -> ColumnElement[bool]:
    volumes = _granted(caller)
    return exists().where(job_volume.c.job_id == job.c.id, job_volume.c.volume_id.in_(volumes))


def _granted(caller: Caller) -> Select[tuple[str]]:
    """The volumes an employee was granted as a whole."""
    return (
        select(acl.c.share_id)
        .join(share, share.c.id == acl.c.share_id)
        .where(
            acl.c.user_id == caller.user_id, acl.c.path == "", acl.c.status == "enabled", share.c.status == "enabled"
        )
    )


def ways_to(caller: Caller) -> Callable[[Work], tuple[ColumnElement[bool], ...]]:
    """As `visible_jobs`, as the ways by each of which an index leads to jobs in the order of their lists."""

    def ways(work: Work) -> tuple[ColumnElement[bool], ...]:
        if caller.role != "employee":
            return (true(),) if caller.is_admin else _own(caller)
        held = select(job_volume.c.job_id).where(job_volume.c.volume_id.in_(_granted(caller)))
        some = held.limit(FEW + 1).subquery()
        if work.connection.execute(select(func.count()).select_from(some)).scalar_one() > FEW:
            return (visible_jobs(caller),)  # nearly every job is theirs: the first of all are soon found
        return (*_own(caller), job.c.id.in_(held))

    return ways


@reads("job.find")
def find(work: Work, caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List jobs, without their tasks."""
    return listed(work, LISTING, find, ways_to(caller), lambda row: shown(caller, row))


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
    statement = ROWS.where(by, visible_jobs(caller)).order_by(job.c.created.desc())
    if lock:
        statement = statement.with_for_update(of=job)
    row = work.connection.execute(statement.limit(1)).first()
    if row is None:
        raise NotFoundError(kind="job", name=name)
    return row
