"""The line to the engine: verified TLS, and four errors for everything that can go wrong on it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from accsyn_engine.agent.engine import Engine
from accsyn_engine.agent.errors import RefusedError, SilentError, UnreachableError, UntrustedError
from accsyn_engine.agent.options import AgentOptions
from accsyn_engine.server.authority import make_authority, make_server
from tests.engine.agent.conftest import CLOCK

Answer = tuple[int, str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serve one answer to everything; gives the URL. Over TLS with a certificate for `name` when told to."""
    servers = []

    def serve(answer: Answer, *, name: str = "", newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> str:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                body = answer[1].encode()
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]  # refused handshakes
        if name:
            server.socket = _tls(tmp_path, name, newest).wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"{'https' if name else 'http'}://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def _tls(folder: Path, name: str, newest: ssl.TLSVersion) -> ssl.SSLContext:
    authority = make_authority("geoscan", CLOCK.now_ms())
    pair = make_server(authority, [name], CLOCK.now_ms())
    (folder / "ca.pem").write_text(authority.certificate_pem)
    (folder / "server.pem").write_text(pair.certificate_pem + pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(folder / "server.pem")
    return context


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    engines = []

    def connect(url: str, *, ca: bool = True) -> Engine:
        trusted = tmp_path / "ca.pem" if ca and url.startswith("https") else None
        engine = Engine(AgentOptions(server=url, user="a@b.c", key="k", data=tmp_path, ca=trusted))
        engines.append(engine)
        return engine

    yield connect
    for engine in engines:
        engine.close()


def test_an_answer_comes_over_tls_that_the_engines_authority_vouches_for(serve, connect):
    assert connect(serve((200, '{"a": 1}'), name="127.0.0.1")).get("events", {}) == {"a": 1}


def test_an_authority_of_the_environment_is_not_asked(serve, connect, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert connect(serve((200, "[]"), name="127.0.0.1")).get("events", {}) == []


@pytest.mark.parametrize(("name", "ca"), [("127.0.0.1", False), ("another.name", True)])
def test_a_certificate_that_nobody_vouches_for_or_of_another_name_is_refused(serve, connect, name, ca):
    engine = connect(serve((200, "{}"), name=name), ca=ca)
    with pytest.raises(UntrustedError, match=r"give the engine's ca\.pem with --ca"):
        engine.get("events", {})


def test_older_tls_is_not_spoken(serve, connect):
    engine = connect(serve((200, "{}"), name="127.0.0.1", newest=ssl.TLSVersion.TLSv1_2))
    with pytest.raises(UnreachableError):
        engine.get("events", {})


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((404, '{"code": "not-found", "message": "There is no client."}'), RefusedError, "There is no client."),
        ((503, '{"code": "too-many", "message": "Too many streams."}'), UnreachableError, "Too many streams"),
        ((502, "<html>Bad gateway</html>"), UnreachableError, "HTTP 502 from something that is no engine"),
        ((403, "<html>Blocked by policy</html>"), UnreachableError, "HTTP 403 from something that is no engine"),
        ((302, ""), UnreachableError, "HTTP 302"),
        ((200, "<html>Please log in to the network</html>"), UnreachableError, "something that is no engine"),
    ],
)
def test_what_answers_is_told_apart(serve, connect, answer, error, words):
    with pytest.raises(error, match=words):
        connect(serve(answer)).get("events", {})


def test_an_engine_that_does_not_answer_is_left_at_the_deadline(connect):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        engine = connect(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(SilentError):
            engine.get("events", {}, deadline_s=0.2)
