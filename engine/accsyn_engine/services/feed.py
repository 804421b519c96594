"""What happens in the workspace, told to those who may see it: the log after a cursor, and how running jobs get on.

A cursor is "TRANSACTION-NUMBER". On PostgreSQL a row may become visible after one with a higher number; so rows are
told in the order of their transactions, and only those of which no older one can still come. On SQLite, which writes
one transaction at a time, the first half is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Text,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy import update as alter

from accsyn_engine.clock import iso
from accsyn_engine.services.access.share_lists import ROWS as SHARES
from accsyn_engine.services.access.share_lists import visible_shares
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import BadValueError
from accsyn_engine.services.people.users import visible_users
from accsyn_engine.services.permissions import reads
from accsyn_engine.services.records import entities
from accsyn_engine.services.work.job_lists import visible_jobs
from accsyn_engine.store.schema import audit, job, share, user

PAGE = 200  # events a read
LONGEST_HALF = 18  # digits of a number that a database can hold
MOST_RUNNING = 500  # jobs whose progress is told at once
_OLDEST_OPEN = cast(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text), BigInteger)
_NEXT = cast(cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), Text), BigInteger)


@dataclass(frozen=True, order=True)
class Cursor:
    """A place in the log."""

    transaction: int
    seq: int

    def __str__(self) -> str:
        return f"{self.transaction}-{self.seq}"


def read_cursor(text: str) -> Cursor:
    """Read what a client gives back; raises BadValueError."""
    first, dash, second = text.partition("-")
    if dash and all(half.isascii() and half.isdigit() and len(half) <= LONGEST_HALF for half in (first, second)):
        return Cursor(int(first), int(second))
    raise BadValueError(what=f'"{text:.40}" is no cursor; give back the id of the last event you have.')


@reads("event.find")
def find(work: Work, caller: Caller, after: Cursor | None = None) -> dict[str, Any]:
    """A page of what followed `after`, and the cursor to go on from; with None only where the log ends now."""
    end = _end(work)
    if after is None or after >= end:
        return {"events": [], "cursor": str(end if after is None else min(after, end))}
    place = tuple_(audit.c.transaction, audit.c.seq)
    rows = work.connection.execute(
        select(audit)
        .where(place > tuple_(*_place(after)), place <= tuple_(*_place(end)), may_hear(caller))
        .order_by(audit.c.transaction, audit.c.seq)
        .limit(PAGE)
    ).all()
    reached = _cursor(rows[-1]) if len(rows) == PAGE else end
    return {"events": [_shown(caller, row) for row in rows], "cursor": str(reached)}


def _place(cursor: Cursor) -> tuple[ColumnElement[int], ColumnElement[int]]:
    return literal(cursor.transaction, BigInteger), literal(cursor.seq, BigInteger)


def _cursor(row: Row[Any]) -> Cursor:
    return Cursor(row.transaction, row.seq)


def _end(work: Work) -> Cursor:
    """The last row of which no older one can still become visible."""
    is_settled = audit.c.transaction < _OLDEST_OPEN if work.connection.dialect.name == "postgresql" else true()
    statement = select(audit.c.transaction, audit.c.seq).where(is_settled)
    row = work.connection.execute(statement.order_by(audit.c.transaction.desc(), audit.c.seq.desc()).limit(1)).first()
    return Cursor(0, 0) if row is None else Cursor(row.transaction, row.seq)


def may_hear(caller: Caller) -> ColumnElement[bool]:
    """Whoever sees the job, share or user a row is about hears of it; admins of everything."""
    if caller.is_admin:
        return true()
    sees = {
        "job": exists().where(job.c.id == audit.c.about_id, visible_jobs(caller)),
        "share": SHARES.where(share.c.id == audit.c.about_id, visible_shares(caller)).exists(),
        "user": exists().where(user.c.id == audit.c.about_id, visible_users(caller)),
    }
    return or_(false(), *(and_(audit.c.about == kind, seen) for kind, seen in sees.items()))


def _shown(caller: Caller, row: Row[Any]) -> dict[str, Any]:
    """Show an event: what happened to which entity. Its details are asked for with the entity, under its own rules."""
    status = row.detail.get("status") if row.about == "job" else None
    return {
        "id": str(_cursor(row)),
        "created": iso(row.at),
        "event": row.action,
        "entity": f"{row.entity}:{row.entity_id}",
        "about": f"{row.about}:{row.about_id}" if row.about else None,
        "status": status if isinstance(status, str) else None,
        "user": row.actor if caller.is_elevated or row.actor == caller.code else None,
    }


@reads("event.progress")
def progress(work: Work, caller: Caller) -> list[dict[str, Any]]:
    """How the running jobs that the caller sees get on; of more than 500 the oldest."""
    running = select(job).where(job.c.archived.is_(False), job.c.is_over.is_(False), job.c.status == "running")
    rows = work.connection.execute(running.where(visible_jobs(caller)).order_by(job.c.created).limit(MOST_RUNNING))
    return [{"job": f"job:{row.id}", **entities.progress_of(row)} for row in rows]


def begin(work: Work) -> None:
    """Make cursors hold after the database was restored into another PostgreSQL, which counts transactions anew."""
    if work.connection.dialect.name == "postgresql":
        work.connection.execute(alter(audit).where(audit.c.transaction >= _NEXT).values(transaction=0))
