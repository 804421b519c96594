"""The environment of a hook script: an allow-list, so that no secret of the agent's reaches it by accident."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ALLOWED = frozenset(
    {
        # where things are and in which language to speak
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
        # Windows: programs do not start, or find no socket library, without these
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME", "USERDOMAIN"),
        *("APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432"),
        *("HOMEDRIVE", "HOMEPATH", "COMPUTERNAME", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"),
    }
)
PREFIXES = ("LC_", "ACCSYN_")
SECRETS = ("KEY", "SECRET", "TOKEN", "PASSWORD", "PASSPHRASE")

HOOK_KEY = "ACCSYN_HOOK_KEY"


def hook_environment(environment: Mapping[str, str], *, key: str, interpreter: str) -> dict[str, str]:
    """What the hook gets of `environment`, with the engine's own Python first on PATH and the key of its effect."""
    passed = {name: value for name, value in environment.items() if _may_pass(name.upper())}
    folder = str(Path(interpreter).parent)
    passed["PATH"] = os.pathsep.join(part for part in (folder, environment.get("PATH", os.defpath)) if part)
    # Without this the last words of a hook that hangs would be lost in its buffer when it is killed.
    passed["PYTHONUNBUFFERED"] = "1"
    passed[HOOK_KEY] = key
    return passed


def _may_pass(name: str) -> bool:
    if name in ALLOWED:
        return True
    return name.startswith(PREFIXES) and not any(word in name for word in SECRETS)
