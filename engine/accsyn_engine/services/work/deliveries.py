"""Deliveries, files for people who fetch them when they like, and requests, the same the other way round."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select

from accsyn_engine.jobs.delivery_states import (
    INIT_MS,
    KEPT_MS,
    KINDS,
    NAMES,
    OPEN_MS,
    OVER,
    REQUEST,
    WRITABLE,
    DeliveryMove,
    DeliveryStatus,
    after,
)
from accsyn_engine.jobs.states import Phase
from accsyn_engine.paths import join
from accsyn_engine.query.functions import folded
from accsyn_engine.services import audit
from accsyn_engine.services.access import rights
from accsyn_engine.services.context import ENGINE, Caller, Context, Work
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotAllowedNowError
from accsyn_engine.services.moving import asking, transfers
from accsyn_engine.services.permissions import writes
from accsyn_engine.services.records.fields import known_only, mapping, slug, text
from accsyn_engine.services.records.rows import by_id, workspace_row
from accsyn_engine.services.work import belonging, delivery_lists, jobs, places, queues, recipients
from accsyn_engine.services.work.packing import Written, written_tasks
from accsyn_engine.store.schema import job, job_recipient, job_volume, share, task

DAY_MS = 24 * 3600 * 1000
LONGEST_DAYS = 3650
AT_ONCE = 50
LOOK_S = 30.0

CREATE = (
    *("name", "code", "description", "message", "metadata", "settings", "status", "tasks", "source", "destination"),
    *("recipients", "expires", "public", "anonymous", "secret", "type"),
)
UPDATE = ("name", "code", "description", "metadata", "status", "expires", "public", "anonymous", "secret", "type")


@writes("delivery.create")
def create(work: Work, caller: Caller, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Make a delivery or request. With files and recipients it is submitted at once, unless `status` says init.

    `tasks` name files of the workspace or of the caller's own machine, which are then uploaded.
    """
    known_only(data, CREATE, kind=kind)
    _refuse_public(data)
    _require_volume(work, caller, kind)
    row = _insert(work, caller, KINDS[kind], data)
    recipients.write_all(work, caller, row, data.get("recipients"))
    if data.get("tasks") or data.get("source"):
        _add_tasks(work, caller, row, data)
    audit.record(work, caller, "delivery.create", "job", row.id, name=row.name, type=kind)
    wanted = str(data.get("status") or "").lower()
    if wanted not in {"", "init", *WRITABLE}:
        raise BadValueError(what=f'"status" of a new {kind} is init, or is left out; not {data["status"]!r:.60}.')
    if wanted in WRITABLE or (wanted == "" and _is_whole(work, row)):
        _move(work, caller, row, WRITABLE[wanted or "pending"])
    return _one(work, caller, row.id)


def _refuse_public(data: dict[str, Any]) -> None:
    for name in ("public", "anonymous", "secret"):
        if data.get(name):
            raise BadValueError(
                what=f"A {name} delivery would be fetched from a web page, which this engine does not have; leave"
                f' "{name}" out and name the recipients.'
            )


def _require_volume(work: Work, caller: Caller, kind: str) -> None:
    held = rights.of_caller(work, caller)
    if not caller.is_admin and not any(grant.share_type == "volume" for grant in held.grants):
        raise ForbiddenError(who=caller.code, what=f"make a {kind} without access to a volume")


def _insert(work: Work, caller: Caller, type_: int, data: dict[str, Any]) -> Row[Any]:
    new, kind = work.context.ids.entity(), NAMES[type_]
    name = (text(data, "name", longest=254) or text(data, "code", longest=254) or f"{kind} {new[-6:]}").strip()
    line, studio = queues.default(work), workspace_row(work)
    folder = _folder(work, caller, new, type_, data)
    nothing = dict.fromkeys(("bytes_done", "bytes_moved", "files", "files_done", "attempts", "losses"), 0)
    party = {"source_type": "workspace", "source_id": studio.id}
    target = {"destination_type": "workspace", "destination_id": studio.id}
    work.connection.execute(
        insert(job).values(
            id=new,
            code=slug(name) or name,
            name=name,
            code_folded=folded(slug(name) or name),
            name_folded=folded(name),
            type=type_,
            status=DeliveryStatus.INIT,
            phase=Phase.TRANSFER,
            user_id=caller.user_id,
            queue_id=line.id,
            priority=500,
            rank=0,
            size=-1,
            speed=-1,
            folder=folder,
            expires_at=_expires(work, data) or work.now + INIT_MS,
            metadata=mapping(data, "metadata"),
            settings=mapping(data, "settings"),
            hooks=[],
            description=text(data, "description") or text(data, "message") or "",
            created=work.now,
            creator=caller.code,
            **party,
            **target,
            **nothing,
        )
    )
    work.connection.execute(insert(job_volume).values(job_id=new, volume_id=folder["v"]))
    return delivery_lists.require(work, caller, new, lock=True)


