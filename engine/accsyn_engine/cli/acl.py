"""`acl`: who may read and write where, and why."""

from __future__ import annotations

from typing import Any

import click

from accsyn_engine.cli.connection import Engine, UnknownError, connected
from accsyn_engine.cli.output import json_option, print_answer, print_rows


@click.group()
def acl() -> None:
    """Grant, revoke, list and explain access."""


@acl.command()
@click.argument("email")
@click.argument("share")
@click.argument("path", default="")
@click.option("--read/--no-read", default=True, show_default=True)
@click.option("--write/--no-write", default=False, show_default=True)
@click.option("--invite", is_flag=True, help="Invite the person when the workspace does not know them.")
@connected
@json_option
def grant(
    engine: Engine, *, email: str, share: str, path: str, read: bool, write: bool, invite: bool, as_json: bool
) -> None:
    """Give EMAIL access to PATH in SHARE (the whole share when there is no PATH)."""
    data = {
        "entity": f"user:{email}",
        "target": f"share:{engine.one('share', share)['id']}",
        "path": path,
        "read": read,
        "write": write,
        "invite": invite,
    }
    made = engine.result("POST", "acl/create", data)[0]
    rights = " and ".join(word for word in ("read", "write") if made[word])
    print_answer({"acl": made}, f"{email} may {rights} {share}/{path.strip('/')}.", as_json=as_json)


@acl.command("list")
@click.option("--for", "email", metavar="EMAIL", help="Only this person's.")
@click.option("--share", metavar="CODE", help="Only on this share.")
@connected
@json_option
def list_acls(engine: Engine, email: str | None, share: str | None, as_json: bool) -> None:
    """Show grants."""
    rows = engine.find("acl", _query(engine, email, share))
    columns = ("id", "entity_hr", "target_hr", "path", "read", "write", "status")
    print_rows("acls", rows, columns, as_json=as_json, empty="There are no such grants.")


def _query(engine: Engine, email: str | None, share: str | None) -> str | None:
    terms = []
    if email:
        terms.append(f"entity=user:{engine.one('user', email)['id']}")
    if share:
        terms.append(f"target=share:{engine.one('share', share)['id']}")
    return " and ".join(terms) or None


@acl.command()
@click.argument("who")
@click.argument("share", required=False)
@click.argument("path", default="")
@connected
@json_option
def revoke(engine: Engine, who: str, share: str | None, path: str, as_json: bool) -> None:
    """Take a grant back: by its ID, or by EMAIL SHARE [PATH]."""
    known = _grant(engine, who, share, path)
    engine.result("DELETE", "acl/delete", id=known["id"])
    sentence = f"Revoked {known.get('entity_hr', who)} on {known.get('target_hr', share)}/{known['path']}."
    print_answer({"revoked": known["id"]}, sentence, as_json=as_json)


def _grant(engine: Engine, who: str, share: str | None, path: str) -> dict[str, Any]:
    if share is None:
        return engine.one("acl", who)
    wanted = path.replace("\\", "/").strip("/").casefold()
    for row in engine.find("acl", _query(engine, who, share)):
        if str(row["path"]).strip("/").casefold() == wanted:
            return row
    raise UnknownError(kind="grant", name=f"{who} on {share}/{path}")


@acl.command()
@click.argument("email")
@click.argument("path")
@connected
@json_option
def why(engine: Engine, email: str, path: str, as_json: bool) -> None:
    """Say whether EMAIL may read and write PATH, and through which grants."""
    answer = engine.result("GET", "acl/why", {"user": email, "path": path})
    rights = ", ".join(f"{word}: {'yes' if answer[word] else 'no'}" for word in ("read", "write"))
    lines = [f"{email} at {path}: {rights}", *(f"  {_reason(reason)}" for reason in answer["reasons"])]
    print_answer(answer, "\n".join(lines), as_json=as_json)


def _reason(reason: Any) -> str:
    return str(reason.get("sentence", reason)) if isinstance(reason, dict) else str(reason)
