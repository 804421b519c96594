"""Agents as people see them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, case, literal, or_, select, true
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.query.fields import Date, Flag, Number, Text
from accsyn_engine.services import audit
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import NotAllowedNowError, NotFoundError
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records import entities
from accsyn_engine.services.records.fields import choice, mapping, text
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.services.records.references import to_user
from accsyn_engine.services.records.rows import bare
from accsyn_engine.services.work import outcomes
from accsyn_engine.store.schema import client, hook_run, transfer, user

ROWS = select(client, user.c.code.label("user_code")).join(user, user.c.id == client.c.user_id)

LISTING = Listing(
    rows=ROWS,
    attributes={
        "id": Text(client.c.id),
        "code": Text(client.c.code),
        "name": Text(client.c.code),
        "type": Number(client.c.type, {"app": 0, "server": 1, "userserver": 2}),
        "status": Text(client.c.status),
        "user": to_user(client.c.user_id),
        "user_hr": Text(user.c.code),
        "username": Text(client.c.username),
        "roles": Text(case((client.c.type == 1, literal("storage")), else_=literal(""))),
        "site": Text(case((client.c.type == 1, literal("hq")), else_=literal(""))),
        "wan_ip": Text(client.c.address),
        "downloads": Flag(client.c.downloads),
        "creator": Text(client.c.creator),
        "modifier": Text(client.c.modifier),
        "modified": Date(client.c.modified),
        "os": Text(client.c.os),
        "version": Text(client.c.version),
        "host_id": Text(client.c.instance),
        "created": Date(client.c.created),
        "last_checkin": Date(client.c.last_checkin),
    },
    id=client.c.id,
    order=(client.c.created, client.c.id),
    scopes=Scopes(active=true()),
    bare=("id", "code"),
)

STATUSES = {"enabled": "enabled", "online": "enabled", "disabled": "disabled"}


def visible_clients(caller: Caller) -> ColumnElement[bool]:
    """Admins and employees see all, standard users their own."""
    return true() if caller.is_elevated else or_(client.c.user_id == caller.user_id)


@reads("client.find")
def find(work: Work, caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List agents."""
    return listed(work, LISTING, find, visible_clients(caller), entities.client)


@writes("client.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Enable or disable an agent, or change its metadata; disabling stops what it transfers."""
    row = _require(work, caller, id)
    values: dict[str, Any] = {}
    if "metadata" in data:
        values["metadata"] = mapping(data, "metadata")
    if "code" in data:
        values["code"] = text(data, "code", longest=254) or row.code
    if "status" in data:
        wanted = choice(data, ("status",), STATUSES)
        values["status"] = "disabled" if wanted == "disabled" else _enabled(row)
    work.connection.execute(
        alter(client).where(client.c.id == row.id).values(modified=work.now, modifier=caller.code, **values)
    )
    told = {"fields": sorted(values), "status": values.get("status")}
    audit.record(work, caller, "client.update", "client", row.id, about=("user", row.user_id), **told)
    if values.get("status") == "disabled":
        _stop_all(work, row)
    return entities.client(_require(work, caller, row.id))


def _enabled(row: Row[Any]) -> str:
    # It shows itself online at its next hello or check-in.
    return "offline" if row.status == "disabled" else str(row.status)


def _stop_all(work: Work, row: Row[Any]) -> None:
    sides = or_(transfer.c.sender_id == row.id, transfer.c.receiver_id == row.id)
    running = select(transfer).where(sides, transfer.c.lease_until.is_not(None))
    for attempt in work.connection.execute(running).all():
        sentence = f"The client {row.code} was disabled, so this transfer was stopped; enable it to go on."
        transfers.stop_attempt(work, attempt, "client-disabled", sentence)
        outcomes.lost(work, attempt.job_id, has_progressed=True, reason=sentence)


@writes("client.delete")
def delete(work: Work, caller: Caller, id: str) -> bool:
    """Forget an agent that is offline and has never had a part in a transfer or hook."""
    row = _require(work, caller, id)
    if row.status == "online":
        raise NotAllowedNowError(what=f"The client {row.code} is online; stop its agent first.")
    sides = or_(transfer.c.sender_id == row.id, transfer.c.receiver_id == row.id)
    used = work.connection.execute(select(transfer.c.id).where(sides).limit(1)).first()
    hooks = work.connection.execute(select(hook_run.c.id).where(hook_run.c.client_id == row.id).limit(1)).first()
    if used is not None or hooks is not None:
        raise NotAllowedNowError(what=f"The history of jobs refers to the client {row.code}; disable it instead.")
    work.connection.execute(erase(client).where(client.c.id == row.id))
    audit.record(work, caller, "client.delete", "client", row.id, about=("user", row.user_id), code=row.code)
    return True


def _require(work: Work, caller: Caller, id: str) -> Row[Any]:
    row = work.connection.execute(ROWS.where(client.c.id == bare(id), visible_clients(caller))).first()
    if row is None:
        raise NotFoundError(kind="client", name=id)
    return row
