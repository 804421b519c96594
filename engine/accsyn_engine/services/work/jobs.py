"""Transfer jobs: submitting, changing, archiving."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Row, insert, select

from accsyn_engine.jobs.states import BEFORE_TRANSFER, FINISHED, WRITABLE, Move, Phase, Status, after
from accsyn_engine.query.functions import folded
from accsyn_engine.services import audit, settings_table
from accsyn_engine.services.access import revocation, rights
from accsyn_engine.services.context import DISPATCH, PACE, Caller, Work
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotAllowedNowError
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.people import letters
from accsyn_engine.services.permissions import writes
from accsyn_engine.services.records.fields import choice, flag, known_only, mapping, number, reference, text
from accsyn_engine.services.records.rows import require_user
from accsyn_engine.services.scripts import hook_phase, hooking, publish
from accsyn_engine.services.work import belonging, job_lists, queues
from accsyn_engine.services.work.belonging import Belonging
from accsyn_engine.services.work.packing import Ends, Packer, written_tasks
from accsyn_engine.services.work.storing import Policy, Shelf
from accsyn_engine.store.schema import job

AGAIN = Policy()  # the same two ends again try the task that is there
CREATE = (
    *(
        "name",
        "code",
        "description",
        "metadata",
        "settings",
        "status",
        "queue",
        "parent",
        "priority",
        "tasks",
        "append",
    ),
    *("source", "destination", "dest", "uri", "id", "hooks", "type", "engine", "user", "mirror", "mirror_paths"),
)
UPDATE = ("name", "code", "description", "metadata", "settings", "status", "queue", "parent", "priority", "type")
NEW_STATUSES = {"paused": "paused", "waiting": "waiting", "init": "waiting", "queued": "waiting"}


@writes("job.create")
def create(
    work: Work,
    caller: Caller,
    data: dict[str, Any],
    *,
    allow_duplicates: bool | None = None,
    replace_duplicates: bool = False,
) -> dict[str, Any]:
    """Submit a transfer. One refused task refuses the whole, naming its path.

    Raises PathRefusedError, PathError, NotFoundError, ForbiddenError or BadValueError; nothing is stored then.
    """
    return submit(work, caller, data, Policy(refuse=allow_duplicates is False, replace=replace_duplicates))


def submit(work: Work, caller: Caller, data: dict[str, Any], policy: Policy = AGAIN) -> dict[str, Any]:
    """As `create`, inside a running transaction."""
    known_only(data, CREATE, kind="job")
    is_paused = choice(data, ("status",), NEW_STATUSES, default="waiting") == "paused"
    belongs = belonging.read(work, caller, data) if data.get("parent") else None
    if belongs is None and data.get("parent"):
        queues.require(work, data["parent"])
    held = rights.of_caller(work, caller) if belongs is None else belongs.rights
    data = data if belongs is None else belongs.data
    entry = publish.entries(work, caller) if _is_publish(data) else None
    packer = Packer(work, caller, held, data=data, publish=entry)
    packed = (packer.pack(task) for task in written_tasks(data))
    tasks = packed if belongs is None else map(belongs.landed, packed)
    first = next(tasks, None)
    if first is None or packer.ends is None:
        raise BadValueError(what='The job has no tasks; write at least one with "source" and "destination".')
    known = _appended(work, caller, packer.ends) if flag(data, "append", default=False) else None
    job_id = known or _insert(work, caller, packer.ends, data, first_name=first.name, belongs=belongs)
    policy = replace(policy, renumber=known is not None)
    shelf = Shelf(work, job_id, packer.ends.destination.user_id, policy)
    shelf.add([first])
    shelf.add(tasks)
    if belongs is not None and belongs.is_upload:
        belonging.expect(work, belongs.parent, job_id)
    row = job_lists.require(work, caller, job_id, lock=True)
    return _submitted(work, caller, row, shelf, is_paused=is_paused, is_new=known is None)


def _is_publish(data: dict[str, Any]) -> bool:
    hooks = data.get("hooks") or []
    if not isinstance(hooks, list) or not all(isinstance(hook, dict) for hook in hooks):
        raise BadValueError(
            what='"hooks" must be a list of objects like {"when": "hook-job-publish-server", "data": {}}.'
        )
    hooking.check_asked(hooks)
    return any(str(hook.get("when", "")).endswith("publish-server") for hook in hooks)


def _appended(work: Work, caller: Caller, ends: Ends) -> str | None:
    statement = select(job.c.id).where(
        job.c.user_id == caller.user_id,
        job.c.source_id == ends.source.id,
        job.c.destination_id == ends.destination.id,
        job.c.archived.is_(False),
        job.c.type == job_lists.TRANSFER,
        job.c.parent_id.is_(None),
    )
    return work.connection.execute(statement.order_by(job.c.created.desc()).limit(1)).scalar()


def _insert(
    work: Work, caller: Caller, ends: Ends, data: dict[str, Any], *, first_name: str, belongs: Belonging | None
) -> str:
    name = (text(data, "name", longest=254) or text(data, "code", longest=254) or first_name).strip()[:254]
    named = reference(data, "queue") or (None if belongs is not None else reference(data, "parent"))
    line = queues.require(work, named) if named else queues.default(work)
    priority = number(data, "priority", default=500, least=0, most=1000)
    new = work.context.ids.entity()
    work.connection.execute(
        insert(job).values(
            id=new,
            code=name,
            name=name,
            code_folded=folded(name),
            name_folded=folded(name),
            type=job_lists.TRANSFER,
            parent_id=None if belongs is None else belongs.parent.id,
            status=Status.INIT,
            phase=Phase.SUBMIT,
            user_id=caller.user_id,
            queue_id=line.id,
            source_type=ends.source.type,
            source_id=ends.source.id,
            destination_type=ends.destination.type,
            destination_id=ends.destination.id,
            sender_user_id=ends.source.user_id,
            receiver_user_id=ends.destination.user_id,
            priority=priority,
            rank=queues.rank(line.priority, priority),
            size=-1,
            bytes_done=0,
            bytes_moved=0,
            files=0,
            files_done=0,
            speed=-1,
            attempts=0,
            losses=0,
            metadata=mapping(data, "metadata"),
            settings=_settings(data),
            hooks=data.get("hooks") or [],
            description=text(data, "description") or "",
            created=work.now,
            creator=caller.code,
        )
    )
    return new


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    settings = mapping(data, "settings")
    settings_table.check_all("job", settings)
    return settings


def _submitted(
    work: Work, caller: Caller, row: Row[Any], shelf: Shelf, *, is_paused: bool, is_new: bool
) -> dict[str, Any]:
    if is_paused:
        transfers.set_job(work, row, status=Status.PAUSED, ready_at=work.now if row.phase in BEFORE_TRANSFER else None)
        work.ring(DISPATCH)
    elif row.status == Status.INIT:
        transfers.set_job(work, row, reason="being prepared", ready_at=work.now)
        work.ring(DISPATCH)
    elif row.status != Status.RUNNING:
        transfers.make_ready(work, row, reason="waiting to be dispatched")
    else:
        transfers.stop(work, row.id, "tasks-added", "Tasks were added to the job; it goes on with them at once.")
        transfers.make_ready(work, row)
    audit.record(work, caller, "job.create", "job", row.id, name=row.name, tasks=len(shelf.touched), new=is_new)
    if is_new and row.receiver_user_id and row.receiver_user_id != caller.user_id:
        letters.package_pending(work, row, row.destination_code if row.destination_type == "user" else "", caller.code)
    return job_lists.shown(caller, job_lists.require(work, caller, row.id))


@writes("job.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Pause, resume (also retries and revives), abort or finish a job by its `status`; or change what describes it."""
    row = job_lists.require(work, caller, id, lock=True)
    known_only(data, UPDATE, kind="job")
    if data.get("status") is not None:
        move = WRITABLE.get(str(data["status"]).lower())
        if move is None:
            raise BadValueError(what=f"A job's status can be set to {', '.join(WRITABLE)}, not {data['status']!r:.60}.")
        _move(work, caller, row, move)
    values = _changes(work, row, data)
    if values:
        transfers.set_job(work, row, modified=work.now, modifier=caller.code, **values)
        work.ring(PACE)
    audit.record(work, caller, "job.update", "job", row.id, status=data.get("status"), fields=sorted(values))
    return job_lists.shown(caller, job_lists.require(work, caller, row.id))


