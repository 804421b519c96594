"""A session with the names people know from the accsyn Python API, over `/api/v3`, certificates verified.

Every call carries an `eid`; an engine answers the same `eid` of the same user with the same answer, so a call made
with `key=` may be repeated after a crash without doubling anything.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import platform
import re
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from accsyn_plugins.errors import AccsynError
from accsyn_plugins.transport import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Transport, Trust

if TYPE_CHECKING:
    from typing import Self  # 3.11; only the type checker reads it

CLIENT_VERSION = "3.4.0"  # the release of the accsyn Python API whose wire this speaks
LOOKUP_SERVER = "https://master.accsyn.com"
LOOKUP_PATH = "/api/v3/J3PKTtDvolDMBtTy6AFGA"
COMPRESS_ABOVE = 102_400  # characters of payload
KEYS = uuid.UUID("7b6e0b52-35a5-5b8e-9f7a-6f0f6f1b6a11")  # name space of eids made from keys
ID = re.compile(r"[a-z0-9]{24}")
SHARE_WORDS = frozenset({"share", "volume", "folder", "home", "collection"})
JOB_WORDS = frozenset({"delivery", "request", "stream"})

Data = Mapping[str, Any]
Row = dict[str, Any]


class LoginError(AccsynError):
    """The engine does not know this user and key."""

    code = "login-refused"
    status = 401
    sentence = "{server} refuses the login of {user}: {reason}"


class RefusedError(AccsynError):
    """The engine says no; the sentence is the engine's own."""

    code = "refused"
    status = 400
    sentence = "{reason}"


class QueryError(AccsynError):
    """A query does not read `ENTITY` or `ENTITY WHERE EXPRESSION`."""

    code = "query-invalid"
    sentence = "{query!r} is no query: write ENTITY or ENTITY WHERE EXPRESSION."


class WorkspaceUnknownError(AccsynError):
    """Nobody knows where this workspace lives."""

    code = "workspace-unknown"
    status = 404
    sentence = "The workspace {workspace} is not known at {server}; check its name or set ACCSYN_SERVER."


