"""Volumes, folders and homes as they are listed, and who serves them; `sharing` makes and changes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, exists, func, insert, literal, or_, select, true
from sqlalchemy import delete as erase

from accsyn_engine.query.fields import Date, Flag, Path, Text
from accsyn_engine.services import audit
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.errors import BadValueError, NotFoundError
from accsyn_engine.services.moving.transfers import wake
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records import entities
from accsyn_engine.services.records.finding import Listing, Scopes, listed
from accsyn_engine.services.records.references import to_share, to_user
from accsyn_engine.services.records.rows import bare, by_id, require_share, volume_of
from accsyn_engine.store.schema import acl, client, share, site, user, volume_server

TYPES = {
    "volume": "volume",
    "root": "volume",
    "folder": "folder",
    "standard": "folder",
    "home": "home",
    "user": "home",
    "collection": "collection",
}
KINDS = frozenset({"share", "workarea", "volume", "folder", "home", "collection"})

_parent = share.alias("parent")
_owner = user.alias("owner")
_held, _holding = share.alias("held"), acl.alias("holding")
_online = exists().where(
    volume_server.c.volume_id == func.coalesce(share.c.parent_id, share.c.id),
    client.c.id == volume_server.c.client_id,
    client.c.status == "online",
    client.c.enabled,
)

ROWS = (
    select(share, _parent.c.code.label("parent_code"), _owner.c.code.label("user_code"), _online.label("online"))
    .outerjoin(_parent, _parent.c.id == share.c.parent_id)
    .outerjoin(_owner, _owner.c.id == share.c.user_id)
)

_STATUS_HR = case(
    (_online, share.c.status), (share.c.status == "enabled", literal("offline")), else_=literal("disabled-offline")
)

LISTING = Listing(
    rows=ROWS,
    attributes={
        "id": Text(share.c.id),
        "code": Text(share.c.code),
        "name": Text(share.c.name),
        "type": Text(share.c.type, TYPES),
        "path": Path(share.c.path),
        "parent": to_share(share.c.parent_id),
        "user": to_user(share.c.user_id),
        "default": Flag(share.c.is_default),
        "status": Text(share.c.status),
        "status_hr": Text(_STATUS_HR),
        "parent_hr": Text(_parent.c.code),
        "user_hr": Text(_owner.c.code),
        "modifier": Text(share.c.modifier),
        "description": Text(share.c.description),
        "creator": Text(share.c.creator),
        "created": Date(share.c.created),
        "modified": Date(share.c.modified),
    },
    id=share.c.id,
    order=(share.c.created, share.c.id),
    scopes=Scopes(active=share.c.active, inactive=~share.c.active),
    bare=("id", "code"),
)


def visible_shares(caller: Caller) -> ColumnElement[bool]:
    """Say in SQL which shares a caller sees.

    Admins see all; employees what is granted to them, their home, collections, and on volumes where anything is granted
    to them the folders and the homes of standard users; standard users what is granted and in use, volumes never.
    """
    if caller.is_admin:
        return true()
    mine = _mine(caller)
    granted = exists().where(_holding.c.share_id == share.c.id, mine)
    if caller.role == "standard":
        return and_(granted, share.c.status == "enabled", share.c.type != "volume")
    of_vendor = exists().where(_owner.c.id == share.c.user_id, _owner.c.role == "standard").correlate(share)
    on_my_volume = exists().where(
        _holding.c.share_id == _held.c.id, mine, func.coalesce(_held.c.parent_id, _held.c.id) == share.c.parent_id
    )
    shared = and_(or_(share.c.type == "folder", and_(share.c.type == "home", of_vendor)), on_my_volume)
    return or_(granted, share.c.user_id == caller.user_id, share.c.type == "collection", shared)


def require(
    work: Work, caller: Caller, reference: object, *, kinds: tuple[str, ...] = (), kind: str = "share"
) -> Row[Any]:
    """Read a share the caller may see, as `rows.require_share` does; raises NotFoundError."""
    row = require_share(work, reference, kinds=kinds, kind=kind)
    if not sees(work, caller, row):
        raise NotFoundError(kind=kind, name=bare(reference))
    return row


def knows_volume(work: Work, caller: Caller, volume: Row[Any]) -> bool:
    """Whether the caller sees a volume, or holds a grant on a share of it, which names its volume."""
    below = exists().where(_held.c.parent_id == volume.id, _holding.c.share_id == _held.c.id, _mine(caller))
    return sees(work, caller, volume) or bool(work.connection.execute(select(below)).scalar_one())


def _mine(caller: Caller) -> ColumnElement[bool]:
    return and_(_holding.c.user_id == caller.user_id, _holding.c.status == "enabled")


def sees(work: Work, caller: Caller, row: Row[Any]) -> bool:
    """Whether the caller sees a share: `visible_shares` for one row."""
    return (
        work.connection.execute(select(share.c.id).where(share.c.id == row.id, visible_shares(caller))).first()
        is not None
    )


def kind_is(kind: str) -> ColumnElement[bool]:
    """Narrow a list to one type; share and workarea mean any."""
    if kind not in KINDS:
        raise NotFoundError(kind="entity type", name=kind)
    return true() if kind in {"share", "workarea"} else share.c.type == kind


@reads("share.find")
def find(work: Work, caller: Caller, kind: str, find: Find) -> list[dict[str, Any]]:
    """List shares of one kind, or of any."""
    return listed(work, LISTING, find, and_(visible_shares(caller), kind_is(kind)), entities.share)


def shown(work: Work, id: str) -> dict[str, Any]:
    """Show one share."""
    return entities.share(work.connection.execute(ROWS.where(share.c.id == id)).one())


@reads("share.servers")
def servers(work: Work, caller: Caller, id: str) -> list[dict[str, Any]]:
    """List the agents that serve a share's volume."""
    volume = volume_of(work, require(work, caller, id))
    rows = work.connection.execute(
        select(client, user.c.code.label("user_code"), site.c.code.label("site_code"))
        .join(volume_server, volume_server.c.client_id == client.c.id)
        .join(user, user.c.id == client.c.user_id)
        .outerjoin(site, site.c.id == client.c.site_id)
        .where(volume_server.c.volume_id == volume.id)
        .order_by(client.c.created)
    )
    return [entities.client(row) for row in rows]


