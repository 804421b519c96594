"""The workspace itself, and what carries out its jobs."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Row, literal, select, true, union_all
from sqlalchemy import update as alter

from accsyn_engine.clock import iso
from accsyn_engine.query.fields import Date, Text
from accsyn_engine.services import audit
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import BadValueError, NotFoundError
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records.fields import mapping, text
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.services.records.rows import bare, workspace_row
from accsyn_engine.store.schema import workspace

ENGINES = ("builtin-accsyn-transfer", "builtin-accsyn-utility")
ATTRIBUTES = ("name", "description", "metadata")

LISTING = Listing(
    rows=select(workspace),
    attributes={
        "id": Text(workspace.c.id),
        "code": Text(workspace.c.code),
        "name": Text(workspace.c.name),
        "description": Text(workspace.c.description),
        "created": Date(workspace.c.created),
    },
    id=workspace.c.id,
    order=(workspace.c.created,),
    scopes=Scopes(active=true()),
    bare=("id", "code"),
)


def _id(code: str) -> str:
    """The id of what is built in: the same in every workspace."""
    return hashlib.sha256(code.encode()).hexdigest()[:24]


_built_in = union_all(
    *(
        select(
            literal(_id(code)).label("id"), literal(code).label("code"), workspace.c.created, workspace.c.creator
        ).select_from(workspace)
        for code in ENGINES
    )
).subquery("engine")

ENGINE_LISTING = Listing(
    rows=select(_built_in),
    attributes={
        "id": Text(_built_in.c.id),
        "code": Text(_built_in.c.code),
        "name": Text(_built_in.c.code),
        "created": Date(_built_in.c.created),
    },
    id=_built_in.c.id,
    order=(_built_in.c.code,),
    scopes=Scopes(active=true()),
    bare=("id", "code"),
)


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.code,
        "name": row.name,
        "description": row.description,
        "metadata": row.metadata,
        "created": iso(row.created),
        "creator": row.creator,
        "modified": iso(row.modified),
        "modifier": row.modifier,
    }


def _shown_engine(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.code,
        "name": row.code,
        "status": "enabled",
        "created": iso(row.created),
        "creator": row.creator,
    }


@reads("workspace.find")
def find(work: Work, _caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List the workspace."""
    return listed(work, LISTING, find, true(), _shown)


@writes("workspace.update")
def update(work: Work, caller: Caller, id: str, data: dict[str, Any]) -> dict[str, Any]:
    """Change the workspace's name, description or metadata; its code is in every script and stays."""
    row = workspace_row(work)
    if bare(id).lower() not in {row.id, row.code.lower()}:
        raise NotFoundError(kind="workspace", name=id)
    unknown = sorted(str(name) for name in data if name not in ATTRIBUTES)
    if unknown:
        raise BadValueError(what=f'"{unknown[0]}" of a workspace is not written; it takes {", ".join(ATTRIBUTES)}.')
    values: dict[str, Any] = {name: text(data, name) or "" for name in ("name", "description") if name in data}
    if "name" in values and not 0 < len(values["name"].strip()) <= 254:
        raise BadValueError(what='The "name" of a workspace has 1 to 254 characters.')
    if "metadata" in data:
        values["metadata"] = mapping(data, "metadata")
    work.connection.execute(
        alter(workspace).where(workspace.c.id == row.id).values(modified=work.now, modifier=caller.code, **values)
    )
    audit.record(work, caller, "workspace.update", "workspace", row.id, fields=sorted(values))
    return _shown(workspace_row(work))


@reads("workspace.find")
def engines(work: Work, _caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List what carries out jobs: the built-in transfer and its helper."""
    return listed(work, ENGINE_LISTING, find, true(), _shown_engine)
