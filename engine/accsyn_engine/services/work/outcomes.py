"""How a job goes on after an attempt: done, failed at once, or waiting for the next one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy import update as alter

from accsyn_engine.jobs import backoff
from accsyn_engine.jobs.states import TASK_WANTED, Move, Status, TaskStatus, after
from accsyn_engine.services import audit
from accsyn_engine.services.context import DISPATCH, ENGINE, Work
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.people import letters
from accsyn_engine.services.records.rows import by_id
from accsyn_engine.services.scripts import hook_phase
from accsyn_engine.services.work import belonging
from accsyn_engine.store.schema import job, task, user

MOST_NAMED = 1000  # failed tasks that get their sentence; more only count


def lost(work: Work, job_id: str | None, *, has_progressed: bool, reason: str) -> None:
    """The attempt broke off: wait and try again, or give up after too many without a byte. A probe is not repeated."""
    if job_id is None:
        return
    row = _job(work, job_id)
    if row.status not in {Status.RUNNING, Status.WAITING} or row.phase != "transfer":
        return
    losses = backoff.losses_after(row.losses, has_progressed=has_progressed)
    if backoff.gives_up(losses):
        text = f"{losses} attempts in a row brought nothing across; the last one says: {reason}"
        failed(work, row, "no-progress", text)
        return
    wait_s = backoff.delay_s(losses)
    transfers.set_job(
        work,
        row,
        status=after(row.status, Move.LOSE, job=row.name),
        losses=losses,
        reason=f"The transfer was interrupted and goes on in {wait_s} s: {reason}",
        ready_at=work.now + wait_s * 1000,
        waiting_for=None,
        speed=-1,
    )
    work.ring(DISPATCH)


def failed(work: Work, row: Row[Any], code: str, sentence: str, *, detail: str | None = None) -> None:
    """Fail a job with its sentence, tell the submitter, and run the hook for that.

    `detail` is the same for the studio's people, with what a vendor must not read; the admins are told of it.
    """
    if row.status in {Status.DONE, Status.ABORTED, Status.FAILED}:
        return
    transfers.set_job(
        work,
        row,
        status=after(row.status, Move.FAIL, job=row.name),
        error_code=code,
        error=sentence,
        error_detail=detail,
        reason=None,
        ready_at=None,
        waiting_for=None,
        speed=-1,
        finished=work.now,
    )
    audit.record(work, ENGINE, "job.failed", "job", row.id, code=code, error=detail or sentence)
    _tell(work, row, sentence, detail)
    hook_phase.run_after_failure(work, _job(work, row.id))


def _tell(work: Work, row: Row[Any], sentence: str, detail: str | None) -> None:
    """Mail the submitter; a fault of the studio's own also goes to its admins, for nobody else can mend it."""
    submitter = work.connection.execute(select(user.c.code, user.c.role).where(user.c.id == row.user_id)).one()
    told = {submitter.code: sentence if submitter.role == "standard" else detail or sentence}
    if detail is not None:
        admins = select(user.c.code).where(user.c.role == "admin", user.c.status == "enabled", user.c.active)
        told |= dict.fromkeys(work.connection.execute(admins).scalars(), detail)
    for address, text in told.items():
        letters.job_failed(work, row, address, text)


def finished(work: Work, row: Row[Any], failures: list[dict[str, Any]], receipt: Any) -> None:
    """The attempt carried everything that could be carried."""
    _settle_tasks(work, row, failures)
    transfers.set_job(work, row, receipt=receipt, losses=0, speed=-1)
    if failures:
        first = failures[0]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        failed(work, row, str(first.get("code") or "transfer-failed"), f"{first.get('message')}{more}")
        return
    hook_phase.begin(work, _job(work, row.id))


def _settle_tasks(work: Work, row: Row[Any], failures: list[dict[str, Any]]) -> None:
    mine = task.c.job_id == row.id
    broken = {int(failure["task"]): failure for failure in reversed(failures) if isinstance(failure.get("task"), int)}
    for seq in sorted(broken)[:MOST_NAMED]:
        values = {"status": TaskStatus.FAILED, "error": str(broken[seq].get("message") or ""), "finished": work.now}
        work.connection.execute(alter(task).where(mine, task.c.seq == seq).values(values))
    for seq in sorted(broken)[MOST_NAMED:]:
        work.connection.execute(alter(task).where(mine, task.c.seq == seq).values(status=TaskStatus.FAILED))
    done = {"status": TaskStatus.DONE, "error": None, "finished": work.now}
    work.connection.execute(alter(task).where(mine, task.c.status.in_(TASK_WANTED)).values(done))


def done(work: Work, row: Row[Any]) -> None:
    """Everything is in place and every hook has run."""
    transfers.set_job(
        work,
        row,
        status=after(row.status, Move.FINISH, job=row.name),
        phase="transfer",
        error=None,
        error_code=None,
        reason=None,
        ready_at=None,
        waiting_for=None,
        finished=work.now,
    )
    if row.parent_id is not None:
        belonging.settled(work, _job(work, row.id))
    audit.record(work, ENGINE, "job.done", "job", row.id, files=row.files_done, bytes=row.bytes_done)
    if row.receiver_user_id and row.receiver_user_id != row.user_id:
        letters.package_arrived(work, row, address_of(work, row.receiver_user_id))


def address_of(work: Work, user_id: str) -> str:
    """The address of a user."""
    return str(work.connection.execute(select(user.c.code).where(user.c.id == user_id)).scalar_one())


def _job(work: Work, job_id: str) -> Row[Any]:
    row = by_id(work, job, job_id, lock=True)
    if row is None:
        raise LookupError(job_id)
    return row
