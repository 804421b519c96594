"""What a new job goes through before its transfer: the hooks that come first, then the question how big it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from accsyn_engine.jobs.states import BEFORE_TRANSFER, Move, Phase, Status, after
from accsyn_engine.services.context import Work
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.records.rows import by_id
from accsyn_engine.services.scripts import hook_phase
from accsyn_engine.store.schema import job


def advance(work: Work, row: Row[Any]) -> Row[Any]:
    """Take a job out of the phases before its transfer; a paused one goes through them and stays paused."""
    if row.phase not in BEFORE_TRANSFER:
        return row
    if row.phase == Phase.SUBMIT and hook_phase.hold(work, row):
        return by_id(work, job, row.id) or row
    status = row.status if row.status == Status.PAUSED else after(row.status, Move.ACCEPT, job=row.name)
    transfers.set_job(work, row, phase=Phase.TRANSFER, status=status, reason=None)
    return by_id(work, job, row.id) or row
