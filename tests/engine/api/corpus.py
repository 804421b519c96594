"""Calls that are wrong in exactly one way, each a whole request; the tests send them and look at what comes back.

Everything is generated from small tables: a call that would be fine, and for each kind of field what it must not be.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

FAMILIES = ("v1.0", "v3")
IN_THE_LINE = frozenset({"GET", "DELETE"})


@dataclass(frozen=True)
class Bad:
    """One request and what is wrong with it."""

    what: str
    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Names:
    """Ids of what is there, for calls that are right but for one field."""

    user: str
    share: str
    acl: str
    job: str
    task: str
    queue: str
    client: str
    volume_path: str


NESTED: Any = []
for _ in range(900):
    NESTED = [NESTED]

WRONG: dict[str, tuple[Any, ...]] = {  # by the kind of a field: what it must not be
    "text": (5, True, ["x"], {"x": 1}, "nul\x00", "x" * 200_001),
    "mail": (5, ["x"], {"x": 1}, "nobody", "a b@c", "@", "x" * 300 + "@y.z", "\ud800@y.z"),
    "flag": ("perhaps", 5, [], {}, "\x00"),
    "count": ("many", -1, 1.5, [], {}, True, "1e3"),
    "name": (5, [], {"x": 1}, "\x00"),
    "folder": (5, True, "../x", "a/../../b", "\x00"),
    "scope": ("banana", 5, [1], {"x": 1}, "\x00"),
    "scalar": ([], [[]], {"x": [1]}, None),
    "number": ("many", -1, 10**30, 1.5, [], {}, True, "1e3"),
    "word": ("banana", 5, [], {}, "", "\x00"),
    "object": ("x", 5, True, ["x"]),
    "list": ("x", 5, {"x": 1}),
    "reference": (5, [], {"x": 1}, True, "0" * 24, "x:y:z", "\x00", "' or 1=1 --", "x" * 10_000),
    "path": (5, True, "", "../x", "share=", "share=nowhere/x", "share=production/../../etc", "\x00", "C:x", "a:b:c:d"),
}

ENVELOPE: tuple[tuple[str, tuple[Any, ...]], ...] = (  # fields of the envelope, whatever the event
    ("uri", (None, 5, "", "/", "user", "user/", "user/find/x", "nothing/find", "\x00", ["user/find"], "x" * 5000)),
    ("id", (5, True, ["x"], {"x": 1})),
    ("query", (5, True, ["x"], {"x": 1})),
    *((name, (5, True, ["x"], {"x": 1})) for name in ("audience", "created", "hostname", "ident", "session")),
    ("eid", (5, True, ["x"], "x" * 65)),
    ("workspace", (5, ["x"], "another", "\x00")),
    ("data", ("x", 5, True, ["x"])),
    (
        "gz_data",
        (5, "x", "====", base64.b64encode(b"no gzip").decode(), base64.b64encode(gzip.compress(b"no json")).decode()),
    ),
)

QUERIES = (
    "=x", "code=x and", "and code=x", "(code=x", "code=x)", "code in (", "code=x or or name=y", "nothing=x", "code matches (",
    "created>yesterday", "priority=high", 'code="x',  "not " * 50 + "code=x",
    " and ".join(["code=x"] * 500), "code=" + "x" * 70_000, "code=\x00", "id in (" + ",".join(["a"] * 600) + ")", "where code=x",
    "; drop table job", "created=2026-13-45", "created>99999-01-01", "code matches " + "(" * 200 + ")" * 200,
)  # fmt: skip

HEADERS = (
    "", "basic", "basic x", "basic x:y", "basic :", "basic ====:====", "bearer x", "ASCredentials x", "ASSession e30=", "ASCredentials e30=",
    "ASSession bnVsbA==", "basic " + "x" * 5000, "ASCredentials WzFd", "basic /w==:/w==", "ASCredentials " + base64.b64encode(b'{"username":5,"api_key":[]}').decode(),
    "ASCredentials " + base64.b64encode(b'{"username":"a@b.c","pwd":"x"}').decode(),
)  # fmt: skip

BODIES: tuple[bytes, ...] = (
    b"", b"x", b"{", b"{}", b"[]", b"5", b"null", b'"x"', b"\xff\xfe{}", b"\xef\xbb\xbf{}", b'{"uri":"user/find"', b"[" * 100_000,
    b'{"uri":"user/create","data":' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"uri": NaN}', b'{"uri":"user/create","data":{"x":Infinity}}',
    '{"uri":"user/create"}'.encode("utf-16"), b'{"uri":"user/create","data":{"x":1e999}}', b"\x00" * 1000, b"uri=user/create", b"<xml/>",
)  # fmt: skip


def right(names: Names) -> Iterator[tuple[str, str, str | None, dict[str, tuple[str, Any]]]]:
    """Calls that would be fine: method, uri, id, and each field's kind and value."""
    where = names.volume_path
    yield (
        "POST",
        "user/create",
        None,
        {
            "code": ("mail", "new@gda.com"),
            "role": ("word", "standard"),
            "name": ("text", "New"),
            "metadata": ("object", {}),
        },
    )
    yield (
        "PUT",
        "user/edit",
        names.user,
        {
            "name": ("text", "J"),
            "description": ("text", "d"),
            "status": ("word", "enabled"),
            "role": ("word", "standard"),
            "metadata": ("object", {}),
        },
    )
    yield (
        "POST",
        "share/create",
        None,
        {
            "name": ("text", "n"),
            "parent": ("reference", "production"),
            "path": ("folder", "below"),
            "metadata": ("object", {}),
        },
    )
    yield (
        "PUT",
        "share/edit",
        names.share,
        {
            "name": ("text", "n"),
            "description": ("text", "d"),
            "status": ("word", "enabled"),
            "metadata": ("object", {}),
        },
    )
    yield (
        "POST",
        "acl/create",
        None,
        {
            "entity": ("reference", f"user:{names.user}"),
            "target": ("reference", f"share:{names.share}"),
            "read": ("flag", True),
            "write": ("flag", False),
        },
    )
    yield "PUT", "acl/edit", names.acl, {"read": ("flag", True), "write": ("flag", True), "status": ("word", "enabled")}
    yield "GET", "acl/why", None, {"user": ("reference", names.user), "path": ("path", where)}
    yield (
        "POST",
        "queue/create",
        None,
        {"name": ("text", "night"), "priority": ("number", 5), "default": ("flag", False)},
    )
    yield (
        "PUT",
        "queue/edit",
        names.queue,
        {"name": ("text", "night"), "priority": ("number", 5), "status": ("word", "waiting")},
    )
    yield (
        "POST",
        "job/create",
        None,
        {
            "tasks": ("list", [{"source": where, "destination": "jennifer@gda.com"}]),
            "name": ("text", "n"),
            "priority": ("number", 5),
            "metadata": ("object", {}),
            "settings": ("object", {}),
            "hooks": ("list", []),
            "queue": ("reference", "high"),
            "append": ("flag", False),
        },
    )
    yield (
        "PUT",
        "job/edit",
        names.job,
        {
            "status": ("word", "paused"),
            "name": ("text", "n"),
            "priority": ("number", 5),
            "metadata": ("object", {}),
            "settings": ("object", {}),
            "queue": ("reference", "high"),
        },
    )
    yield "POST", "task/create", names.job, {"tasks": ("list", [{"source": where, "destination": "jennifer@gda.com"}])}
    yield (
        "PUT",
        "task/edit",
        names.task,
        {"status": ("word", "onhold"), "priority": ("number", 5), "metadata": ("object", {})},
    )
    yield (
        "PUT",
        "client/edit",
        names.client,
        {"status": ("word", "enabled"), "metadata": ("object", {}), "code": ("text", "ws")},
    )
    yield (
        "PUT",
        "setting",
        None,
        {"name": ("text", "transfer_speedlimit"), "entitytype": ("scope", "workspace"), "value": ("scalar", "5")},
    )
    yield "DELETE", "setting", None, {"name": ("text", "transfer_speedlimit"), "entitytype": ("scope", "workspace")}
    yield "PUT", "hook/test", None, {"hook": ("word", "post-done-server"), "data": ("object", {})}
    yield (
        "PUT",
        "path/measure",
        None,
        {"target": ("reference", names.client), "source": ("reference", names.client), "seconds": ("number", 1)},
    )
    yield "PUT", "user/key", None, {"user": ("reference", "jennifer@gda.com"), "label": ("text", "l")}
    for method, op in (
        ("GET", "ls"),
        ("GET", "getsize"),
        ("GET", "exists"),
        ("POST", "mkdir"),
        ("POST", "delete"),
        ("PUT", "rename"),
        ("PUT", "move"),
    ):
        second = {"path_to": ("name", f"{where}/b")} if method == "PUT" else {}
        yield method, "workspace/file", None, {"op": ("word", op), "path": ("path", f"{where}/a"), **second}
    for kind in ("user", "share", "volume", "folder", "acl", "job", "task", "queue", "client", "site", "workspace"):
        yield (
            "GET",
            f"{kind}/find",
            None,
            {
                "limit": ("count", 5),
                "skip": ("count", 0),
                "attributes": ("list", ["id"]),
                "finished": ("flag", False),
                "inactive": ("flag", False),
            },
        )
    yield "GET", "log/find", None, {"limit": ("count", 5), "skip": ("count", 0), "search": ("text", "x")}


