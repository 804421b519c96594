"""What agents are told: numbered rows for each agent, kept until it has acknowledged them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select, update

from accsyn_engine.services.context import Work
from accsyn_engine.store.schema import client, client_event


def emit(work: Work, client_id: str, kind: str, data: dict[str, Any]) -> int:
    """Tell an agent something; it hears it after the commit, or when it comes back. Gives the event's number."""
    seq: int = work.connection.execute(
        update(client)
        .where(client.c.id == client_id)
        .values(event_seq=client.c.event_seq + 1)
        .returning(client.c.event_seq)
    ).scalar_one()
    work.connection.execute(
        insert(client_event).values(client_id=client_id, seq=seq, kind=kind, data=data, created=work.now)
    )
    work.ring(client_id)
    return seq


def after(work: Work, client_id: str, seq: int, limit: int) -> list[tuple[int, str, dict[str, Any]]]:
    """Read the events that follow number `seq`."""
    rows = work.connection.execute(
        select(client_event.c.seq, client_event.c.kind, client_event.c.data)
        .where(client_event.c.client_id == client_id, client_event.c.seq > seq)
        .order_by(client_event.c.seq)
        .limit(limit)
    )
    return [(row.seq, row.kind, row.data) for row in rows]


def has_before(work: Work, client_id: str, seq: int) -> bool:
    """Whether acknowledged events are still kept."""
    statement = select(client_event.c.seq).where(client_event.c.client_id == client_id, client_event.c.seq <= seq)
    return work.connection.execute(statement.limit(1)).first() is not None


def forget(work: Work, client_id: str, seq: int | None) -> None:
    """Drop what an agent has acknowledged, or with None everything meant for an older start of it."""
    statement = delete(client_event).where(client_event.c.client_id == client_id)
    work.connection.execute(statement if seq is None else statement.where(client_event.c.seq <= seq))


def drop(work: Work, client_id: str, seqs: list[int]) -> None:
    """Drop single events that have lost their point."""
    if seqs:
        chosen = client_event.c.client_id == client_id, client_event.c.seq.in_(seqs)
        work.connection.execute(delete(client_event).where(*chosen))
