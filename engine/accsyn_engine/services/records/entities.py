"""Rows as the accsyn protocol shows them: its field names, ISO dates, references as `type:id`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from accsyn_engine.clock import iso
from accsyn_engine.services.work.places import native

MEGABYTE = 1_000_000


def _common(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.code,
        "created": iso(row.created),
        "creator": row.creator,
        "modified": iso(row.modified),
        "modifier": row.modifier,
    }


def user(row: Row[Any]) -> dict[str, Any]:
    """Show a user; `clearance` is the role's name of 2019."""
    return _common(row) | {
        "name": row.name,
        "role": row.role,
        "clearance": row.role,
        "description": row.description,
        "status": row.status,
        "inactive": not row.active,
        "logged_in": iso(row.logged_in),
        "phase": "joining" if row.logged_in is None else "joined",
        "queue": row.queue_id,
        "metadata": row.metadata,
    }


def share(row: Row[Any]) -> dict[str, Any]:
    """Show any share; `row` also carries parent_code, user_code and `online` (a server of its volume is there)."""
    status = row.status
    if not row.online:
        status = "offline" if row.status == "enabled" else "disabled-offline"
    return _common(row) | {
        "name": row.name,
        "type": row.type,
        "parent": row.parent_id,
        "parent_hr": row.parent_code,
        "path": row.path,
        "default": row.is_default,
        "user": row.user_id,
        "user_hr": row.user_code,
        "status": row.status,
        "status_hr": status,
        "inactive": not row.active,
        "description": row.description,
        "email": row.email,
        "queue": row.queue_id,
        **({"paths": row.paths} if row.type == "volume" else {}),
        "metadata": row.metadata,
    }


def acl(row: Row[Any]) -> dict[str, Any]:
    """Show a grant; `row` also carries user_code, user_role, share_code and share_type."""
    return {
        "id": row.id,
        "entity": f"user:{row.user_id}",
        "ident": f"user:{row.user_id}",
        "entity_hr": f"user:{row.user_code}[{row.user_role}]({row.user_id})",
        "target": f"share:{row.share_id}",
        "target_hr": f"share:{row.share_code}[{row.share_type}]({row.share_id})",
        "path": row.path or "/",
        "read": row.read,
        "write": row.write,
        "acknowledged": row.acknowledged,
        "role": row.user_role,
        "status": row.status,
        "token": None,
        "description": row.description,
        "created": iso(row.created),
        "creator": row.creator,
        "modified": iso(row.modified),
        "modifier": row.modifier,
    }


def client(row: Row[Any]) -> dict[str, Any]:
    """Show an agent; `row` also carries user_code and site_code."""
    return _common(row) | {
        "name": row.code,
        "type": row.type,
        "status": client_status(row),
        "user": row.user_id,
        "user_hr": row.user_code,
        "username": row.username,
        "os": row.os,
        "version": row.version,
        "host_id": row.instance,
        "host_ident": row.host_ident,
        "roles": row.roles,
        "site": row.site_id,
        "site_hr": row.site_code or ("hq" if row.type == 1 else "roaming"),
        "parent": row.parent_id,
        "metrics": row.metrics,
        "benchmark": row.benchmark,
        "wan_ip": row.address,
        "last_checkin": iso(row.last_checkin),
        "maps": row.maps,
        "downloads": row.downloads,
        "metadata": row.metadata,
    }


def client_status(row: Row[Any]) -> str:
    """Whether an agent is there, and whether it may be used."""
    if row.enabled:
        return str(row.status)
    return "disabled" if row.status == "online" else "disabled-offline"


def queue(row: Row[Any]) -> dict[str, Any]:
    """Show a queue of jobs."""
    return _common(row) | {
        "name": row.name,
        "priority": row.priority,
        "default": row.is_default,
        "compute_default": False,
        "status": row.status,
        "uri": row.code,
        "description": "",
        "metadata": {},
    }


def progress(row: Row[Any]) -> int:
    """Whole percents; 100 only when done."""
    if row.status == "done":
        return 100
    return min(99, row.bytes_done * 100 // row.size) if row.size > 0 else 0


def progress_of(row: Row[Any]) -> dict[str, Any]:
    """Show how far a job is: bytes, files, speed in megabytes per second, seconds that remain."""
    running = row.status == "running" and row.speed > 0
    return {
        "progress": progress(row),
        "size": row.size,
        "bytes": row.bytes_done,
        "moved": row.bytes_moved,
        "files": row.files,
        "files_done": row.files_done,
        "speed": row.speed / MEGABYTE if running else -1.0,
        "etr": (row.size - row.bytes_done) // row.speed if running and row.size > 0 else None,
    }


def job(row: Row[Any]) -> dict[str, Any]:
    """Show a transfer job without its tasks; `row` also carries the `_code`s of what it refers to."""
    return (
        _common(row)
        | progress_of(row)
        | {
            "name": row.name,
            "type": row.type,
            "status": row.status,
            "status_reason": row.error if row.status == "failed" else row.reason,
            "error": row.error,
            "error_code": row.error_code,
            "phase": row.phase,
            "attempts": row.attempts,
            "receipt": row.receipt,
            "source": f"{row.source_type}:{row.source_id}",
            "source_hr": f"{row.source_type}:{row.source_code}",
            "destination": f"{row.destination_type}:{row.destination_id}",
            "destination_hr": f"{row.destination_type}:{row.destination_code}",
            "user": row.user_id,
            "user_hr": row.user_code,
            "queue": row.queue_id,
            "queue_hr": row.queue_code,
            "parent": row.parent_id or row.queue_id,
            "parent_hr": row.parent_code or row.queue_code,
            "uri": f"{row.queue_code}/{row.code}",
            "priority": row.priority,
            "description": row.description,
            "archived": row.archived,
            "started": iso(row.started),
            "finished": iso(row.finished),
            "metadata": row.metadata,
            "settings": row.settings,
        }
    )


def task(row: Row[Any], volumes: dict[str, str]) -> dict[str, Any]:
    """Show a task; `row` also carries job_code, `volumes` are the paths of the volumes by id."""
    return {
        "id": row.id,
        "uri": row.uri,
        "job": row.job_id,
        "job_hr": row.job_code,
        "source": party(row.source, volumes),
        "destination": party(row.destination, volumes),
        "status": row.status,
        "priority": row.priority,
        "size": row.size,
        "error": row.error,
        "created": iso(row.created),
        "finished": iso(row.finished),
        "metadata": row.metadata,
        "settings": {},
    }


def party(side: dict[str, Any], volumes: dict[str, str], mapped: dict[str, str] | None = None) -> dict[str, Any]:
    """Show one side of a task; `path_abs` is where it lies on its machine, as far as the engine knows.

    `volumes` are the volumes' paths on the server by id, `mapped` those on the person's machine.
    """
    roots = volumes if side["kind"] == "volume" else mapped or {}
    root = roots.get(side.get("v") or "")
    absolute = side["path"] if root is None else native(root, side["rel"])
    names = ("user", "client", "v", "s", "share_hr", "path")
    return {name: side[name] for name in names if side.get(name) is not None} | {"path_abs": absolute}
