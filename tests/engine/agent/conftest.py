"""A small engine over real HTTP that answers as the agent API's contract says, and agents that talk to it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accsyn_engine.agent import AgentOptions, run
from accsyn_engine.clock import SystemClock

WAIT_S = 20.0
CLOCK = SystemClock()


def until(holds: Callable[[], Any], *, seconds: float = WAIT_S) -> Any:
    """Wait until something holds, looking often; gives it."""
    deadline = CLOCK.monotonic() + seconds
    while not (found := holds()):
        assert CLOCK.monotonic() < deadline, "it did not come to hold"
        CLOCK.sleep(0.01)
    return found


@dataclass
class SmallEngine:
    """Keeps events per agent, takes their reports, and refuses or hides when told to."""

    port: int = 0
    key: str = "good-key"
    streams: str = "good"  # good | silent | refused (answers a stream with a page) | cut (ends after each event)
    progress_answer: dict[str, Any] = field(default_factory=lambda: {"state": "running", "limit": None, "reason": ""})
    proceed: bool = True
    hello_error: tuple[int, dict[str, str]] | None = None
    tasks: list[dict[str, Any]] = field(default_factory=list)
    tasks_of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by transfer; else `tasks`
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gets: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    reacts: Callable[[str, dict[str, Any]], None] = lambda path, body: None
    open_streams: list[BaseHTTPRequestHandler] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        engine = self

        class Handler(_Handler):
            small = engine

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        with self.changed:
            self.changed.notify_all()

    @property
    def is_up(self) -> bool:
        return self._server is not None

    def emit(self, client: str, kind: str, data: dict[str, Any]) -> None:
        with self.changed:
            listed = self.events.setdefault(client, [])
            listed.append({"seq": len(listed) + 1, "kind": kind, "data": data})
            self.changed.notify_all()

    def after(self, client: str, seq: int) -> list[dict[str, Any]]:
        return [event for event in self.events.get(client, []) if event["seq"] > seq]

    def posted(self, path: str) -> list[dict[str, Any]]:
        return [body for at, body in list(self.posts) if at == path]

    def wait_for(self, path: str, count: int = 1) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = until(lambda: len(self.posted(path)) >= count and self.posted(path))
        return found

    def ask(self, client: str, operation: str, **data: Any) -> Any:
        request = f"question{len(self.posts)}{len(self.events.get(client, []))}"
        self.emit(client, "request", {"request": request, "operation": operation, "data": data})
        body = self.wait_for(f"requests/{request}")[0]
        return body["answer"] if "answer" in body else body["error"]


class _Handler(BaseHTTPRequestHandler):
    small: SmallEngine
    protocol_version = "HTTP/1.1"

    @property
    def is_alive(self) -> bool:
        """Whether the engine that took this connection has not gone down since."""
        return self.small._server is self.server

    def log_message(self, *args: Any) -> None:
        pass

    def answer(self, body: Any, status: int = 200) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def refuse_stranger(self) -> bool:
        import base64

        scheme, _, rest = self.headers["Authorization"].partition(" ")
        user, key = (base64.b64decode(part).decode() for part in rest.split(":"))
        if scheme == "basic" and key == self.small.key and "@" in user:
            return False
        self.answer({"code": "wrong-credentials", "message": "no"}, 401)
        return True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.removeprefix("/api/agent/")
        if not self.is_alive or self.refuse_stranger():
            self.close_connection = True
            return
        if path == "hello":
            self.hello(body)
            return
        self.small.posts.append((path, body))
        self.small.reacts(path, body)
        if path.endswith("/progress"):
            self.answer(self.small.progress_answer)
        elif path.endswith("/start"):
            self.answer({"proceed": self.small.proceed})
        else:
            self.answer({})

    def hello(self, body: dict[str, Any]) -> None:
        if self.small.hello_error:
            self.answer(self.small.hello_error[1], self.small.hello_error[0])
            return
        client = f"client-of-{body['hostname']}-{body['instance']}"
        # A new start hears nothing that was meant for an older one; the same start goes on where it acknowledged.
        is_same = any(hello["boot"] == body["boot"] for hello in self.small.posted("hello"))
        cursor = self.small.acknowledged.get(client, 0) if is_same else len(self.small.events.get(client, []))
        self.answer(
            {
                "client": client,
                "cursor": cursor,
                "user": {"id": "u", "code": "jennifer@gda.com", "role": "standard"},
                "workspace": "geoscan",
                "lease_s": 10,
                "time_ms": 0,
            }
        )
        self.small.posts.append(("hello", {**body, "client": client}))

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path, query = parts.path.removeprefix("/api/agent/"), {k: v[0] for k, v in parse_qs(parts.query).items()}
        if not self.is_alive or self.refuse_stranger():
            self.close_connection = True
            return
        self.small.gets.append((path, query))
        if path.endswith("/tasks"):
            self.page(path.split("/")[1], int(query["after"]), int(query["limit"]))
            return
        self.acknowledge(query)
        if "wait" in query:
            self.poll(query)
        else:
            assert self.headers["Accept"] == "text/event-stream"
            getattr(self, f"stream_{self.small.streams}")(query)

    def acknowledge(self, query: dict[str, str]) -> None:
        self.small.acknowledged[query["client"]] = int(query["after"])

    def page(self, transfer: str, after: int, limit: int) -> None:
        left = [task for task in self.small.tasks_of.get(transfer, self.small.tasks) if task["seq"] > after]
        self.answer({"tasks": left[:limit], "more": len(left) > limit})

    def poll(self, query: dict[str, str]) -> None:
        with self.small.changed:
            self.small.changed.wait_for(
                partial(self.has_news, query["client"], int(query["after"])), float(query["wait"])
            )
        self.answer({"events": self.small.after(query["client"], int(query["after"]))})

    def begin_stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, raw: bytes) -> None:
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")

    def has_news(self, client: str, seq: int) -> bool:
        return bool(self.small.after(client, seq)) or not self.is_alive

    def stream_good(self, query: dict[str, str], *, cut: bool = False) -> None:
        self.begin_stream()
        seq = int(query["after"])
        try:
            self.chunk(b": open\n\n")
            while self.is_alive:
                with self.small.changed:
                    self.small.changed.wait_for(partial(self.has_news, query["client"], seq), 1)
                for event in self.small.after(query["client"], seq):
                    seq = event["seq"]
                    data = json.dumps(event["data"], ensure_ascii=False)
                    self.chunk(f"id: {seq}\nevent: {event['kind']}\ndata: {data}\n\n".encode())
                    if cut:
                        return
                self.chunk(b": keep\n\n")
        except OSError:
            pass

    def stream_cut(self, query: dict[str, str]) -> None:
        self.stream_good(query, cut=True)

    def stream_silent(self, query: dict[str, str]) -> None:
        self.begin_stream()
        with self.small.changed:
            self.small.changed.wait_for(lambda: not self.is_alive or self.small.streams != "silent", 60)

    def stream_refused(self, query: dict[str, str]) -> None:
        self.close_connection = True
        raw = b"<html>Your request is being scanned</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@dataclass
class Running:
    """An agent in a thread of the test."""

    options: AgentOptions
    stopping: threading.Event
    thread: threading.Thread
    codes: queue.SimpleQueue[int]
    client: str = ""

    @property
    def log(self) -> str:
        file = self.options.data / "agent.log"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def end(self) -> int:
        self.stopping.set()
        return self.code()

    def code(self) -> int:
        self.thread.join(WAIT_S)
        return self.codes.get(timeout=WAIT_S)


@pytest.fixture
def small_engine() -> Iterator[SmallEngine]:
    engine = SmallEngine()
    engine.up()
    yield engine
    if engine.is_up:
        engine.down()


@pytest.fixture
def start(small_engine: SmallEngine, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start an agent; waits for its greeting unless told not to."""
    agents: list[Running] = []

    def start(name: str = "gda", *, greets: bool = True, **values: Any) -> Running:
        options = AgentOptions(
            **{
                "server": small_engine.url,
                "user": f"{name}@gda.com",
                "key": "good-key",
                "data": tmp_path / f"agent-{name}",
                **values,
            }
        )
        stopping, codes = threading.Event(), queue.SimpleQueue[int]()
        thread = threading.Thread(target=lambda: codes.put(run(options, stopping=stopping)), daemon=True)
        before = len(small_engine.posted("hello"))
        thread.start()
        running = Running(options, stopping, thread, codes)
        agents.append(running)
        if greets:
            running.client = small_engine.wait_for("hello", before + 1)[-1]["client"]
        return running

    yield start
    for agent in agents:
        agent.stopping.set()
    for agent in agents:
        agent.thread.join(WAIT_S)
