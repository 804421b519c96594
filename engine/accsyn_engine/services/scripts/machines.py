"""Which machine a hook runs on: the studio's server, or the machine of one of its people who has a part in the job."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, or_, select

from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.moving.asking import servers_of
from accsyn_engine.services.records.rows import default_volume
from accsyn_engine.services.scripts import hooking
from accsyn_engine.store.schema import client, transfer, user

SERVER_TYPE = 1


def machine_of(work: Work, hook: str, row: Row[Any]) -> Row[Any] | None:
    """The machine a hook of a job runs on, online or not; None when there is none."""
    return elevated_client(work, row) if hooking.is_client_hook(hook) else hook_server(work)


def hook_server(work: Work) -> Row[Any] | None:
    """The configured hook server, else the server of the default volume: online first."""
    name = hooking.workspace_value(work, hooking.SERVER)
    if not name:
        return next(iter(servers_of(work, default_volume(work).id)), None)
    chosen = select(client).where(
        or_(client.c.id == name, client.c.code == name), client.c.type == SERVER_TYPE, client.c.status != "disabled"
    )
    return _best(work.connection.execute(chosen.order_by(client.c.last_checkin.desc(), client.c.id)).all())


def elevated_client(work: Work, row: Row[Any]) -> Row[Any] | None:
    """The machine of an admin or employee who has a part in a job: the one that moved the files, else one online."""
    parts = {row.user_id, row.sender_user_id, row.receiver_user_id} - {None}
    chosen = (
        select(client)
        .join(user, user.c.id == client.c.user_id)
        .where(
            client.c.user_id.in_(parts),
            client.c.type != SERVER_TYPE,
            client.c.status != "disabled",
            user.c.role.in_(("admin", "employee")),
            user.c.status == "enabled",
            user.c.active,
        )
        .order_by(client.c.last_checkin.desc(), client.c.id)
    )
    found = work.connection.execute(chosen).all()
    last = work.connection.execute(
        select(transfer.c.sender_id, transfer.c.receiver_id)
        .where(transfer.c.job_id == row.id)
        .order_by(transfer.c.created.desc(), transfer.c.attempt.desc())
        .limit(1)
    ).first()
    took_part = [machine for machine in found if last is not None and machine.id in set(last)]
    return _best(took_part or list(found))


def own_client(work: Work, caller: Caller) -> Row[Any] | None:
    """The caller's own machine, to try a client's hook on."""
    chosen = select(client).where(client.c.user_id == caller.user_id, client.c.type != SERVER_TYPE)
    return _best(work.connection.execute(chosen.order_by(client.c.last_checkin.desc())).all())


def _best(rows: Any) -> Row[Any] | None:
    return next(iter(sorted(rows, key=lambda row: row.status != "online")), None)