def _folder(work: Work, caller: Caller, id: str, type_: int, data: dict[str, Any]) -> dict[str, str]:
    """Where its files lie: a request may name a folder of the workspace its maker may write to."""
    written = data.get("destination")
    if written is None:
        return belonging.folder_of(work, id)
    if type_ != REQUEST:
        raise BadValueError(what='A delivery has recipients instead of a "destination"; name them in "recipients".')
    place = places.place(work, caller, written)
    rights.of_caller(work, caller).require("write", place)
    return {"v": place.volume.id, "rel": place.path}


def _expires(work: Work, data: dict[str, Any]) -> int | None:
    """Read `expires`: a date, UTC, or a number of days from now. Raises BadValueError."""
    value = data.get("expires")
    if value is None or value == "":
        return None
    days = int(value) if re.fullmatch(r"\d{1,4}", str(value)) and not isinstance(value, bool) else None
    at = work.now + days * DAY_MS if days is not None else _date(value)
    if at is None or not work.now < at <= work.now + LONGEST_DAYS * DAY_MS:
        raise BadValueError(
            what=f'"expires" is a date to come like 2030-01-31T12:00:00, or a number of days, not {value!r:.60}.'
        )
    return at


def _date(value: Any) -> int | None:
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if read is None:
        return None
    return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)


def _add_tasks(work: Work, caller: Caller, row: Row[Any], data: dict[str, Any]) -> None:
    """Take files of the workspace as they are, and have those of the caller's machine uploaded."""
    entries = list(written_tasks({name: data[name] for name in ("tasks", "source") if name in data}))
    uploads = [entry for entry in entries if _is_upload(work, entry)]
    _add_files(work, caller, row, [entry for entry in entries if entry not in uploads])
    if uploads:
        tasks = [{"uri": entry.uri, "source": entry.source, "destination": entry.destination} for entry in uploads]
        jobs.submit(work, caller, {"name": row.name, "parent": row.id, "tasks": tasks})


def _is_upload(work: Work, entry: Written) -> bool:
    if entry.source is None:
        raise BadValueError(what='A task has no "source"; write where its files come from.')
    end = places.read(entry.source, places.names(work))
    return end.party.kind in belonging.PERSONS or (end.party.name == "" and end.path.is_local)


def _add_files(work: Work, caller: Caller, row: Row[Any], entries: list[Written]) -> list[str]:
    return belonging.add_files(work, caller, row, entries) if entries else []


