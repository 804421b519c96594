"""Rights that are taken away: what runs by them is stopped, and says so."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, exists, or_, select

from accsyn_engine.jobs.states import Move, Status, TaskStatus, after
from accsyn_engine.paths import is_below
from accsyn_engine.services import audit
from accsyn_engine.services.access import rights
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import NotAllowedNowError, PathRefusedError
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.records.rows import by_id, volume_of
from accsyn_engine.services.scripts import hook_phase
from accsyn_engine.store.schema import acl, job, job_volume, share, task, user

_ALIVE = (Status.INIT, Status.WAITING, Status.RUNNING, Status.PAUSED)


def end_jobs_of(work: Work, caller: Caller, person: Row[Any], sentence: str | None, *, abort: bool = False) -> None:
    """Fail (or abort) every living job a person has a part in; with no sentence, refuse if there is one."""
    for row in work.connection.execute(_jobs_of(person.id)).all():
        if sentence is None:
            raise NotAllowedNowError(what=f'{person.code} has a part in the job "{row.name}"; abort it first.')
        _end(work, caller, row, Move.ABORT if abort else Move.FAIL, code="user-disabled", sentence=sentence)


def grant_lost(work: Work, caller: Caller, person: Row[Any], volume_id: str, *, path: str, shown: str) -> None:
    """Stop the person's jobs that moved something below `path` for which no other grant is left."""
    volume = by_id(work, share, volume_id)
    if volume is None:
        return
    left = rights.of_user(work, person.id, person.code, person.role)
    statement = _jobs_of(person.id).join(job_volume, job_volume.c.job_id == job.c.id)
    there = job_volume.c.volume_id == volume_id, job.c.parent_id.is_(None)
    for row in work.connection.execute(statement.where(*there)).all():
        if _uses(work, row, volume, path, left):
            sentence = (
                f"The access of {person.code} to {shown} was revoked, so this job was stopped; grant it and retry."
            )
            _end(work, caller, row, Move.FAIL, code="access-revoked", sentence=sentence)


def share_lost(work: Work, caller: Caller, row: Row[Any]) -> None:
    """Stop what ran by the grants of a share, or on those of its volume, that count no longer."""
    family = select(share.c.id).where(or_(share.c.id == row.id, share.c.parent_id == row.id))
    holders = select(user).where(exists().where(acl.c.user_id == user.c.id, acl.c.share_id.in_(family)))
    below = "" if row.type == "volume" else row.path
    for person in work.connection.execute(holders).all():
        grant_lost(work, caller, person, volume_of(work, row).id, path=below, shown=row.code)


def _jobs_of(user_id: str) -> Any:
    parts = or_(job.c.sender_user_id == user_id, job.c.receiver_user_id == user_id, job.c.user_id == user_id)
    return select(job).where(parts, job.c.type == 1, job.c.status.in_(_ALIVE), job.c.archived.is_(False))


def require_rights(work: Work, row: Row[Any], person: Row[Any]) -> None:
    """Raise PathRefusedError when a person may not, or no longer, move what a job moves: before it is tried again."""
    left = rights.of_user(work, person.id, person.code, person.role)
    if person.role == "admin" or row.parent_id is not None:  # a delivery's transfers go by who its recipients are
        return
    volumes = {
        volume.id: volume
        for volume in work.connection.execute(
            select(share).join(job_volume, job_volume.c.volume_id == share.c.id).where(job_volume.c.job_id == row.id)
        )
    }
    writes_freely = any(str(hook.get("when", "")).endswith("publish-server") for hook in row.hooks)
    for entry in transfers.task_ends(work, row.id, task.c.status != TaskStatus.EXCLUDED):
        for side, right in _sides(entry):
            verdict = left.on(volumes[side["v"]], side["rel"])
            if not getattr(verdict, right) and not (right == "write" and writes_freely):
                raise PathRefusedError(user=person.code, right=right, path=f"{side['share_hr']}/{side['path']}")


def _uses(work: Work, row: Row[Any], volume: Row[Any], path: str, left: rights.Rights) -> bool:
    """Whether a task lies below what was revoked and nothing else gives the right it needs."""
    for entry in transfers.task_ends(work, row.id, task.c.status != TaskStatus.EXCLUDED):
        for side, right in _sides(entry):
            if side["v"] != volume.id or not is_below(side["rel"], path, bool(volume.case_sensitive)):
                continue
            if not getattr(left.on(volume, side["rel"]), right):
                return True
    return False


def moves_below(work: Work, row: Row[Any], volume: Row[Any], path: str) -> bool:
    """Whether a job has a task that lies below `path` of a volume."""
    return any(
        side["v"] == volume.id and is_below(side["rel"], path, bool(volume.case_sensitive))
        for entry in transfers.task_ends(work, row.id, task.c.status != TaskStatus.EXCLUDED)
        for side, _ in _sides(entry)
    )


def rights_changed(work: Work, caller: Caller, person: Row[Any]) -> None:
    """Stop the person's jobs for which they have no longer the rights, wherever on the workspace's volumes."""
    for volume in work.connection.execute(select(share).where(share.c.type == "volume")).all():
        grant_lost(work, caller, person, volume.id, path="", shown=volume.code)


def _sides(entry: Row[Any]) -> list[tuple[dict[str, Any], str]]:
    both = ((entry.source, "read"), (entry.destination, "write"))
    return [(side, right) for side, right in both if side["kind"] == "volume"]


def _end(work: Work, caller: Caller, row: Row[Any], move: Move, *, code: str, sentence: str) -> None:
    transfers.stop(work, row.id, code, sentence)
    status = after(row.status, move, job=row.name)
    values: dict[str, Any] = {"error": sentence, "error_code": code, "ready_at": None, "waiting_for": None}
    transfers.set_job(work, row, status=status, reason=None, speed=-1, finished=work.now, **values)
    audit.record(work, caller, "job.stopped", "job", row.id, reason=sentence)
    if status == Status.FAILED:
        hook_phase.run_after_failure(work, by_id(work, job, row.id) or row)