def _changes(work: Work, row: Row[Any], data: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in ("name", "code"):
        if text(data, name, longest=254):
            values |= {"name": data[name], "code": data[name]}
    if "description" in data:
        values["description"] = text(data, "description") or ""
    if "metadata" in data:
        values["metadata"] = mapping(data, "metadata")
    if "settings" in data:
        values["settings"] = _settings(data)
    line = queues.require(work, reference(data, "queue") or reference(data, "parent") or row.queue_id)
    if line.id != row.queue_id:
        values["queue_id"] = line.id
    if line.id != row.queue_id or "priority" in data:
        values["priority"] = number(data, "priority", default=row.priority, least=0, most=1000)
        values["rank"] = queues.rank(line.priority, values["priority"])
    return values


def _move(work: Work, caller: Caller, row: Row[Any], move: Move) -> None:
    status = after(row.status, move, job=row.name)
    if move is Move.RESUME:
        _resume(work, caller, row)
        return
    if move is Move.PAUSE and row.phase == Phase.HOOK and row.status == Status.RUNNING:
        raise NotAllowedNowError(what=f'The hook of the job "{row.name}" runs; it cannot be paused, only aborted.')
    words = {Move.PAUSE: "paused", Move.ABORT: "aborted", Move.FORCE: "declared done"}[move]
    reason = f"{caller.code} {words} the job."
    transfers.stop(work, row.id, f"job-{status.value}", reason)
    is_over = status in FINISHED
    transfers.set_job(
        work,
        row,
        status=status,
        reason=reason,
        error=None,
        error_code=None,
        ready_at=None,
        waiting_for=None,
        speed=-1,
        finished=work.now if is_over else None,
    )


def _resume(work: Work, caller: Caller, row: Row[Any]) -> None:
    """Go on where the job stands: with its hook if only that is missing, else with a new transfer."""
    if row.status in {Status.INIT, Status.RUNNING, Status.WAITING}:
        if row.status == Status.WAITING and row.phase != Phase.HOOK:
            transfers.set_job(work, row, ready_at=work.now, waiting_for=None)
            work.ring(DISPATCH)
        return
    _check_again(work, caller, row)
    transfers.set_job(work, row, losses=0)
    if row.phase == Phase.HOOK and row.status == Status.FAILED:
        hook_phase.again(work, row)
        return
    transfers.requeue_tasks(work, row.id)
    if row.status in FINISHED and row.phase not in BEFORE_TRANSFER:
        transfers.set_job(work, row, phase=Phase.TRANSFER)
    transfers.make_ready(work, row)


def _check_again(work: Work, caller: Caller, row: Row[Any]) -> None:
    """Rights may have been taken away since the job was submitted."""
    belonging.require_open(work, row)
    revocation.require_rights(work, row, require_user(work, row.user_id))
    if row.error_code == "access-revoked" and not caller.is_elevated:
        revocation.require_rights(work, row, require_user(work, caller.user_id))


@writes("job.delete")
def delete(work: Work, caller: Caller, id: str) -> bool:
    """Put a job into the archive; one that is not over is aborted first."""
    row = job_lists.require(work, caller, id, lock=True)
    if row.user_id != caller.user_id and not caller.is_elevated:
        raise ForbiddenError(who=caller.code, what=f'delete the job "{row.name}"')
    if Status(row.status) not in FINISHED:
        _move(work, caller, row, Move.ABORT)
    transfers.set_job(work, row, archived=True, archived_at=work.now, modified=work.now, modifier=caller.code)
    audit.record(work, caller, "job.delete", "job", row.id, name=row.name)
    return True
