"""The workspace itself, its one site, and what carries out its jobs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select, true

from accsyn_engine.clock import iso
from accsyn_engine.query.fields import Text
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.permissions import reads
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.store.schema import workspace

ENGINES = ("builtin-accsyn-transfer", "builtin-accsyn-utility")

LISTING = Listing(
    rows=select(workspace),
    attributes={"id": Text(workspace.c.id), "code": Text(workspace.c.code), "name": Text(workspace.c.name)},
    id=workspace.c.id,
    order=(workspace.c.created,),
    scopes=Scopes(active=true()),
    bare=("id", "code"),
)


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {"id": row.id, "code": row.code, "name": row.name, "created": iso(row.created), "metadata": {}}


@reads("workspace.find")
def find(work: Work, _caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List the workspace."""
    return listed(work, LISTING, find, true(), _shown)


@reads("workspace.find")
def sites(work: Work, _caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List the sites: there is the main one, under the workspace's id."""
    site = {"code": "hq", "name": "Main site", "main": True, "accsyn": False, "status": "enabled"}
    return [entry | site for entry in listed(work, LISTING, Find(id=find.id), true(), _shown)]


@reads("workspace.find")
def engines(work: Work, _caller: Caller, find: Find) -> list[dict[str, Any]]:
    """List what carries out jobs: the built-in transfer and its helper."""
    del find
    created = iso(work.now)
    return [{"id": None, "code": code, "name": code, "status": "enabled", "created": created} for code in ENGINES]
