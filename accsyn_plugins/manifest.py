"""plugin.toml as values: identity, actions, hosts, hook scripts, the engine's defaults."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accsyn_plugins.errors import AccsynError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = Path(__file__).resolve().parent


class ManifestError(AccsynError):
    """plugin.toml is missing or cannot be read."""

    code = "manifest-invalid"
    sentence = "The manifest {path} cannot be used: {reason}; install accsyn-plugins again."


@dataclass(frozen=True)
class ActionEntry:
    name: str
    label: str
    module: str


@dataclass(frozen=True)
class HostEntry:
    """An adapter that comes with the product; `kind` is `tracker` or `app`."""

    name: str
    kind: str
    module: str


@dataclass(frozen=True)
class HookEntry:
    event: str
    script: str


@dataclass(frozen=True)
class Manifest:
    id: str
    name: str
    version: str
    actions: tuple[ActionEntry, ...] = ()
    hosts: tuple[HostEntry, ...] = ()
    hooks: tuple[HookEntry, ...] = ()
    engine: Mapping[str, Any] = field(default_factory=dict)


def manifest_path(package: Path = PACKAGE) -> Path:
    """Where plugin.toml is: in the wheel inside the package, in a checkout beside it."""
    inside = package / "plugin.toml"
    return inside if inside.is_file() else package.parent / "plugin.toml"


def load_manifest(path: Path | None = None) -> Manifest:
    """Read the manifest; raises ManifestError with the reason."""
    path = path or manifest_path()
    try:
        table = read_toml(path)
        return Manifest(
            id=table["id"],
            name=table["name"],
            version=table["version"],
            actions=tuple(ActionEntry(**entry) for entry in table.get("action", ())),
            hosts=tuple(HostEntry(**entry) for entry in table.get("host", ())),
            hooks=tuple(HookEntry(**entry) for entry in table.get("hook", ())),
            engine=table.get("engine", {}),
        )
    except KeyError as error:
        raise ManifestError(path=path, reason=f"it has no {error.args[0]}") from error
    except (OSError, TypeError, ValueError) as error:
        raise ManifestError(path=path, reason=error) from error


def read_toml(path: Path) -> dict[str, Any]:
    """Parse one TOML file; OSError and ValueError pass through."""
    with path.open("rb") as stream:
        table: dict[str, Any] = tomllib.load(stream)
    return table
