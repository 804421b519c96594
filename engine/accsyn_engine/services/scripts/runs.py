"""Runs of hook scripts: what happened to each, waiting for one, and trying one out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from accsyn_engine.clock import iso
from accsyn_engine.services.context import Caller, Context
from accsyn_engine.services.errors import AgentRefusedError, NobodyAnswersError
from accsyn_engine.services.moving.asking import topic
from accsyn_engine.services.scripts.hooking import public_failure
from accsyn_engine.store.schema import hook_run

ENDED = frozenset({"done", "failed", "unknown"})


def shown(row: Row[Any]) -> dict[str, Any]:
    """Show a run, without its input."""
    return {
        "id": row.id,
        "job": row.job_id,
        "hook": row.hook,
        "level": row.level,
        "client": row.client_id,
        "key": row.key,
        "attempt": row.attempt,
        "command": row.command,
        "idempotent": row.idempotent,
        "state": row.state,
        "exit_code": row.exit_code,
        "output": row.output,
        "error": row.error,
        "created": iso(row.created),
        "started": iso(row.started),
        "ended": iso(row.ended),
    }


def wait_for(context: Context, run: str, timeout_s: float, *, reader: Caller) -> Row[Any]:
    """Wait for a run that must succeed.

    Raises AgentRefusedError with as much of its error as the caller may read, NobodyAnswersError at the deadline.
    """
    row = wait_end(context, run, timeout_s)
    if row.state != "done":
        public = public_failure(row.hook)
        raise AgentRefusedError(message=(row.error or public) if reader.is_elevated else public, run=run)
    return row


def wait_end(context: Context, run: str, timeout_s: float) -> Row[Any]:
    """Wait until a run has ended, in whatever way; raises NobodyAnswersError at the deadline."""
    until = context.clock.monotonic() + timeout_s
    try:
        while True:
            seen = context.bell.count(topic(run))
            with context.reading() as work:
                row = work.connection.execute(select(hook_run).where(hook_run.c.id == run)).one()
            if row.state in ENDED:
                return row
            left = until - context.clock.monotonic()
            if left <= 0:
                raise NobodyAnswersError(server="that runs hooks", why=f"no end of the hook in {timeout_s:g} s")
            context.bell.wait(topic(run), seen, min(left, 1.0))
    finally:
        context.bell.forget(topic(run))
