"""Giving ready jobs to agents, and noticing what has stopped moving.

Both ends are looked up when a job is dispatched, never when it is submitted, so a new agent or another server is used
at once. A job that cannot start says what it waits for and is not looked at again before that has happened.
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.jobs.states import TASK_WANTED, Move, Phase, Status, after
from accsyn_engine.services.context import Context, Work
from accsyn_engine.services.moving import events, transfers
from accsyn_engine.services.moving.asking import topic
from accsyn_engine.services.moving.comparing import compare_of
from accsyn_engine.services.moving.resolving import Pair, Waits, resolve
from accsyn_engine.services.people import throttle
from accsyn_engine.services.records.rows import by_id
from accsyn_engine.services.work import outcomes, submitting
from accsyn_engine.store.schema import (
    agent_request,
    answered,
    client,
    job,
    queue,
    task,
    transfer,
)
from accsyn_plugins.errors import AccsynError

log = logging.getLogger(__name__)

AT_ONCE = 50  # jobs looked at in one transaction
ABSENT_MS = 45_000
HELD_UP_MS = 1_000
GRACE_MS = 30_000  # for agents to find the engine again after it was away
LONGEST_S = 5.0
STREAMS = 4
ANSWERED_MS = 24 * 3600 * 1000


def tick(context: Context) -> float:
    """Do what is due; gives the seconds until something else will be, if the bell does not ring before."""
    asked = context.clock.now_ms()
    with context.changing() as work:
        # After a long wait for the writer the agents' reports wait as well: let them in before judging who is silent.
        if work.now - asked < HELD_UP_MS:
            _expire_leases(work)
        _expire_clients(work)
        _expire_requests(work)
        throttle.forget_old(work)
    while _dispatch_some(context):
        pass
    with context.reading() as work:
        return _next_s(work)


def forgive_absence(work: Work) -> None:
    """Start all patience anew: the engine was away, so nobody could report; called when it opens its database."""
    late = transfer.c.lease_until < work.now + GRACE_MS
    work.connection.execute(alter(transfer).where(late).values(lease_until=work.now + GRACE_MS))
    work.connection.execute(alter(client).where(client.c.status == "online").values(last_checkin=work.now))


def _expire_leases(work: Work) -> None:
    overdue = select(transfer).where(transfer.c.lease_until <= work.now).with_for_update(skip_locked=True)
    for row in work.connection.execute(overdue).all():
        sentence = "Neither side has been heard of for 10 s."
        transfers.end(work, row, "lost", "lease-expired", sentence)
        for client_id in {row.sender_id, row.receiver_id}:
            events.emit(work, client_id, "transfer.stop", {"transfer": row.id, "reason": sentence})
        outcomes.lost(work, row.job_id, has_progressed=has_progressed(work, row), reason=sentence)


def has_progressed(work: Work, attempt: Row[Any]) -> bool:
    """Whether an attempt brought bytes across; a probe of the line has no job that would have got any."""
    moved = work.connection.execute(select(job.c.bytes_moved).where(job.c.id == attempt.job_id)).scalar()
    return moved is not None and bool(moved > attempt.moved_before)


def _expire_clients(work: Work) -> None:
    gone = client.c.status == "online", client.c.last_checkin <= work.now - ABSENT_MS
    work.connection.execute(alter(client).where(*gone).values(status="offline"))


def _expire_requests(work: Work) -> None:
    """Drop questions and answers nobody waits for any longer."""
    overdue = work.connection.execute(select(agent_request.c.id).where(agent_request.c.deadline <= work.now)).scalars()
    for request in overdue.all():
        work.connection.execute(erase(agent_request).where(agent_request.c.id == request))
        work.ring(topic(request))
    work.connection.execute(erase(answered).where(answered.c.created <= work.now - ANSWERED_MS))


def _dispatch_some(context: Context) -> bool:
    """Look at the most urgent ready jobs; true while there may be more."""
    with context.changing() as work:
        ready = (
            select(job)
            .where(job.c.ready_at <= work.now)
            .order_by(job.c.rank.desc(), job.c.created, job.c.id)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        rows = work.connection.execute(ready).all()
        for row in rows:
            _dispatch_alone(work, row)
    return len(rows) == AT_ONCE


def _dispatch_alone(work: Work, row: Row[Any]) -> None:
    """Dispatch one job; whatever is wrong with it fails it and no other."""
    try:
        with work.connection.begin_nested():
            _dispatch(work, row)
    except Exception as error:
        log.exception("Job %s could not be dispatched", row.id)
        text = (
            error.message if isinstance(error, AccsynError) else f"the engine met a fault of its own ({error!r:.200})"
        )
        outcomes.failed(work, row, "not-dispatched", f"The job could not be started: {text}")


def _dispatch(work: Work, row: Row[Any]) -> None:
    if row.status in {Status.INIT, Status.WAITING, Status.PAUSED}:
        row = submitting.advance(work, row)
    if row.status != Status.WAITING or row.phase in {Phase.SUBMIT, Phase.HOOK}:
        transfers.set_job(work, row, ready_at=None)
        return
    found = _paused(work, row) or resolve(work, row)
    if isinstance(found, Waits):
        _hold(work, row, found)
    elif not _has_tasks(work, row):
        outcomes.finished(work, _started(work, row), [], row.receipt)
    else:
        _start(work, row, found)


def _paused(work: Work, row: Row[Any]) -> Waits | None:
    line = by_id(work, queue, row.queue_id)
    if line is None or line.status != "paused":
        return None
    return Waits(f"waiting for the queue {line.name}, which is paused", line.id)


def _hold(work: Work, row: Row[Any], why: Waits) -> None:
    waits = {"waiting_for": why.waiting_for, "is_pending": row.is_pending or why.is_pending, "ready_at": None}
    transfers.set_job(work, row, reason=why.sentence, **waits)


def _has_tasks(work: Work, row: Row[Any]) -> bool:
    statement = select(task.c.id).where(task.c.job_id == row.id, task.c.status.in_(TASK_WANTED))
    return work.connection.execute(statement.limit(1)).first() is not None


def _started(work: Work, row: Row[Any]) -> Row[Any]:
    transfers.set_job(work, row, status=after(row.status, Move.START, job=row.name), ready_at=None, waiting_for=None)
    found = by_id(work, job, row.id)
    return row if found is None else found


def _start(work: Work, row: Row[Any], pair: Pair) -> None:
    """Begin an attempt: the studio's side listens, the other one is told first."""
    listener = "receiver" if pair.receiver.type == 1 else "sender"
    connector = pair.sender if listener == "receiver" else pair.receiver
    attempt = work.context.ids.entity()
    work.connection.execute(
        insert(transfer).values(
            id=attempt,
            job_id=row.id,
            attempt=row.attempts + 1,
            state="offered",
            sender_id=pair.sender.id,
            receiver_id=pair.receiver.id,
            sender_boot=pair.sender.boot,
            receiver_boot=pair.receiver.boot,
            listener=listener,
            streams=STREAMS,
            acked_before=row.bytes_done,
            moved_before=row.bytes_moved,
            lease_until=work.now + transfers.HANDSHAKE_MS,
            created=work.now,
        )
    )
    transfers.set_job(
        work,
        row,
        status=after(row.status, Move.START, job=row.name),
        reason=f"{pair.sender.code} sends to {pair.receiver.code}.",
        attempts=row.attempts + 1,
        is_pending=False,
        ready_at=None,
        waiting_for=None,
        started=row.started or work.now,
    )
    role = "sender" if listener == "receiver" else "receiver"
    offer = {
        "transfer": attempt,
        "job": row.id,
        "job_name": row.name,
        "role": role,
        "streams": STREAMS,
        "fresh": row.attempts == 0,  # nothing of this job can lie at the receiver
        "compare": compare_of(work, row),
        "other": (pair.receiver if listener == "receiver" else pair.sender).id,
    }
    events.emit(work, connector.id, "transfer.offer", offer)


def _next_s(work: Work) -> float:
    """Seconds until the next thing falls due."""
    moments = (
        select(job.c.ready_at).where(job.c.ready_at.is_not(None)).order_by(job.c.ready_at).limit(1),
        select(transfer.c.lease_until)
        .where(transfer.c.lease_until.is_not(None))
        .order_by(transfer.c.lease_until)
        .limit(1),
        select(agent_request.c.deadline).order_by(agent_request.c.deadline).limit(1),
    )
    due = [moment for statement in moments if (moment := work.connection.execute(statement).scalar()) is not None]
    return max(0.02, min(LONGEST_S, (min(due) - work.now) / 1000 + 0.001)) if due else LONGEST_S
