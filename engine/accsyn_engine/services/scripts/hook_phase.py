"""What a job does after its last file is in place: the studio's scripts, one after the other, each effect once.

A run is a row with a key, written with the change that causes it; the key is the same for every run of one effect. The
start is committed before the process starts, so a run without an end is unknown and waits for a person.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select

from accsyn_engine.jobs.states import Status
from accsyn_engine.services.context import Work
from accsyn_engine.services.moving import events, transfers
from accsyn_engine.services.moving.asking import servers_of
from accsyn_engine.services.records.rows import by_id, default_volume
from accsyn_engine.services.scripts import hooking
from accsyn_engine.services.work import outcomes
from accsyn_engine.store.schema import hook_run, job

AFTER = ("publish-server", "post-done-server")
ON_FAILURE = "post-failed-server"


def begin(work: Work, row: Row[Any]) -> None:
    """Start with the first hook, or finish when there is none."""
    _next(work, row, AFTER)


def _next(work: Work, row: Row[Any], hooks: tuple[str, ...]) -> None:
    for hook in hooks:
        if hooking.is_configured(work, hook) and _applies(row, hook):
            _queue(work, row, hook, key=work.context.ids.secret(), attempt=1)
            return
    outcomes.done(work, row)


def _applies(row: Row[Any], hook: str) -> bool:
    """Publishing is asked for by the job; the rest runs for every job."""
    asked = {hooking.hook_name(str(entry.get("when", ""))) for entry in row.hooks}
    return hook != "publish-server" or hook in asked


def _queue(work: Work, row: Row[Any], hook: str, *, key: str, attempt: int) -> None:
    server = next(iter(servers_of(work, default_volume(work).id)), None)
    command = hooking.command(work, hook, server.os) if server is not None else None
    if server is None or command is None:
        os = hooking.os_word(server.os) if server is not None else "any platform"
        text = f"The hook {hook} has no command for {os}; set one or remove the hook, then retry. (E#J006)"
        transfers.set_job(work, row, phase="hook")
        outcomes.failed(work, row, "hook-missing", text)
        return
    add_run(work, server, hook, command, key=key, attempt=attempt, job_id=row.id, data={"status": "done"})
    is_online = server.status == "online"
    waits = f"waiting for the server {server.code} to run the hook {hook} (W#J061)"
    transfers.set_job(
        work,
        row,
        phase="hook",
        status=Status.RUNNING if is_online else Status.WAITING,
        reason=f"The hook {hook} runs on {server.code}." if is_online else waits,
        error=None,
        error_code=None,
        finished=None,
        ready_at=None,
        waiting_for=None,
        speed=-1,
    )


def add_run(
    work: Work,
    server: Row[Any],
    hook: str,
    command: str,
    *,
    key: str,
    attempt: int,
    job_id: str | None,
    data: dict[str, Any],
) -> str:
    """Write a run down and tell the server's agent; gives the run's id."""
    run = work.context.ids.entity()
    work.connection.execute(
        insert(hook_run).values(
            id=run,
            job_id=job_id,
            client_id=server.id,
            hook=hook,
            key=key,
            attempt=attempt,
            command=command,
            idempotent=hooking.is_idempotent(work, hook),
            data=data,
            state="queued",
            output="",
            created=work.now,
        )
    )
    announce(work, server.id, run)
    return run


def announce(work: Work, client_id: str, run: str) -> None:
    """Tell an agent of a run; the input is put together when the agent fetches the event."""
    events.emit(work, client_id, "hook.run", {"run": run})


def again(work: Work, row: Row[Any]) -> None:
    """Run the hook that failed once more, under the same key; nothing is transferred again."""
    last = _last(work, row)
    if last is None:
        begin(work, row)
    else:
        _queue(work, row, last.hook, key=last.key, attempt=last.attempt + 1)


def _last(work: Work, row: Row[Any]) -> Row[Any] | None:
    return work.connection.execute(
        select(hook_run)
        .where(hook_run.c.job_id == row.id, hook_run.c.hook.in_(AFTER))
        .order_by(hook_run.c.created.desc(), hook_run.c.attempt.desc())
        .limit(1)
    ).first()


def run_after_failure(work: Work, row: Row[Any]) -> None:
    """Run the hook for failed jobs; what becomes of it is only written down."""
    server = next(iter(servers_of(work, default_volume(work).id)), None)
    command = hooking.command(work, ON_FAILURE, server.os) if server is not None else None
    if server is not None and command is not None:
        key = work.context.ids.secret()
        data = {"status": "failed"}
        add_run(work, server, ON_FAILURE, command, key=key, attempt=1, job_id=row.id, data=data)


def started(work: Work, run: Row[Any]) -> bool:
    """Whether a run may start: its job still waits for it."""
    row = _job_of(work, run)
    if row is None:
        return run.job_id is None or run.hook == ON_FAILURE
    server = transfers.client_name(work, run.client_id)
    transfers.set_job(work, row, status=Status.RUNNING, reason=f"The hook {run.hook} runs on {server}.")
    return True


def succeeded(work: Work, run: Row[Any]) -> None:
    """Go on with the next hook, or finish the job."""
    row = _job_of(work, run)
    if row is not None:
        _next(work, row, AFTER[AFTER.index(run.hook) + 1 :])


def failed(work: Work, run: Row[Any], sentence: str) -> None:
    """Fail the job with what the hook said, to be retried by hand."""
    row = _job_of(work, run)
    if row is not None:
        outcomes.failed(work, row, "hook-failed", hooking.public_failure(run.hook), detail=sentence)


def unknown(work: Work, run: Row[Any]) -> None:
    """The agent went away with the hook under way: run it again if that does no harm, else ask a person."""
    row = _job_of(work, run)
    if row is None:
        return
    if run.idempotent:
        _queue(work, row, run.hook, key=run.key, attempt=run.attempt + 1)
        return
    text = (
        f"The outcome of the hook {run.hook} is unknown: the agent was restarted while it ran. Look whether it has done"
        " its work, then retry the job; the hook gets the same ACCSYN_HOOK_KEY. (E#J006)"
    )
    outcomes.failed(work, row, "hook-unknown", text)


def _job_of(work: Work, run: Row[Any]) -> Row[Any] | None:
    """The job that waits for this run; None when it does no longer, or never did."""
    row = by_id(work, job, run.job_id, lock=True) if run.job_id else None
    is_waiting = row is not None and row.phase == "hook" and row.status in {Status.RUNNING, Status.WAITING}
    return row if is_waiting and run.hook in AFTER else None


def queued_for(work: Work, client_id: str) -> list[Row[Any]]:
    """The runs an agent has not started yet, oldest first."""
    statement = select(hook_run).where(hook_run.c.client_id == client_id, hook_run.c.state == "queued")
    return list(work.connection.execute(statement.order_by(hook_run.c.created)).all())
