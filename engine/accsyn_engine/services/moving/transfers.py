"""Attempts: one session between two agents each, with one lease. How they end decides how the job goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select, update

from accsyn_engine.jobs.states import TASK_RETRIED, Move, TaskStatus, after
from accsyn_engine.query.functions import folded
from accsyn_engine.services import audit
from accsyn_engine.services.context import DISPATCH, ENGINE, Work
from accsyn_engine.services.moving import events, lines
from accsyn_engine.services.moving.asking import topic
from accsyn_engine.store.schema import client, job, task, transfer

LEASE_MS = 10_000
HANDSHAKE_MS = 30_000
MOST_PER_CLIENT = 30
PAGE = 1000


def running_of(work: Work, job_id: str) -> Row[Any] | None:
    """Read the attempt of a job that has not ended."""
    return work.connection.execute(
        select(transfer).where(transfer.c.job_id == job_id, transfer.c.lease_until.is_not(None))
    ).first()


def end(work: Work, row: Row[Any], outcome: str, code: str | None = None, sentence: str | None = None) -> None:
    """End an attempt and free the places it took at both agents."""
    work.connection.execute(
        update(transfer)
        .where(transfer.c.id == row.id)
        .values(state="ended", outcome=outcome, error_code=code, error=sentence, ended=work.now, lease_until=None)
    )
    lines.remember(work, row.id)
    if row.job_id is None:
        work.ring(topic(row.id))  # somebody waits for what this probe finds out
    for client_id in {row.sender_id, row.receiver_id}:
        wake(work, client_id, places=1)


def stop(work: Work, job_id: str, code: str, sentence: str) -> bool:
    """Stop the attempt of a job that runs, if one does, and tell both agents why."""
    row = running_of(work, job_id)
    if row is None:
        return False
    stop_attempt(work, row, code, sentence)
    return True


def stop_attempt(work: Work, row: Row[Any], code: str, sentence: str) -> None:
    """Stop a running attempt and tell both agents why."""
    end(work, row, "stopped", code, sentence)
    for client_id in {row.sender_id, row.receiver_id}:
        events.emit(work, client_id, "transfer.stop", {"transfer": row.id, "reason": sentence})


def wake(work: Work, waiting_for: str, *, places: int | None = None) -> None:
    """Make jobs ready that wait for a user, client or volume; with `places`, only that many, the most urgent first."""
    waits = job.c.waiting_for == waiting_for, job.c.ready_at.is_(None), job.c.status == "waiting"
    chosen = job.c.id.in_(select(job.c.id).where(*waits).order_by(job.c.rank.desc(), job.c.created).limit(places))
    statement = update(job).where(*waits) if places is None else update(job).where(chosen)
    work.connection.execute(statement.values(ready_at=work.now, waiting_for=None))
    work.ring(DISPATCH)


def load(work: Work, client_id: str) -> int:
    """Count the attempts a client has a part in."""
    statement = select(func.count()).where(
        or_(transfer.c.sender_id == client_id, transfer.c.receiver_id == client_id), transfer.c.state != "ended"
    )
    return work.connection.execute(statement).scalar_one()


def make_ready(work: Work, row: Row[Any], reason: str | None = None, at: int | None = None) -> None:
    """Let the dispatcher have a job, now or at a later time."""
    set_job(
        work,
        row,
        status=after(row.status, Move.RESUME, job=row.name),
        reason=reason,
        error=None,
        error_code=None,
        ready_at=work.now if at is None else at,
        waiting_for=None,
        finished=None,
        speed=-1,
    )
    work.ring(DISPATCH)


def set_job(work: Work, row: Row[Any], **values: Any) -> None:
    """Change columns of a job; what searches compare follows its name."""
    values |= {f"{name}_folded": folded(values[name]) for name in ("code", "name") if name in values}
    work.connection.execute(update(job).where(job.c.id == row.id).values(**values))
    if values.get("status", row.status) != row.status:
        audit.record(work, ENGINE, "job.status", "job", row.id, status=str(values["status"]), was=row.status)


def requeue_tasks(work: Work, job_id: str) -> None:
    """Have the next attempt take along what failed."""
    work.connection.execute(
        update(task)
        .where(task.c.job_id == job_id, task.c.status.in_(TASK_RETRIED))
        .values(status=TaskStatus.QUEUED, error=None, finished=None)
    )


def task_ends(work: Work, job_id: str, which: ColumnElement[bool]) -> Iterator[Any]:
    """Both ends of a job's tasks in order, page by page: a job may have a million."""
    last, rows = -1, PAGE
    while rows == PAGE:
        page = work.connection.execute(
            select(task.c.seq, task.c.source, task.c.destination)
            .where(task.c.job_id == job_id, task.c.seq > last, which)
            .order_by(task.c.seq)
            .limit(PAGE)
        ).all()
        yield from page
        rows = len(page)
        last = page[-1].seq if page else last


def client_name(work: Work, client_id: str) -> str:
    """The host name people know an agent by."""
    return str(work.connection.execute(select(client.c.code).where(client.c.id == client_id)).scalar_one())
