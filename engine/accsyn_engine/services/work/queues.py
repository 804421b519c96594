"""Queues: which jobs go first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, insert, or_, select, true
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.query.fields import Date, Flag, Number, Text
from accsyn_engine.query.functions import fold
from accsyn_engine.services import audit
from accsyn_engine.services.context import DISPATCH, PACE, Caller, Find, Work
from accsyn_engine.services.errors import BadValueError, ExistsError, NotAllowedNowError, NotFoundError
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records import entities
from accsyn_engine.services.records.fields import choice, flag, number, slug, text
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.services.records.rows import bare
from accsyn_engine.store.schema import job, queue

BUILT_IN = (("high", "High", 999, False), ("medium", "Medium", 500, True), ("low", "Low", 1, False))
STATUSES = {"waiting": "waiting", "enabled": "waiting", "paused": "paused"}

LISTING = Listing(
    rows=select(queue),
    attributes={
        "id": Text(queue.c.id),
        "code": Text(queue.c.code),
        "name": Text(queue.c.name),
        "priority": Number(queue.c.priority),
        "default": Flag(queue.c.is_default),
        "status": Text(queue.c.status),
        "uri": Text(queue.c.code),
        "description": Text(queue.c.description),
        "creator": Text(queue.c.creator),
        "modifier": Text(queue.c.modifier),
        "modified": Date(queue.c.modified),
        "created": Date(queue.c.created),
    },
    id=queue.c.id,
    order=(queue.c.created, queue.c.priority.desc(), queue.c.id),
    scopes=Scopes(active=true()),
    bare=("id", "code"),
)


def rank(queue_priority: int, priority: int) -> int:
    """One number by which jobs are dispatched: the queue's priority before the job's own."""
    return queue_priority * 1001 + priority


@reads("queue.find")
def find(work: Work, _caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List queues."""
    return listed(work, LISTING, find, true(), entities.queue)


@writes("queue.create")
def create(work: Work, caller: Caller, data: dict[str, Any]) -> dict[str, Any]:
    """Make a queue."""
    name = text(data, "name", longest=64) or text(data, "code", longest=64) or ""
    code = slug(text(data, "code", longest=64) or name)
    if not code:
        raise BadValueError(what='A queue needs a "name".')
    if by_name(work, code) is not None:
        raise ExistsError(kind="queue", name=code)
    new = work.context.ids.entity()
    priority = number(data, "priority", default=500, least=0, most=1000)
    is_default = flag(data, "default", default=False)
    if is_default:
        work.connection.execute(alter(queue).values(is_default=False))
    add(work, new, code, name, priority, is_default=is_default, creator=caller.code)
    audit.record(work, caller, "queue.create", "queue", new, code=code)
    return entities.queue(require(work, new))


def add(work: Work, id: str, code: str, name: str, priority: int, *, is_default: bool, creator: str) -> None:
    """Write a queue's row."""
    work.connection.execute(
        insert(queue).values(
            id=id,
            code=code,
            name=name,
            priority=priority,
            is_default=is_default,
            status="waiting",
            created=work.now,
            creator=creator,
        )
    )


@writes("queue.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Change name, priority, default, or pause a queue; its waiting jobs follow at once."""
    row = require(work, id)
    values: dict[str, Any] = {"name": text(data, "name", longest=64) or row.name}
    values["priority"] = number(data, "priority", default=row.priority, least=0, most=1000)
    values["status"] = choice(data, ("status",), STATUSES, default=row.status)
    if flag(data, "default", default=False):
        work.connection.execute(alter(queue).values(is_default=False))
        values["is_default"] = True
    work.connection.execute(
        alter(queue).where(queue.c.id == row.id).values(modified=work.now, modifier=caller.code, **values)
    )
    moved = (values["priority"] - row.priority) * 1001
    waiting = job.c.queue_id == row.id, job.c.status.not_in(("done", "aborted"))
    work.connection.execute(alter(job).where(*waiting).values(rank=job.c.rank + moved))
    wakes = alter(job).where(*waiting, job.c.status == "waiting", job.c.waiting_for == row.id)
    if values["status"] == "waiting":
        work.connection.execute(wakes.values(ready_at=work.now, waiting_for=None))
        work.ring(DISPATCH)
    work.ring(PACE)
    audit.record(work, caller, "queue.update", "queue", row.id, status=values["status"], priority=values["priority"])
    return entities.queue(require(work, row.id))


@writes("queue.delete")
def delete(work: Work, caller: Caller, id: str) -> bool:
    """Delete a queue; its jobs move to the default one."""
    row = require(work, id)
    others = work.connection.execute(select(func.count()).select_from(queue)).scalar_one()
    if row.is_default or others == 1:
        raise NotAllowedNowError(what=f"{row.name} is the default queue; make another one the default first.")
    fallback = default(work)
    moved = (fallback.priority - row.priority) * 1001
    work.connection.execute(
        alter(job).where(job.c.queue_id == row.id).values(queue_id=fallback.id, rank=job.c.rank + moved)
    )
    work.connection.execute(erase(queue).where(queue.c.id == row.id))
    audit.record(work, caller, "queue.delete", "queue", row.id, code=row.code)
    return True


def by_name(work: Work, reference: object) -> Row[Any] | None:
    """Read a queue by id, code or name; of a path like workspace/medium the last word counts."""
    name = bare(reference).lower().rpartition("/")[2]
    return work.connection.execute(
        select(queue).where(or_(queue.c.id == name, fold(queue.c.code) == name, fold(queue.c.name) == name))
    ).first()


def require(work: Work, reference: object) -> Row[Any]:
    """As `by_name`; raises NotFoundError."""
    row = by_name(work, reference)
    if row is None:
        raise NotFoundError(kind="queue", name=bare(reference))
    return row


def default(work: Work) -> Row[Any]:
    """Read the default queue."""
    return work.connection.execute(select(queue).where(queue.c.is_default)).one()