@writes("delivery.create")
def add_tasks(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    """Put more files into a delivery that is being put together; gives it as a list of one."""
    row = delivery_lists.require_managed(work, caller, id, lock=True)
    _add_tasks(work, caller, row, data)
    audit.record(work, caller, "delivery.update", "job", row.id, fields=["tasks"])
    return [_one(work, caller, row.id)]


def _is_whole(work: Work, row: Row[Any]) -> bool:
    """Whether it has what submitting needs: a recipient, and for a delivery a file."""
    has_recipients = work.connection.execute(
        select(job_recipient.c.id).where(job_recipient.c.job_id == row.id).limit(1)
    ).first()
    has_files = work.connection.execute(select(task.c.id).where(task.c.job_id == row.id).limit(1)).first()
    return has_recipients is not None and (has_files is not None or row.type == REQUEST)


@writes("delivery.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Submit (`status` pending), end (done) or abort it, or change what describes it or when it expires."""
    row = delivery_lists.require_managed(work, caller, id, lock=True)
    known_only(data, UPDATE, kind=NAMES[row.type])
    _refuse_public(data)
    values: dict[str, Any] = {}
    if text(data, "name", longest=254) or text(data, "code", longest=254):
        name = str(data.get("name") or data["code"]).strip()
        values |= {"name": name, "code": slug(name) or name}
    if "description" in data:
        values["description"] = text(data, "description") or ""
    if "metadata" in data:
        values["metadata"] = mapping(data, "metadata")
    expires = _expires(work, data)
    if expires is not None:
        _require_alive(row)
        values["expires_at"] = expires
    if values:
        transfers.set_job(work, row, modified=work.now, modifier=caller.code, **values)
    if data.get("status") is not None:
        move = WRITABLE.get(str(data["status"]).lower())
        if move is None:
            raise BadValueError(what=f'"status" can be set to {", ".join(WRITABLE)}, not {data["status"]!r:.60}.')
        _move(work, caller, delivery_lists.require(work, caller, row.id), move)
    audit.record(work, caller, "delivery.update", "job", row.id, status=data.get("status"), fields=sorted(values))
    return _one(work, caller, row.id)


def _require_alive(row: Row[Any]) -> None:
    if row.status in OVER:
        raise NotAllowedNowError(what=f'The {NAMES[row.type]} "{row.name}" is over; make another one.')


def _one(work: Work, caller: Caller, id: str) -> dict[str, Any]:
    return delivery_lists.shown(work, caller, [delivery_lists.require(work, caller, id)])[0]


def _move(work: Work, caller: Caller, row: Row[Any], move: DeliveryMove) -> None:
    status = after(row.status, move, name=row.name)
    if move is DeliveryMove.SUBMIT:
        _submit(work, caller, row, status)
    else:
        _end(work, caller, row, status, f'{caller.code} ended the {NAMES[row.type]} "{row.name}".')


def _submit(work: Work, caller: Caller, row: Row[Any], status: DeliveryStatus) -> None:
    if not _is_whole(work, row):
        needs = "one recipient" if row.type == REQUEST else "one file and one recipient"
        raise NotAllowedNowError(what=f'The {NAMES[row.type]} "{row.name}" needs at least {needs} to be submitted.')
    recipients.invite(work, caller, row)
    was_chosen = row.expires_at != row.created + INIT_MS
    transfers.set_job(
        work, row, status=status, started=work.now, expires_at=row.expires_at if was_chosen else work.now + OPEN_MS
    )
    belonging.open_if_whole(work, delivery_lists.require(work, caller, row.id))


def _end(work: Work, caller: Caller, row: Row[Any], status: DeliveryStatus, sentence: str) -> None:
    """End it with what still moves for it; its files go some hours later."""
    recipients.end_transfers(work, caller, row.id, sentence)
    ended = {"finished": work.now, "reason": sentence, "expires_at": work.now + KEPT_MS}
    transfers.set_job(work, row, status=status, **ended)


@writes("delivery.delete")
def delete(work: Work, caller: Caller, id: str, force: bool = False) -> bool:  # noqa: ARG001 - the protocol's word
    """Put it into the archive; one that is not over is aborted first."""
    row = delivery_lists.require_managed(work, caller, id, lock=True)
    if row.status not in OVER:
        _move(work, caller, row, DeliveryMove.ABORT)
    stamps = {"archived": True, "archived_at": work.now, "modified": work.now, "modifier": caller.code}
    transfers.set_job(work, row, **stamps)
    audit.record(work, caller, "delivery.delete", "job", row.id, name=row.name)
    return True


def tick(context: Context) -> float:
    """End what is past its day, and remove the files of what is over for some hours; gives the seconds to wait."""
    is_more = True
    while is_more:
        with context.changing() as work:
            due = select(job).where(job.c.expires_at <= work.now).order_by(job.c.expires_at).limit(AT_ONCE)
            rows = work.connection.execute(due.with_for_update(skip_locked=True)).all()
            for row in rows:
                _expire(work, row)
        is_more = len(rows) == AT_ONCE
    return LOOK_S


def _expire(work: Work, row: Row[Any]) -> None:
    if row.status in OVER:
        _remove_files(work, row)
        return
    move = DeliveryMove.END if row.status == DeliveryStatus.WAITING else DeliveryMove.ABORT
    status = after(row.status, move, name=row.name)
    _end(work, ENGINE, row, status, f'The {NAMES[row.type]} "{row.name}" has expired.')
    audit.record(work, ENGINE, "delivery.expired", "job", row.id, status=status.value)


def _remove_files(work: Work, row: Row[Any]) -> None:
    """Have the server delete the folder that is its own; what lies elsewhere in the workspace stays."""
    transfers.set_job(work, row, expires_at=None)
    volume = by_id(work, share, row.folder["v"])
    is_own = row.folder["rel"] == join(belonging.FOLDER, row.id)
    sent = select(func.count()).where(job.c.parent_id == row.id, job.c.destination_type == "workspace")
    if volume is None or not is_own or not work.connection.execute(sent.select_from(job)).scalar_one():
        return
    question = {"root": {"volume": volume.code}, "path": row.folder["rel"], "force": True}
    asking.tell(work, volume, "delete", question)
    audit.record(work, ENGINE, "delivery.removed", "job", row.id, path=row.folder["rel"])
