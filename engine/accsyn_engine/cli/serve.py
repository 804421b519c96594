"""`serve`: the engine server and its agent."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from accsyn_engine.cli.output import json_option, print_answer


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder init made.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port; else the one of init's --url. 0 takes a free one."
)
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE", help="A certificate of your own.")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Its key.")
@click.option("--advertise", multiple=True, metavar="ADDR", help="An address at which vendors reach the server agent.")
@click.option("--ports", default="", metavar="A-B", help="The ports of transfers. [45190-45210]")
@click.option(
    "--relay",
    is_flag=False,
    flag_value="127.0.0.1:8181",
    metavar="[HOST:PORT]",
    help="Serve plain HTTP on the loopback too, for official clients.",
)
@click.option("--no-agent", is_flag=True, help="Do not start the server agent.")
@json_option
def serve(
    *,
    data: Path,
    host: str,
    port: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    advertise: tuple[str, ...],
    ports: str,
    relay: str | None,
    no_agent: bool,
    as_json: bool,
) -> None:
    """Serve the engine (HTTPS only) until SIGTERM, with the agent that has the volumes."""
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together.")
    from accsyn_engine.agent.options import parse_ports
    from accsyn_engine.server.run import ServeOptions, serve

    if ports:
        parse_ports(ports)  # found out here, not in the agent's log
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)

    def announce(workspace: str, url: str) -> None:
        answer = {"workspace": workspace, "url": url}
        print_answer(answer, f"engine for workspace {workspace} at {url}", as_json=as_json)

    serve(
        ServeOptions(
            data=data,
            host=host,
            port=port,
            tls_cert=tls_cert,
            tls_key=tls_key,
            advertise=advertise,
            ports=ports,
            relay=relay,
            agent=not no_agent,
        ),
        announce,
    )
