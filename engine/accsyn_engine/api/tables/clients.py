"""Agents, and the lines between them."""

from __future__ import annotations

from accsyn_engine.api import calls
from accsyn_engine.api.rows import Row, Rows, Shape
from accsyn_engine.services.moving import clients, probing
from accsyn_engine.services.records.fields import reference

CLIENT_CONDITIONS = {"app": "type=0", "server": "type=1", "userserver": "type=2", "lane": "type=4"}


def rows() -> Rows:
    """Every event of this family."""
    yield "GET", "client/find", Row("client.find", calls.find(clients.find))
    for word, condition in CLIENT_CONDITIONS.items():
        yield "GET", f"{word}/find", Row("client.find", calls.find_only(clients.find, condition), kind="client")
    for word in ("client", *CLIENT_CONDITIONS):
        yield "PUT", f"{word}/edit", Row("client.update", calls.update(clients.update), kind="client")
        yield "POST", f"{word}/activate", Row("client.update", calls.by_id(clients.activate), Shape.DONE)
        for operation in ("deactivate", "offline"):
            yield "DELETE", f"{word}/{operation}", Row("client.update", calls.by_id(clients.deactivate), Shape.DONE)
        yield "DELETE", f"{word}/delete", Row("client.delete", calls.by_id(clients.delete), Shape.DONE)
    yield "GET", "path/find", Row("path.find", calls.plain(probing.find, target=reference), Shape.VALUE)
    measure = calls.plain(
        probing.measure, target=calls.needed(reference), source=reference, seconds=calls.count(1, probing.LONGEST_S)
    )
    yield "PUT", "path/measure", Row("path.measure", measure, Shape.VALUE, waits=True)
