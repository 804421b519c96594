"""The table of the accsyn protocol: which event is answered by which use case, and in which shape.

A row names the operation whose permission it needs, so a test can hold this table against the one of permissions. Uris
are matched without regard to case, and the names of earlier generations are accepted for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from accsyn_engine.api import calls
from accsyn_engine.api.calls import Call
from accsyn_engine.api.errors import UnknownEventError
from accsyn_engine.api.protocol import Envelope
from accsyn_engine.api.words import outward, uri_today
from accsyn_engine.services import audit
from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Caller, Context
from accsyn_engine.services.errors import NotAllowedNowError
from accsyn_engine.services.moving import clients, files, limits, probing
from accsyn_engine.services.people import accounts, users
from accsyn_engine.services.records import catalog, workspaces
from accsyn_engine.services.scripts import hooks, publish
from accsyn_engine.services.work import jobs, queues, tasks

DELETES_ANSWER_A_LIST = (1, 2, 4)  # up to this version delete_one() takes the first element of the answer


class Shape(Enum):
    """What the answer's envelope looks like."""

    ENTITIES = "a list of entities, one where the use case gave one"
    DONE = "true"
    VALUE = "the value as it is"
    TOP = "the use case's own object, unwrapped"


@dataclass(frozen=True)
class Row:
    """One event: the operation it needs, how it is called, how it is answered."""

    operation: str
    call: Callable[[Call], Any]
    shape: Shape = Shape.ENTITIES
    kind: str = ""
    waits: bool = False  # asks an agent: up to two minutes
    is_secret: bool = False  # its answer may not be kept for a repeated call


Rows = Iterator[tuple[str, str, Row]]


def _users() -> Rows:
    yield "GET", "user/find", Row("user.find", calls.find(users.find))
    yield "POST", "user/create", Row("user.create", calls.create(users.create))
    yield "PUT", "user/edit", Row("user.update", calls.update(users.update))
    yield "POST", "user/activate", Row("user.activate", calls.by_id_or_code(users.activate), Shape.DONE)
    for word in ("deactivate", "offline"):
        yield "DELETE", f"user/{word}", Row("user.deactivate", calls.by_id(users.deactivate), Shape.DONE)
    yield "DELETE", "user/delete", Row("user.delete", calls.delete(users.delete), Shape.DONE)
    make_key = calls.plain(accounts.key, "user", "label")
    yield "PUT", "user/key", Row("user.key", make_key, Shape.TOP, is_secret=True)
    yield "GET", "user/api_key", Row("user.key", _refuse_to_show_a_key, Shape.TOP)
    session = Row("account.session", _session_key, Shape.TOP, is_secret=True)
    for method in ("GET", "PUT", "POST"):
        yield method, "user/generate_session_key", session


def _refuse_to_show_a_key(call: Call) -> Any:
    raise NotAllowedNowError(
        what=f"An API key is shown once, when it is made; make another with: accsyn-engine user key {call.caller.code}"
    )


def _session_key(call: Call) -> Any:
    return {"session_key": accounts.session(call.context, call.caller)}


def _shares() -> Rows:
    for kind in ("share", "volume", "folder", "home", "collection"):
        yield "GET", f"{kind}/find", Row("share.find", calls.find(shares.find, kind))
        yield "POST", f"{kind}/create", Row("share.create", calls.create(shares.create, kind))
        yield "PUT", f"{kind}/edit", Row("share.update", _edit_share)
        yield "POST", f"{kind}/activate", Row("share.activate", calls.by_id_or_code(shares.activate), Shape.DONE)
        for word in ("deactivate", "offline"):
            yield "DELETE", f"{kind}/{word}", Row("share.deactivate", calls.by_id(shares.deactivate), Shape.DONE)
        yield "DELETE", f"{kind}/delete", Row("share.delete", calls.delete(shares.delete), Shape.DONE)
        yield "GET", f"{kind}/servers", Row("share.servers", calls.by_id(shares.servers), kind="client")
        yield "PUT", f"{kind}/server", Row("share.assign", calls.assign(shares.assign), Shape.DONE)
        yield "DELETE", f"{kind}/server", Row("share.assign", calls.assign(shares.deassign), Shape.DONE)


