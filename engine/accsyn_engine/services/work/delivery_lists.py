"""How deliveries and requests are listed and shown, and who sees which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, or_, select, true

from accsyn_engine.clock import iso
from accsyn_engine.jobs.delivery_states import KINDS, NAMES, DeliveryStatus
from accsyn_engine.query.fields import Date, Flag, Number, Text
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import ForbiddenError, NotFoundError
from accsyn_engine.services.permissions import reads
from accsyn_engine.services.records import finding
from accsyn_engine.services.records.finding import Listing, Scopes
from accsyn_engine.services.records.references import to_user
from accsyn_engine.services.records.rows import bare, is_id
from accsyn_engine.services.work.job_lists import visible_jobs
from accsyn_engine.store.schema import job, job_recipient, user

_owner = user.alias("owner")

ROWS = select(job, _owner.c.code.label("user_code")).join(_owner, _owner.c.id == job.c.user_id)

LISTING = Listing(
    rows=ROWS,
    attributes={
        "id": Text(job.c.id),
        "code": Text(job.c.code),
        "name": Text(job.c.name),
        "status": Text(job.c.status),
        "public": Flag(job.c.public),
        "user": to_user(job.c.user_id),
        "description": Text(job.c.description),
        "size": Number(job.c.size),
        "creator": Text(job.c.creator),
        "created": Date(job.c.created),
        "modified": Date(job.c.modified),
        "expires": Date(job.c.expires_at),
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


def visible_deliveries(caller: Caller) -> ColumnElement[bool]:
    """Those whose job the caller sees, and those that were submitted to them."""
    if caller.is_admin:
        return true()
    received = exists().where(job_recipient.c.job_id == job.c.id, job_recipient.c.user_id == caller.user_id)
    is_submitted = job.c.status.not_in((DeliveryStatus.INIT, DeliveryStatus.PENDING))
    return or_(visible_jobs(caller), and_(is_submitted, received))


@reads("delivery.find")
def find(work: Work, caller: Caller, kind: str | None, find: Find) -> list[dict[str, Any]]:
    """List deliveries or requests, or both; who only receives one sees themselves among its recipients."""
    types = tuple(KINDS.values()) if kind is None else (KINDS[kind],)
    may_see = and_(job.c.type.in_(types), visible_deliveries(caller))
    return shown(work, caller, finding.rows(work, LISTING, find, may_see))


def require(work: Work, caller: Caller, id: object, *, lock: bool = False) -> Row[Any]:
    """Read a delivery or request the caller may see; raises NotFoundError."""
    found = visible(work, caller, id, lock=lock)
    if found is None:
        raise NotFoundError(kind="delivery", name=bare(id))
    return found


def visible(work: Work, caller: Caller, id: object, *, lock: bool = False) -> Row[Any] | None:
    """As `require`; None when there is none."""
    name = bare(id)
    if not is_id(name):
        return None
    statement = ROWS.where(job.c.id == name, job.c.type.in_(NAMES), visible_deliveries(caller))
    return work.connection.execute(statement.with_for_update(of=job) if lock else statement).first()


def manages(work: Work, caller: Caller, row: Row[Any]) -> bool:
    """Whether the caller may change it: admins, who made it, and employees with access to its volume."""
    if caller.is_admin or row.user_id == caller.user_id:
        return True
    is_held = select(job.c.id).where(job.c.id == row.id, visible_jobs(caller))
    return caller.is_elevated and work.connection.execute(is_held).first() is not None


def require_managed(work: Work, caller: Caller, id: object, *, lock: bool = False) -> Row[Any]:
    """As `require`, for changes; raises ForbiddenError to who merely receives it."""
    row = require(work, caller, id, lock=lock)
    if not manages(work, caller, row):
        raise ForbiddenError(who=caller.code, what=f'change the {NAMES[row.type]} "{row.name}"')
    return row


def shown(work: Work, caller: Caller, rows: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    """Show several with their recipients."""
    found = list(rows)
    addresses: dict[str, list[str]] = {row.id: [] for row in found}
    for entry in work.connection.execute(
        select(job_recipient.c.job_id, job_recipient.c.user_id, job_recipient.c.address)
        .where(job_recipient.c.job_id.in_(addresses))
        .order_by(job_recipient.c.created, job_recipient.c.address)
    ):
        if caller.is_elevated or entry.user_id == caller.user_id:
            addresses[entry.job_id].append(entry.address)
    return [_entity(caller, row, addresses[row.id]) for row in found]


def _entity(caller: Caller, row: Row[Any], recipients: list[str]) -> dict[str, Any]:
    metadata = row.metadata
    if not caller.is_elevated:
        metadata = {name: value for name, value in metadata.items() if name != "internal"}
    is_over = row.status in {DeliveryStatus.DONE, DeliveryStatus.ABORTED}
    return {
        "id": row.id,
        "code": row.code,
        "name": row.name,
        "type": row.type,
        "status": row.status,
        "status_reason": row.reason,
        "public": row.public,
        "anonymous": False,
        "secret": None,
        "user": row.user_id,
        "user_hr": row.user_code,
        "recipients": recipients,
        "size": row.size,
        "files": row.files,
        "expires": None if is_over else iso(row.expires_at),
        "description": row.description,
        "metadata": metadata,
        "settings": row.settings,
        "archived": row.archived,
        "created": iso(row.created),
        "creator": row.creator,
        "modified": iso(row.modified),
        "modifier": row.modifier,
        "finished": iso(row.finished),
    }
