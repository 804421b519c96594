"""Shares and the grants on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accsyn_engine.api import calls
from accsyn_engine.api.calls import Call
from accsyn_engine.api.rows import Row, Rows, Shape
from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.records.fields import reference, text


def rows() -> Rows:
    """Every event of this family."""
    yield from _shares()
    yield from _acls()


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
    yield (
        "GET",
        "acl/why",
        Row("acl.why", calls.plain(acls.why, user=calls.needed(reference), path=calls.needed(text)), Shape.VALUE),
    )
