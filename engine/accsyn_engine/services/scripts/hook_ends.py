"""The two moments of a hook run an agent reports: it is about to start, it has ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row
from sqlalchemy import update as alter

from accsyn_engine.services import audit
from accsyn_engine.services.context import ENGINE, Work
from accsyn_engine.services.errors import NotFoundError
from accsyn_engine.services.moving.asking import topic
from accsyn_engine.services.records.rows import by_id
from accsyn_engine.services.scripts import guarding, hook_phase
from accsyn_engine.store.schema import hook_run

OUTPUT_KEPT = 64 * 1024  # characters, the last of them
OUTPUT_SHOWN = 600


def _require(work: Work, machine: Row[Any], run_id: str) -> Row[Any]:
    run = by_id(work, hook_run, run_id, lock=True)
    if run is None or run.client_id != machine.id:
        raise NotFoundError(kind="hook run", name=run_id)
    return run


def _set(work: Work, run: Row[Any], **values: Any) -> None:
    work.connection.execute(alter(hook_run).where(hook_run.c.id == run.id).values(**values))


def start_run(work: Work, machine: Row[Any], run_id: str) -> bool:
    """Commit the start before the process starts; a repeat from the same start of the agent is the same yes."""
    run = _require(work, machine, run_id)
    if run.state == "started":
        return bool(run.boot == machine.boot)
    if run.state != "queued":
        return False
    why = guarding.fault(work, run.command)
    if why is not None:
        _set(work, run, state="failed", ended=work.now, error=why)
        work.ring(topic(run.id))
        hook_phase.failed(work, run, f"The hook {run.hook} was not run. (E#J006) {why}")
        return False
    if not hook_phase.started(work, run):
        _set(work, run, state="failed", ended=work.now, error="The job does not wait for this hook any more.")
        return False
    _set(work, run, state="started", boot=machine.boot, started=work.now)
    return True


def end_run(work: Work, machine: Row[Any], run_id: str, data: dict[str, Any]) -> str:
    """Write down how a hook ended and let its job go on; gives the run's state. A repeat changes nothing."""
    run = _require(work, machine, run_id)
    if run.state != "started":
        return str(run.state)
    exit_code = data.get("exit_code")
    error = _error(data.get("error"))
    is_well = exit_code == 0 and error is None
    output = str(data.get("output") or "")[-OUTPUT_KEPT:].replace("\x00", "")
    sentence = None if is_well else _sentence(run, machine, exit_code, error, output)
    _set(
        work,
        run,
        state="done" if is_well else "failed",
        exit_code=exit_code if isinstance(exit_code, int) else None,
        output=output,
        error=sentence,
        answer=data.get("answer"),
        ended=work.now,
    )
    audit.record(work, ENGINE, "hook.end", "hook", run.id, hook=run.hook, job=run.job_id, exit_code=exit_code)
    work.ring(topic(run.id))
    if sentence is None:
        hook_phase.succeeded(work, run)
    else:
        hook_phase.failed(work, run, sentence)
    return "done" if is_well else "failed"


def _error(error: Any) -> str | None:
    if isinstance(error, dict):
        return str(error.get("message") or error.get("code"))
    return str(error) if error else None


def _sentence(run: Row[Any], machine: Row[Any], exit_code: Any, error: str | None, output: str) -> str:
    why = error or f"it ended with exit code {exit_code}"
    said = f" Its output ends: {output.strip()[-OUTPUT_SHOWN:]}" if output.strip() else " It printed nothing."
    return f"The hook {run.hook} failed on {machine.code}: {why.rstrip('.')}. (E#J006){said}"
