"""To whom a delivery or request goes, and who of them has acted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.clock import iso
from accsyn_engine.jobs.delivery_states import NAMES, OVER, DeliveryStatus
from accsyn_engine.jobs.states import Move, Status, after
from accsyn_engine.services import audit
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import BadValueError, NotAllowedNowError, NotFoundError
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.people import letters, users
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records.fields import flag
from accsyn_engine.services.records.rows import address, by_id, is_id, user_by
from accsyn_engine.services.work import delivery_lists
from accsyn_engine.store.schema import job, job_recipient, user

MOST = 1000


@reads("recipient.find")
def find(work: Work, caller: Caller, id: str) -> list[dict[str, Any]]:
    """List the recipients of a delivery or request; who only receives it is told of themselves."""
    row = delivery_lists.require(work, caller, id)
    shown = (_shown(caller, entry) for entry in of_job(work, row.id))
    manages = delivery_lists.manages(work, caller, row)
    return [entry for entry in shown if manages or entry["user"] == caller.user_id]


def of_job(work: Work, job_id: str) -> list[Row[Any]]:
    """Read the recipients of one job, each with the role of their account."""
    statement = (
        select(job_recipient, user.c.role.label("user_role"))
        .outerjoin(user, user.c.id == job_recipient.c.user_id)
        .where(job_recipient.c.job_id == job_id)
        .order_by(job_recipient.c.created, job_recipient.c.address)
    )
    return list(work.connection.execute(statement))


def _shown(caller: Caller, entry: Row[Any]) -> dict[str, Any]:
    # An account the caller may not see is shown like one that is not there yet.
    is_known = entry.user_id is not None and users.may_manage(caller, entry.user_role, entry.user_id)
    return {
        "user": entry.user_id if is_known else None,
        "user_hr": entry.address,
        "actioned": iso(entry.actioned),
    }


@writes("recipient.add")
def add(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> Any:
    """Add somebody by address or user id; true while it is put together, else the recipient, who is told at once."""
    row = delivery_lists.require_managed(work, caller, id, lock=True)
    if row.status in OVER:
        raise NotAllowedNowError(what=f'The {NAMES[row.type]} "{row.name}" is over; make another one.')
    who = _address(work, data.get("recipient"), caller)
    if not flag(data, "invite", default=True) and user_by(work, who) is None:
        raise NotFoundError(kind="user", name=who)
    write(work, row.id, who)
    audit.record(work, caller, "recipient.add", "job", row.id, recipient=who)
    if row.status == DeliveryStatus.INIT:
        return True
    invite(work, caller, row)
    if row.status == DeliveryStatus.WAITING:
        tell(work, row, [who])
    return next(_shown(caller, entry) for entry in of_job(work, row.id) if entry.address == who)


def write_all(work: Work, caller: Caller, row: Row[Any], written: Any) -> None:
    """Add those named when the job is made: a list, or text with commas."""
    if written is None:
        return
    names = written.split(",") if isinstance(written, str) else written
    if not isinstance(names, list):
        raise BadValueError(what=f'"recipients" is a list of e-mail addresses, not {written!r:.60}.')
    for name in names:
        write(work, row.id, _address(work, name, caller))


def _address(work: Work, reference: Any, caller: Caller) -> str:
    if not isinstance(reference, str) or not reference.strip():
        raise BadValueError(what='"recipient" is missing; write an e-mail address or user:<id>.')
    name = reference.strip().removeprefix("user:")
    if not is_id(name):
        return address(name)
    found = user_by(work, name)
    if found is None or not users.may_manage(caller, found.role, found.id):
        raise NotFoundError(kind="user", name=name)
    return str(found.code)


def write(work: Work, job_id: str, who: str) -> None:
    """Note a recipient once."""
    mine = job_recipient.c.job_id == job_id
    if work.connection.execute(select(job_recipient.c.id).where(mine, job_recipient.c.address == who)).first():
        return
    if work.connection.execute(select(func.count()).select_from(job_recipient).where(mine)).scalar_one() >= MOST:
        raise BadValueError(what=f"At most {MOST} recipients; make several deliveries.")
    found = user_by(work, who)
    work.connection.execute(
        insert(job_recipient).values(
            id=work.context.ids.entity(),
            job_id=job_id,
            user_id=found.id if found is not None and found.active else None,
            address=who,
            created=work.now,
        )
    )


def invite(work: Work, caller: Caller, row: Row[Any]) -> None:
    """Give whoever has no account yet one of their own."""
    for entry in of_job(work, row.id):
        if entry.user_id is None:
            known = user_by(work, entry.address)
            is_there = known is not None and known.active
            found = known if is_there else users.invite(work, caller, {"code": entry.address})
            chosen = job_recipient.c.id == entry.id
            work.connection.execute(alter(job_recipient).where(chosen).values(user_id=found.id))  # type: ignore[union-attr]  # one of the two


def tell(work: Work, row: Row[Any], addresses: list[str]) -> None:
    """Mail recipients that something waits for them, each once."""
    owner = by_id(work, user, row.user_id)
    for who in addresses:
        letters.delivery_open(work, row, who, owner.code if owner is not None else row.creator)


def acted(work: Work, job_id: str, user_id: str | None) -> None:
    """Note that a recipient has fetched a delivery or answered a request."""
    mine = job_recipient.c.job_id == job_id, job_recipient.c.user_id == user_id, job_recipient.c.actioned.is_(None)
    work.connection.execute(alter(job_recipient).where(*mine).values(actioned=work.now))


@writes("recipient.remove")
def remove(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> bool:
    """Take a recipient away and stop what they fetch or send for it."""
    row = delivery_lists.require_managed(work, caller, id, lock=True)
    who = _address(work, data.get("recipient"), caller)
    entry = next((entry for entry in of_job(work, row.id) if entry.address == who), None)
    if entry is None:
        raise NotFoundError(kind="recipient", name=who)
    work.connection.execute(erase(job_recipient).where(job_recipient.c.id == entry.id))
    sentence = f'{who} is no recipient of "{row.name}" any more, so this transfer was stopped.'
    if entry.user_id is not None:
        end_transfers(work, caller, row.id, sentence, user_id=entry.user_id)
    audit.record(work, caller, "recipient.remove", "job", row.id, recipient=who)
    return True


def end_transfers(work: Work, caller: Caller, parent_id: str, sentence: str, *, user_id: str | None = None) -> None:
    """Abort what still moves for a delivery or request, or only what one person moves."""
    mine = [job.c.parent_id == parent_id, job.c.is_over.is_(False)]
    if user_id is not None:
        mine.append(job.c.user_id == user_id)
    for row in work.connection.execute(select(job).where(*mine)).all():
        transfers.stop(work, row.id, "delivery-ended", sentence)
        ended: dict[str, Any] = {"ready_at": None, "waiting_for": None, "finished": work.now, "speed": -1}
        status = after(Status(row.status), Move.ABORT, job=row.name)
        transfers.set_job(work, row, status=status, reason=sentence, **ended)
        audit.record(work, caller, "job.stopped", "job", row.id, reason=sentence)
