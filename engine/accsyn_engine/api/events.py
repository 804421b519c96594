"""The table of the accsyn protocol: which event is answered by which use case, and in which shape.

A row names the operation whose permission it needs, so a test can hold this table against the one of permissions. Uris
are matched without regard to case, and the names of earlier generations are accepted for good.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from accsyn_engine.api.calls import Call
from accsyn_engine.api.errors import NotOfferedError, UnknownEventError
from accsyn_engine.api.protocol import Envelope
from accsyn_engine.api.rows import Row, Shape
from accsyn_engine.api.tables import access, clients, files, people, scripts, work, workspace
from accsyn_engine.api.words import outward, uri_today
from accsyn_engine.services.context import Caller, Context

DELETES_ANSWER_A_LIST = (1, 2, 4)  # up to this version delete_one() takes the first element of the answer

FAMILIES = (people, access, work, clients, workspace, files, scripts)


def _table() -> dict[tuple[str, str], Row]:
    table: dict[tuple[str, str], Row] = {}
    for family in FAMILIES:
        for method, uri, row in family.rows():
            word = uri.partition("/")[0]
            kind = row.kind or ("share" if row.operation.startswith("share.") else word)
            table[method, uri] = replace(row, kind=kind)
    return table


TABLE = _table()


# What accsyn's API has and this engine never will: an entity type, or one of its operations, and the reason.
NOT_OFFERED: dict[str, str] = {
    "compute": "this engine moves files and renders nothing; send the files with a transfer",
    "stream": "live streams are no part of this engine; send the files with a transfer",
    **dict.fromkeys(
        ("client/create", "app/create", "server/create", "userserver/create"),
        "a client appears when its agent starts; run `accsyn-engine agent` on that machine",
    ),
    "task/delete": 'tasks are never deleted; set the status to "excluded"',
}


def row_of(envelope: Envelope) -> Row:
    """The row that answers an event; raises NotOfferedError or UnknownEventError."""
    uri = uri_today(envelope.uri)
    row = TABLE.get((envelope.method, uri))
    if row is None:
        why = NOT_OFFERED.get(uri) or NOT_OFFERED.get(uri.partition("/")[0])
        if why:
            raise NotOfferedError(method=envelope.method, uri=envelope.uri, why=why)
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
