"""Hooks as they are configured: names, commands by platform, on three levels, which may be run twice.

The command set for a job goes before the one set for its queue, and that before the workspace's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, or_, select

from accsyn_engine.services.context import Work
from accsyn_engine.services.errors import BadValueError
from accsyn_engine.store.schema import setting

BEFORE = ("pre-submit-server", "pre-submit-client", "post-submit-server", "post-submit-client")
AFTER = ("publish-server", "post-done-server", "post-done-client")
ON_FAILURE = ("post-failed-server", "post-failed-client")
PRE_PUBLISH = "pre-publish-server"
HOOKS = (PRE_PUBLISH, *BEFORE, *AFTER, *ON_FAILURE)
OSES = ("linux", "windows", "mac")

ENABLED = "hooks_enabled"  # "false": no hook runs in this workspace
SERVER = "hook_server"  # code or id of the server that runs them; else the one of the default volume
AUDIT_ROLE = "hook_audit_role"  # admin | employee: who reads what hooks did

OFF = frozenset({"false", "0", "no", "off"})
ON = frozenset({"true", "1", "yes", "on"})


@dataclass(frozen=True)
class Command:
    """What a hook runs, and where that was set: workspace, queue or job."""

    text: str
    level: str


def hook_name(name: str) -> str:
    """Strip what the years put before a hook's name: hook-job-post-done-server is post-done-server."""
    return name.removeprefix("hook-").removeprefix("job-")


def os_word(os: str) -> str:
    """Name the platform of an agent as settings do."""
    word = os.lower()
    if "darwin" in word or "mac" in word:
        return "mac"
    return "windows" if "win" in word else "linux"


def stored_names(hook: str) -> tuple[str, ...]:
    """Every name a hook's command is kept under: for all platforms, and for each."""
    return (hook, *(f"{hook}@{os}" for os in OSES))


def is_client_hook(hook: str) -> bool:
    """Whether a hook runs on the machine of one of the studio's people instead of the server."""
    return hook.endswith("-client")


def command(work: Work, hook: str, os: str, row: Row[Any] | None = None) -> Command | None:
    """Read the command of a hook for an agent's platform and, if given, a job; None when there is none."""
    if not is_enabled(work):
        return None
    for level, found in _levels(work, stored_names(hook), row):
        text = found.get(f"{hook}@{os_word(os)}") or found.get(hook)
        if text:
            return Command(text, level)
    return None


def is_configured(work: Work, hook: str, row: Row[Any] | None = None) -> bool:
    """Whether a hook has a command for any platform."""
    return is_enabled(work) and any(any(found.values()) for _, found in _levels(work, stored_names(hook), row))


def is_idempotent(work: Work, hook: str, row: Row[Any] | None = None) -> bool:
    """Whether the studio declared that running this hook twice with the same key does no harm."""
    name = f"{hook}-idempotent"
    declared = (found[name] for _, found in _levels(work, (name,), row) if name in found)
    return next(declared, "").lower() in ON


def is_enabled(work: Work) -> bool:
    """Whether hooks run in this workspace at all."""
    return workspace_value(work, ENABLED).lower() not in OFF


def workspace_value(work: Work, name: str) -> str:
    """One of the workspace's settings about hooks; "" when it is not set."""
    for _, found in _levels(work, (name,), None):
        return found.get(name, "")
    return ""


def _levels(work: Work, names: tuple[str, ...], row: Row[Any] | None) -> list[tuple[str, dict[str, str]]]:
    """What is set under these names, the most special level first."""
    owners = {"workspace": ""} if row is None else {"job": row.id, "queue": row.queue_id, "workspace": ""}
    theirs = or_(*((setting.c.scope == scope) & (setting.c.entity_id == owner) for scope, owner in owners.items()))
    found: dict[str, dict[str, str]] = {scope: {} for scope in owners}
    chosen = select(setting).where(theirs, setting.c.name.in_(names), setting.c.integration == "")
    for entry in work.connection.execute(chosen):
        found[entry.scope][entry.name] = entry.value
    return list(found.items())


def check_asked(hooks: list[dict[str, Any]]) -> None:
    """Refuse a job's `hooks` that name one there is none of; raises BadValueError."""
    for entry in hooks:
        name = hook_name(str(entry.get("when", "")).strip().lower())
        if name not in HOOKS or name == PRE_PUBLISH:
            known = ", ".join(hook for hook in HOOKS if hook != PRE_PUBLISH)
            raise BadValueError(what=f'"{entry.get("when")!s:.60}" is no hook of a job; "when" is one of {known}.')


def asked(row: Row[Any], hook: str) -> dict[str, Any] | None:
    """What the submitter handed to a hook of the job; None when the job does not name the hook."""
    for entry in row.hooks:
        if hook_name(str(entry.get("when", "")).strip().lower()) == hook:
            data = entry.get("data")
            return data if isinstance(data, dict) else {}
    return None


def public_failure(hook: str) -> str:
    """Say to everybody that a hook failed; its command, its output and its server are the studio's own."""
    return f"The studio's hook {hook} failed; its administrators see why and can retry. (E#J006)"
