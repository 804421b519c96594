"""Hook scripts: what they answer before a publish, their runs, and trying one out."""

from __future__ import annotations

from accsyn_engine.api import calls
from accsyn_engine.api.rows import Row, Rows, Shape
from accsyn_engine.services.scripts import hooks, publish


def rows() -> Rows:
    """Every event of this family."""
    preprocess = Row("publish.preprocess", calls.with_data(publish.preprocess), Shape.VALUE, waits=True)
    yield "PUT", "workspace/publish/preprocess", preprocess
    runs = calls.plain(hooks.runs, "job", "limit")
    yield "GET", "hook/runs", Row("hook.runs", runs)
    yield "PUT", "hook/test", Row("hook.test", calls.plain(hooks.test, "hook", "data"), waits=True)
    yield "PUT", "hook/approve", Row("hook.approve", calls.plain(hooks.approve, "hook", "command", "os"), waits=True)
