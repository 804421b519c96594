"""Who did what and when: one row for every change, written in the same transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Text, cast, func, insert

from accsyn_engine.services.context import FEED, Caller, Work
from accsyn_engine.store.schema import audit

_TRANSACTION = cast(cast(func.pg_current_xact_id(), Text), BigInteger)


SUBJECTS = frozenset({"job", "share", "user"})


def record(
    work: Work,
    caller: Caller,
    action: str,
    entity: str,
    id: str,
    *,
    about: tuple[str, str] | None = None,
    **detail: Any,
) -> None:
    """Write down one change; `action` is the operation's name, `detail` is JSON and holds no secrets.

    Whoever sees the job, share or user it is `about` may hear of it. A job, share or user is about itself; of anything
    else only admins hear, unless told otherwise.
    """
    subject = about or ((entity, id) if entity in SUBJECTS else (None, None))
    is_postgresql = work.connection.dialect.name == "postgresql"
    work.connection.execute(
        insert(audit).values(
            at=work.now,
            actor=caller.code,
            address=caller.address,
            action=action,
            entity=entity,
            entity_id=id,
            about=subject[0],
            about_id=subject[1],
            transaction=_TRANSACTION if is_postgresql else 0,
            detail=detail,
        )
    )
    work.ring(FEED)
