"""`share`: the folders that can be given access to."""

from __future__ import annotations

import click

from accsyn_engine.cli.connection import Engine, connected
from accsyn_engine.cli.output import json_option, print_answer, print_rows

KINDS = ("volume", "folder", "home", "collection")


@click.group()
def share() -> None:
    """List and create shares."""


@share.command("list")
@click.option("--type", "kind", type=click.Choice(KINDS), help="Only these.")
@click.option("--inactive", is_flag=True, help="Only those that were deactivated.")
@connected
@json_option
def list_shares(engine: Engine, kind: str | None, inactive: bool, as_json: bool) -> None:
    """Show shares."""
    rows = engine.find(kind or "share", inactive=inactive)
    columns = ("code", "type", "parent_hr", "path", "status")
    print_rows("shares", rows, columns, as_json=as_json, empty="There are no such shares.")


@share.command()
@click.argument("code")
@click.option("--type", "kind", type=click.Choice(["folder", "volume"]), default="folder", show_default=True)
@click.option("--parent", metavar="VOLUME", help="The volume it lies in; else the default one.")
@click.option("--path", default="", help="Where: relative to the volume, or a volume's own path on its server.")
@click.option("--description", default="")
@connected
@json_option
def create(
    engine: Engine, *, code: str, kind: str, parent: str | None, path: str, description: str, as_json: bool
) -> None:
    """Make a share; nobody may enter it before an ACL says so."""
    data = {"code": code, "parent": parent, "path": path, "description": description}
    made = engine.result("POST", f"{kind}/create", {field: value for field, value in data.items() if value})[0]
    print_answer({"share": made}, f"Made {made['type']} {made['code']} at {made['path']}.", as_json=as_json)


@share.command()
@click.argument("code")
@connected
@json_option
def delete(engine: Engine, code: str, as_json: bool) -> None:
    """Take a share away, with its ACLs; no file is touched."""
    known = engine.one("share", code)
    engine.result("DELETE", "share/delete", id=known["id"])
    print_answer(
        {"deleted": known["id"]}, f"Deleted share {known['code']}; its files are where they were.", as_json=as_json
    )
