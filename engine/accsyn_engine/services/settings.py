"""Settings: text under a name, for the workspace, a share, a queue, a client, a user or a job; hooks among them.

The three prefixes hooks were called by over the years (`hook-job-`, `job-`, none) are one name: post-done-server.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import delete as erase
from sqlalchemy import insert, select

from accsyn_engine.jobs import compare
from accsyn_engine.jobs.schedule import LIMITS, TIMEZONE, check
from accsyn_engine.services import audit
from accsyn_engine.services.context import PACE, Caller, Work
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotFoundError
from accsyn_engine.services.moving.transfers import set_job
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records.rows import bare, by_id, require_share, require_user
from accsyn_engine.services.scripts.hooking import HOOKS, OSES, hook_name
from accsyn_engine.services.work import job_lists, queues
from accsyn_engine.store.schema import client, queue, setting

WORKSPACE = ""  # the entity id of the workspace's own settings
SCOPES = frozenset({"workspace", "organization", "user", "share", "volume", "folder", "home", "queue", "client", "job"})
_PREFIXES = ("hook-", "job-", "pre-", "post-")


@reads("setting.get")
def get(
    work: Work,
    caller: Caller,
    *,
    scope: str = "workspace",
    id: str | None = None,
    name: str | None = None,
    default: Any = None,
) -> Any:
    """Read one setting, or all of an entity with no name. Commands of hooks are shown to admins and employees only."""
    scope_name, entity = _entity(work, caller, scope, id)
    found = _all(work, caller, scope_name, entity)
    if not caller.is_elevated:
        found = {key: value for key, value in found.items() if not is_hook(key)}
    return found if name is None else found.get(normal(name), default)


def _all(work: Work, caller: Caller, scope: str, entity: str) -> dict[str, Any]:
    if scope == "job":
        return dict(job_lists.require(work, caller, entity).settings)
    rows = work.connection.execute(select(setting).where(setting.c.scope == scope, setting.c.entity_id == entity))
    found: dict[str, Any] = {}
    for row in rows:
        name, _, os = row.name.partition("@")
        if not os:
            found[name] = row.value
        else:
            known = found.get(name, {})
            found[name] = ({"": known} if isinstance(known, str) else known) | {os: row.value}
    return found


@writes("setting.put")
def put(
    work: Work,
    caller: Caller,
    *,
    scope: str = "workspace",
    id: str | None = None,
    name: str,
    value: Any,
    os: str | None = None,
) -> bool:
    """Write a setting. A hook's command is one for every platform, or one for `os`, or an object by platform."""
    scope_name, entity = _entity(work, caller, scope, id)
    _check_write(caller, scope_name, name)
    key = normal(name)
    _check_hook(name.strip().lower(), key)
    values = _by_os(value, os)
    _check_limit(key, values)
    _check_compare(scope_name, key, values)
    if scope_name == "job":
        row = job_lists.require(work, caller, entity)
        set_job(work, row, settings=dict(row.settings) | {key: values[""]})
    else:
        for platform, text in values.items():
            _store(work, scope_name, entity, f"{key}@{platform}" if platform else key, text)
    work.ring(PACE)
    audit.record(work, caller, "setting.put", scope_name, entity, name=key, value=value if is_hook(key) else None)
    return True


def _by_os(value: Any, os: str | None) -> dict[str, str]:
    by_os = value if isinstance(value, dict) else {os or "": value}
    for platform, text in by_os.items():
        if platform not in {"", *OSES}:
            raise BadValueError(what=f'"{platform}" is no platform; write one of {", ".join(OSES)}.')
        if isinstance(text, bool):
            by_os = by_os | {platform: str(text).lower()}
        elif isinstance(text, (int, float)):
            by_os = by_os | {platform: str(text)}
        elif not isinstance(text, str):
            raise BadValueError(what=f"The value of a setting is text, not {text!r:.60}.")
    return by_os


