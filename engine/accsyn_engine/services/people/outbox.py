"""Sending what the engine owes the world: leased, sent, marked. A mail may come twice, it never gets lost."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy import update as alter

from accsyn_engine.jobs import backoff
from accsyn_engine.mail import Mail, MailError, mailer
from accsyn_engine.services.context import Context
from accsyn_engine.store.schema import outbox

AT_ONCE = 20
LEASE_MS = 120_000  # longer than a mail server may take
MOST_ATTEMPTS = 200  # with a minute between them: more than three hours of a mail server that is away
LONGEST_S = 30.0


def tick(context: Context) -> float:
    """Send what is due; gives the seconds until something else will be, if the bell does not ring before."""
    send = mailer(context.config, context.clock)
    while rows := _leased(context):
        for row in rows:
            _send(context, send, row)
    with context.reading() as work:
        due = select(outbox.c.due_at).where(outbox.c.due_at.is_not(None)).order_by(outbox.c.due_at).limit(1)
        at = work.connection.execute(due).scalar()
        return LONGEST_S if at is None else max(0.05, min(LONGEST_S, (at - work.now) / 1000))


def _leased(context: Context) -> list[Row[Any]]:
    """Take what is due; should we die while sending, it is due again when the lease is over."""
    with context.changing() as work:
        due = select(outbox).where(outbox.c.due_at <= work.now).order_by(outbox.c.due_at).limit(AT_ONCE)
        rows = work.connection.execute(due.with_for_update(skip_locked=True)).all()
        if rows:
            ids = [row.id for row in rows]
            lease = {"due_at": work.now + LEASE_MS, "attempts": outbox.c.attempts + 1}
            work.connection.execute(alter(outbox).where(outbox.c.id.in_(ids)).values(lease))
        return list(rows)


def _send(context: Context, send: Any, row: Row[Any]) -> None:
    try:
        send(Mail(key=row.key, to=row.data["to"], subject=row.data["subject"], text=row.data["text"]))
        values: dict[str, Any] = {"state": "sent", "due_at": None, "error": None}
    except MailError as error:
        attempts = row.attempts + 1
        later = context.clock.now_ms() + backoff.delay_s(attempts) * 1000
        is_over = attempts >= MOST_ATTEMPTS
        values = {
            "error": error.message,
            "due_at": None if is_over else later,
            "state": "failed" if is_over else "queued",
        }
    with context.changing() as work:
        work.connection.execute(alter(outbox).where(outbox.c.id == row.id).values(values))
