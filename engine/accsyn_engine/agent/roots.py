"""Where on this machine a root of the engine's lies: a volume, a map, the download folder, an absolute path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accsyn_engine.agent.errors import (
    FolderMissingError,
    NoDownloadFolderError,
    NoMapError,
    NotLocalError,
    NoVolumeError,
    RequestInvalidError,
)
from accsyn_engine.agent.options import AgentOptions, variable_name


@dataclass(frozen=True)
class Place:
    """A folder that exists and a path below it, "/" between the parts; "" is the folder itself."""

    root: Path
    path: str


class Roots:
    """The folders of one agent."""

    def __init__(self, options: AgentOptions, machine: str) -> None:
        self._options = options
        self._machine = machine

    def place(self, root: Mapping[str, Any], path: str) -> Place:
        """Find the place of `path` below `root` (a dict with one of the keys volume, map, download, local).

        Raises NoVolumeError, NoMapError, NoDownloadFolderError, FolderMissingError, NotLocalError, RequestInvalidError.
        """
        if "volume" in root:
            return Place(self._volume(root["volume"]), path)
        if "map" in root:
            return Place(self._map(root["map"]), path)
        if root.get("download"):
            return Place(self._download(), path)
        if root.get("local"):
            return self._local(path)
        raise RequestInvalidError(
            what=f"The engine named a root that this agent does not know: {dict(root)}; update it."
        )

    def landing(self, root: Mapping[str, Any], path: str) -> Place:
        """Find where something is to be written; as `place`, but an absolute path hangs on the deepest folder there is.

        That folder the agent may write to, the top of the file system it may not.
        """
        place = self.place(root, path)
        if not root.get("local") or not place.path:
            return place
        whole = place.root / place.path
        folder = next(parent for parent in whole.parents if parent.is_dir())
        return Place(folder, whole.relative_to(folder).as_posix())

    def _served(self, volume: str) -> str:
        if volume not in self._options.volumes:
            raise NoVolumeError(volume=volume, machine=self._machine)
        return self._options.volumes[volume]

    def _volume(self, volume: str) -> Path:
        return self._existing(self._served(volume), what=f"the volume {volume}")

    def _map(self, volume: str) -> Path:
        folder = self._options.map_of(volume)
        if folder is None:
            raise NoMapError(volume=volume, machine=self._machine, variable=variable_name(volume))
        return self._existing(folder, what=f"the volume {volume}")

    def _existing(self, folder: str, *, what: str) -> Path:
        # Never made here: what is missing is most likely not mounted, and would fill the disk below it.
        path = Path(folder)
        if not path.is_absolute():
            raise NotLocalError(path=folder, machine=self._machine)
        if not path.is_dir():
            raise FolderMissingError(folder=folder, what=what, machine=self._machine)
        return path

    def _download(self) -> Path:
        if self._options.download is None:
            raise NoDownloadFolderError(machine=self._machine)
        folder = Path(self._options.download)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderMissingError(folder=folder, what="downloads", machine=self._machine) from error
        return folder

    def _local(self, path: str) -> Place:
        """Below the top of the file system, so that a job over a thousand folders holds one of them open.

        Links above the file are the owner's and are resolved here, once; after that the one door follows none.
        """
        asked = Path(path)
        if not asked.is_absolute() or ".." in asked.parts:
            raise NotLocalError(path=path, machine=self._machine)
        top = Path(asked.anchor)
        below = (asked.parent.resolve() / asked.name).relative_to(top).as_posix()
        return Place(top, "" if below == "." else below)