def _store(work: Work, scope: str, entity: str, name: str, value: str) -> None:
    work.connection.execute(_where(scope, entity, name))
    work.connection.execute(insert(setting).values(scope=scope, entity_id=entity, name=name, value=value))


def _where(scope: str, entity: str, name: str) -> Any:
    return erase(setting).where(setting.c.scope == scope, setting.c.entity_id == entity, setting.c.name == name)


@writes("setting.delete")
def delete(work: Work, caller: Caller, *, scope: str = "workspace", id: str | None = None, name: str) -> bool:
    """Remove a setting, for all platforms."""
    scope_name, entity = _entity(work, caller, scope, id)
    _check_write(caller, scope_name, name)
    key = normal(name)
    if scope_name == "job":
        row = job_lists.require(work, caller, entity)
        set_job(work, row, settings={other: value for other, value in row.settings.items() if other != key})
    for stored in (key, *(f"{key}@{os}" for os in OSES)):
        work.connection.execute(_where(scope_name, entity, stored))
    work.ring(PACE)
    audit.record(work, caller, "setting.delete", scope_name, entity, name=key)
    return True


def _entity(work: Work, caller: Caller, scope: str, id: str | None) -> tuple[str, str]:
    word = scope.lower()
    if word not in SCOPES:
        raise BadValueError(what=f'Settings belong to one of {", ".join(sorted(SCOPES))}, not to "{scope}".')
    if word in {"workspace", "organization"}:
        return "workspace", WORKSPACE
    if id is None:
        raise NotFoundError(kind=word, name="")
    if word in {"share", "volume", "folder", "home"}:
        return "share", require_share(work, id).id
    if word == "user":
        return "user", require_user(work, id).id
    if word == "queue":
        return "queue", queues.require(work, id).id
    if word == "job" and by_id(work, queue, bare(id)) is not None:  # until 3.1 a queue is a job of type 2
        return "queue", bare(id)
    return word, job_lists.require(work, caller, id).id if word == "job" else _client(work, id)


def _client(work: Work, id: str) -> str:
    row = by_id(work, client, bare(id))
    if row is None:
        raise NotFoundError(kind="client", name=id)
    return str(row.id)


def _check_limit(key: str, values: dict[str, str]) -> None:
    if key in {*LIMITS, TIMEZONE}:
        if set(values) != {""}:
            raise BadValueError(what=f'The setting "{key}" is the same on every platform; leave out "os".')
        check({key: values[""]})


def _check_compare(scope: str, key: str, values: dict[str, str]) -> None:
    if key != compare.COMPARE:
        return
    if scope not in compare.SCOPES or set(values) != {""}:
        raise BadValueError(what=f'"{key}" is set on the workspace, a queue or a job, the same for every platform.')
    compare.check({key: values[""]})


def _check_write(caller: Caller, scope: str, name: str) -> None:
    if caller.is_admin or (scope == "job" and not is_hook(normal(name))):
        return
    raise ForbiddenError(who=caller.code, what=f'change the setting "{name}"')


def normal(name: str) -> str:
    """The one name of a setting; hooks lose their prefixes."""
    word = name.strip().lower()
    if not word or len(word) > 100 or "@" in word:
        raise BadValueError(what=f'"{name}" is no name of a setting.')
    return hook_name(word) if is_hook(word) else word


def is_hook(name: str) -> bool:
    """Whether a setting configures a hook."""
    return hook_name(name).removesuffix("-idempotent").endswith(("-server", "-client")) and name.startswith(
        (*_PREFIXES, "publish-")
    )


def _check_hook(name: str, key: str) -> None:
    if is_hook(name) and key.removesuffix("-idempotent") not in HOOKS:
        raise BadValueError(what=f'There is no hook "{key}" in this engine; there are {", ".join(HOOKS)}.')


def shown(value: Any) -> str:
    """A setting's value as one line of text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
