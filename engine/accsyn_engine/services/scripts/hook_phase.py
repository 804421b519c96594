"""What a job does before its transfer and after its last file: the studio's scripts, one by one, each effect once.

A run is a row with a key, written with the change that causes it; the key is the same for every run of one effect. The
start is committed before the process starts, so a run without an end is unknown and waits for a person.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select

from accsyn_engine.jobs.states import Phase, Status
from accsyn_engine.services.context import DISPATCH, Work
from accsyn_engine.services.moving import events, transfers
from accsyn_engine.services.records.rows import by_id
from accsyn_engine.services.scripts import hooking, machines
from accsyn_engine.services.work import outcomes
from accsyn_engine.store.schema import hook_run, job

AFTER, BEFORE, ON_FAILURE = hooking.AFTER, hooking.BEFORE, hooking.ON_FAILURE
PENDING = frozenset({"queued", "started"})


def hold(work: Work, row: Row[Any]) -> bool:
    """Whether a new job still has hooks before it; starts the next one, or once more the one that failed."""
    for hook in BEFORE:
        last = _last(work, row, (hook,))
        if last is not None and last.state in PENDING:
            return True
        if (last is None or last.state != "done") and _applies(work, row, hook):
            _queue_again(work, row, hook, last)
            return True
    return False


def begin(work: Work, row: Row[Any]) -> None:
    """Start with the first hook, or finish when there is none."""
    _next(work, row, AFTER)


def _next(work: Work, row: Row[Any], hooks: tuple[str, ...]) -> None:
    for hook in hooks:
        if _applies(work, row, hook):
            _queue_again(work, row, hook, None)
            return
    outcomes.done(work, row)


def _applies(work: Work, row: Row[Any], hook: str) -> bool:
    """Publishing is asked for by the job; a client's hook concerns only jobs with a machine of the studio's people."""
    if not hooking.is_configured(work, hook, row):
        return False
    if hooking.is_client_hook(hook):
        return machines.elevated_client(work, row) is not None
    return hook != "publish-server" or hooking.asked(row, hook) is not None


def _queue_again(work: Work, row: Row[Any], hook: str, last: Row[Any] | None) -> None:
    """Run a hook under the key of its last run; the first run gets a new one."""
    key = work.context.ids.secret() if last is None else last.key
    _queue(work, row, hook, key=key, attempt=1 if last is None else last.attempt + 1)


def _queue(work: Work, row: Row[Any], hook: str, *, key: str, attempt: int) -> None:
    machine = machines.machine_of(work, hook, row)
    command = hooking.command(work, hook, machine.os, row) if machine is not None else None
    if machine is None or command is None:
        os = hooking.os_word(machine.os) if machine is not None else "any platform"
        text = f"The hook {hook} has no command for {os}; set one or remove the hook, then retry. (E#J006)"
        transfers.set_job(work, row, phase=_phase(hook))
        outcomes.failed(work, row, "hook-missing", text)
        return
    data = {"status": row.status if hook in BEFORE else "done"}
    add_run(work, machine, hook, command, key=key, attempt=attempt, row=row, data=data)
    is_online = machine.status == "online"
    what, code = ("client", "W#J055") if hooking.is_client_hook(hook) else ("server", "W#J061")
    waits = f"waiting for the {what} {machine.code} to run the hook {hook} ({code})"
    transfers.set_job(
        work,
        row,
        phase=_phase(hook),
        status=row.status if hook in BEFORE else Status.RUNNING if is_online else Status.WAITING,
        reason=f"The hook {hook} runs on {machine.code}." if is_online else waits,
        error=None,
        error_code=None,
        finished=None,
        ready_at=None,
        waiting_for=None,
        speed=-1,
    )


def _phase(hook: str) -> Phase:
    return Phase.SUBMIT if hook in BEFORE else Phase.HOOK


def add_run(
    work: Work,
    machine: Row[Any],
    hook: str,
    command: hooking.Command,
    *,
    key: str,
    attempt: int,
    row: Row[Any] | None,
    data: dict[str, Any],
) -> str:
    """Write a run of a job's hook (or of none) down and tell the machine's agent; gives the run's id."""
    run = work.context.ids.entity()
    work.connection.execute(
        insert(hook_run).values(
            id=run,
            job_id=None if row is None else row.id,
            client_id=machine.id,
            hook=hook,
            level=command.level,
            key=key,
            attempt=attempt,
            command=command.text,
            idempotent=hooking.is_idempotent(work, hook, row),
            data=data,
            state="queued",
            output="",
            created=work.now,
        )
    )
    announce(work, machine.id, run)
    return run


