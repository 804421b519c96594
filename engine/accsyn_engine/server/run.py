"""From the lock on the data folder to the URL on standard output, and back down when a signal comes."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette

from accsyn_engine import config as configuration
from accsyn_engine import relay
from accsyn_engine.api.app import as_local_admin, build_app
from accsyn_engine.clock import Clock, SystemClock
from accsyn_engine.ids import Ids
from accsyn_engine.server.authority import renew_certificate
from accsyn_engine.server.child import AgentCommand, ServerAgent, server_agent
from accsyn_engine.server.folder import Folder, locked
from accsyn_engine.server.loops import engine_loops
from accsyn_engine.server.sockets import Listener, listen_control, listen_tcp, make_listener, tls_context
from accsyn_engine.services import setup
from accsyn_engine.services.access import shares
from accsyn_engine.services.context import Context, Find
from accsyn_engine.services.people import accounts

ANYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # recognised, not bound
DEFAULT_PORT = 8443


@dataclass(frozen=True)
class ServeOptions:
    """What `serve` was told; a port of none is the one of the engine's URL."""

    data: Path
    host: str = "127.0.0.1"
    port: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    advertise: tuple[str, ...] = ()
    ports: str = ""
    relay: str | None = None  # host:port on the loopback
    agent: bool = True


@dataclass(frozen=True)
class Place:
    """Where the server listens and how it proves who it is."""

    listening: socket.socket
    url: str
    certificate: Path
    key: Path
    ca: Path | None  # none: a certificate the system's store knows


def serve(
    options: ServeOptions, announce: Callable[[str, str], None], *, clock: Clock | None = None, ids: Ids | None = None
) -> None:
    """Run until SIGTERM or SIGINT; `announce` hears workspace and URL once connections are taken.

    Raises NoEngineHereError, FolderInUseError, PortInUseError, CannotListenError or BadCertificateError before anything
    is changed.
    """
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # a fault is logged once, by the application
    clock = clock or SystemClock()
    folder = Folder(options.data.absolute())
    config = configuration.load(folder.path)
    with ExitStack() as stack:
        stack.enter_context(locked(folder))
        place = _take_place(options, folder, config.url, clock)
        stack.callback(place.listening.close)
        relayed = _take_relay(options)
        context = setup.open_engine(folder.path, clock=clock, ids=ids or Ids())
        stack.callback(context.database.close)
        control = listen_control(folder.control)
        stack.callback(folder.control.unlink, missing_ok=True)
        app = build_app(context, url=place.url)
        listeners = [_https(app, place), (make_listener(as_local_admin(app), control=True), control)]
        if relayed is not None:
            listeners.append((make_listener(relay.build_relay(relay.Upstream(place.url, place.ca))), relayed))
        agent = _agent(options, folder, context, place) if options.agent else None
        asyncio.run(_run(context, app, listeners, agent, partial(announce, config.workspace, place.url)))


def _https(app: Starlette, place: Place) -> tuple[Listener, socket.socket]:
    return make_listener(app, tls=tls_context(place.certificate, place.key)), place.listening


def _take_relay(options: ServeOptions) -> socket.socket | None:
    return listen_tcp(*relay.loopback(options.relay)) if options.relay else None


def _take_place(options: ServeOptions, folder: Folder, url: str, clock: Clock) -> Place:
    if options.tls_cert is None or options.tls_key is None:
        renew_certificate(folder, url=url, now_ms=clock.now_ms())
        certificate, key, ca = folder.certificate, folder.certificate_key, folder.ca
    else:
        certificate, key, ca = options.tls_cert.absolute(), options.tls_key.absolute(), None
    tls_context(certificate, key)  # a wrong file is found out before the port is taken
    port = options.port if options.port is not None else urlsplit(url).port or DEFAULT_PORT
    listening = listen_tcp(options.host, port)
    named = (urlsplit(url).hostname or "localhost") if options.host in ANYWHERE or ca is None else options.host
    host = f"[{named}]" if ":" in named else named
    return Place(listening, f"https://{host}:{listening.getsockname()[1]}", certificate, key, ca)


def _agent(options: ServeOptions, folder: Folder, context: Context, place: Place) -> ServerAgent:
    admin = accounts.local_admin(context)
    volumes = shares.find(context, admin, "volume", Find())
    command = AgentCommand(
        folder=folder,
        url=place.url,
        user=admin.code,
        ca=place.ca,
        volumes=tuple((volume["code"], volume["path"]) for volume in volumes),
        advertise=options.advertise,
        ports=options.ports,
    )
    return ServerAgent(command, context.clock)


async def _run(
    context: Context,
    app: Starlette,
    listeners: list[tuple[Listener, socket.socket]],
    agent: ServerAgent | None,
    announce: Callable[[], None],
) -> None:
    stop = _stop_signal()
    async with _listening(app, listeners), engine_loops(context), server_agent(agent):
        announce()
        await stop.wait()


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def _listening(app: Starlette, listeners: list[tuple[Listener, socket.socket]]) -> AsyncIterator[None]:
    running = [asyncio.create_task(listener.serve([listening])) for listener, listening in listeners]
    while not all(listener.started for listener, _listening in listeners):  # noqa: ASYNC110  # uvicorn has no event
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        app.state.parts.stop()
        for listener, _listening in listeners:
            listener.should_exit = True
        await asyncio.gather(*running)
        app.state.parts.close()
