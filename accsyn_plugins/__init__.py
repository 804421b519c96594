"""Send a task's files to a vendor and take the result back: the core that trackers and applications plug into.

The names below are the public face. They are loaded when first asked for, so that an application that only wants
`hookimpl` does not pay for the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accsyn_plugins.client import Session
    from accsyn_plugins.config import Settings, load_settings
    from accsyn_plugins.errors import AccsynError
    from accsyn_plugins.hookspecs import hookimpl
    from accsyn_plugins.manager import build_manager, collect, notify

__all__ = ["AccsynError", "Session", "Settings", "build_manager", "collect", "hookimpl", "load_settings", "notify"]

HOMES = {
    "AccsynError": "errors",
    "Session": "client",
    "Settings": "config",
    "build_manager": "manager",
    "collect": "manager",
    "hookimpl": "hookspecs",
    "load_settings": "config",
    "notify": "manager",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
