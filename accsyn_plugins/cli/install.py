"""`accsyn-plugins install`: put an adapter's start-up file where its host looks for it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from accsyn_plugins.cli.options import with_json
from accsyn_plugins.cli.output import say_answer
from accsyn_plugins.config import load_settings
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manager import build_manager
from accsyn_plugins.model import StartupFile


class HostUnknownError(AccsynError):
    """No adapter of that name."""

    code = "host-unknown"
    status = 404
    sentence = "There is no adapter for {host}; run `accsyn-plugins hosts` to see which there are."


class FileThereError(AccsynError):
    """A different file is in the way."""

    code = "file-there"
    status = 409
    sentence = "{path} exists and is another file; take it away or give another --dest."


class FolderError(AccsynError):
    """The folder cannot be written to."""

    code = "folder-unwritable"
    sentence = "{path} cannot be written ({reason}); give another --dest."


@click.command()
@click.argument("host")
@click.option("--dest", type=click.Path(path_type=Path), help="another folder than where the host looks")
@with_json
def install(host: str, *, dest: Path | None, as_json: bool) -> int:
    """Put the start-up files of HOST in place."""
    settings = load_settings(environment=os.environ)
    files = build_manager().hook.startup_files(host=host, settings=settings)
    if files is None:
        raise HostUnknownError(host=host)
    places = [(dest or Path(file.folder)) / file.name for file in files]
    for path, file in zip(places, files):
        if path.exists() and path.read_bytes() != file.content:
            raise FileThereError(path=path)
    for path, file in zip(places, files):
        _write(path, file)
    if as_json:
        say_answer({"host": host, "files": [str(path) for path in places]})
    else:
        click.echo("\n".join(str(path) for path in places) or f"{host} needs no start-up file.")
    return 0


def _write(path: Path, file: StartupFile) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    except OSError as error:
        raise FolderError(path=path, reason=error.strerror) from error