# Until 3.1 a server was joined to a share by editing the share: the field, and what it does.
SERVER_FIELDS: dict[str, Callable[..., Any]] = {
    "server": shares.assign,
    "siteserver": shares.assign,
    "server_clear": shares.deassign,
    "siteserver_clear": shares.deassign,
}


def _edit_share(call: Call) -> Any:
    for field, use_case in SERVER_FIELDS.items():
        if field in call.data:
            use_case(call.context, call.caller, call.id, str(call.data[field]).removeprefix("client:"))
            return {"id": call.id}
    return calls.update(shares.update)(call)


def _acls() -> Rows:
    yield "GET", "acl/find", Row("acl.find", calls.find(acls.find))
    yield "POST", "acl/create", Row("acl.grant", calls.create(acls.grant))
    yield "PUT", "acl/edit", Row("acl.update", calls.update(acls.update))
    yield "DELETE", "acl/delete", Row("acl.revoke", calls.by_id(acls.revoke), Shape.DONE)
    yield "GET", "acl/why", Row("acl.why", calls.plain(acls.why, "user", "path"), Shape.VALUE)


def _jobs() -> Rows:
    for word in ("job", "transfer"):
        yield "GET", f"{word}/find", Row("job.find", _find_jobs, kind="job")
        yield "POST", f"{word}/create", Row("job.create", _create_job, kind="job")
        yield "PUT", f"{word}/edit", Row("job.update", calls.update(jobs.update), kind="job")
        for operation in ("delete", "offline"):
            yield "DELETE", f"{word}/{operation}", Row("job.delete", calls.by_id(jobs.delete), Shape.DONE, "job")
    yield "GET", "task/find", Row("task.find", calls.find(tasks.find))
    yield "POST", "task/create", Row("task.create", calls.create_tasks)
    yield "PUT", "task/edit", Row("task.update", calls.update_tasks)


OLD_QUEUE_TYPE = 2  # until 3.1 a queue was a job of this type


def _find_jobs(call: Call) -> Any:
    use_case = queues.find if call.data.get("type") == OLD_QUEUE_TYPE else jobs.find
    return calls.find(use_case)(call)


def _create_job(call: Call) -> Any:
    if call.data.get("type") == OLD_QUEUE_TYPE:
        return calls.create(queues.create)(call)
    return calls.create_job(jobs.create)(call)


def _queues() -> Rows:
    yield "GET", "queue/find", Row("queue.find", calls.find(queues.find))
    yield "POST", "queue/create", Row("queue.create", calls.create(queues.create))
    yield "PUT", "queue/edit", Row("queue.update", calls.update(queues.update))
    yield "DELETE", "queue/delete", Row("queue.delete", calls.by_id(queues.delete), Shape.DONE)


CLIENT_CONDITIONS = {"app": "type=0", "server": "type=1", "userserver": "type=2"}


def _clients() -> Rows:
    yield "GET", "client/find", Row("client.find", calls.find(clients.find))
    for word, condition in CLIENT_CONDITIONS.items():
        yield "GET", f"{word}/find", Row("client.find", calls.find_only(clients.find, condition), kind="client")
    for word in ("client", *CLIENT_CONDITIONS):
        yield "PUT", f"{word}/edit", Row("client.update", calls.update(clients.update), kind="client")
        for operation in ("delete", "offline"):
            yield "DELETE", f"{word}/{operation}", Row("client.delete", calls.by_id(clients.delete), Shape.DONE)


