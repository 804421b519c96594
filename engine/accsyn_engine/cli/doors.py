"""The three ways to an engine: over HTTPS, over its control socket, and, when none runs, in this process.

All three speak to the same application, so a command does the same whichever way it takes.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from accsyn_plugins.errors import AccsynError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message  # only named here; a command over HTTPS does without Starlette

TIMEOUT_S = 130.0  # a hook test or a sleeping agent may take two minutes


class ControlSocketError(AccsynError):
    """The running server hung up."""

    code = "control-socket"
    status = 503
    sentence = 'The engine on "{folder}" does not answer on its control socket ({why}); is it being stopped? Try again.'


class Door(Protocol):
    """One way to an engine."""

    def call(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> dict[str, Any]:
        """Send one request; the JSON object that comes back, whatever the HTTP status."""
        ...


class ControlSocket:
    """The owner's door to the server that runs on a data folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_open(self) -> bool:
        """Whether a server listens there."""
        try:
            self._connect().close()
        except OSError:
            return False
        return True

    def call(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> dict[str, Any]:
        """Raises ControlSocketError."""
        connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT_S)
        try:
            connection.sock = self._connect()
            connection.request(method, path, body=body, headers=dict(headers))
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ControlSocketError(folder=self._path.parent, why=str(error) or type(error).__name__) from error
        finally:
            connection.close()
        return answer

    def _connect(self) -> socket.socket:
        from accsyn_engine.server.paths import short_path

        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(TIMEOUT_S)
        try:
            with short_path(self._path) as short:
                connection.connect(short)
        except OSError:
            connection.close()
            raise
        return connection


class InProcess:
    """The application called without a server, for as long as the data folder is locked."""

    def __init__(self, app: ASGIApp, runner: asyncio.Runner) -> None:
        self._app = app
        self._runner = runner

    def call(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> dict[str, Any]:
        """Answer like a server would."""
        answer = self._runner.run(self._call(method, path, headers, body or b""))
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    async def _call(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": None,
            "server": ("localhost", 0),
        }
        answer = bytearray()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            answer.extend(message.get("body", b""))

        await self._app(scope, receive, send)
        return bytes(answer)


@contextmanager
def in_process(data: Path) -> Iterator[InProcess]:
    """Take DIR/lock and open the engine; raises NoEngineHereError or FolderInUseError."""
    from accsyn_engine import config
    from accsyn_engine.api.app import as_local_admin, build_app
    from accsyn_engine.clock import SystemClock
    from accsyn_engine.ids import Ids
    from accsyn_engine.server.folder import Folder, locked
    from accsyn_engine.services import setup

    config.load(data)
    with locked(Folder(data)), asyncio.Runner() as runner:
        context = setup.open_engine(data, clock=SystemClock(), ids=Ids())
        app = build_app(context)
        try:
            yield InProcess(as_local_admin(app), runner)
        finally:
            app.state.parts.close()
            context.database.close()