def one_field_wrong(names: Names) -> Iterator[Bad]:
    """Every field of every call, in every wrong way, in both families in turn."""
    families = itertools.cycle(FAMILIES)
    for method, uri, entity, fields in right(names):
        for name, (kind, _) in fields.items():
            for value in WRONG[kind]:
                data = {other: good for other, (_, good) in fields.items()} | {name: value}
                yield _event(
                    f"{uri} {name}={value!r:.40}", method, next(families), {"uri": uri, "id": entity, "data": data}
                )


def wrong_ids() -> Iterator[Bad]:
    """Something done to what is not there, or to no id at all."""
    ids = (
        None,
        "",
        " ",
        "0" * 24,
        "x",
        "\x00",
        "../..",
        "' or 1=1 --",
        "user:",
        "ObjectId:",
        "x" * 10_000,
        "é" * 30,
        "%00",
    )
    for kind in ("user", "share", "volume", "folder", "home", "job", "queue", "client", "acl"):
        verbs = [("PUT", "edit"), ("DELETE", "delete")]
        verbs += (
            [("DELETE", "deactivate"), ("POST", "activate")] if kind in {"user", "share", "volume", "folder"} else []
        )
        for (method, verb), entity in itertools.product(verbs, ids):
            yield _event(
                f"{kind}/{verb} id={entity!r:.20}",
                method,
                "v3",
                {"uri": f"{kind}/{verb}", "id": entity, "data": {"name": "x"} if verb == "edit" else {}},
            )


