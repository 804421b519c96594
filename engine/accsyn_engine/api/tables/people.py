"""Users, their keys and sessions."""

from __future__ import annotations

from typing import Any

from accsyn_engine.api import calls
from accsyn_engine.api.calls import Call
from accsyn_engine.api.rows import Row, Rows, Shape
from accsyn_engine.services.errors import NotAllowedNowError
from accsyn_engine.services.people import accounts, users
from accsyn_engine.services.records.fields import reference


def rows() -> Rows:
    """Every event of this family."""
    yield "GET", "user/find", Row("user.find", calls.find(users.find))
    yield "POST", "user/create", Row("user.create", calls.create(users.create))
    yield "PUT", "user/edit", Row("user.update", calls.update(users.update))
    yield "POST", "user/activate", Row("user.activate", calls.by_id_or_code(users.activate), Shape.DONE)
    for word in ("deactivate", "offline"):
        yield "DELETE", f"user/{word}", Row("user.deactivate", calls.by_id(users.deactivate), Shape.DONE)
    yield "DELETE", "user/delete", Row("user.delete", calls.delete(users.delete), Shape.DONE)
    make_key = calls.plain(accounts.key, user=reference, label=calls.short_text)
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
