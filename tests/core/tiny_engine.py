"""A tiny engine for tests: HTTPS on a kernel's port, accsyn's `/api/v3` wire, everything in memory, one folder as volume.

It knows just enough of users, shares, ACLs, jobs and listings for the client and the actions to be tried on a real socket
on Python 3.9, where the real engine does not run. It does not judge: permissions are the real engine's work.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import os
import re
import ssl
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional
from urllib.parse import unquote, urlsplit

from accsyn_plugins.client import LOOKUP_PATH

Row = Dict[str, Any]
WORDS = {"folder": "share", "volume": "share", "transfer": "job"}


class Refusal(Exception):
    """Becomes the answer's message."""


class TinyEngine:
    def __init__(self, volume: Path, chain: Path) -> None:
        self.volume = volume
        self.keys = {"workflow@geoscan.org": "KEY-W", "jennifer@gda.com": "KEY-J"}
        self.rows: Dict[str, List[Row]] = {"user": [], "share": [], "acl": [], "job": [], "task": []}
        self.settings: Row = {}
        self.calls: List[Row] = []
        self.headers: List[Dict[str, str]] = []
        self.connections = 0
        self.answers: Dict[str, Any] = {}
        self.prepublish: Optional[Callable[[Row], Any]] = None
        self.hangs_up = False  # closes each connection after an answer, without saying so
        self.raw: Optional[bytes] = None  # answered instead of everything, once set
        self._numbers = itertools.count(1)
        self.add("user", code="workflow@geoscan.org", role="employee")
        self.add("share", code="production", type="volume", path=str(volume), default=True)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.engine = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(chain)
        self._server.context = context
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @contextmanager
    def serving(self) -> Iterator[TinyEngine]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def add(self, kind: str, **facts: Any) -> Row:
        row = {"id": f"{next(self._numbers):024x}", "status": "enabled", **facts}
        self.rows[kind].append(row)
        return row

    def count(self, kind: str) -> int:
        return len(self.rows[kind])

    def writes(self) -> List[str]:
        """What was asked for that changes something."""
        return [call["uri"] for call in self.calls if not call["uri"].endswith(("find", "workspace/file", "setting"))]

    def look_up(self, workspace: str) -> Row:
        """What the public service answers about where a workspace lives."""
        port = self._server.server_address[1]
        return {"result": {"hostname": "127.0.0.1", "port": port} if workspace == "geoscan" else None}

    # --- the protocol -------------------------------------------------------------------------------------------------

    def login(self, authorization: str) -> Row:
        user, key = (base64.b64decode(word).decode() for word in authorization[len("basic ") :].split(":"))
        if self.keys.get(user) != key:
            raise Refusal("The user or the key is wrong.")
        known = [row for row in self.rows["user"] if row["code"] == user]
        row = known[0] if known else self.add("user", code=user, role="standard")
        return {"id": row["id"], "role": row["role"], "session_id": f"session of {user}"}

    def event(self, envelope: Row) -> Any:
        self.calls.append(envelope)
        data = envelope.get("data")
        if "gz_data" in envelope:
            data = json.loads(gzip.decompress(base64.b64decode(envelope["gz_data"])))
        if envelope["eid"] in self.answers:
            return self.answers[envelope["eid"]]
        kind, _, operation = envelope["uri"].partition("/")
        name = f"do_{operation.replace('/', '_') or kind}"
        answer = getattr(self, name)(WORDS.get(kind, kind), data or {}, envelope)
        self.answers[envelope["eid"]] = answer
        return answer

    def do_find(self, kind: str, data: Row, envelope: Row) -> List[Row]:
        if "id" in envelope:
            return [row for row in self.rows[kind] if row["id"] == envelope["id"]]
        rows = [row for row in self.rows[kind] if matches(row, envelope.get("query", ""))]
        if kind == "job" and not data.get("single_entity_query"):
            over = {"done", "aborted"}
            rows = [row for row in rows if (row["status"] in over) == bool(data.get("finished"))]
        if data.get("parent"):
            rows = [row for row in rows if row.get("parent") == data["parent"]]
        return rows[data.get("skip", 0) :][: data.get("limit", len(rows))]

    def do_create(self, kind: str, data: Row, envelope: Row) -> List[Row]:
        if kind == "task":
            return [self.add("task", parent=envelope["id"], **task) for task in _listed(data["tasks"])]
        if kind == "acl":
            return [self._grant(data)]
        if kind in ("user", "share") and any(row["code"] == data["code"] for row in self.rows[kind]):
            raise Refusal(f"A {kind} with the code {data['code']} exists.")
        facts = dict(data)
        if kind == "job":
            facts.update(status="waiting", progress=0, size=-1, code=data["name"])
        return [self.add(kind, **facts)]

    def _grant(self, data: Row) -> Row:
        same = ("entity", "target", "path")
        for row in self.rows["acl"]:
            if all(row[name] == data[name] for name in same):
                row.update(read=data["read"], write=data["write"])
                return row
        return self.add("acl", **{name: data[name] for name in (*same, "read", "write")})

    def do_edit(self, kind: str, data: Any, envelope: Row) -> List[Row]:
        if isinstance(data, list):
            return [{**entry, "parent": envelope["id"]} for entry in data]
        row = next(row for row in self.rows[kind] if row["id"] == envelope["id"])
        row.update(data)
        return [row]

    def do_delete(self, kind: str, data: Row, envelope: Row) -> bool:
        self.rows[kind] = [row for row in self.rows[kind] if row["id"] != envelope["id"]]
        return True

    def do_deactivate(self, kind: str, data: Row, envelope: Row) -> bool:
        return self.do_edit(kind, {"status": "inactive"}, envelope) != []

    def do_activate(self, kind: str, data: Row, envelope: Row) -> bool:
        for row in self.rows[kind]:
            if envelope.get("id") == row["id"] or envelope.get("query") == row["code"]:
                row["status"] = "enabled"
        return True

    def do_setting(self, kind: str, data: Row, envelope: Row) -> Any:
        if "value" in data:
            self.settings[data["name"]] = data["value"]
            return True
        if envelope["method"] == "DELETE":
            return self.settings.pop(data["name"], None) is not None
        return self.settings.get(data["name"])

    def do_recipients(self, kind: str, data: Row, envelope: Row) -> List[Row]:
        return [{"user_hr": "jennifer@gda.com"}]

    def do_recipient_add(self, kind: str, data: Row, envelope: Row) -> bool:
        return True

    def do_recipient(self, kind: str, data: Row, envelope: Row) -> bool:
        return True

    def do_publish_preprocess(self, kind: str, data: Row, envelope: Row) -> Any:
        return self.prepublish(data) if self.prepublish else {}

    def do_file(self, kind: str, data: Row, envelope: Row) -> Any:
        path = self.volume / re.sub(r"^volume=[^/]*/?", "", data["path"])
        if data["op"] == "exists":
            return path.exists()
        if data["op"] == "getsize":
            return path.stat().st_size if path.is_file() else 0
        if data["op"] == "ls" and not path.is_dir():
            raise Refusal(f"{data['path']} is no folder.")
        return _listing(path) if data["op"] == "ls" else True


