"""What falls due by the day: jobs that have long been over go into the archive, deliveries past their day end."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy import update as alter

from accsyn_engine.services import audit
from accsyn_engine.services.context import ENGINE, Context
from accsyn_engine.services.work import deliveries
from accsyn_engine.services.work.job_lists import TRANSFER
from accsyn_engine.store.schema import job

ARCHIVE_MS = 14 * 24 * 3600 * 1000  # after a job was over, as accsyn does
AT_ONCE = 500  # jobs in one transaction


def tick(context: Context) -> float:
    """Do what is due; gives the seconds until it is worth a look again."""
    while _archive_some(context) == AT_ONCE:
        pass
    return deliveries.tick(context)


def _archive_some(context: Context) -> int:
    with context.changing() as work:
        old = (
            select(job.c.id, job.c.name)
            .where(job.c.is_over, job.c.archived.is_(False), job.c.finished <= work.now - ARCHIVE_MS)
            .where(job.c.type == TRANSFER)
            .order_by(job.c.finished)
            .limit(AT_ONCE)
        )
        rows = work.connection.execute(old).all()
        for row in rows:
            work.connection.execute(alter(job).where(job.c.id == row.id).values(archived=True, archived_at=work.now))
            audit.record(work, ENGINE, "job.archived", "job", row.id, name=row.name)
    return len(rows)
