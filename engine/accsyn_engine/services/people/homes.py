"""What an invitation brings along: a home for a standard user, volumes for the others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, and_, delete, exists, insert, select, update

from accsyn_engine.paths import join
from accsyn_engine.services import audit
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import NotFoundError
from accsyn_engine.services.moving.asking import tell
from accsyn_engine.services.records.fields import flag, texts
from accsyn_engine.services.records.rows import default_volume, require_share
from accsyn_engine.store.schema import acl, share

FOLDER = "accsyn"  # below the default volume; each home is a folder in it, named by the address


def open_home(work: Work, caller: Caller, owner: Row[Any]) -> None:
    """Give a user the home `accsyn/<address>/` below the default volume, to read and write; without a volume, none."""
    try:
        volume = default_volume(work)
    except NotFoundError:
        return
    home = work.connection.execute(select(share).where(share.c.type == "home", share.c.user_id == owner.id)).first()
    if home is None:
        home_id = _add(work, caller, owner, volume)
    else:
        home_id = home.id
        work.connection.execute(
            update(share).where(share.c.id == home_id).values(active=True, ended_with=None, status="enabled")
        )
    grant_all(work, caller, owner.id, home_id)
    tell(work, volume, "mkdir", {"root": {"volume": volume.code}, "path": join(FOLDER, owner.code), "parents": True})


def _add(work: Work, caller: Caller, owner: Row[Any], volume: Row[Any]) -> str:
    home_id = work.context.ids.entity()
    work.connection.execute(
        insert(share).values(
            id=home_id,
            code=owner.code,
            name=owner.code,
            type="home",
            parent_id=volume.id,
            user_id=owner.id,
            path=join(FOLDER, owner.code),
            case_sensitive=volume.case_sensitive,
            is_default=False,
            status="enabled",
            active=True,
            metadata={},
            created=work.now,
            creator=caller.code,
        )
    )
    return home_id


def take_home_along(work: Work, owner: Row[Any]) -> None:
    """Have a user's home go with the user; one that is out of use already stays as it is."""
    home = and_(share.c.type == "home", share.c.user_id == owner.id, share.c.active)
    work.connection.execute(update(share).where(home).values(active=False, ended_with=owner.id))


def bring_home_back(work: Work, owner: Row[Any]) -> None:
    """Have a user's home come back with the user; if its volume is out of use meanwhile, with the volume."""
    home = and_(share.c.type == "home", share.c.user_id == owner.id, share.c.ended_with == owner.id)
    volume = share.alias("volume")
    lies_idle = exists().where(volume.c.id == share.c.parent_id, volume.c.active.is_(False))
    work.connection.execute(update(share).where(home, lies_idle).values(ended_with=share.c.parent_id))
    work.connection.execute(update(share).where(home).values(active=True, ended_with=None))


def close_home(work: Work, owner: Row[Any]) -> None:
    """Forget a user's home; nothing on disk is touched."""
    work.connection.execute(delete(share).where(share.c.type == "home", share.c.user_id == owner.id))


def give_volumes(work: Work, caller: Caller, owner: Row[Any], data: dict[str, Any]) -> None:
    """Grant an employee the default volume unless told otherwise, and whichever volumes are named."""
    wanted: dict[str, Row[Any]] = {}
    if flag(data, "give_default_volume_access", default=True):
        try:
            volume = default_volume(work)
            wanted[volume.id] = volume
        except NotFoundError:
            pass
    if flag(data, "give_all_volumes_access", default=False):
        every = work.connection.execute(select(share).where(share.c.type == "volume", share.c.active))
        wanted |= {row.id: row for row in every}
    for reference in texts(data, "volumes"):
        row = require_share(work, reference, kinds=("volume",), kind="volume")
        wanted[row.id] = row
    if owner.role != "admin":
        for row in wanted.values():
            grant_all(work, caller, owner.id, row.id)


def grant_all(work: Work, caller: Caller, user_id: str, share_id: str) -> None:
    """Let a user read and write a whole share."""
    known = work.connection.execute(
        select(acl.c.id).where(acl.c.user_id == user_id, acl.c.share_id == share_id, acl.c.path == "")
    ).first()
    if known is not None:
        work.connection.execute(update(acl).where(acl.c.id == known.id).values(status="enabled", read=True, write=True))
        return
    acl_id = work.context.ids.entity()
    work.connection.execute(
        insert(acl).values(
            id=acl_id,
            user_id=user_id,
            share_id=share_id,
            path="",
            read=True,
            write=True,
            status="enabled",
            acknowledged=True,
            created=work.now,
            creator=caller.code,
        )
    )
    told = {"user": user_id, "share": share_id, "path": "", "read": True, "write": True}
    audit.record(work, caller, "acl.grant", "acl", acl_id, about=("user", user_id), **told)
