"""The JSON a hook script reads: the job as reference section 5.2 gives it, with where everything lies on the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from accsyn_engine.clock import iso
from accsyn_engine.services.context import Work
from accsyn_engine.services.records import entities
from accsyn_engine.services.records.rows import by_id
from accsyn_engine.services.scripts import hooking, publish
from accsyn_engine.services.work import job_lists, outcomes
from accsyn_engine.services.work.tasks import volume_paths
from accsyn_engine.store.schema import client, hook_run, job, share, task, transfer

VERSION = "engine 1.0"
PRE_PUBLISH_S = 30


def event(work: Work, data: dict[str, Any]) -> dict[str, Any] | None:
    """What an agent is told about a run; None when it is no longer to be started."""
    run = by_id(work, hook_run, data["run"])
    if run is None or run.state != "queued":
        return None
    return {
        "run": run.id,
        "hook": run.hook,
        "command": run.command,
        "data": run.data if run.job_id is None else job_input(work, run),
        "timeout_s": timeout_s(work, run.hook),
        "key": run.key,
        "answer": run.hook == hooking.PRE_PUBLISH,
    }


def timeout_s(work: Work, hook: str) -> int:
    """How long a hook may take: a person waits for the answer before a publish."""
    longest = work.context.config.hook_timeout_s
    return min(PRE_PUBLISH_S, longest) if hook == hooking.PRE_PUBLISH else longest


def job_input(work: Work, run: Row[Any]) -> dict[str, Any]:
    """Put the input of a job's hook together."""
    row = work.connection.execute(job_lists.ROWS.where(job.c.id == run.job_id)).one()
    machines = _machines(work, run)
    shown = {
        "hook": run.hook,
        "version": VERSION,
        "id": row.id,
        "code": row.code,
        "name": row.name,
        "status": run.data["status"],
        "error": row.error,
        "created": iso(row.created),
        "finished": iso(row.finished or work.now),
        "size": row.size,
        "files": row.files_done,
        "user": row.user_id,
        "user_hr": row.user_code,
        "queue": row.queue_id,
        "queue_hr": row.queue_code,
        "engine": None,
        "engine_hr": "builtin-accsyn-transfer",
        "source": f"{row.source_type}:{row.source_id}",
        "source_hr": _party(row.source_type, row.source_code, row.sender_user_id, work),
        "destination": f"{row.destination_type}:{row.destination_id}",
        "destination_hr": _party(row.destination_type, row.destination_code, row.receiver_user_id, work),
        "metadata": _split(row.metadata),
        "clients": [_machine(machine) for machine in machines],
        "settings": row.settings,
        "tasks": _tasks(work, run, machines),
        "receipt": row.receipt,
        "data": hooking.asked(row, run.hook) or {},
    }
    return shown | ({"files": publish.hook_files(work, row)} if run.hook == "publish-server" else {})


def _party(type_: str, code: str, user_id: str | None, work: Work) -> str:
    """`type:code`, where a machine stands for its person: scripts take what is behind the colon for an address."""
    if type_ != "client":
        return f"{type_}:{code}"
    return f"user:{outcomes.address_of(work, user_id or '')}"


def _split(metadata: dict[str, Any]) -> dict[str, Any]:
    if set(metadata) <= {"internal", "external"} and metadata:
        return {"internal": metadata.get("internal") or {}, "external": metadata.get("external") or {}}
    return {"internal": {}, "external": metadata}


def _machines(work: Work, run: Row[Any]) -> list[Row[Any]]:
    """The server the hook runs on, then the machine at the other end of the last attempt."""
    last = work.connection.execute(
        select(transfer.c.sender_id, transfer.c.receiver_id)
        .where(transfer.c.job_id == run.job_id)
        .order_by(transfer.c.created.desc(), transfer.c.attempt.desc())
        .limit(1)
    ).first()
    ids = [run.client_id, *(last or ())]
    found = [by_id(work, client, machine) for machine in dict.fromkeys(ids)]
    return [row for row in found if row is not None]


def _machine(row: Row[Any]) -> dict[str, Any]:
    return {
        "role": "server" if row.type == 1 else "client",
        "id": row.id,
        "code": row.code,
        "type": row.type,
        "os": hooking.os_word(row.os),
        "metadata": row.metadata,
    }


def _tasks(work: Work, run: Row[Any], machines: list[Row[Any]]) -> dict[str, Any]:
    known = _Known(volume_paths(work), _codes(work), _mapped(work, machines))
    rows = work.connection.execute(select(task).where(task.c.job_id == run.job_id).order_by(task.c.seq))
    return {row.uri: _task(row, known) for row in rows}


@dataclass(frozen=True)
class _Known:
    """What the engine knows of where volumes lie, by their ids."""

    paths: dict[str, str]
    codes: dict[str, str]
    mapped: dict[str, str]  # on the person's machine

    def side(self, side: dict[str, Any]) -> dict[str, Any]:
        """One side of a task; `root` and `rel` are for the server's agent, which knows best where its volumes lie."""
        shown = entities.party(side, self.paths, self.mapped)
        if side["kind"] != "volume":
            return shown
        return shown | {"root": {"volume": self.codes.get(side["v"], "")}, "rel": side["rel"]}


def _task(row: Row[Any], known: _Known) -> dict[str, Any]:
    return {
        "id": row.id,
        "uri": row.uri,
        "status": row.status,
        "size": row.size,
        "priority": row.priority,
        "metadata": row.metadata,
        "source": known.side(row.source),
        "destination": known.side(row.destination),
    }


def _codes(work: Work) -> dict[str, str]:
    rows = work.connection.execute(select(share.c.id, share.c.code).where(share.c.type == "volume"))
    return {row.id: row.code for row in rows}


def _mapped(work: Work, machines: list[Row[Any]]) -> dict[str, str]:
    """Where volumes lie on the person's machine, as far as its agent has said so."""
    ids = {code.lower(): volume for volume, code in _codes(work).items()}
    maps = [entry for machine in machines if machine.type != 1 for entry in machine.maps]
    return {
        ids[entry["code"].lower()]: entry["path"]
        for entry in maps
        if entry.get("path") and entry["code"].lower() in ids
    }
