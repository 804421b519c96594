"""How jobs are listed and shown, and who sees which."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, exists, func, or_, select, true

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

TRANSFER = 1  # among the types of the job family

_submitter = user.alias("submitter")
_parent = job.alias("parent")
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

LISTING = Listing(
    rows=ROWS,
    attributes={
        "id": Text(job.c.id),
        "code": Text(job.c.code),
        "name": Text(job.c.name),
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
)


def visible_jobs(caller: Caller) -> ColumnElement[bool]:
    """Admins see all; others what they submitted, send or receive; employees also what runs on their volumes."""
    if caller.is_admin:
        return true()
    own = or_(
        job.c.user_id == caller.user_id,
        job.c.sender_user_id == caller.user_id,
        job.c.receiver_user_id == caller.user_id,
    )
    if caller.role != "employee":
        return own
    held = exists().where(
        job_volume.c.job_id == job.c.id,
        acl.c.share_id == job_volume.c.volume_id,
        acl.c.user_id == caller.user_id,
        acl.c.path == "",
        acl.c.status == "enabled",
        share.c.id == job_volume.c.volume_id,
        share.c.status == "enabled",
    )
    return or_(own, held)


@reads("job.find")
def find(work: Work, caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List transfers, without their tasks; those of one queue or delivery by its id as `parent`."""
    may_see = and_(visible_jobs(caller), job.c.type == TRANSFER)
    if find.parent:
        parent = bare(find.parent)
        may_see = and_(may_see, or_(job.c.parent_id == parent, job.c.queue_id == parent))
    return listed(work, LISTING, find, may_see, lambda row: shown(caller, row))


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
