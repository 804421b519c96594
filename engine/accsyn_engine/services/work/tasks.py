"""Tasks: what a job moves, one source and one destination each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, select, true
from sqlalchemy import update as alter

from accsyn_engine.jobs.states import TASK_WANTED, TASK_WRITABLE, Status, TaskStatus
from accsyn_engine.query.fields import Date, Number, Text
from accsyn_engine.query.parser import Comparison, Operator, parse
from accsyn_engine.services import audit
from accsyn_engine.services.access import revocation, rights
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import BadValueError, NotFoundError
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records import entities
from accsyn_engine.services.records.fields import choice, mapping, number
from accsyn_engine.services.records.finding import MOST, Listing, Scopes, listed
from accsyn_engine.services.records.references import to_job
from accsyn_engine.services.records.rows import bare, by_id, is_id, require_user
from accsyn_engine.services.work import delivery_lists, job_lists
from accsyn_engine.services.work.packing import Ends, Packer, written_tasks
from accsyn_engine.services.work.parties import Side, site_side, workspace_side
from accsyn_engine.services.work.storing import CHUNK, Policy, Shelf
from accsyn_engine.store.schema import client, job, share, task

# What stands in a row changes with the task; that it is under way or waits for a folder follows from its job.
_is_under_way = and_(job.c.status == Status.RUNNING, job.c.phase == "transfer")
STATUS = case(
    (task.c.status.not_in(TASK_WANTED), task.c.status),
    (_is_under_way, TaskStatus.EXECUTING),
    (and_(job.c.is_pending, job.c.status != Status.RUNNING), TaskStatus.PENDING),
    else_=task.c.status,
).label("status")

_SHOWN: list[ColumnElement[Any]] = [column for column in task.c if column is not task.c.status]
ROWS: Select[Any] = select(*_SHOWN, STATUS, job.c.name.label("job_code")).join(job, job.c.id == task.c.job_id)

LISTING = Listing(
    rows=ROWS,
    attributes={
        "id": Text(task.c.id),
        "uri": Text(task.c.uri),
        "job.id": Text(task.c.job_id),
        "job": to_job(task.c.job_id),
        "status": Text(STATUS.element),
        "job_hr": Text(job.c.name, folded=job.c.name_folded),
        "error": Text(task.c.error),
        "priority": Number(task.c.priority),
        "size": Number(task.c.size),
        "created": Date(task.c.created),
        "finished": Date(task.c.finished),
    },
    id=task.c.id,
    order=(task.c.created, task.c.job_id, task.c.seq),
    scopes=Scopes(active=true()),
    bare=("id", "uri"),
)
# The same order for the tasks of one job, by an index: they were created one after the other.
OF_ONE_JOB = replace(LISTING, order=(task.c.seq, task.c.job_id))
MOST_SHOWN = 1000  # tasks whose ends stand in the answer to their creation
STATUSES = {status.value: status.value for status in TASK_WRITABLE} | {"retry": "queued"}


@reads("task.find")
def find(work: Work, caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List tasks of the jobs a caller may see."""
    volumes = _known_paths(work, caller)
    may_see = delivery_lists.visible_deliveries(caller)
    if find.parent:
        may_see = and_(may_see, task.c.job_id == bare(find.parent))
    if find.skip and _is_of_one_job(find):
        # The tasks of a job are numbered without gaps, so a page far behind is found as fast as the first.
        may_see, find = and_(may_see, task.c.seq >= min(find.skip, MOST)), replace(find, skip=0)
    listing = OF_ONE_JOB if find.parent or "job" in (find.query or "").lower() else LISTING
    return listed(work, listing, find, may_see, lambda row: entities.task(row, volumes))


def _is_of_one_job(find: Find) -> bool:
    """Whether a find asks for all tasks of one job, by its `parent` or by the query of older clients."""
    if find.id or not (find.query and find.query.strip()):
        return bool(find.parent) and not find.id
    asked = parse(find.query).where
    if not isinstance(asked, Comparison) or asked.is_negated or asked.operator is not Operator.EQUAL:
        return False
    return asked.attribute == "job.id" and is_id(asked.value)


def _known_paths(work: Work, caller: Caller) -> dict[str, str]:
    """Where volumes lie on the server, which vendors need not know: they see paths relative to their shares."""
    return volume_paths(work) if caller.is_elevated else {}


def volume_paths(work: Work) -> dict[str, str]:
    """Where each volume lies on its server."""
    rows = work.connection.execute(select(share.c.id, share.c.path).where(share.c.type == "volume"))
    return {row.id: row.path for row in rows}


@writes("task.create")
def create(
    work: Work,
    caller: Caller,
    job_id: str,
    data: Any,
    *,
    allow_duplicates: bool | None = None,
    replace_duplicates: bool = False,
) -> list[dict[str, Any]]:
    """Add tasks to a job between the same two parties; the same ends again try the task there is once more.

    Only what is added or tried again moves; a job that was over comes back to life. Of more than MOST_SHOWN tasks the
    answer says only what they are called and how they stand.
    """
    row = job_lists.require(work, caller, job_id, lock=True)
    entries = data if isinstance(data, dict) else {"tasks": data}
    packer = Packer(work, caller, rights.of_caller(work, caller), data=_parties(row), ends=_ends(work, row))
    shelf = Shelf(work, row.id, row.receiver_user_id, Policy(allow_duplicates is False, replace_duplicates))
    shelf.add(packer.pack(entry) for entry in written_tasks(entries))
    if not shelf.touched:
        raise BadValueError(what='There is no task to add; write at least one with "source" and "destination".')
    _go_on(work, row)
    audit.record(work, caller, "task.create", "job", row.id, tasks=len(shelf.touched))
    if len(shelf.touched) > MOST_SHOWN:
        return shelf.touched
    return _shown(work, caller, [entry["id"] for entry in shelf.touched])


