"""Which two agents carry a job, found anew each time it is dispatched, or what it has to wait for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from accsyn_engine.jobs.states import TASK_WANTED
from accsyn_engine.services.context import Work
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.moving.asking import servers_of
from accsyn_engine.services.records.rows import by_id
from accsyn_engine.services.work.storing import rooms_of
from accsyn_engine.store.schema import client, job_volume, share, task, user

STUDIO = frozenset({"workspace", "site"})  # parties whose end a server holds


@dataclass(frozen=True)
class Waits:
    """Why a job cannot start: one sentence, and whose coming changes that."""

    sentence: str
    waiting_for: str
    is_pending: bool = False  # the receiver must make room first


@dataclass(frozen=True)
class Pair:
    """The two agents of an attempt."""

    sender: Row[Any]
    receiver: Row[Any]


def resolve(work: Work, row: Row[Any]) -> Pair | Waits:
    """Find the agents at both ends that are online, have a place free, and have room for what is sent."""
    sender = _end(work, row, row.source_type, row.source_id)
    if isinstance(sender, Waits):
        return sender
    receiver = _end(work, row, row.destination_type, row.destination_id)
    if isinstance(receiver, Waits):
        return receiver
    for machine in (sender, receiver):
        if transfers.load(work, machine.id) >= transfers.MOST_PER_CLIENT:
            return Waits(
                f"waiting for one of {transfers.MOST_PER_CLIENT} transfers of {machine.code} to end", machine.id
            )
    if row.destination_type not in STUDIO:
        return _room(work, row, receiver) or Pair(sender, receiver)
    return Pair(sender, receiver)


def _end(work: Work, row: Row[Any], type_: str, id: str) -> Row[Any] | Waits:
    if type_ in STUDIO:
        return _server(work, row, id if type_ == "site" else None)
    return _machine(work, id) if type_ == "client" else _of_person(work, id)


def _server(work: Work, row: Row[Any], site_id: str | None) -> Row[Any] | Waits:
    """The agent that serves every volume of the job at the main site or another."""
    volumes = work.connection.execute(
        select(share.c.id, share.c.code, share.c.status)
        .join(job_volume, job_volume.c.volume_id == share.c.id)
        .where(job_volume.c.job_id == row.id)
    ).all()
    common: dict[str, Row[Any]] | None = None
    for volume in volumes:
        servers = {server.id: server for server in servers_of(work, volume.id, site_id)}
        if not servers:
            return Waits(f"waiting for a server of the volume {volume.code} (W#J061)", volume.id)
        common = servers if common is None else {key: server for key, server in common.items() if key in servers}
    if not common:
        names = ", ".join(volume.code for volume in volumes)
        return Waits(
            f"waiting for one server that serves all of {names} (W#J061)", volumes[0].id if volumes else row.id
        )
    best = next(iter(common.values()))
    return best if best.status == "online" else Waits(f"waiting for the server {best.code} (W#J061)", best.id)


def _machine(work: Work, id: str) -> Row[Any] | Waits:
    found = by_id(work, client, id)
    if found is None:
        return Waits("waiting for a client that was deleted; abort the job", id)
    if not found.enabled:
        return Waits(f"waiting for the client {found.code}, which is disabled (W#J055)", id)
    return found if found.status == "online" else Waits(f"waiting for the client {found.code} (W#J055)", id)


def _of_person(work: Work, id: str) -> Row[Any] | Waits:
    """The person's client seen last."""
    found = work.connection.execute(
        select(client)
        .where(client.c.user_id == id, client.c.type.in_((0, 2)), client.c.status == "online", client.c.enabled)
        .order_by(client.c.last_checkin.desc(), client.c.id)
        .limit(1)
    ).first()
    if found is not None:
        return found
    code = work.connection.execute(select(user.c.code).where(user.c.id == id)).scalar()
    return Waits(f"waiting for a client of {code} (W#J055)", id)


def _room(work: Work, row: Row[Any], receiver: Row[Any]) -> Waits | None:
    """Why the receiver has no place for one of the tasks; None when it has for all."""
    rooms = rooms_of(work, receiver)
    if rooms.downloads and not _needs_map(work, row):
        return None
    for entry in transfers.task_ends(work, row.id, task.c.status.in_(TASK_WANTED)):
        side = entry.destination
        if side["kind"] != "local" and not rooms.takes(side):
            code = work.connection.execute(select(user.c.code).where(user.c.id == receiver.user_id)).scalar_one()
            return Waits(
                f"waiting for {code} to choose a folder on {receiver.code} (W#J055)", receiver.user_id, is_pending=True
            )
    return None


def _needs_map(work: Work, row: Row[Any]) -> bool:
    """Whether a destination names a share that must be mapped at the receiver: the first task stands for the rest."""
    statement = select(task.c.destination).where(task.c.job_id == row.id).order_by(task.c.seq).limit(1)
    first = work.connection.execute(statement).scalar()
    return first is not None and first["kind"] == "map"