@writes("share.assign")
def assign(work: Work, caller: Caller, id: str, client_id: str) -> bool:
    """Have an agent of type server serve a volume."""
    volume, server = _volume(work, id), _server(work, client_id)
    serve(work, volume.id, server.id)
    audit.record(work, caller, "share.assign", "share", volume.id, client=server.code)
    return True


@writes("share.assign")
def deassign(work: Work, caller: Caller, id: str, client_id: str) -> bool:
    """Have an agent serve a volume no longer."""
    volume, server = _volume(work, id), _server(work, client_id)
    work.connection.execute(
        erase(volume_server).where(volume_server.c.volume_id == volume.id, volume_server.c.client_id == server.id)
    )
    audit.record(work, caller, "share.deassign", "share", volume.id, client=server.code)
    return True


def serve(work: Work, volume_id: str, client_id: str) -> None:
    """Note that an agent serves a volume; jobs that waited for one become ready."""
    known = work.connection.execute(
        select(volume_server).where(volume_server.c.volume_id == volume_id, volume_server.c.client_id == client_id)
    ).first()
    if known is None:
        site_id = work.connection.execute(select(client.c.site_id).where(client.c.id == client_id)).scalar()
        row = {"volume_id": volume_id, "client_id": client_id, "site_id": site_id}
        work.connection.execute(insert(volume_server).values(row))
    wake(work, volume_id)


def _volume(work: Work, id: str) -> Row[Any]:
    return require_share(work, id, kinds=("volume",), kind="volume")


def _server(work: Work, client_id: str) -> Row[Any]:
    row = by_id(work, client, client_id.rpartition(":")[2])
    if row is None:
        raise NotFoundError(kind="client", name=client_id)
    if row.type != 1:
        raise BadValueError(what=f"The client {row.code} is no server; start its agent with the role server.")
    return row