class Session:
    """One user's session with one workspace; logs in at the first call."""

    def __init__(
        self,
        workspace: str,
        username: str,
        api_key: str,
        server: str = "",
        *,
        ca: str = "",
        fingerprint: str = "",
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self.workspace = workspace
        self.username = username
        self.user_id = ""
        self.role = ""
        self._key = api_key
        self._server = server
        self._trust = Trust(ca, fingerprint)
        self._timeouts = {"connect_timeout_s": connect_timeout_s, "read_timeout_s": timeout_s}
        self._transport: Transport | None = None
        self._session_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # --- find ---------------------------------------------------------------------------------------------------------

    def find(self, query: str, *, entityid: str = "", parent: str = "", **options: Any) -> list[Row]:
        """All entities that match `ENTITY WHERE EXPRESSION`; options: attributes, finished, inactive, archived, limit,
        skip. `entityid` or `parent` asks for the sub-entities (tasks, files) of one entity.
        """
        entity, expression = split_query(query)
        data = {name: value for name, value in options.items() if value is not None}
        if parent or entityid:
            data["parent"] = parent or entityid
        rows: list[Row] = self._event("GET", f"{entity}/find", data, query=expression) or []
        return rows

    def find_one(self, query: str, **options: Any) -> Row | None:
        """The first match, or None; a job is found when it is finished, too."""
        rows = self.find(query, single_entity_query=True, **options)
        return rows[0] if rows else None

    def get_entity(self, entitytype: str, entityid: str) -> Row | None:
        """The entity with this id, whatever its state."""
        rows = self._event("GET", f"{entitytype}/find", {}, entityid=entityid) or []
        return rows[0] if rows else None

    # --- change -------------------------------------------------------------------------------------------------------

    def create(self, entitytype: str, data: Any, entityid: str = "", *, key: str = "", **options: Any) -> Any:
        """Make an entity; one comes back as a dict, several as a list. Tasks and files need their parent's id."""
        entitytype = entitytype.lower().strip()
        if isinstance(data, list) or (entitytype == "task" and "tasks" not in data):
            data = {"tasks": data}
        data = {**data, **{name: value for name, value in options.items() if value is not None}}
        word = "add" if entitytype == "file" else "create"
        rows = self._event("POST", f"{entitytype}/{word}", data, entityid=entityid, key=key)
        return rows[0] if isinstance(rows, list) and len(rows) == 1 else rows

    def update(self, entitytype: str, entityid: str, data: Data, *, key: str = "") -> Row | None:
        rows = self._event("PUT", f"{entitytype}/edit", dict(data), entityid=entityid, key=key)
        return rows[0] if rows else None

    def update_many(self, entitytype: str, entityid: str, data: Sequence[Data], *, key: str = "") -> list[Row]:
        """Change several tasks of one job; each entry names its `id` or `uri`."""
        rows: list[Row] = self._event("PUT", f"{entitytype}/edit", list(data), entityid=entityid, key=key) or []
        return rows

    def delete_one(self, entitytype: str, entityid: str, data: Data | None = None, *, key: str = "") -> bool:
        return bool(self._event("DELETE", f"{entitytype}/delete", data, entityid=entityid, key=key))

    def deactivate_one(self, entitytype: str, entityid: str, *, key: str = "") -> bool:
        return bool(self._event("DELETE", f"{entitytype}/deactivate", None, entityid=entityid, key=key))

    def activate_one(self, entitytype: str, ident: str, *, key: str = "") -> bool:
        """Bring back an inactive entity, by id or by code."""
        place = {"entityid": ident} if ID.fullmatch(ident) else {"query": ident}
        return bool(self._event("POST", f"{entitytype}/activate", {}, key=key, **place))

    # --- access -------------------------------------------------------------------------------------------------------

    def grant(
        self,
        entitytype: str,
        entityid: str,
        targettype: str,
        targetid: str,
        data: Data | None = None,
        *,
        key: str = "",
    ) -> Any:
        """Let a user at a share's path (`read`, `write`, `path`, `invite`, `notify`, `message`) or a delivery."""
        if targettype in JOB_WORDS:
            payload: Row = {"recipient": entityid, "invite": (data or {}).get("invite", True)}
            return self._event("PUT", "job/recipient/add", payload, entityid=targetid, key=key)
        wanted = data or {"read": True, "write": True}
        payload = {"entity": f"{entitytype}:{entityid}", "target": f"share:{targetid}"}
        payload.update(invite=wanted.get("invite", True), read=wanted.get("read", False))
        payload.update(write=wanted.get("write", False), notify=wanted.get("notify", False))
        payload.update(message=wanted.get("message", ""), path=wanted.get("path", "/"))
        rows = self._event("POST", "acl/create", payload, key=key)
        return rows[0] if isinstance(rows, list) and rows else rows

    def access(
        self, targettype: str, targetid: str, entitytype: str = "", entityid: str = "", *, recursive: bool = False
    ) -> list[Row]:
        """The ACLs of a share, of one user or of all, or a delivery's recipients."""
        if targettype in JOB_WORDS:
            return list(self._event("GET", "job/recipients", {}, entityid=targetid) or [])
        query = f"acl WHERE target=share:{targetid}"
        if entitytype:
            query += f" AND entity={entitytype}:{entityid or '*'}"
        return list(self._event("GET", "acl/find", {"recursive": recursive}, query=query) or [])

    def revoke(self, entitytype: str, entityid: str, targettype: str, targetid: str, *, key: str = "") -> bool:
        """Take access away; False when there was none. Of several ACLs on one share the first goes."""
        if targettype in JOB_WORDS:
            payload = {"recipient": entityid}
            return bool(self._event("DELETE", "job/recipient", payload, entityid=targetid, key=key))
        query = f"acl WHERE entity={entitytype}:{entityid} AND target=share:{targetid}"
        rows = self._event("GET", "acl/find", {}, query=query) or []
        return bool(rows) and bool(self._event("DELETE", "acl/delete", {}, entityid=rows[0]["id"], key=key))

    # --- files --------------------------------------------------------------------------------------------------------

    def ls(
        self, path: Any, *, recursive: bool = False, maxdepth: int | None = None, getsize: bool = False, **options: Any
    ) -> Any:
        """List a folder in accsyn notation; further options: files_only, directories_only, include, exclude."""
        data = {"op": "ls", "path": path, "download": True, "recursive": recursive, "getsize": getsize}
        if maxdepth:
            data["maxdepth"] = maxdepth
        data.update({name: value for name, value in options.items() if value})
        return self._event("GET", "workspace/file", data)

    def getsize(self, path: Any) -> Any:
        return self._event("GET", "workspace/file", {"op": "getsize", "path": path})

    def exists(self, path: Any) -> Any:
        return self._event("GET", "workspace/file", {"op": "exists", "path": path})

    def mkdir(self, path: Any, *, key: str = "") -> Any:
        return self._event("POST", "workspace/file", {"op": "mkdir", "path": path}, key=key)

    def rename(self, path: Any, path_to: Any, *, key: str = "") -> Any:
        return self._event("PUT", "workspace/file", {"op": "rename", "path": path, "path_to": path_to}, key=key)

    def mv(self, path_from: Any, path_to: Any, *, key: str = "") -> Any:
        data = {"op": "move", "path": path_from, "path_to": path_to}
        return self._event("PUT", "workspace/file", data, key=key)

    def delete(self, path: Any, *, force: bool = False, key: str = "") -> Any:
        return self._event("POST", "workspace/file", {"op": "delete", "path": path, "force": force}, key=key)

    def prepublish(self, files: Sequence[Data]) -> Row | None:
        """Ask the studio's pre-publish hook about files; None or {} where none is configured."""
        entries = [{"size": 0, **entry} for entry in files]
        data = {"files": entries, "size": sum(entry["size"] for entry in entries)}
        answer = self._event("PUT", "workspace/publish/preprocess", data)
        return answer if isinstance(answer, dict) else None

    # --- settings -----------------------------------------------------------------------------------------------------

    def get_setting(self, name: str, entitytype: str = "workspace", entityid: str = "") -> Any:
        data = {"entitytype": entitytype, "name": name, "data": None}
        return self._event("GET", "setting", data, entityid=entityid)

    def set_setting(self, entitytype: str, name: str, value: str, entityid: str = "", *, key: str = "") -> bool:
        data = {"entitytype": entitytype, "name": name, "value": value}
        return bool(self._event("PUT", "setting", data, entityid=entityid, key=key))

    def delete_setting(self, entitytype: str, name: str, entityid: str = "", *, key: str = "") -> bool:
        data = {"entitytype": entitytype, "name": name}
        return bool(self._event("DELETE", "setting", data, entityid=entityid, key=key))

    # --- events -------------------------------------------------------------------------------------------------------

    def events(self, after: str = "", *, wait_s: int = 30) -> Iterator[Row]:
        """What happens in the workspace as far as this user may see it, as it happens; never ends by itself.

        Each event has an `id`: given as `after`, a new call goes on behind it and misses nothing, also after an error
        of the line or a restart of either side. Without `after` it begins now. An event says what happened (`event`,
        as job.status) to which entity (`entity`, as job:ID); of a job also its `status`.
        """
        cursor = after
        while True:
            self.ensure_login()
            path = f"/api/events?wait={wait_s}" + (f"&after={quote(cursor)}" if cursor else "")
            page = self._result(self._wire.call("GET", path, headers=self._headers()))
            yield from page["events"]
            cursor = page["cursor"]

    # --- wire ---------------------------------------------------------------------------------------------------------

    def login(self) -> None:
        """Log in now instead of at the first call; raises LoginError with the engine's reason."""
        answer = self._wire.call("PUT", "/api/v3/api/login", headers=self._headers(), body=b"{}")
        message = answer.get("message_hr") or answer.get("message") or answer.get("exception")
        if message or not isinstance(answer.get("result"), dict):
            reason = message or "the answer holds no session."
            raise LoginError(server=self._wire.server, user=self.username, reason=reason)
        self.user_id = str(answer["result"].get("id", ""))
        self.role = str(answer["result"].get("role", ""))
        self._session_id = str(answer["result"].get("session_id", ""))

    def ensure_login(self) -> None:
        """Make `user_id` and `role` known."""
        if not self._session_id:
            self.login()

    @property
    def _wire(self) -> Transport:
        if self._transport is None:
            self._transport = Transport(self._server or self._look_up(), self._trust, **self._timeouts)
        return self._transport

    def _look_up(self) -> str:
        """Ask the public service where the workspace lives, without sending a key."""
        question = quote(json.dumps({"ident": self.workspace}))
        transport = Transport(LOOKUP_SERVER, Trust(), **self._timeouts)
        try:
            answer = transport.call("GET", f"{LOOKUP_PATH}?{question}", headers={"X-Accsyn-Device": device()})
        finally:
            transport.close()
        found = answer.get("result") or {}
        if not found.get("hostname"):
            raise WorkspaceUnknownError(workspace=self.workspace, server=LOOKUP_SERVER)
        return f"https://{found['hostname']}:{found.get('port', 443)}"

    def _headers(self) -> dict[str, str]:
        pair = ":".join(base64.b64encode(word.encode()).decode() for word in (self.username, self._key))
        return {"Authorization": f"basic {pair}", "X-Accsyn-Workspace": self.workspace, "X-Accsyn-Device": device()}

    def _event(self, method: str, uri: str, data: Any, *, query: str = "", entityid: str = "", key: str = "") -> Any:
        self.ensure_login()
        envelope = self._envelope(uri, data, query=query, entityid=entityid, key=key)
        text = json.dumps(envelope)
        if method in {"GET", "DELETE"}:
            answer = self._wire.call(method, f"/api/v3/event?{quote(text)}", headers=self._headers())
        else:
            answer = self._wire.call(method, "/api/v3/event", headers=self._headers(), body=text.encode())
        return self._result(answer)

    def _envelope(self, uri: str, data: Any, *, query: str, entityid: str, key: str) -> Row:
        envelope: Row = {
            "audience": "api",
            "workspace": self.workspace,
            "eid": str(uuid.uuid5(KEYS, key) if key else uuid.uuid4()),
            "session": self._session_id,
            "uri": uri.lower(),
            "ident": self.username,
            "created": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"),
            "hostname": socket.gethostname(),
        }
        if payload_size(data) > COMPRESS_ABOVE:
            packed = gzip.compress(json.dumps(data).encode("ascii"))
            envelope["gz_data"] = base64.b64encode(packed).decode()
        else:
            envelope["data"] = data
        if query:
            envelope["query"] = query
        if entityid:
            envelope["id"] = entityid
        return envelope

    def _result(self, answer: Row) -> Any:
        message = answer.get("message_hr") or answer.get("message")
        if message or "message" in answer:
            raise RefusedError(reason=message or "The engine refused without a reason.", code=answer.get("code", ""))
        if "exception" in answer:
            raise RefusedError(reason="The engine met an error of its own; its log says which.", code="internal")
        return answer.get("result", answer)


def split_query(query: str) -> tuple[str, str]:
    """Part `Job WHERE code="A b"` into `job` and `code="a b"`; the wire carries queries folded to lower case."""
    found = re.fullmatch(r"\s*(\w+)(?:\s+where\s+(.+?))?\s*", query, re.IGNORECASE | re.DOTALL)
    if not found:
        raise QueryError(query=query)
    return found[1].lower(), (found[2] or "").lower()


def payload_size(data: Any) -> int:
    """Estimate the characters of a payload as the official client does, to compress at the same sizes."""
    if isinstance(data, dict):
        return sum(len(str(name)) + payload_size(value) for name, value in data.items())
    if isinstance(data, (list, tuple)):
        return sum(payload_size(value) for value in data)
    if isinstance(data, str):
        return len(data)
    return 0 if data is None else 10


def device() -> str:
    """How this client names itself: as one that speaks like that release, with a word of its own at the end."""
    return f"PythonAPI v{CLIENT_VERSION} @ {sys.platform} {platform.node()}({os.name}) accsyn-plugins"
