"""Hook scripts: what they answer before a publish, their runs, and trying one out."""

from __future__ import annotations

from accsyn_engine.api import calls
from accsyn_engine.api.rows import Row, Rows, Shape
from accsyn_engine.services.records.fields import mapping, reference, text
from accsyn_engine.services.scripts import hooks, publish

MOST_RUNS = 10_000


def rows() -> Rows:
    """Every event of this family."""
    preprocess = Row("publish.preprocess", calls.with_data(publish.preprocess), Shape.VALUE, waits=True)
    yield "PUT", "workspace/publish/preprocess", preprocess
    runs = calls.plain(hooks.runs, job=reference, limit=calls.count(0, MOST_RUNS))
    yield "GET", "hook/runs", Row("hook.runs", runs)
    yield (
        "PUT",
        "hook/test",
        Row("hook.test", calls.plain(hooks.test, hook=calls.needed(calls.short_text), data=mapping), waits=True),
    )
    words = {"hook": calls.needed(calls.short_text), "command": calls.needed(text), "os": calls.short_text}
    yield "PUT", "hook/approve", Row("hook.approve", calls.plain(hooks.approve, **words), waits=True)
