"""`relay`: plain HTTP on the loopback for official clients, verified TLS from there on."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import click

from accsyn_engine.cli.output import json_option, print_answer


@click.command()
@click.option("--listen", default="127.0.0.1:8181", show_default=True, metavar="HOST:PORT", help="On the loopback.")
@click.option("--server", metavar="URL", help="The engine, https://NAME:PORT. [ACCSYN_SERVER]")
@click.option("--ca", metavar="FILE", help="The engine's ca.pem; else the system's store. [ACCSYN_CA]")
@json_option
def relay(listen: str, server: str | None, ca: str | None, as_json: bool) -> None:
    """Let unmodified official clients (ACCSYN_PROXY=127.0.0.1:8181, or AS_DEV=1) talk to the engine."""
    from accsyn_engine.relay import Upstream, build_relay, loopback
    from accsyn_engine.server.sockets import listen_tcp, make_listener
    from accsyn_plugins.config import load_settings

    settings = load_settings({"server": server, "ca": ca}, os.environ)
    trusted = settings.get("ca")
    upstream = Upstream(settings.require("server"), Path(trusted) if trusted else None)
    host, port = loopback(listen)
    app = build_relay(upstream)
    listening = listen_tcp(host, port)
    address = f"{host}:{listening.getsockname()[1]}"
    answer = {"listen": address, "server": upstream.url}
    listener = make_listener(app)

    async def run() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, setattr, listener, "should_exit", True)
        print_answer(answer, f"relay to {upstream.url} at {address}: set ACCSYN_PROXY={address}", as_json=as_json)
        await listener.serve([listening])

    asyncio.run(run())
