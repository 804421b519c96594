"""`accsyn-plugins hosts`: which adapters there are, where each was found, and whether its host is usable."""

from __future__ import annotations

import os
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from accsyn_plugins.cli.options import with_json
from accsyn_plugins.cli.output import say_answer
from accsyn_plugins.config import Settings, load_settings
from accsyn_plugins.manager import PluginManager, build_manager
from accsyn_plugins.model import Host


@click.command()
@with_json
def hosts(*, as_json: bool) -> int:
    """List the adapters."""
    rows = list_hosts(build_manager(), load_settings(environment=os.environ))
    if as_json:
        say_answer({"hosts": rows})
        return 0
    table = Table()
    for title in ("Name", "Kind", "Usable", "Found", "Remark"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row["name"], row["kind"], "yes" if row["usable"] else "no", row["found"], row["reason"])
    Console(highlight=False, markup=False).print(table)
    return 0


def list_hosts(manager: PluginManager, settings: Settings) -> list[dict[str, Any]]:
    """Every adapter, those that failed to load or to answer among them."""
    rows = [_row(failure.plugin, "", failure.reason, "not loaded") for failure in manager.failures]
    for impl in manager.hook.describe_host.get_hookimpls():
        facts: dict[str, Any] = {"settings": settings}
        host: Any
        try:
            host = impl.function(*(facts[name] for name in impl.argnames))
        except Exception as error:
            rows.append(
                _row(
                    impl.plugin_name,
                    "",
                    f"It failed: {str(error) or type(error).__name__}",
                    _found(manager, impl.plugin_name),
                )
            )
            continue
        if isinstance(host, Host):
            found = _found(manager, impl.plugin_name)
            rows.append(_row(host.name, host.kind, host.reason, found, usable=host.usable))
    return sorted(rows, key=lambda row: (row["kind"], row["name"]))


def _found(manager: PluginManager, plugin: str) -> str:
    return manager.origins.get(plugin, "registered by a program")


def _row(name: str, kind: str, reason: str, found: str, *, usable: bool = False) -> dict[str, Any]:
    return {"name": name, "kind": kind, "usable": usable, "found": found, "reason": reason}
