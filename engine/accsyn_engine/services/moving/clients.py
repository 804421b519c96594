"""Agents as people see them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, or_, select, true
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.query.fields import Date, Flag, Number, Text
from accsyn_engine.services import audit
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotAllowedNowError, NotFoundError
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.moving.agents import roles_of
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records import entities, sites
from accsyn_engine.services.records.fields import choice, mapping, text
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.services.records.references import to_site, to_user
from accsyn_engine.services.records.rows import bare
from accsyn_engine.services.work import outcomes
from accsyn_engine.store.schema import client, hook_run, site, transfer, user, volume_server

ROWS = (
    select(client, user.c.code.label("user_code"), site.c.code.label("site_code"))
    .join(user, user.c.id == client.c.user_id)
    .outerjoin(site, site.c.id == client.c.site_id)
)
_status = case((client.c.enabled, client.c.status), (client.c.status == "online", "disabled"), else_="disabled-offline")
_place = func.coalesce(site.c.code, case((client.c.type == 1, "hq"), else_="roaming"))
TYPES = {"app": 0, "server": 1, "userserver": 2, "browser": 3, "lane": 4, "vpx": 5}

LISTING = Listing(
    rows=ROWS,
    attributes={
        "id": Text(client.c.id),
        "code": Text(client.c.code),
        "name": Text(client.c.code),
        "type": Number(client.c.type, TYPES),
        "status": Text(_status),
        "user": to_user(client.c.user_id),
        "user_hr": Text(user.c.code),
        "downloads": Flag(client.c.downloads),
        "creator": Text(client.c.creator),
        "modifier": Text(client.c.modifier),
        "modified": Date(client.c.modified),
        "os": Text(client.c.os),
        "version": Text(client.c.version),
        "host_id": Text(client.c.instance),
        "host_ident": Text(client.c.host_ident),
        "username": Text(client.c.username),
        "roles": Text(client.c.roles),
        "site": to_site(client.c.site_id),
        "site_hr": Text(_place),
        "wan_ip": Text(client.c.address),
        "created": Date(client.c.created),
        "last_checkin": Date(client.c.last_checkin),
    },
    id=client.c.id,
    order=(client.c.created, client.c.id),
    scopes=Scopes(active=true()),
    bare=("id", "code"),
)

ATTRIBUTES = ("code", "status", "site", "metadata")
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
    """Enable or disable an agent, change its metadata, or a server's site; disabling stops what it transfers."""
    return _change(work, caller, id, data)


def _change(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    row = _require(work, caller, id)
    unknown = sorted(str(name) for name in data if name not in ATTRIBUTES)
    if unknown:
        raise BadValueError(
            what=f'A client has no attribute "{unknown[0]}" to write; it takes {", ".join(ATTRIBUTES)}.'
        )
    values: dict[str, Any] = {}
    if "metadata" in data:
        values["metadata"] = mapping(data, "metadata")
    if "code" in data:
        values["code"] = text(data, "code", longest=254) or row.code
    if "status" in data:
        values["enabled"] = choice(data, ("status",), STATUSES) == "enabled"
    if "site" in data:
        values |= _site(work, caller, row, data)
    work.connection.execute(
        alter(client).where(client.c.id == row.id).values(modified=work.now, modifier=caller.code, **values)
    )
    told = {"fields": sorted(values), "enabled": values.get("enabled")}
    audit.record(work, caller, "client.update", "client", row.id, about=("user", row.user_id), **told)
    if values.get("enabled") is False:
        _stop_all(work, row)
    elif values:
        _wake_all(work, row)
    return entities.client(_require(work, caller, row.id))


@writes("client.update")
def activate(work: Work, caller: Caller, id: str) -> bool:
    """Enable an agent; one that is connected is online at once."""
    _change(work, caller, id, {"status": "enabled"})
    return True


@writes("client.update")
def deactivate(work: Work, caller: Caller, id: str) -> bool:
    """Disable an agent."""
    _change(work, caller, id, {"status": "disabled"})
    return True


def _site(work: Work, caller: Caller, row: Row[Any], data: dict[str, Any]) -> dict[str, Any]:
    """Give a server another site, with all volumes it serves."""
    if not caller.is_admin:
        raise ForbiddenError(who=caller.code, what="say at which site a client stands")
    if row.type != 1:
        raise BadValueError(what=f"The client {row.code} is no server; its site follows from where it calls from.")
    found = sites.require(work, text(data, "site") or "hq")
    if found.code == sites.ROAMING:
        raise BadValueError(what="A server stands at a site of its own, not at roaming; name another one.")
    site_id = sites.main_as_none(found)
    work.connection.execute(alter(volume_server).where(volume_server.c.client_id == row.id).values(site_id=site_id))
    return {"site_id": site_id, "roles": roles_of(row.type, site_id)}


def _wake_all(work: Work, row: Row[Any]) -> None:
    """Look again at the jobs that waited for this agent, its person or a volume it serves."""
    served = select(volume_server.c.volume_id).where(volume_server.c.client_id == row.id)
    for waited_for in (row.id, row.user_id, *work.connection.execute(served).scalars().all()):
        transfers.wake(work, waited_for)


def _stop_all(work: Work, row: Row[Any]) -> None:
    sides = or_(transfer.c.sender_id == row.id, transfer.c.receiver_id == row.id)
    running = select(transfer).where(sides, transfer.c.lease_until.is_not(None))
    for attempt in work.connection.execute(running).all():
        sentence = f"The client {row.code} was disabled, so this transfer was stopped; enable it to go on."
        transfers.stop_attempt(work, attempt, "client-disabled", sentence)
        outcomes.lost(work, attempt.job_id, has_progressed=True, reason=sentence)


@writes("client.delete")
def delete(work: Work, caller: Caller, id: str) -> bool:
    """Forget an agent that is offline, with the attempts it had a part in; the jobs and the log stay."""
    row = _require(work, caller, id)
    if row.status == "online":
        raise NotAllowedNowError(what=f"The client {row.code} is online; stop its agent first.")
    sides = or_(transfer.c.sender_id == row.id, transfer.c.receiver_id == row.id)
    mine = hook_run.c.client_id == row.id
    moving = select(transfer.c.id).where(sides, transfer.c.state != "ended").limit(1)
    running = select(hook_run.c.id).where(mine, hook_run.c.state.in_(("queued", "started"))).limit(1)
    if any(work.connection.execute(statement).first() is not None for statement in (moving, running)):
        raise NotAllowedNowError(what=f"A transfer or hook of the client {row.code} is not over yet; end it first.")
    work.connection.execute(erase(transfer).where(sides))
    work.connection.execute(alter(hook_run).where(mine).values(client_id=None))
    work.connection.execute(erase(client).where(client.c.id == row.id))
    audit.record(work, caller, "client.delete", "client", row.id, about=("user", row.user_id), code=row.code)
    return True


def _require(work: Work, caller: Caller, id: str) -> Row[Any]:
    row = work.connection.execute(ROWS.where(client.c.id == bare(id), visible_clients(caller))).first()
    if row is None:
        raise NotFoundError(kind="client", name=id)
    return row
