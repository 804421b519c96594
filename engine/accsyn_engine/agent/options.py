"""What an agent is started with. Folders stay text until they are used: a Windows value is no POSIX path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from accsyn_engine.agent.errors import OptionsError
from accsyn_plugins.transport import is_loopback

Role = Literal["client", "server"]
PORTS = (45190, 45210)

_VARIABLE = re.compile(r"ACCSYN_(?P<name>[A-Z0-9_]+)_PATH")


@dataclass(frozen=True)
class AgentOptions:
    """One agent: whom it talks to as whom, where it keeps its own things, and which folders it may touch."""

    server: str  # https://NAME:PORT; http only on the loopback
    user: str
    key: str = field(repr=False)
    data: Path
    ca: Path | None = None  # PEM of the authority that made the engine's certificate; None: the system's store
    workspace: str = ""
    role: Role = "client"
    volumes: Mapping[str, str] = field(default_factory=dict)  # role server: volume code -> its folder
    maps: Mapping[str, str] = field(default_factory=dict)  # role client: volume code -> folder
    download: str | None = None  # folder for what belongs to no mapped volume
    advertise: tuple[str, ...] = ()  # addresses at which the other ends reach this one
    ports: tuple[int, int] = PORTS
    hooks: bool = False  # role client: run the studio's hook scripts on this machine; a server always does

    def __post_init__(self) -> None:
        _check_server(self.server)
        _check_ports(self.ports)

    def map_of(self, volume: str) -> str | None:
        """The folder mapped for a volume, None without one; the exact code goes before what a variable can tell."""
        if volume in self.maps:
            return self.maps[volume]
        wanted = variable_part(volume)
        return next((folder for code, folder in self.maps.items() if variable_part(code) == wanted), None)


def maps_from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Read every ACCSYN_<VOLUME>_PATH as volume -> folder, the values kept as text.

    A variable's name cannot tell `My-Vol` from `my_vol`: the codes are given in lower case and `map_of` finds either.
    """
    found = {
        match["name"].lower(): value for name, value in environment.items() if (match := _VARIABLE.fullmatch(name))
    }
    return {code: folder for code, folder in found.items() if folder.strip()}


def variable_part(volume: str) -> str:
    """How a volume's code stands in a variable's name: upper case, everything else than letters and digits is `_`."""
    return re.sub(r"[^A-Z0-9]", "_", volume.upper())


def variable_name(volume: str) -> str:
    """The variable that maps a volume."""
    return f"ACCSYN_{variable_part(volume)}_PATH"


def parse_maps(pairs: Iterable[str]) -> dict[str, str]:
    """Read CODE=PATH arguments.

    Raises OptionsError for one that is not of that form.
    """
    maps = {}
    for pair in pairs:
        code, equals, folder = pair.partition("=")
        if not (code and equals and folder):
            raise OptionsError(what=f'"{pair}" is no mapping; write CODE=FOLDER, as in production=/mnt/production.')
        maps[code] = folder
    return maps


def parse_ports(text: str) -> tuple[int, int]:
    """Read A-B, or one port.

    Raises OptionsError.
    """
    first, _, last = text.partition("-")
    try:
        ports = int(first), int(last or first)
    except ValueError as error:
        raise OptionsError(what=f'"{text}" is no range of ports; write it as 45190-45210.') from error
    _check_ports(ports)
    return ports


def _check_ports(ports: tuple[int, int]) -> None:
    if not 1 <= ports[0] <= ports[1] <= 65535:
        raise OptionsError(what=f"{ports[0]}-{ports[1]} is no range of ports; write it as 45190-45210.")


def _check_server(server: str) -> None:
    try:
        parts = urlsplit(server)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    # Nothing unencrypted leaves the machine.
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise OptionsError(what=f'"{server}" is no address of an engine; write https://NAME:PORT.')
