"""What a user may do where: their grants out of the database, judged by `acl`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select

from accsyn_engine.acl import Grant, GrantColumns, Person, Verdict, verdict, volume_path
from accsyn_engine.paths import join, read_sequence
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import PathRefusedError
from accsyn_engine.services.work.places import Place
from accsyn_engine.store.schema import acl, share

COUNTS = and_(acl.c.status == "enabled", share.c.status == "enabled", share.c.active)

GRANTS = GrantColumns(
    rows=acl.join(share, share.c.id == acl.c.share_id),
    user=acl.c.user_id,
    share_type=share.c.type,
    volume=func.coalesce(share.c.parent_id, share.c.id),
    path=volume_path(share.c.type, share.c.path, acl.c.path),
    read=acl.c.read,
    write=acl.c.write,
    enabled=COUNTS,
)


@dataclass(frozen=True)
class Rights:
    """One person's enabled grants, loaded once and asked many times."""

    person: Person
    grants: tuple[Grant, ...]

    def on(self, volume: Row[Any], path: str) -> Verdict:
        """Judge a path below a volume."""
        return verdict(self.person, self.grants, volume.id, path, case_sensitive=bool(volume.case_sensitive))

    def has_any(self, volume_id: str) -> bool:
        """Whether anything on a volume is granted."""
        return any(grant.volume == volume_id for grant in self.grants)

    def on_frames(self, place: Place) -> bool:
        """Whether a place's name stands for the frames of a sequence: they lie beside it, in a folder one may read."""
        folder, _, name = place.path.rpartition("/")
        return read_sequence(name) is not None and self.on(place.volume, folder).read

    def require(self, right: str, place: Place) -> None:
        """Raise PathRefusedError unless the person has `right` ("read" or "write") on a place."""
        found = self.on(place.volume, place.path)
        if not (found.read if right == "read" else found.write):
            path = f"{place.share.code}/{place.in_share}".rstrip("/")
            raise PathRefusedError(user=self.person.code, right=right, path=path)


def of_caller(work: Work, caller: Caller) -> Rights:
    """Load the caller's rights."""
    return of_user(work, caller.user_id, caller.code, caller.role)


def of_user(work: Work, user_id: str, code: str, role: str) -> Rights:
    """Load a user's rights; an admin needs no grants."""
    grants = () if role == "admin" else tuple(_grant(row, code) for row in work.connection.execute(_select(user_id)))
    return Rights(Person(code=code, role=role), grants)


def _select(user_id: str) -> Select[Any]:
    return (
        select(
            acl.c.id,
            acl.c.path,
            acl.c.read,
            acl.c.write,
            share.c.code.label("share_code"),
            share.c.type.label("share_type"),
            share.c.path.label("share_path"),
            func.coalesce(share.c.parent_id, share.c.id).label("volume"),
        )
        .join(share, share.c.id == acl.c.share_id)
        .where(acl.c.user_id == user_id, COUNTS, or_(share.c.type == "volume", share.c.parent_id.is_not(None)))
        .order_by(acl.c.created, acl.c.id)
    )


def _grant(row: Row[Any], code: str) -> Grant:
    is_volume = row.share_type == "volume"
    return Grant(
        id=row.id,
        user=code,
        share_code=row.share_code,
        volume=row.volume,
        path=row.path if is_volume else join(row.share_path, row.path),
        read=row.read,
        write=row.write,
        share_type=row.share_type,
        share_path="" if is_volume else row.share_path,
    )