def matches(row: Row, query: str) -> bool:
    """Just `a=b and c=d`, with or without brackets, quotes and `x where`."""
    query = re.sub(r"^\w+ where ", "", query.strip(), flags=re.IGNORECASE).strip("()")
    for part in filter(None, re.split(r" and ", query, flags=re.IGNORECASE)):
        name, _, value = part.partition("=")
        name = "entity" if name.strip() == "ident" else name.strip()
        found = str(row.get(name, "")).lower()
        if value.strip("\"' ").lower() not in (found, found.split(":")[0] + ":*"):
            return False
    return True


def _listed(tasks: Any) -> List[Row]:
    if isinstance(tasks, list):
        return tasks
    return list(tasks.values()) if "source" not in tasks else [tasks]


def _listing(folder: Path) -> List[Row]:
    rows = []
    for entry in sorted(os.scandir(folder), key=lambda found: found.name):
        facts: Row = {"filename": entry.name, "type": 0 if entry.is_dir() else 1, "modified": "2026-11-24T03:36:48"}
        facts.update({"files": _listing(Path(entry.path))} if entry.is_dir() else {"size": entry.stat().st_size})
        rows.append(facts)
    return rows


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    engine: TinyEngine
    context: ssl.SSLContext

    def finish_request(self, request: Any, address: Any) -> None:
        try:
            stream = self.context.wrap_socket(request, server_side=True)
        except (ssl.SSLError, OSError):
            return  # a client that does not believe the certificate
        with stream:
            self.engine.connections += 1
            super().finish_request(stream, address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet; two of them would wait 40 ms for each other
    server: _Server

    def handle(self) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            super().handle()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        engine = self.server.engine
        engine.headers.append(dict(self.headers))
        parts = urlsplit(self.path)
        try:
            if engine.raw is not None:
                return self.reply(engine.raw)
            if parts.path == LOOKUP_PATH:
                return self.reply(engine.look_up(json.loads(unquote(parts.query))["ident"]))
            login = engine.login(self.headers["Authorization"])
            if parts.path == "/api/v3/api/login":
                return self.reply({"result": login})
            envelope = {**json.loads(body or unquote(parts.query)), "method": self.command}
            return self.reply({"result": engine.event(envelope)})
        except Refusal as refusal:
            return self.reply({"message": str(refusal), "code": "refused-by-test"})

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - named by the standard library

    def reply(self, answer: Any) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = self.server.engine.hangs_up

    def log_message(self, *_: Any) -> None:
        pass
