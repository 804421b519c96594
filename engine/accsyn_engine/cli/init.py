"""`init`: a new engine in a new folder."""

from __future__ import annotations

from pathlib import Path

import click

from accsyn_engine.cli.output import json_option, print_answer
from accsyn_plugins.errors import AccsynError


class VolumeOptionError(AccsynError):
    """--volume is not CODE=PATH."""

    code = "bad-volume"
    sentence = '"{given}" is no volume; write CODE=PATH with an absolute path, as in production=/mnt/production.'


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A folder yet to be made.")
@click.option("--workspace", required=True, metavar="CODE", help="The workspace's code, as in geoscan.")
@click.option("--admin", required=True, metavar="EMAIL", help="The first admin.")
@click.option(
    "--volume", "volumes", multiple=True, required=True, metavar="CODE=PATH", help="A root share; the first is default."
)
@click.option(
    "--url", default="https://localhost:8443", show_default=True, metavar="URL", help="Where it will be served."
)
@json_option
def init(*, data: Path, workspace: str, admin: str, volumes: tuple[str, ...], url: str, as_json: bool) -> None:
    """Make a new engine, with its own certificate authority; print the admin's API key, once."""
    from accsyn_engine.server.founding import found_engine

    founded = found_engine(data, workspace=workspace, admin=admin, volumes=[_volume(text) for text in volumes], url=url)
    answer = {"api_key": founded.api_key, "ca": str(founded.ca)}
    sentence = (
        f"The engine of workspace {workspace} is ready in {data}.\n"
        f"{admin}'s API key, shown this once: {founded.api_key}\n"
        f"Clients trust it through {founded.ca}\n"
        f"Start it with: accsyn-engine serve --data {data}"
    )
    print_answer(answer, sentence, as_json=as_json)


def _volume(text: str) -> tuple[str, str]:
    code, equals, path = text.partition("=")
    if not (code and equals and path):
        raise VolumeOptionError(given=text)
    return code, str(Path(path).expanduser().absolute())
