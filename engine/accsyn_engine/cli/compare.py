"""`compare`: how files are compared with what lies at the receiver, before anything is sent."""

from __future__ import annotations

from typing import Any

import click

from accsyn_engine.cli.connection import Engine, connected
from accsyn_engine.cli.limit import entity_of
from accsyn_engine.cli.output import json_option, print_answer

COMPARE = "transfer_compare"
BY = {"time": "by size and time of change", "content": "by content"}
OWN = {"workspace": "by size and time of change", "queue": "as the workspace says", "job": "as its queue says"}


@click.command()
@click.argument("kind", type=click.Choice(list(OWN)))
@click.argument("name", required=False)
@click.option("--by", type=click.Choice(list(BY)), help="Content: both ends read what has the same size.  [time]")
@connected
@json_option
def compare(engine: Engine, *, kind: str, name: str | None, by: str | None, as_json: bool) -> None:
    """Show how the files of KIND NAME are compared with what lies at the receiver, or set it.

    A job's own word counts, else its queue's, else the workspace's. It holds from the job's next attempt.
    """
    entity = entity_of(engine, kind, name)
    about: dict[str, Any] = {"entitytype": kind}
    if by is not None:
        engine.result("PUT", "setting", about | {"name": COMPARE, "value": by}, id=entity)
    found = by or engine.result("GET", "setting", about, id=entity).get(COMPARE)  # its own, none that is inherited
    said = BY[found] if found in BY else OWN[kind]
    answer = {"scope": kind, "id": entity, "name": name, "by": found}
    print_answer({"compare": answer}, f"{kind} {name or ''}".rstrip() + f": {said}", as_json=as_json)