def _workspace() -> Rows:
    yield "GET", "workspace/find", Row("workspace.find", calls.find(workspaces.find))
    yield "GET", "site/find", Row("workspace.find", calls.find(workspaces.sites))
    yield "GET", "engine/find", Row("workspace.find", calls.find(workspaces.engines))
    yield "GET", "entitytypes", Row("catalog.entitytypes", calls.plain(catalog.entitytypes), Shape.VALUE)
    attributes = calls.plain(catalog.attributes, "entitytype", "create", "update")
    yield "GET", "attributes", Row("catalog.attributes", attributes, Shape.VALUE)
    yield "GET", "setting", Row("setting.get", calls.get_setting, Shape.VALUE)
    yield "PUT", "setting", Row("setting.put", calls.put_setting, Shape.DONE)
    yield "DELETE", "setting", Row("setting.delete", calls.delete_setting, Shape.DONE)
    yield "GET", "log/find", Row("log.find", _find_log)
    yield "GET", "limit/find", Row("limit.find", _find_limits, Shape.VALUE)
    yield "GET", "path/find", Row("path.find", calls.plain(probing.find, "target"), Shape.VALUE)
    measure = calls.plain(probing.measure, "target", "source", "seconds")
    yield "PUT", "path/measure", Row("path.measure", measure, Shape.VALUE, waits=True)


def _find_limits(call: Call) -> Any:
    word = call.data.get("entitytype")
    scope = calls.SCOPES.get(str(word).lower(), str(word).lower()) if word else None
    return limits.find(call.context, call.caller, scope=scope, id=call.envelope.id)


def _find_log(call: Call) -> Any:
    page = call.data.get("pagination")
    words = {**call.data, **page} if isinstance(page, dict) else call.data
    chosen = {name: words[name] for name in ("entitytype", "limit", "skip", "search") if words.get(name) is not None}
    return audit.find(call.context, call.caller, id=call.envelope.id, **chosen)


FILE_OPERATIONS: dict[str, tuple[str, ...]] = {  # a client's rm() up to 3.1 says mkdir, and cannot be told from one
    "GET": ("ls", "getsize", "exists"),
    "POST": ("mkdir", "delete"),
    "PUT": ("rename", "move"),
}


def _files() -> Rows:
    for method, names in FILE_OPERATIONS.items():
        yield method, "workspace/file", Row(f"file.{names[0]}", calls.operate(files.operate), Shape.VALUE, waits=True)
    preprocess = Row("publish.preprocess", calls.with_data(publish.preprocess), Shape.VALUE, waits=True)
    yield "PUT", "workspace/publish/preprocess", preprocess
    runs = calls.plain(hooks.runs, "job", "limit")
    yield "GET", "hook/runs", Row("hook.runs", runs)
    yield "PUT", "hook/test", Row("hook.test", calls.plain(hooks.test, "hook", "data"), waits=True)


def _table() -> dict[tuple[str, str], Row]:
    table: dict[tuple[str, str], Row] = {}
    for part in (_users, _shares, _acls, _jobs, _queues, _clients, _workspace, _files):
        for method, uri, row in part():
            word = uri.partition("/")[0]
            kind = row.kind or ("share" if row.operation.startswith("share.") else word)
            table[method, uri] = replace(row, kind=kind)
    return table


TABLE = _table()


def row_of(envelope: Envelope) -> Row:
    """The row that answers an event; raises UnknownEventError."""
    row = TABLE.get((envelope.method, uri_today(envelope.uri)))
    if row is None:
        raise UnknownEventError(method=envelope.method, uri=envelope.uri)
    return row


def carry_out(context: Context, caller: Caller, envelope: Envelope) -> dict[str, Any]:
    """Call the use case and wrap its answer the way this client's generation reads it."""
    row = row_of(envelope)
    repeatable = envelope.method != "GET" and not row.is_secret
    call = Call(context, replace(caller, eid=envelope.eid if repeatable else None), envelope, row.kind)
    return _answer(call, row.shape, row.call(call))


def _answer(call: Call, shape: Shape, result: Any) -> dict[str, Any]:
    family = call.envelope.family
    match shape:
        case Shape.TOP:
            return dict(result)
        case Shape.VALUE:
            return {"result": result}
        case Shape.DONE:
            return {"result": [True] if _reads_a_list(call.envelope) else True}
        case Shape.ENTITIES:
            asked = call.attributes if call.envelope.method == "GET" else ()
            entities = result if isinstance(result, list) else [result]
            return {"result": [outward(family, call.kind, entity, asked) for entity in entities]}


def _reads_a_list(envelope: Envelope) -> bool:
    version = envelope.client_version
    return envelope.uri.endswith("/delete") and bool(version) and version <= DELETES_ANSWER_A_LIST
