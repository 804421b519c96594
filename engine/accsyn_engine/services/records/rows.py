"""Finding one row by whatever people call it: an id, `type:id`, a code or an address."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Row, Table, or_, select

from accsyn_engine.query.functions import fold
from accsyn_engine.services.context import Work
from accsyn_engine.services.errors import BadValueError, NotFoundError
from accsyn_engine.store.schema import share, user, workspace

_ID = re.compile(r"[0-9a-f]{24}")
_ADDRESS = re.compile(r"[^@\s\"'<>()\[\],;:\\/]+@[^@\s\"'<>()\[\],;:\\/]+\.[^@\s\"'<>()\[\],;:\\/.]+")


def bare(reference: object) -> str:
    """Strip `type:` off a reference like `user:6b05...`; empty when there is none."""
    return str(reference or "").rpartition(":")[2].strip()


def is_id(text: str) -> bool:
    """Whether this has the form of an entity's id."""
    return _ID.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Whether this can be an e-mail address."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def address(value: object) -> str:
    """Read an e-mail address, in lower case; raises BadValueError."""
    text = str(value or "").strip().lower()
    if not is_address(text):
        raise BadValueError(what=f'"{text}" is no e-mail address; write one like name@company.com.')
    return text


def by_id(work: Work, table: Table, id: str, *, lock: bool = False) -> Row[Any] | None:
    """Read one row; `lock` holds it against other replicas until the commit."""
    statement = select(table).where(table.c.id == id)
    return work.connection.execute(statement.with_for_update() if lock else statement).first()


def user_by(work: Work, reference: object) -> Row[Any] | None:
    """Read a user by id, `user:id` or address."""
    name = bare(reference)
    column = user.c.id if is_id(name) else user.c.code
    return work.connection.execute(select(user).where(column == name.lower())).first()


def require_user(work: Work, reference: object) -> Row[Any]:
    """As `user_by`; raises NotFoundError."""
    found = user_by(work, reference)
    if found is None:
        raise NotFoundError(kind="user", name=bare(reference))
    return found


def share_by(work: Work, reference: object, *, kinds: tuple[str, ...] = ()) -> Row[Any] | None:
    """Read a share by id, `share:id`, code without regard to case, or for a home its owner's address."""
    name = bare(reference)
    statement = select(share).where(or_(share.c.id == name, fold(share.c.code) == name.lower()))
    if kinds:
        statement = statement.where(share.c.type.in_(kinds))
    found = work.connection.execute(statement.order_by(share.c.created)).first()
    if found is None and "@" in name:
        found = work.connection.execute(
            select(share)
            .join(user, user.c.id == share.c.user_id)
            .where(share.c.type == "home", user.c.code == name.lower())
        ).first()
    return found


def require_share(work: Work, reference: object, *, kinds: tuple[str, ...] = (), kind: str = "share") -> Row[Any]:
    """As `share_by`; raises NotFoundError."""
    found = share_by(work, reference, kinds=kinds)
    if found is None:
        raise NotFoundError(kind=kind, name=bare(reference))
    return found


def default_volume(work: Work) -> Row[Any]:
    """Read the workspace's default volume; raises NotFoundError while there is none."""
    found = work.connection.execute(select(share).where(share.c.type == "volume", share.c.is_default)).first()
    if found is None:
        raise NotFoundError(kind="volume", name="(default)")
    return found


def volume_of(work: Work, row: Row[Any]) -> Row[Any]:
    """Read the volume a share lies on; a volume is its own."""
    if row.type == "volume":
        return row
    found = by_id(work, share, row.parent_id) if row.parent_id else None
    if found is None:
        raise BadValueError(what=f'The share "{row.code}" lies on no volume, so no path can be below it.')
    return found


def workspace_row(work: Work) -> Row[Any]:
    """Read the one workspace of this engine."""
    return work.connection.execute(select(workspace)).one()
