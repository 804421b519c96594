"""The plugin manager: built-in adapters and foreign ones enter by the same door, and a failure stays its plugin's.

`build_manager` makes a new one each time; nothing is registered at import.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pluggy

from accsyn_plugins import defaults, hookspecs
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manifest import HostEntry, Manifest, load_manifest

log = logging.getLogger(__name__)


class PluginError(AccsynError):
    """A plugin cannot take part."""

    code = "plugin-invalid"
    sentence = "The plugin {plugin} cannot be used: {reason}; mend or uninstall it."


@dataclass(frozen=True)
class Failure:
    """A plugin that could not be loaded, and why."""

    plugin: str
    reason: str


class PluginManager(pluggy.PluginManager):
    """pluggy's manager, plus the memory of what could not be loaded and where each plugin was found."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(hookspecs.PROJECT)
        self.manifest = manifest
        self.failures: list[Failure] = []
        self.origins: dict[str, str] = {}


def build_manager(manifest: Manifest | None = None, *, entry_points: bool = True) -> PluginManager:
    """Make a manager with the defaults, the manifest's adapters and those of installed distributions.

    A plugin that cannot be imported or whose hooks do not fit is left out and kept in `failures`.
    """
    manager = PluginManager(manifest or load_manifest())
    manager.add_hookspecs(hookspecs)
    _register(manager, defaults, "defaults", "built in")
    for entry in manager.manifest.hosts:
        _register_host(manager, entry)
    if entry_points:
        _register_entry_points(manager)
    return manager


def notify(manager: pluggy.PluginManager, hook: str, **facts: Any) -> None:
    """Tell every plugin; one that raises is logged and the others are told all the same."""
    for _ in _each(manager, hook, facts):
        pass


def collect(manager: pluggy.PluginManager, hook: str, **facts: Any) -> list[Any]:
    """Ask every plugin and keep the answers that are not None, in the order the plugins were asked."""
    return [answer for _, answer in _each(manager, hook, facts) if answer is not None]


def _each(manager: pluggy.PluginManager, hook: str, facts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for impl in reversed(getattr(manager.hook, hook).get_hookimpls()):
        try:
            yield impl.plugin_name, impl.function(*(facts[name] for name in impl.argnames))
        except Exception:
            log.exception("Plugin %s failed in %s", impl.plugin_name, hook)


def _register_host(manager: PluginManager, entry: HostEntry) -> None:
    try:
        module = importlib.import_module(entry.module)
    except Exception as error:
        _leave_out(manager, entry.name, error)
        return
    _register(manager, module, entry.name, f"built in ({entry.module})")


def _register_entry_points(manager: PluginManager) -> None:
    for found in _entry_points():
        try:
            plugin = found.load()
        except Exception as error:
            _leave_out(manager, found.name, error)
            continue
        _register(manager, plugin, found.name, f"installed ({found.value})")


def _entry_points() -> list[Any]:
    from importlib.metadata import distributions  # only needed here, and slow to import in a host

    found = [e for d in distributions() for e in d.entry_points if e.group == hookspecs.GROUP]
    return sorted(set(found), key=lambda e: e.name)


def _register(manager: PluginManager, plugin: ModuleType | object, name: str, origin: str) -> None:
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        if manager.has_plugin(name) and manager.get_plugin(name) is plugin:
            manager.unregister(plugin)
        _leave_out(manager, name, error)
        return
    manager.origins[name] = origin


def _leave_out(manager: PluginManager, name: str, error: Exception) -> None:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    manager.failures.append(Failure(name, reason))
    log.warning("%s", PluginError(plugin=name, reason=reason))
