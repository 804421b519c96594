"""Whose settings are meant: an entity the caller sees, by the words for it; what is not seen is not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from accsyn_engine.services.access import share_lists
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import BadValueError, NotFoundError
from accsyn_engine.services.moving.clients import visible_clients
from accsyn_engine.services.people.users import visible_users
from accsyn_engine.services.records.rows import bare, by_id, share_by, user_by
from accsyn_engine.services.work import job_lists, queues
from accsyn_engine.store.schema import client, queue, share, task, user

WORKSPACE = ""  # the entity id of the workspace's own settings


def _share(work: Work, caller: Caller, id: str) -> str | None:
    found = share_by(work, id)
    if found is None or caller.is_admin:
        return None if found is None else str(found.id)
    seen = share_lists.ROWS.with_only_columns(share.c.id).where(share_lists.visible_shares(caller))
    return _id(work, seen.where(share.c.id == found.id))


def _user(work: Work, caller: Caller, id: str) -> str | None:
    found = user_by(work, id)
    if found is None:
        return None
    return _id(work, select(user.c.id).where(user.c.id == found.id, visible_users(caller)))


def _client(work: Work, caller: Caller, id: str) -> str | None:
    return _id(work, select(client.c.id).where(client.c.id == bare(id), visible_clients(caller)))


def _queue(work: Work, _caller: Caller, id: str) -> str | None:
    return str(queues.require(work, id).id)


def _job(work: Work, caller: Caller, id: str) -> str | None:
    return str(job_lists.require(work, caller, id).id)


def _task(work: Work, caller: Caller, id: str) -> str | None:
    row = by_id(work, task, bare(id))
    try:
        return None if row is None or not job_lists.require(work, caller, row.job_id) else str(row.id)
    except NotFoundError:
        return None  # named as a task, not as the job nobody asked for


def _id(work: Work, statement: Any) -> str | None:
    return work.connection.execute(statement).scalar()


_OWNERS: dict[str, tuple[str, Callable[[Work, Caller, str], str | None]]] = {  # a word: the scope it is kept under
    **dict.fromkeys(("share", "volume", "folder", "home"), ("share", _share)),
    "user": ("user", _user),
    "client": ("client", _client),
    "queue": ("queue", _queue),
    "job": ("job", _job),
    "task": ("task", _task),
}
SCOPES = frozenset({"workspace", "organization", *_OWNERS})


def owner(work: Work, caller: Caller, scope: str, id: str | None) -> tuple[str, str]:
    """Give the scope and the id settings are kept under; raises NotFoundError for whatever the caller does not see."""
    word = scope.lower()
    if word not in SCOPES:
        raise BadValueError(what=f'Settings belong to one of {", ".join(sorted(SCOPES))}, not to "{scope}".')
    if word not in _OWNERS:
        return "workspace", WORKSPACE
    if word == "job" and id is not None and by_id(work, queue, bare(id)) is not None:
        word = "queue"  # until 3.1 a queue is a job of type 2
    kept, find = _OWNERS[word]
    found = None if id is None else find(work, caller, id)
    if found is None:
        raise NotFoundError(kind=word, name=bare(id or ""))
    return kept, found
