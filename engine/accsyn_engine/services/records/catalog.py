"""Which kinds of entities there are and which attributes each has, to read, to create with, and to change."""

from __future__ import annotations

from accsyn_engine.query.fields import Fields
from accsyn_engine.services.access import acls, share_lists
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import NotFoundError
from accsyn_engine.services.moving import clients
from accsyn_engine.services.people import users
from accsyn_engine.services.permissions import reads
from accsyn_engine.services.records import sites, workspaces
from accsyn_engine.services.work import job_lists, queues, tasks

_SHARES = ("share", "volume", "folder", "home")
_FIELDS: dict[str, Fields] = {
    "user": users.LISTING.attributes,
    **dict.fromkeys(_SHARES, share_lists.LISTING.attributes),
    "acl": acls.LISTING.attributes,
    "job": job_lists.LISTING.attributes,
    "transfer": job_lists.LISTING.attributes,
    "task": tasks.LISTING.attributes,
    "queue": queues.LISTING.attributes,
    "client": clients.LISTING.attributes,
    **dict.fromkeys(("app", "server", "userserver"), clients.LISTING.attributes),
    "workspace": workspaces.LISTING.attributes,
    "site": sites.LISTING.attributes,
    "engine": workspaces.ENGINE_LISTING.attributes,
}
_CREATE: dict[str, tuple[str, ...]] = {
    "user": ("code", "name", "role", "description", "metadata", "message", "mail", "create_home_share", "volumes"),
    **dict.fromkeys(_SHARES, ("code", "name", "parent", "path", "description", "metadata")),
    "acl": ("entity", "target", "path", "read", "write", "invite", "notify", "message", "description"),
    "job": ("name", "source", "destination", "tasks", "status", "queue", "append", "settings", "metadata", "hooks"),
    "transfer": (
        "name",
        "source",
        "destination",
        "tasks",
        "status",
        "queue",
        "append",
        "settings",
        "metadata",
        "hooks",
    ),
    "task": ("uri", "source", "destination", "priority", "metadata"),
    "queue": ("code", "name", "priority", "default"),
    "site": sites.ATTRIBUTES,
}
_UPDATE: dict[str, tuple[str, ...]] = {
    "user": ("name", "description", "metadata", "status", "role"),
    **dict.fromkeys(_SHARES, ("name", "description", "metadata", "status", "default")),
    "acl": ("read", "write", "status", "description"),
    "job": ("name", "description", "metadata", "settings", "status", "queue", "priority"),
    "transfer": ("name", "description", "metadata", "settings", "status", "queue", "priority"),
    "task": ("status", "priority", "metadata"),
    "queue": ("name", "priority", "status", "default"),
    **dict.fromkeys(("client", "app", "server", "userserver"), clients.ATTRIBUTES),
    "site": sites.ATTRIBUTES,
    "workspace": workspaces.ATTRIBUTES,
}


@reads("catalog.entitytypes")
def entitytypes(_work: Work, _caller: Caller) -> list[str]:
    """List the kinds of entities."""
    return sorted(_FIELDS)


@reads("catalog.attributes")
def attributes(_work: Work, _caller: Caller, entitytype: str, create: bool = False, update: bool = False) -> list[str]:
    """List the attributes of a kind: those to search by, or those to create or update with."""
    kind = entitytype.strip().lower()
    if kind not in _FIELDS:
        raise NotFoundError(kind="entity type", name=entitytype)
    if create:
        return list(_CREATE.get(kind, ()))
    return list(_UPDATE.get(kind, ())) if update else sorted(_FIELDS[kind])
