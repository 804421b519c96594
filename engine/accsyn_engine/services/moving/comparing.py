"""Which comparison holds for a job: its own setting, else its queue's, else the workspace's, else by time of change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from accsyn_engine.jobs.compare import COMPARE, TIME, read
from accsyn_engine.services.context import Work
from accsyn_engine.store.schema import setting


def compare_of(work: Work, job: Row[Any]) -> str:
    """Give `time` or `content`, as both agents of the job's transfers are told."""
    if job.settings.get(COMPARE) is not None:
        return read(job.settings[COMPARE])
    rows = work.connection.execute(
        select(setting.c.scope, setting.c.entity_id, setting.c.value).where(setting.c.name == COMPARE)
    )
    found = {(row.scope, row.entity_id): row.value for row in rows}
    return read(found.get(("queue", job.queue_id)) or found.get(("workspace", "")) or TIME)