def _parties(row: Row[Any]) -> dict[str, Any]:
    """The job's persons as defaults, so that a task may name paths only."""
    named = {"source": (row.source_type, row.source_code), "destination": (row.destination_type, row.destination_code)}
    parties = {"user": "{code}", "client": "client={id}", "site": "site={id}"}
    return {
        side: parties[type_].format(code=code, id=getattr(row, f"{side}_id"))
        for side, (type_, code) in named.items()
        if type_ in parties
    }


def _ends(work: Work, row: Row[Any]) -> Ends:
    return Ends(_side(work, row.source_type, row.source_id), _side(work, row.destination_type, row.destination_id))


def _side(work: Work, type_: str, id: str) -> Side:
    if type_ == "workspace":
        return workspace_side(work)
    if type_ == "site":
        return site_side(work, id)
    machine = by_id(work, client, id) if type_ == "client" else None
    person = require_user(work, machine.user_id if machine is not None else id)
    code = machine.code if machine is not None else person.code
    return Side(type_, id, code, person.id, person.code)


def _go_on(work: Work, row: Row[Any]) -> None:
    """Have a job take the changed tasks along; a paused one stays paused, a new one takes them anyway."""
    if row.status in {Status.INIT, Status.PAUSED}:
        return
    transfers.stop(work, row.id, "tasks-changed", "The job's tasks were changed; it goes on with them at once.")
    transfers.set_job(work, row, phase="transfer", losses=0)
    transfers.make_ready(work, row)


def _shown(work: Work, caller: Caller, ids: list[str]) -> list[dict[str, Any]]:
    volumes = _known_paths(work, caller)
    shown: list[dict[str, Any]] = []
    for start in range(0, len(ids), CHUNK):
        rows = work.connection.execute(ROWS.where(task.c.id.in_(ids[start : start + CHUNK])).order_by(task.c.seq))
        shown += [entities.task(row, volumes) for row in rows]
    return shown


@writes("task.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Change a task's status (queued tries it again; onhold, excluded, failed, done), priority or metadata."""
    found = work.connection.execute(select(task.c.job_id).where(task.c.id == bare(id))).first()
    if found is None:
        raise NotFoundError(kind="task", name=id)
    row = job_lists.require(work, caller, found.job_id, lock=True)
    return _update(work, caller, row, [(task.c.id == bare(id), id, data)])[0]


@writes("task.update")
def update_many(work: Work, caller: Caller, job_id: str, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Change several tasks of one job, each named by `id` or `uri`; all or none."""
    row = job_lists.require(work, caller, job_id, lock=True)
    chosen = []
    for entry in entries:
        if not (entry.get("id") or entry.get("uri") is not None):
            raise BadValueError(what='Each task to change is an object with its "id" or "uri".')
        by = task.c.id == entry["id"] if entry.get("id") else task.c.uri == str(entry["uri"])
        chosen.append((by, str(entry.get("id") or entry["uri"]), entry))
    return _update(work, caller, row, chosen)


def _update(
    work: Work, caller: Caller, row: Row[Any], chosen: list[tuple[Any, str, dict[str, Any]]]
) -> list[dict[str, Any]]:
    ids, wanted = [], set()
    for by, name, data in chosen:
        found = work.connection.execute(select(task).where(task.c.job_id == row.id, by)).first()
        if found is None:
            raise NotFoundError(kind="task", name=name)
        values = _values(work, data)
        if values:
            work.connection.execute(alter(task).where(task.c.id == found.id).values(**values))
        audit.record(work, caller, "task.update", "task", found.id, about=("job", row.id), status=values.get("status"))
        ids.append(found.id)
        wanted.add(values.get("status"))
    _follow(work, row, wanted)
    return _shown(work, caller, ids)


def _values(work: Work, data: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if "status" in data:
        values |= {"status": choice(data, ("status",), STATUSES), "error": None}
        is_over = values["status"] in {TaskStatus.DONE, TaskStatus.FAILED}
        values["finished"] = work.now if is_over else None
    if "priority" in data:
        values["priority"] = number(data, "priority", default=500, least=0, most=1000)
    if "metadata" in data:
        values["metadata"] = mapping(data, "metadata")
    return values


def _follow(work: Work, row: Row[Any], wanted: set[str | None]) -> None:
    """What the job does about tasks whose status was changed by hand."""
    if TaskStatus.QUEUED in wanted:
        revocation.require_rights(work, row, require_user(work, row.user_id))
        _go_on(work, row)
    elif wanted & {TaskStatus.EXCLUDED, TaskStatus.ONHOLD, TaskStatus.DONE}:
        if row.status == Status.RUNNING and row.phase == "transfer":
            _go_on(work, row)
        elif row.status == Status.FAILED and not _has(work, row, TaskStatus.FAILED):
            transfers.set_job(work, row, status=Status.PAUSED, error=None, error_code=None, reason=None)


def _has(work: Work, row: Row[Any], status: TaskStatus) -> bool:
    statement = select(task.c.id).where(task.c.job_id == row.id, task.c.status == status)
    return work.connection.execute(statement.limit(1)).first() is not None
