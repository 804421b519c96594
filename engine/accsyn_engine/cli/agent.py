"""`agent`: receives and sends files for one person or one site."""

from __future__ import annotations

import os
from pathlib import Path

import click

from accsyn_engine.cli.output import json_option, print_answer


@click.command()
@click.option("--server", metavar="URL", help="The engine, https://NAME:PORT. [ACCSYN_SERVER]")
@click.option("--user", metavar="EMAIL", help="Whose agent this is. [ACCSYN_API_USER]")
@click.option("--key", metavar="KEY", help="The API key, or @FILE that holds it. [ACCSYN_API_KEY]")
@click.option("--data", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The agent's own folder.")
@click.option("--ca", metavar="FILE", help="The engine's ca.pem; else the system's store. [ACCSYN_CA]")
@click.option("--workspace", metavar="CODE", help="The workspace you mean. [ACCSYN_WORKSPACE]")
@click.option(
    "--map", "maps", multiple=True, metavar="CODE=PATH", help="Where a volume lies here. [ACCSYN_<VOLUME>_PATH]"
)
@click.option("--download", metavar="DIR", help="The folder for what belongs to no mapped volume. [ACCSYN_DOWNLOAD]")
@click.option("--advertise", multiple=True, metavar="ADDR", help="An address at which other agents reach this one.")
@click.option("--ports", default="45190-45210", show_default=True, metavar="A-B", help="The ports of transfers.")
@click.option("--hooks", is_flag=True, help="Let the studio run its client hooks here: for its own people's machines.")
@click.option("--role", type=click.Choice(["client", "server"]), default="client", hidden=True)
@click.option("--volume", "volumes", multiple=True, metavar="CODE=PATH", hidden=True)
@json_option
def agent(
    *,
    server: str | None,
    user: str | None,
    key: str | None,
    data: Path,
    ca: str | None,
    workspace: str | None,
    maps: tuple[str, ...],
    download: str | None,
    advertise: tuple[str, ...],
    ports: str,
    hooks: bool,
    role: str,
    volumes: tuple[str, ...],
    as_json: bool,
) -> int:
    """Keep a line to the engine and move files as it says, until SIGTERM."""
    from accsyn_engine.agent import run
    from accsyn_engine.agent.options import AgentOptions, maps_from_environment, parse_maps, parse_ports
    from accsyn_plugins.config import load_settings

    chosen = {"server": server, "user": user, "key": key, "ca": ca, "workspace": workspace, "download": download}
    settings = load_settings(chosen, os.environ)
    trusted = settings.get("ca")
    options = AgentOptions(
        server=settings.require("server"),
        user=settings.require("user"),
        key=settings.require("key"),
        data=data.absolute(),
        ca=Path(trusted).absolute() if trusted else None,
        workspace=settings.get("workspace"),
        role="server" if role == "server" else "client",
        volumes=parse_maps(volumes),
        maps={**maps_from_environment(os.environ), **parse_maps(maps)},
        download=settings.get("download") or None,
        advertise=advertise,
        ports=parse_ports(ports),
        hooks=hooks,
    )
    if as_json:
        print_answer({"server": options.server, "user": options.user, "data": str(options.data)}, "", as_json=True)
    return run(options)
