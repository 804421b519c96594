"""The loopback relay: what comes in goes on as it is, over verified TLS, and every failure is JSON."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accsyn_engine.relay import NotLoopbackError, Upstream, build_relay, loopback
from accsyn_engine.server.folder import Folder
from tests.engine.api.servers import certificates, exchange, listening, listening_tls

CONNECTIONS: set[Any] = set()


async def echo(request: Request) -> Response:
    CONNECTIONS.add(request.client)
    told = {
        "method": request.method,
        "path": request.scope["raw_path"].decode(),
        "query": request.scope["query_string"].decode(),
        "headers": dict(request.headers),
        "body": (await request.body()).decode(),
    }
    return Response(json.dumps(told), status_code=418, media_type="application/json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def relay(folder: Folder) -> Iterator[int]:
    app = Starlette(routes=[Route("/{rest:path}", echo, methods=["GET", "PUT", "POST", "DELETE"])])
    with (
        listening_tls(app, folder) as port,
        listening(build_relay(Upstream(f"https://127.0.0.1:{port}", folder.ca))) as relayed,
    ):
        yield relayed


def ask(port: int, head: str, body: bytes = b"") -> tuple[str, dict[str, Any]]:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    request = f"{head}\r\nHost: anything\r\n{length}Connection: close\r\n\r\n".encode() + body
    status, _, rest = exchange(port, request).partition(b"\r\n")
    answer: dict[str, Any] = json.loads(rest.partition(b"\r\n\r\n")[2])
    return status.decode(), answer


def test_a_call_goes_on_as_it_came(relay: int) -> None:
    status, told = ask(
        relay,
        "PUT /api/v3/event?%7B%22a%22%3A%201%7D HTTP/1.1\r\nAuthorization: basic dQ==:aw==\r\nX-Accsyn-Workspace: geoscan",
        b'{"uri": "user/create"}',
    )
    assert status == "HTTP/1.1 418 I'm a Teapot"
    assert told["method"] == "PUT"
    assert told["path"] == "/api/v3/event"
    assert told["query"] == "%7B%22a%22%3A%201%7D"
    assert told["headers"]["authorization"] == "basic dQ==:aw=="
    assert told["headers"]["x-accsyn-workspace"] == "geoscan"
    assert told["body"] == '{"uri": "user/create"}'


def test_calls_share_kept_connections(relay: int) -> None:
    CONNECTIONS.clear()
    for _ in range(5):
        ask(relay, "GET /api HTTP/1.1")
    assert len(CONNECTIONS) == 1


def test_a_request_line_of_two_mebibytes_passes(relay: int) -> None:
    query = "%7B" + "x" * (2 * 1024 * 1024)
    _status, told = ask(relay, f"GET /api/v3/event?{query} HTTP/1.1")
    assert told["query"] == query


def test_bytes_that_are_no_http_are_answered_as_json(relay: int) -> None:
    answer = exchange(relay, b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert "message" in json.loads(answer.partition(b"\r\n\r\n")[2])


def test_a_dead_engine_gets_a_sentence(folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"https://127.0.0.1:{taken.getsockname()[1]}"
    with listening(build_relay(Upstream(url, folder.ca))) as port:
        status, told = ask(port, "GET /api/v3/event HTTP/1.1")
    assert status.startswith("HTTP/1.1 502")
    assert told["code"] == "engine-unreachable"
    assert url in told["message"]


def test_an_engine_with_another_authority_is_not_told_the_key(folder: Folder, tmp_path: Path) -> None:
    heard: list[str] = []

    async def listen(request: Request) -> Response:
        heard.append(str(request.url))
        return Response("{}")

    app = Starlette(routes=[Route("/{rest:path}", listen)])
    stranger = certificates(tmp_path / "stranger")
    with (
        listening_tls(app, stranger) as port,
        listening(build_relay(Upstream(f"https://127.0.0.1:{port}", folder.ca))) as relayed,
    ):
        _status, told = ask(relayed, "GET /api/v3/event HTTP/1.1\r\nAuthorization: basic dQ==:aw==")
    assert "not signed by the authority" in told["message"]
    assert heard == []


@pytest.mark.parametrize("listen", ["127.0.0.1:8181", "localhost:0", "[::1]:8181", "127.9.9.9:1"])
def test_it_listens_on_the_loopback(listen: str) -> None:
    assert loopback(listen)[1] == int(listen.rpartition(":")[2])


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8181", "192.168.1.4:8181", "8181", "engine.geoscan.org:8181", "127.0.0.1:x"]
)
def test_it_listens_nowhere_else(listen: str) -> None:
    with pytest.raises(NotLoopbackError, match="loopback"):
        loopback(listen)