def announce(work: Work, client_id: str, run: str) -> None:
    """Tell an agent of a run; the input is put together when the agent fetches the event."""
    events.emit(work, client_id, "hook.run", {"run": run})


def again(work: Work, row: Row[Any]) -> None:
    """Run the hook that failed once more, under the same key; nothing is transferred again."""
    last = _last(work, row, AFTER)
    if last is None:
        begin(work, row)
    else:
        _queue_again(work, row, last.hook, last)


def _last(work: Work, row: Row[Any], hooks: tuple[str, ...]) -> Row[Any] | None:
    return work.connection.execute(
        select(hook_run)
        .where(hook_run.c.job_id == row.id, hook_run.c.hook.in_(hooks))
        .order_by(hook_run.c.created.desc(), hook_run.c.attempt.desc())
        .limit(1)
    ).first()


def run_after_failure(work: Work, row: Row[Any]) -> None:
    """Run the hooks for failed jobs; what becomes of them is only written down."""
    for hook in ON_FAILURE:
        machine = machines.machine_of(work, hook, row)
        command = hooking.command(work, hook, machine.os, row) if machine is not None else None
        if machine is not None and command is not None:
            key = work.context.ids.secret()
            add_run(work, machine, hook, command, key=key, attempt=1, row=row, data={"status": "failed"})


def started(work: Work, run: Row[Any]) -> bool:
    """Whether a run may start: its job still waits for it."""
    row = _job_of(work, run)
    if row is None:
        return run.job_id is None or run.hook in ON_FAILURE
    machine = transfers.client_name(work, run.client_id)
    status = row.status if run.hook in BEFORE else Status.RUNNING
    transfers.set_job(work, row, status=status, reason=f"The hook {run.hook} runs on {machine}.")
    return True


def succeeded(work: Work, run: Row[Any]) -> None:
    """Go on with the next hook, or with what comes after the last one."""
    row = _job_of(work, run)
    if row is None:
        return
    if run.hook in BEFORE:
        transfers.set_job(work, row, ready_at=work.now, reason=None)
        work.ring(DISPATCH)
        return
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
        _queue_again(work, row, run.hook, run)
        return
    text = (
        f"The outcome of the hook {run.hook} is unknown: the agent was restarted while it ran. Look whether it has done"
        " its work, then retry the job; the hook gets the same ACCSYN_HOOK_KEY. (E#J006)"
    )
    outcomes.failed(work, row, "hook-unknown", text)


def _job_of(work: Work, run: Row[Any]) -> Row[Any] | None:
    """The job that waits for this run; None when it does no longer, or never did."""
    row = by_id(work, job, run.job_id, lock=True) if run.job_id else None
    if row is None or run.hook not in (*BEFORE, *AFTER) or row.phase != _phase(run.hook):
        return None
    waiting = {Status.INIT, Status.WAITING, Status.PAUSED} if run.hook in BEFORE else {Status.RUNNING, Status.WAITING}
    return row if row.status in waiting else None


def queued_for(work: Work, client_id: str) -> list[Row[Any]]:
    """The runs an agent has not started yet, oldest first."""
    statement = select(hook_run).where(hook_run.c.client_id == client_id, hook_run.c.state == "queued")
    return list(work.connection.execute(statement.order_by(hook_run.c.created)).all())
