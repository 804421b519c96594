"""The workspace itself: its sites and engines, settings, log, limits, and what kinds of entities there are."""

from __future__ import annotations

from typing import Any

from accsyn_engine.api import calls
from accsyn_engine.api.calls import Call
from accsyn_engine.api.rows import Row, Rows, Shape
from accsyn_engine.services import logs
from accsyn_engine.services.moving import limits
from accsyn_engine.services.records import catalog, sites, workspaces


def rows() -> Rows:
    """Every event of this family."""
    yield "GET", "workspace/find", Row("workspace.find", calls.find(workspaces.find))
    yield "PUT", "workspace/edit", Row("workspace.update", calls.update(workspaces.update))
    yield "GET", "site/find", Row("site.find", calls.find(sites.find))
    yield "POST", "site/create", Row("site.create", calls.create(sites.create))
    yield "PUT", "site/edit", Row("site.update", calls.update(sites.update))
    yield "DELETE", "site/delete", Row("site.delete", calls.by_id(sites.delete), Shape.DONE)
    yield "GET", "engine/find", Row("workspace.find", calls.find(workspaces.engines))
    yield "GET", "entitytypes", Row("catalog.entitytypes", calls.plain(catalog.entitytypes), Shape.VALUE)
    attributes = calls.plain(
        catalog.attributes, entitytype=calls.needed(calls.short_text), create=calls.yes_or_no, update=calls.yes_or_no
    )
    yield "GET", "attributes", Row("catalog.attributes", attributes, Shape.VALUE)
    yield "GET", "setting", Row("setting.get", calls.get_setting, Shape.VALUE)
    yield "PUT", "setting", Row("setting.put", calls.put_setting, Shape.VALUE, waits=True)
    yield "DELETE", "setting", Row("setting.delete", calls.delete_setting, Shape.DONE)
    yield "GET", "log/find", Row("log.find", _find_log)
    yield "GET", "limit/find", Row("limit.find", _find_limits, Shape.VALUE)


def _find_limits(call: Call) -> Any:
    word = call.data.get("entitytype")
    scope = calls.SCOPES.get(str(word).lower(), str(word).lower()) if word else None
    return limits.find(call.context, call.caller, scope=scope, id=call.envelope.id)


LOG_WORDS: dict[str, calls.Read] = {
    "entitytype": calls.short_text,
    "limit": calls.count(0, 10_000),
    "skip": calls.count(0, 2**31),
    "search": calls.short_text,
    "sort": calls.short_text,
    "sort_reverse": calls.yes_or_no,
    "page": calls.count(1, 2**20),
}


def _find_log(call: Call) -> Any:
    page = call.data.get("pagination")
    words = {**call.data, **page} if isinstance(page, dict) else call.data
    return logs.find(call.context, call.caller, id=call.envelope.id, **calls.chosen(words, LOG_WORDS))
