"""`user`: who belongs to the workspace."""

from __future__ import annotations

import click

from accsyn_engine.cli.connection import Engine, connected
from accsyn_engine.cli.output import json_option, print_answer, print_rows


@click.group()
def user() -> None:
    """Invite, list, disable; make API keys."""


@user.command()
@click.argument("email")
@click.option("--role", type=click.Choice(["standard", "employee", "admin"]), default="standard", show_default=True)
@click.option("--name", help="The person's name.")
@click.option("--message", help="A line of your own in the invitation.")
@connected
@json_option
def invite(engine: Engine, *, email: str, role: str, name: str | None, message: str | None, as_json: bool) -> None:
    """Invite a person; a mail tells them."""
    data = {"code": email, "role": role, "name": name, "message": message}
    made = engine.result("POST", "user/create", {field: value for field, value in data.items() if value})[0]
    print_answer({"user": made}, f"Invited {made['code']} ({made['role']}).", as_json=as_json)


@user.command("list")
@click.option("--inactive", is_flag=True, help="Only those that were deactivated.")
@connected
@json_option
def list_users(engine: Engine, inactive: bool, as_json: bool) -> None:
    """Show the workspace's users."""
    rows = engine.find("user", inactive=inactive)
    print_rows("users", rows, ("code", "name", "role", "status"), as_json=as_json, empty="There are no such users.")


def _set_status(engine: Engine, email: str, status: str, *, as_json: bool) -> None:
    known = engine.one("user", email)
    changed = engine.result("PUT", "user/edit", {"status": status}, id=known["id"])[0]
    print_answer({"user": changed}, f"{changed['code']} is {changed['status']}.", as_json=as_json)


@user.command()
@click.argument("email")
@connected
@json_option
def disable(engine: Engine, email: str, as_json: bool) -> None:
    """Keep a person out: no login, no transfers."""
    _set_status(engine, email, "disabled", as_json=as_json)


@user.command()
@click.argument("email")
@connected
@json_option
def enable(engine: Engine, email: str, as_json: bool) -> None:
    """Let a disabled person in again."""
    _set_status(engine, email, "enabled", as_json=as_json)


@user.command()
@click.argument("email")
@click.option("--label", default="", help="What the key is for.")
@connected
@json_option
def key(engine: Engine, email: str, label: str, as_json: bool) -> None:
    """Make a new API key for a person and print it, once."""
    answer = engine.event("PUT", "user/key", {"user": email, "label": label})
    print_answer({"api_key": answer["api_key"]}, answer["api_key"], as_json=as_json)
