"""Reading the log of changes: each caller the rows about what they see."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select

from accsyn_engine.clock import iso
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import BadValueError
from accsyn_engine.services.feed import may_hear
from accsyn_engine.services.permissions import reads
from accsyn_engine.services.records.rows import bare
from accsyn_engine.store.schema import audit

WHOLE = frozenset({"workspace", "organization"})  # without an id: everything that happened in it
COLUMNS = {
    "date": audit.c.seq,
    "created": audit.c.seq,
    "user": audit.c.actor,
    "action": audit.c.action,
    "entity": audit.c.entity,
    "address": audit.c.address,
}


@reads("log.find")
def find(
    work: Work,
    caller: Caller,
    *,
    entitytype: str | None = None,
    id: str | None = None,
    search: str | None = None,
    sort: str = "date",
    sort_reverse: bool = False,
    limit: int = 100,
    skip: int | None = None,
    page: int = 1,
) -> list[dict[str, Any]]:
    """List changes by date, the newest first, or by another column from A to Z; `page` counts from 1.

    An admin sees all; an employee what is about jobs, shares and people that he sees.
    """
    if sort not in COLUMNS:
        raise BadValueError(what=f'The log is sorted by one of {", ".join(COLUMNS)}, not by "{sort:.60}".')
    column = COLUMNS[sort]
    is_descending = (column is audit.c.seq) != sort_reverse
    wanted = select(audit).where(may_hear(caller))
    if entitytype and not (entitytype.lower() in WHOLE and not id):
        wanted = wanted.where(audit.c.entity == entitytype.lower())
    if id:
        wanted = wanted.where(audit.c.entity_id == bare(id))
    if search:
        hits = (
            column.contains(search, autoescape=True) for column in (audit.c.actor, audit.c.action, audit.c.entity_id)
        )
        wanted = wanted.where(or_(*hits))
    order = (column.desc() if is_descending else column.asc(), audit.c.seq.desc())
    start = (page - 1) * limit if skip is None else skip
    rows = work.connection.execute(wanted.order_by(*order).limit(limit).offset(start))
    return [
        {
            "seq": row.seq,
            "date": iso(row.at),
            "user": row.actor,
            "address": row.address,
            "action": row.action,
            "entity": f"{row.entity}:{row.entity_id}",
            "detail": row.detail,
        }
        for row in rows
    ]
