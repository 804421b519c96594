"""Hooks as they are configured: names, commands by platform, which may be run twice."""

from __future__ import annotations

from sqlalchemy import select

from accsyn_engine.services.context import Work
from accsyn_engine.store.schema import setting

HOOKS = ("pre-publish-server", "publish-server", "post-done-server", "post-failed-server")
OSES = ("linux", "windows", "mac")


def hook_name(name: str) -> str:
    """Strip what the years put before a hook's name: hook-job-post-done-server is post-done-server."""
    return name.removeprefix("hook-").removeprefix("job-")


def os_word(os: str) -> str:
    """Name the platform of an agent as settings do."""
    word = os.lower()
    if "darwin" in word or "mac" in word:
        return "mac"
    return "windows" if "win" in word else "linux"


def command(work: Work, hook: str, os: str) -> str | None:
    """Read the command of a hook for an agent's platform; None when the hook is not configured."""
    found = _values(work, (hook, f"{hook}@{os_word(os)}"))
    return found.get(f"{hook}@{os_word(os)}") or found.get(hook) or None


def is_configured(work: Work, hook: str) -> bool:
    """Whether a hook has a command for any platform."""
    return any(_values(work, (hook, *(f"{hook}@{os}" for os in OSES))).values())


def is_idempotent(work: Work, hook: str) -> bool:
    """Whether the studio declared that running this hook twice with the same key does no harm."""
    name = f"{hook}-idempotent"
    return _values(work, (name,)).get(name, "").lower() in {"true", "1", "yes"}


def _values(work: Work, names: tuple[str, ...]) -> dict[str, str]:
    rows = work.connection.execute(
        select(setting.c.name, setting.c.value).where(
            setting.c.scope == "workspace", setting.c.entity_id == "", setting.c.name.in_(names)
        )
    )
    return {row.name: row.value for row in rows}


def public_failure(hook: str) -> str:
    """Say to everybody that a hook failed; its command, its output and its server are the studio's own."""
    return f"The studio's hook {hook} failed; its administrators see why and can retry. (E#J006)"