def wrong_envelopes() -> Iterator[Bad]:
    """One field of the envelope wrong, whatever the event."""
    events = (("GET", "user/find"), ("POST", "queue/create"), ("PUT", "job/edit"), ("DELETE", "queue/delete"))
    for (method, uri), family, (name, values) in itertools.product(events, FAMILIES, ENVELOPE):
        for value in values:
            yield _event(f"{method} {uri} envelope {name}={value!r:.30}", method, family, {"uri": uri, name: value})


def wrong_queries() -> Iterator[Bad]:
    """Expressions that do not parse, cost too much, or ask for what there is not."""
    for kind, family, query in itertools.product(
        ("user", "share", "acl", "job", "task", "queue", "client"), FAMILIES, QUERIES
    ):
        yield _event(f"{kind} where {query[:40]!r}", "GET", family, {"uri": f"{kind}/find", "query": query})


def wrong_bytes() -> Iterator[Bad]:
    """Bodies and lines that are no JSON object, headers that prove nobody, paths and verbs that are not there."""
    for family, body, method in itertools.product(FAMILIES, BODIES, ("POST", "PUT", "GET", "DELETE")):
        line = f"?{quote(body)}" if method in IN_THE_LINE else ""
        if len(line) < 60_000:
            yield Bad(
                f"{method} bytes {body[:20]!r}",
                method,
                f"/api/{family}/event{line}",
                None if line or method in IN_THE_LINE else body,
            )
    good = json.dumps({"uri": "user/find"})
    for family, header in itertools.product(FAMILIES, HEADERS):
        yield Bad(
            f"header {header[:30]!r}", "GET", f"/api/{family}/event?{quote(good)}", headers={"Authorization": header}
        )
    for path, method in itertools.product(
        ("/", "/api", "/api/v2/event", "/api/v3", "/api/v3/event/x", "//event", "/%00", "/api/v3/login"),
        ("GET", "POST", "PATCH", "DELETE"),
    ):
        yield Bad(f"{method} {path}", method, path, b"{}" if method != "GET" else None)


def everything(names: Names) -> Iterator[Bad]:
    """The whole corpus."""
    for part in (one_field_wrong(names), wrong_ids(), wrong_envelopes(), wrong_queries(), wrong_bytes()):
        yield from part


def _event(what: str, method: str, family: str, envelope: dict[str, Any]) -> Bad:
    text = json.dumps({name: value for name, value in envelope.items() if value is not None or name == "uri"})
    if method in IN_THE_LINE:
        return Bad(what, method, f"/api/{family}/event?{quote(text)}")
    return Bad(what, method, f"/api/{family}/event", text.encode())
