"""Looking at hooks: which ran, and trying one out with made-up input."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from accsyn_engine.hooks.command import split_command
from accsyn_engine.hooks.errors import HookError
from accsyn_engine.hooks.trust import refuse_shell
from accsyn_engine.services import audit
from accsyn_engine.services.context import Caller, Context, Work
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NobodyAnswersError, NotAllowedNowError
from accsyn_engine.services.moving import asking
from accsyn_engine.services.permissions import reads, waits
from accsyn_engine.services.records.rows import bare
from accsyn_engine.services.scripts import guarding, hooking, machines
from accsyn_engine.services.scripts import runs as hook_runs
from accsyn_engine.services.scripts.hook_phase import add_run
from accsyn_engine.store.schema import hook_run


@reads("hook.runs")
def runs(work: Work, caller: Caller, job: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """List runs of hook scripts, newest first, of one job or of all; employees unless `hook_audit_role` is admin."""
    if not caller.is_admin and hooking.workspace_value(work, hooking.AUDIT_ROLE).lower() == "admin":
        raise ForbiddenError(who=caller.code, what="look at the runs of hooks")
    statement = select(hook_run).order_by(hook_run.c.created.desc(), hook_run.c.attempt.desc()).limit(limit)
    if job:
        statement = statement.where(hook_run.c.job_id == bare(job))
    return [hook_runs.shown(row) for row in work.connection.execute(statement)]


@waits("hook.test")
def test(
    context: Context,
    caller: Caller,
    hook: str,
    data: dict[str, Any] | None = None,  # noqa: PT028 - a use case under the protocol's word, no test
) -> dict[str, Any]:
    """Run a configured hook once with `data` (or a small made-up job) and give its run once it has ended."""
    name = hooking.hook_name(hook.strip().lower())
    with context.changing() as work:
        own = hooking.is_client_hook(name)
        server = machines.own_client(work, caller) if own else machines.hook_server(work)
        if server is None or server.status != "online":
            which = "Your own client, which runs this hook," if own else "The server that runs hooks"
            raise NotAllowedNowError(what=f"{which} is offline; start its agent first. (W#J061)")
        command = hooking.command(work, name, server.os)
        if command is None:
            raise NotAllowedNowError(
                what=f"The hook {name} has no command for {hooking.os_word(server.os)}; set one first."
            )
        sample = data or {
            "hook": name,
            "user_hr": caller.code,
            "source_hr": f"user:{caller.code}",
            "tasks": {},
            "files": [],
        }
        key = work.context.ids.secret()
        run = add_run(work, server, name, command, key=key, attempt=1, row=None, data=sample)
        audit.record(work, caller, "hook.test", "hook", run, hook=name)
    return hook_runs.shown(hook_runs.wait_end(context, run, context.config.hook_timeout_s + 10))


@waits("hook.approve")
def approve(context: Context, caller: Caller, hook: str, command: str, os: str = "") -> bool:
    """Have a hook's command looked at before it is set: by the engine, and by the machine it is for if that is online.

    Raises BadValueError for a shell or an unreadable line, AgentRefusedError with the server's sentence.
    """
    name = hooking.hook_name(hook.strip().lower())
    try:
        refuse_shell(split_command(command, windows=os == "windows"), command=command)
    except HookError as error:
        raise BadValueError(what=error.message) from error
    with context.reading() as work:
        guarding.refuse_command(work, command)
        server = machines.own_client(work, caller) if hooking.is_client_hook(name) else machines.hook_server(work)
    if server is None or server.status != "online" or os not in {"", hooking.os_word(server.os)}:
        return False
    try:
        return bool(asking.ask_agent(context, server, "hook.check", {"command": command}))
    except NobodyAnswersError:
        return False  # it is looked at before each run all the same
