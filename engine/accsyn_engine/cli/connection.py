"""How commands reach an engine: the options they share, and the accsyn events they send."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from accsyn_engine.cli.doors import ControlSocket, Door, in_process
from accsyn_plugins.errors import AccsynError

EVENT = "/api/v3/event"
ID = re.compile(r"[0-9a-f]{24}")


class NowhereError(AccsynError):
    """No option says which engine is meant."""

    code = "no-engine-named"
    sentence = "Which engine? Give --server URL --user EMAIL --key KEY, or --data DIR on the engine's own machine."


class EngineRefusedError(AccsynError):
    """The engine says no; code and sentence are its own."""

    code = "refused"
    sentence = "{message}"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)

    def as_json(self) -> dict[str, str]:
        """The engine's own code."""
        return {"code": str(self.facts["code"]), "message": self.message}


class UnknownError(AccsynError):
    """A name given on the command line is nobody's."""

    code = "not-found"
    status = 404
    sentence = 'There is no {kind} "{name}" that you may see; check the spelling.'


class Engine:
    """One engine, spoken to in events of the accsyn protocol."""

    def __init__(self, door: Door, *, user: str = "", key: str = "", workspace: str = "") -> None:
        self._door = door
        self._user = user
        self._workspace = workspace
        self._headers = {"X-Accsyn-Device": f"accsyn-engine @ {socket.gethostname()}"}
        if user or key:
            self._headers["Authorization"] = f"basic {_b64(user)}:{_b64(key)}"
        if workspace:
            self._headers["X-Accsyn-Workspace"] = workspace

    def event(self, method: str, uri: str, data: Any = None, *, query: str | None = None, id: str | None = None) -> Any:
        """Send one event; the whole answer. Raises EngineRefusedError with the engine's sentence."""
        fields = {"workspace": self._workspace or None, "query": query, "id": id}
        document = {
            "audience": "api",
            "eid": str(uuid.uuid4()),
            "uri": uri,
            "ident": self._user,
            "data": data if data is not None else {},
            **{name: value for name, value in fields.items() if value is not None},
        }
        text = json.dumps(document, ensure_ascii=False)
        if method in {"GET", "DELETE"}:
            answer = self._door.call(method, f"{EVENT}?{quote(text)}", headers=self._headers)
        else:
            answer = self._door.call(method, EVENT, headers=self._headers, body=text.encode())
        if "message" in answer:
            raise EngineRefusedError(str(answer.get("code", "refused")), str(answer["message"]))
        return answer

    def result(
        self, method: str, uri: str, data: Any = None, *, query: str | None = None, id: str | None = None
    ) -> Any:
        """Send one event; its result."""
        return self.event(method, uri, data, query=query, id=id)["result"]

    def find(self, kind: str, query: str | None = None, **data: Any) -> list[dict[str, Any]]:
        """Entities by expression."""
        rows: list[dict[str, Any]] = self.result("GET", f"{kind}/find", data, query=query)
        return rows

    def one(self, kind: str, name: str, **data: Any) -> dict[str, Any]:
        """The entity with this id or code; raises UnknownError. Of several jobs of one name the newest is meant."""
        if ID.fullmatch(name):
            found = self.result("GET", f"{kind}/find", data, id=name)
        else:
            found = [] if '"' in name else self.find(kind, f'code="{name}"', **data)
        if not found:
            raise UnknownError(kind=kind, name=name)
        entity: dict[str, Any] = found[-1]
        return entity


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


OPTIONS = (
    click.option("--server", metavar="URL", help="The engine, https://NAME:PORT. [ACCSYN_SERVER]"),
    click.option("--user", "api_user", metavar="EMAIL", help="Who you are there. [ACCSYN_API_USER]"),
    click.option("--key", metavar="KEY", help="Your API key, or @FILE that holds it. [ACCSYN_API_KEY]"),
    click.option("--ca", metavar="FILE", help="The engine's ca.pem; else the system's store. [ACCSYN_CA]"),
    click.option("--workspace", metavar="CODE", help="The workspace you mean. [ACCSYN_WORKSPACE]"),
    click.option(
        "--data",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="On the engine's own machine: its data folder, instead of the options above.",
    ),
)


def connected(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the connection options, and as its first argument the engine they name."""

    @wraps(command)
    def run(
        *args: Any,
        server: str | None,
        api_user: str | None,
        key: str | None,
        ca: str | None,
        workspace: str | None,
        data: Path | None,
        **kwargs: Any,
    ) -> Any:
        chosen = {"server": server, "user": api_user, "key": key, "ca": ca, "workspace": workspace}
        with _local(data) if data is not None else _remote(chosen) as engine:
            return command(engine, *args, **kwargs)

    for option in reversed(OPTIONS):
        run = option(run)
    return run


@contextmanager
def _local(data: Path) -> Iterator[Engine]:
    control = ControlSocket(data / "control.sock")
    if control.is_open():
        yield Engine(control)
        return
    with in_process(data) as door:
        yield Engine(door)


@contextmanager
def _remote(chosen: dict[str, str | None]) -> Iterator[Engine]:
    from accsyn_plugins.config import load_settings
    from accsyn_plugins.transport import Transport, Trust

    settings = load_settings(chosen, os.environ)
    if not settings.get("server"):
        raise NowhereError
    transport = Transport(settings.require("server"), Trust(ca=settings.get("ca")))
    try:
        yield Engine(
            transport,
            user=settings.require("user"),
            key=settings.require("key"),
            workspace=settings.get("workspace"),
        )
    finally:
        transport.close()
