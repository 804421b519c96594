"""Caps on what transfers move: what is set on whom, and what each running transfer may move because of it.

A cap of the workspace, a queue, a user, an agent or a job holds for all its running transfers together. A transfer
belongs to the users at its two ends, whoever pressed the button, and to both agents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select

from accsyn_engine.jobs.bandwidth import Flow, divide, weight
from accsyn_engine.jobs.schedule import LIMITS, SCHEDULE, SPEED, TIMEZONE, Cap, cap_of, local_time, zone_of
from accsyn_engine.services.context import PACE, Caller, Work
from accsyn_engine.services.errors import BadValueError
from accsyn_engine.services.permissions import reads
from accsyn_engine.services.work import job_lists
from accsyn_engine.store.schema import client, job, queue, setting, transfer, user, workspace

WORKSPACE = "workspace:"
MOVING = ("listening", "running")  # the states in which bytes flow, or are about to
PROBE_RANK = 500 * 1001 + 500
SERVER = 1

_sender, _receiver = client.alias("sending"), client.alias("receiving")
_RUNNING: Select[Any] = (
    select(
        transfer.c.id,
        transfer.c.sender_id,
        transfer.c.receiver_id,
        transfer.c.rate,
        transfer.c.job_id,
        job.c.rank,
        job.c.queue_id,
        job.c.settings,
        job.c.sender_user_id,
        job.c.receiver_user_id,
        _sender.c.type.label("sender_type"),
        _sender.c.user_id.label("sending_user_id"),
        _receiver.c.type.label("receiver_type"),
        _receiver.c.user_id.label("receiving_user_id"),
    )
    .join(_sender, _sender.c.id == transfer.c.sender_id)
    .join(_receiver, _receiver.c.id == transfer.c.receiver_id)
    .outerjoin(job, job.c.id == transfer.c.job_id)
    .where(transfer.c.lease_until.is_not(None), transfer.c.state.in_(MOVING))
)

_NAMES: dict[str, ColumnElement[str]] = {
    "workspace": workspace.c.code,
    "queue": queue.c.name,
    "user": user.c.code,
    "client": client.c.code,
    "job": job.c.name,
}


@dataclass(frozen=True)
class Limits:
    """All caps of this moment by `scope:id`, what is written for each, and the time they were read at."""

    caps: dict[str, Cap]
    written: dict[str, dict[str, str]]
    local: datetime
    timezone: str

    def now(self) -> dict[str, int]:
        """Give the bytes a second of the caps that hold now."""
        found = ((key, cap.at(self.local)) for key, cap in self.caps.items())
        return {key: most for key, most in found if most is not None}


def limit_of(work: Work, transfer_id: str) -> int | None:
    """Give the bytes a second a running transfer may move: None for no cap, 0 for standing still."""
    seen = work.context.bell.count(PACE)
    return work.context.pace.of(transfer_id, work.now, seen, lambda: _divided(work))


def _divided(work: Work) -> dict[str, int | None]:
    running = _running(work)
    caps = _read(work, {row.job_id: row.settings for row in running if row.job_id is not None}).now()
    return divide((_flow(row) for row in running), caps)


def _read(work: Work, settings_of: Mapping[str, dict[str, Any]]) -> Limits:
    """Read what is set anywhere, and what the settings of these jobs say."""
    written: dict[str, dict[str, str]] = {}
    names = (*sorted(LIMITS), TIMEZONE)
    for row in work.connection.execute(select(setting).where(setting.c.name.in_(names))):
        written.setdefault(f"{row.scope}:{row.entity_id}", {})[row.name] = row.value
    for job_id, settings in settings_of.items():
        written[f"job:{job_id}"] = {name: str(settings[name]) for name in LIMITS & settings.keys()}
    timezone = written.get(WORKSPACE, {}).pop(TIMEZONE, "UTC")
    caps = {key: cap for key, values in written.items() if (cap := cap_of(values)) is not None}
    return Limits(caps, written, local_time(work.now, zone_of(timezone)), timezone)


def _flow(row: Row[Any]) -> Flow:
    rank = PROBE_RANK if row.job_id is None else row.rank
    return Flow(row.id, weight(rank), row.rate, _keys(row))


def _keys(row: Row[Any]) -> frozenset[str]:
    """Name everything a running transfer belongs to."""
    keys = {WORKSPACE, f"client:{row.sender_id}", f"client:{row.receiver_id}"}
    if row.job_id is not None:
        keys |= {f"job:{row.job_id}", f"queue:{row.queue_id}"}
        users = (row.sender_user_id, row.receiver_user_id)
    else:
        users = (
            row.sending_user_id if row.sender_type != SERVER else None,
            row.receiving_user_id if row.receiver_type != SERVER else None,
        )
    return frozenset(keys | {f"user:{user_id}" for user_id in users if user_id is not None})


@reads("limit.find")
def find(work: Work, caller: Caller, scope: str | None = None, id: str | None = None) -> list[dict[str, Any]]:
    """List the caps: those of everything but jobs, and of the jobs that run now; or of one entity, set or not.

    `bytes_per_s` is what holds at this moment: null for no cap, 0 for standing still. Raises NotFoundError.
    """
    if scope is not None and scope not in _NAMES:
        raise BadValueError(what=f'Caps belong to one of {", ".join(_NAMES)}, not to "{scope}".')
    running = _running(work)
    named = [job_lists.require(work, caller, id).id] if scope == "job" else [row.job_id for row in running]
    seen = select(job.c.id, job.c.settings).where(job.c.id.in_(named), job_lists.visible_jobs(caller))
    limits = _read(work, {row.id: row.settings for row in work.connection.execute(seen)})
    under = Counter(key for row in running for key in _keys(row))
    wanted = [f"{scope}:{id or ''}"] if scope else sorted(key for key, values in limits.written.items() if values)
    shown = (_shown(work, limits, key, under[key]) for key in wanted)
    return [entry for entry in shown if entry is not None]


def _shown(work: Work, limits: Limits, key: str, transfers: int) -> dict[str, Any] | None:
    """Show one cap; None when what it was set on is gone, or is nothing that can have one."""
    scope, _, entity = key.partition(":")
    if scope not in _NAMES:
        return None
    column = _NAMES[scope]
    statement = select(column) if scope == "workspace" else select(column).where(column.table.c.id == entity)
    name = work.connection.execute(statement).scalar()
    written = limits.written.get(key, {})
    cap = limits.caps.get(key)
    if name is None:
        return None
    return {
        "scope": scope,
        "id": entity or None,
        "name": name,
        "speed": written.get(SPEED),
        "schedule": written.get(SCHEDULE),
        "bytes_per_s": None if cap is None else cap.at(limits.local),
        "transfers": transfers,
        "timezone": limits.timezone,
        "local_time": limits.local.strftime("%a %H:%M"),
    }


def _running(work: Work) -> list[Row[Any]]:
    return list(work.connection.execute(_RUNNING))
