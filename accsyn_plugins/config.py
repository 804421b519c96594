"""Settings of the client side: arguments over environment over file, and each value knows where it came from.

Nothing is read at import. A setting has a dotted name (`server`, `volumes.production`, `sheet`); the table KNOWN says
which variables stand for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manifest import read_toml

# setting -> the environment variables that stand for it, the first that is set counts
KNOWN: dict[str, tuple[str, ...]] = {
    "server": ("ACCSYN_SERVER",),
    "workspace": ("ACCSYN_WORKSPACE", "ACCSYN_DOMAIN", "ACCSYN_ORG"),
    "user": ("ACCSYN_API_USER",),
    "key": ("ACCSYN_API_KEY",),
    "ca": ("ACCSYN_CA",),
    "fingerprint": ("ACCSYN_FINGERPRINT",),
    "sheet": ("ACCSYN_SHEET",),
    "tracker": ("ACCSYN_TRACKER",),
    "volume": ("ACCSYN_VOLUME",),
    "download": ("ACCSYN_DOWNLOAD",),
    "state": ("ACCSYN_STATE",),
    "remap": ("ACCSYN_REMAP",),
}

DEFAULTS: dict[str, str] = {
    "share": "{project}-outsourcing",
    "to_vendors": "TO_VENDORS",
    "from_vendors": "FROM_VENDORS",
    "status.sent": "sent to vendor",
    "status.published": "pending review",
    "status.allowed": "pending review, in progress, on hold",
    "remap": "false",
}

VOLUME_PATH = re.compile(r"ACCSYN_(?P<volume>[A-Z0-9_]+)_PATH")
NOT_A_VOLUME = frozenset({"CREDENTIALS"})  # ACCSYN_CREDENTIALS_PATH is the official client's .env file
CONFIG_FILE = "accsyn.toml"


class SettingMissingError(AccsynError):
    """A setting is needed and nobody gave it."""

    code = "setting-missing"
    sentence = "{name} is not set: {how}."


class ConfigFileError(AccsynError):
    """The configuration file cannot be read."""

    code = "config-invalid"
    sentence = "The configuration file {path} cannot be read: {reason}; mend it or take it away."


@dataclass(frozen=True)
class Value:
    """A setting's value and where it was found, in words."""

    text: str = field(repr=False)
    origin: str


@dataclass(frozen=True)
class Settings:
    """All settings of one run."""

    values: Mapping[str, Value] = field(default_factory=dict)
    file: Path | None = None

    def get(self, name: str, default: str = "") -> str:
        """The value, else the product's default, else `default`."""
        found = self.values.get(name)
        return found.text if found else DEFAULTS.get(name, default)

    def require(self, name: str) -> str:
        """The value, or SettingMissingError that names every way to give it."""
        text = self.get(name)
        if not text:
            raise SettingMissingError(name=name, how=self._how(name))
        return text

    def is_on(self, name: str) -> bool:
        return self.get(name).strip().lower() in {"1", "true", "yes", "on"}

    def words(self, name: str) -> tuple[str, ...]:
        """A comma list, lower case."""
        return tuple(word.strip().lower() for word in self.get(name).split(",") if word.strip())

    def origin(self, name: str) -> str:
        """Where the value came from; `default` when nobody gave one."""
        found = self.values.get(name)
        return found.origin if found else "default"

    def volumes(self) -> dict[str, str]:
        """Volume in lower case -> the folder that stands for it on this machine."""
        prefix = "volumes."
        return {name[len(prefix) :]: value.text for name, value in self.values.items() if name.startswith(prefix)}

    def state_folder(self) -> Path:
        """Where programs remember things between runs; not made here."""
        given = self.get("state")
        return Path(given) if given else Path(platformdirs.user_state_path("accsyn", appauthor=False))

    def _how(self, name: str) -> str:
        ways = [f"give --{name}"]
        ways += [f"set {variable}" for variable in KNOWN.get(name, ())[:1]]
        ways.append(f"write {name} = ... in {self.file or default_file()}")
        return ", or ".join(ways)


def default_file() -> Path:
    """The configuration file below the platform's configuration folder."""
    return Path(platformdirs.user_config_path("accsyn", appauthor=False)) / CONFIG_FILE


def load_settings(
    arguments: Mapping[str, str | None] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Put the three sources on top of each other.

    ACCSYN_CONFIG or `file` names another file, which must exist then. A key written `@FILE` is read from that file.
    """
    environment = environment if environment is not None else {}
    named = file or (Path(environment["ACCSYN_CONFIG"]) if environment.get("ACCSYN_CONFIG") else None)
    path = named or default_file()
    values: dict[str, Value] = {}
    if named is not None or path.is_file():
        values.update(_from_file(path))
    values.update(_from_environment(environment))
    for name, text in (arguments or {}).items():
        if text:
            values[name] = Value(str(text), "argument")
    if "key" in values:
        values["key"] = _open_secret(values["key"])
    return Settings(values, path)


def _from_file(path: Path) -> dict[str, Value]:
    try:
        table = read_toml(path)
    except (OSError, ValueError) as error:
        raise ConfigFileError(path=path, reason=error) from error
    return {name: Value(text, str(path)) for name, text in _flatten(table)}


def _flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            found += _flatten(value, f"{prefix}{name}.")
        elif isinstance(value, bool):
            found.append((prefix + name, str(value).lower()))
        elif isinstance(value, list):
            found.append((prefix + name, ", ".join(map(str, value))))
        else:
            found.append((prefix + name, str(value)))
    return found


def _from_environment(environment: Mapping[str, str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, variables in KNOWN.items():
        for variable in variables:
            if environment.get(variable):
                values[name] = Value(environment[variable], variable)
                break
    for variable, text in environment.items():
        found = VOLUME_PATH.fullmatch(variable)
        if found and text and found["volume"] not in NOT_A_VOLUME:
            values[f"volumes.{found['volume'].lower()}"] = Value(text, variable)
    return values


def _open_secret(value: Value) -> Value:
    if not value.text.startswith("@"):
        return value
    path = Path(value.text[1:])
    try:
        return Value(path.read_text(encoding="utf-8").strip(), f"{value.origin} ({path})")
    except (OSError, ValueError) as error:
        raise ConfigFileError(path=path, reason=error) from error
