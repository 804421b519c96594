"""Settings: text under a name, for the workspace, a share, a queue, a client, a user or a job; hooks among them.

The three prefixes hooks were called by over the years (`hook-job-`, `job-`, none) are one name: post-done-server.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import delete as erase
from sqlalchemy import insert, select
from sqlalchemy import update as alter

from accsyn_engine.services import audit
from accsyn_engine.services.context import PACE, Caller, Work
from accsyn_engine.services.errors import BadValueError, ForbiddenError
from accsyn_engine.services.moving.transfers import set_job
from accsyn_engine.services.permissions import reads, writes
from accsyn_engine.services.records.rows import by_id, require_share
from accsyn_engine.services.scripts import guarding
from accsyn_engine.services.scripts.hooking import HOOKS, OSES, hook_name
from accsyn_engine.services.settings_owners import WORKSPACE, owner
from accsyn_engine.services.settings_table import TABLE, check
from accsyn_engine.services.work import job_lists
from accsyn_engine.store.schema import job, setting, task

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
    upstream: bool = False,
    omit_defaults: bool = True,
    integration: str = "",
) -> Any:
    """Read the value of one setting that holds for an entity, its own or inherited; else `default`.

    With no name, all that are set on the entity; with `upstream` the inherited ones too, with `omit_defaults` false
    also what holds when nothing is set. Commands of hooks are shown to admins and employees only.
    """
    scope_name, entity = owner(work, caller, scope, id)
    chain = _chain(work, caller, scope_name, entity)
    found = _merged([_all(work, one, of, integration) for one, of in (chain if name or upstream else chain[:1])])
    if not omit_defaults and not integration:
        known = {key: row.default for key, row in TABLE.items() if row.default is not None and scope_name in row.scopes}
        found = known | found
    if not caller.is_elevated:
        found = {key: value for key, value in found.items() if not is_hook(key)}
    return found if name is None else found.get(normal(name), default)


def _chain(work: Work, caller: Caller, scope: str, entity: str) -> list[tuple[str, str]]:
    """The entity and those it inherits from, the nearest first."""
    up: list[tuple[str, str]] = []
    if scope == "task":
        row = by_id(work, task, entity)
        up = [("job", row.job_id)] if row is not None else []
    if scope in {"job", "task"}:
        of = job_lists.require(work, caller, up[0][1] if up else entity)
        up = [*up, ("queue", of.queue_id)]
    if scope == "share":
        volume = require_share(work, entity).parent_id
        up = [("share", volume)] if volume else []
    return list(dict.fromkeys([(scope, entity), *up, ("workspace", WORKSPACE)]))


def _merged(levels: list[dict[str, Any]]) -> dict[str, Any]:
    """Put levels over each other; lists of filters are added up."""
    found: dict[str, Any] = {}
    for level in reversed(levels):
        for name, value in level.items():
            row = TABLE.get(name)
            adds = row is not None and row.is_merged and name in found
            found[name] = f"{found[name]},{value}" if adds else value
    return found


def _all(work: Work, scope: str, entity: str, integration: str = "") -> dict[str, Any]:
    found: dict[str, Any] = _written(work, scope, entity) if scope in {"job", "task"} and not integration else {}
    chosen = setting.c.scope == scope, setting.c.entity_id == entity, setting.c.integration == integration
    for row in work.connection.execute(select(setting).where(*chosen)):
        name, _, os = row.name.partition("@")
        if not os:
            found[name] = row.value
        else:
            known = found.get(name, {})
            found[name] = ({"": known} if isinstance(known, str) else known) | {os: row.value}
    return found


def _written(work: Work, scope: str, entity: str) -> dict[str, Any]:
    """What a job or task carries itself."""
    row = by_id(work, job if scope == "job" else task, entity)
    return dict(row.settings or {}) if row is not None else {}


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
    integration: str = "",
) -> bool | str:
    """Write a setting; true, or a sentence when this engine keeps it and does nothing with it.

    A hook's command is one for every platform, or one for `os`, or an object by platform. Names under an `integration`
    are the integration's own.
    """
    scope_name, entity = owner(work, caller, scope, id)
    _check_write(caller, scope_name, name)
    key = normal(name)
    _check_hook(name.strip().lower(), key)
    values = _by_os(value, os)
    has_effect = bool(integration) or _checked(work, scope_name, key, values)
    if scope_name in {"job", "task"} and not is_hook(key) and not integration:
        _write(work, caller, scope_name, entity, {key: values[""]})
    else:
        for platform, text in values.items():
            _store(work, _key(scope_name, entity, f"{key}@{platform}" if platform else key, integration), text)
    work.ring(PACE)
    audit.record(work, caller, "setting.put", scope_name, entity, name=key, value=value if is_hook(key) else None)
    return True if has_effect else f'The setting "{key}" is kept; it has no effect here.'


def _checked(work: Work, scope: str, key: str, values: dict[str, str]) -> bool:
    """Hold values to the table of settings; gives whether the setting has an effect."""
    if key not in HOOKS and set(values) != {""}:
        raise BadValueError(what=f'The setting "{key}" is the same on every platform; leave out "os".')
    rows = [check(scope, key, text) for text in values.values()]
    if key in HOOKS:
        for text in values.values():
            guarding.refuse_command(work, text)
    return all(row.has_effect for row in rows)


def _write(work: Work, caller: Caller, scope: str, entity: str, changed: dict[str, str | None]) -> None:
    """Change what a job or task carries; None takes a name away."""
    left = {key: value for key, value in (_written(work, scope, entity) | changed).items() if value is not None}
    if scope == "job":
        set_job(work, job_lists.require(work, caller, entity), settings=left)
    else:
        work.connection.execute(alter(task).where(task.c.id == entity).values(settings=left))


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


def _store(work: Work, key: dict[str, str], value: str) -> None:
    work.connection.execute(_where(key))
    work.connection.execute(insert(setting).values(value=value, **key))


def _key(scope: str, entity: str, name: str, integration: str) -> dict[str, str]:
    return {"scope": scope, "entity_id": entity, "name": name, "integration": integration}


def _where(key: dict[str, str]) -> Any:
    return erase(setting).where(*(setting.c[column] == value for column, value in key.items()))


@writes("setting.delete")
def delete(
    work: Work, caller: Caller, *, scope: str = "workspace", id: str | None = None, name: str, integration: str = ""
) -> bool:
    """Remove a setting, for all platforms, so that the inherited value counts again."""
    scope_name, entity = owner(work, caller, scope, id)
    _check_write(caller, scope_name, name)
    key = normal(name)
    if scope_name in {"job", "task"} and not integration:
        _write(work, caller, scope_name, entity, {key: None})
    for stored in (key, *(f"{key}@{os}" for os in OSES)):
        work.connection.execute(_where(_key(scope_name, entity, stored, integration)))
    work.ring(PACE)
    audit.record(work, caller, "setting.delete", scope_name, entity, name=key)
    return True


def _check_write(caller: Caller, scope: str, name: str) -> None:
    if caller.is_admin or (scope in {"job", "task"} and not is_hook(normal(name))):
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


def is_command(name: str) -> bool:
    """Whether a setting is a hook's command."""
    return hook_name(name.strip().lower()) in HOOKS


def _check_hook(name: str, key: str) -> None:
    if is_hook(name) and key.removesuffix("-idempotent") not in HOOKS:
        raise BadValueError(what=f'There is no hook "{key}" in this engine; there are {", ".join(HOOKS)}.')


def shown(value: Any) -> str:
    """A setting's value as one line of text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
