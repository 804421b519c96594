"""Any analysis application that writes a JSON project file: `NAME.analyze`.

The file holds an object with `project`, `task`, and `dependencies`, paths absolute or relative to the file; optional
are `inputs` (what was only read), `version`, `tracker` and `app`. The file itself is always published with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accsyn_plugins.config import Settings
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.hookspecs import hookimpl
from accsyn_plugins.model import Host, Scene, StartupFile
from accsyn_plugins.paths import below, is_absolute

NAME = "generic"
SUFFIX = ".analyze"
FIELDS = ("dependencies", "inputs")

BUTTON = '''"""Put this behind a button of an analysis program: it publishes the project file given to it."""

from __future__ import annotations

import subprocess
import sys

if __name__ == "__main__":
    command = [sys.executable, "-m", "accsyn_plugins.cli", "publish", *sys.argv[1:]]
    sys.exit(subprocess.run(command, check=False).returncode)
'''


class ProjectFileError(AccsynError):
    """The project file is not what its name promises."""

    code = "project-file-invalid"
    sentence = "The project file {path} cannot be read: {reason}; save it again in the application."


@hookimpl
def describe_host() -> Host:
    """Always usable: there is no program to find."""
    return Host(NAME, "app", usable=True)


@hookimpl
def startup_files(host: str) -> Sequence[StartupFile] | None:
    """A script to put behind a button."""
    if host != NAME:
        return None
    return [StartupFile("accsyn_publish.py", BUTTON.encode(), str(Path.cwd()))]


@hookimpl
def collect_scene(document: str) -> Scene | None:
    """Read a `.analyze` file."""
    path = Path(document)
    if path.suffix.lower() != SUFFIX:
        return None
    table = _load(path)
    dependencies = [str(path), *_paths(table, "dependencies", path)]
    return Scene(
        app=str(table.get("app") or NAME),
        document=str(path),
        project=str(table.get("project") or ""),
        task=str(table.get("task") or ""),
        tracker=str(table.get("tracker") or ""),
        version=str(table.get("version") or ""),
        dependencies=tuple(dict.fromkeys(dependencies)),
        inputs=tuple(dict.fromkeys(_paths(table, "inputs", path))),
    )


@hookimpl
def remap_document(document: Path, roots: Sequence[tuple[str, str]], settings: Settings) -> bytes | None:
    """Turn absolute paths below the sender's folders into the same places here; relative ones stay."""
    del settings
    if document.suffix.lower() != SUFFIX:
        return None
    table = _load(document)
    changed = {name: [_remap(entry, roots) for entry in table.get(name, ())] for name in FIELDS if name in table}
    if all(changed[name] == table[name] for name in changed):
        return None
    return (json.dumps({**table, **changed}, indent=2, ensure_ascii=False) + "\n").encode()


def _load(path: Path) -> Mapping[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ProjectFileError(path=path, reason=error.strerror) from error
    except ValueError as error:
        raise ProjectFileError(path=path, reason=f"it is no JSON ({error})") from error
    if not isinstance(table, dict):
        raise ProjectFileError(path=path, reason="it holds no JSON object")
    for name in FIELDS:
        entries = table.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, str) and entry for entry in entries):
            raise ProjectFileError(path=path, reason=f"`{name}` is no list of paths")
    return table


def _paths(table: Mapping[str, Any], name: str, document: Path) -> list[str]:
    return [entry if is_absolute(entry) else str(document.parent / entry) for entry in table.get(name, ())]


def _remap(entry: str, roots: Sequence[tuple[str, str]]) -> str:
    for theirs, ours in roots:
        rest = below(entry, theirs)
        if rest is not None:
            return str(Path(ours) / rest)
    return entry
