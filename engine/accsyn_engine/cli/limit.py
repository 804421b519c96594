"""`limit`: how much of the line transfers may use, and when."""

from __future__ import annotations

from typing import Any

import click

from accsyn_engine.cli.connection import Engine, connected
from accsyn_engine.cli.output import json_option, print_answer, print_rows
from accsyn_engine.cli.speeds import speed_text

ENTITIES = {"workspace": "workspace", "queue": "queue", "user": "user", "agent": "client", "job": "job"}
SPEED, SCHEDULE, TIMEZONE = "transfer_speedlimit", "transfer_speedschedule", "timezone"
COLUMNS = ("of", "name", "speed", "schedule", "now", "transfers")

KIND = click.argument("kind", type=click.Choice(list(ENTITIES)))
NAME = click.argument("name", required=False)


@click.group()
def limit() -> None:
    """List, set and clear the caps on transfers: all of the workspace's, a queue's, a user's, an agent's or a job's."""


@limit.command("list")
@connected
@json_option
def list_limits(engine: Engine, as_json: bool) -> None:
    """Show all caps, and those of the jobs that run now."""
    found = engine.result("GET", "limit/find")
    if as_json:
        print_answer({"limits": found}, "", as_json=True)
        return
    rows = [row | {"of": _word(row["scope"]), "now": speed_text(row["bytes_per_s"])} for row in found]
    print_rows("limits", rows, COLUMNS, as_json=False, empty="Nothing is capped.")


@limit.command("set")
@KIND
@NAME
@click.option("--speed", metavar="MB/S", help="Megabytes a second for all its transfers together; unlimited; paused.")
@click.option(
    "--schedule",
    "rows",
    metavar="ROW",
    multiple=True,
    help='Hours with another speed, as "mon-fri 08:00-18:00 5"; several, the first that holds counts.',
)
@click.option("--timezone", metavar="ZONE", help="Whose clock the hours are read from; of the workspace. [UTC]")
@connected
@json_option
def set_limit(
    engine: Engine,
    *,
    kind: str,
    name: str | None,
    speed: str | None,
    rows: tuple[str, ...],
    timezone: str | None,
    as_json: bool,
) -> None:
    """Cap what the transfers of KIND NAME may move; in force within 2 s, also for those that run."""
    schedule = "; ".join(rows) or None
    wanted = {SPEED: speed, SCHEDULE: schedule, TIMEZONE: timezone}
    if all(value is None for value in wanted.values()):
        raise click.UsageError("Give --speed, --schedule or --timezone.")
    if timezone is not None and kind != "workspace":
        raise click.UsageError("The time zone is the workspace's: limit set workspace --timezone ZONE.")
    entity = entity_of(engine, kind, name)
    for setting, value in wanted.items():
        if value is not None:
            engine.result("PUT", "setting", {"entitytype": ENTITIES[kind], "name": setting, "value": value}, id=entity)
    _print(engine, kind, entity, as_json=as_json)


@limit.command()
@KIND
@NAME
@connected
@json_option
def clear(engine: Engine, *, kind: str, name: str | None, as_json: bool) -> None:
    """Take the cap and the schedule of KIND NAME away."""
    entity = entity_of(engine, kind, name)
    for setting in (SPEED, SCHEDULE):
        engine.result("DELETE", "setting", {"entitytype": ENTITIES[kind], "name": setting}, id=entity)
    _print(engine, kind, entity, as_json=as_json)


def entity_of(engine: Engine, kind: str, name: str | None) -> str | None:
    """Find the id of what a command line names; None for the workspace."""
    if kind == "workspace":
        return None
    if name is None:
        raise click.UsageError(f"Which {kind}? Give its name after the word {kind}.")
    if kind == "job":
        return str(engine.one("job", name, single_entity_query=True)["id"])
    return str(engine.one(ENTITIES[kind], name)["id"])


def _print(engine: Engine, kind: str, entity: str | None, *, as_json: bool) -> None:
    (found,) = engine.result("GET", "limit/find", {"entitytype": ENTITIES[kind]}, id=entity)
    print_answer({"limit": found}, _sentence(found), as_json=as_json)


def _sentence(found: dict[str, Any]) -> str:
    now = f"{_word(found['scope'])} {found['name']}: {speed_text(found['bytes_per_s'])} now"
    return f"{now} ({found['local_time']}, {found['timezone']})" if found["schedule"] else now


def _word(scope: str) -> str:
    return next(word for word, known in ENTITIES.items() if known == scope)
