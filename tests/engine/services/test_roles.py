"""The table of roles: what each may read (r) and write (w) of every kind of entity, by whose or what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Caller, Find
from accsyn_engine.services.moving import clients
from accsyn_engine.services.people import users
from accsyn_engine.services.records import workspaces
from accsyn_engine.services.work import job_lists, jobs, queues
from accsyn_plugins.errors import AccsynError
from tests.engine.services.world import Agent, World

Act = Callable[[World, Caller, str], Any]

# Entity, which of them, and what admin, employee and standard user may do with it.
TABLE: tuple[tuple[str, str, str, str, str], ...] = (
    ("user", "admin", "rw", "-", "-"),
    ("user", "colleague", "rw", "-", "-"),
    ("user", "vendor", "rw", "rw", "-"),
    ("user", "oneself", "rw", "rw", "rw"),
    ("volume", "granted", "rw", "r", "-"),
    ("volume", "other", "rw", "-", "-"),
    ("folder", "on a granted volume", "rw", "rw", "-"),
    ("folder", "on another volume", "rw", "-", "-"),
    ("folder", "granted", "rw", "rw", "r"),
    ("home", "of a colleague", "rw", "-", "-"),
    ("home", "of a vendor", "rw", "rw", "-"),
    ("home", "one's own", "rw", "rw", "r"),
    ("acl", "of a vendor", "rw", "rw", "-"),
    ("acl", "of a colleague", "rw", "-", "-"),
    ("acl", "one's own", "rw", "r", "r"),
    ("job", "sent to oneself", "rw", "rw", "rw"),
    ("job", "on a granted volume", "rw", "rw", "-"),
    ("job", "on another volume", "rw", "-", "-"),
    ("queue", "any", "rw", "r", "r"),
    ("workspace", "any", "r", "r", "r"),
    ("client", "of a colleague", "rw", "rw", "-"),
    ("client", "one's own", "rw", "rw", "rw"),
)

READS: dict[str, Act] = {
    "user": lambda w, c, x: users.find(w.context, c, Find(id=x)),
    "volume": lambda w, c, x: shares.find(w.context, c, "volume", Find(id=x)),
    "folder": lambda w, c, x: shares.find(w.context, c, "folder", Find(id=x)),
    "home": lambda w, c, x: shares.find(w.context, c, "home", Find(id=x)),
    "acl": lambda w, c, x: acls.find(w.context, c, Find(id=x)),
    "job": lambda w, c, x: job_lists.find(w.context, c, Find(id=x)),
    "queue": lambda w, c, x: queues.find(w.context, c, Find(id=x)),
    "workspace": lambda w, c, x: workspaces.find(w.context, c, Find(id=x)),
    "client": lambda w, c, x: clients.find(w.context, c, Find(id=x)),
}

NEW = {"description": "changed"}

WRITES: dict[str, Act] = {
    "user": lambda w, c, x: users.update(w.context, c, x, NEW),
    "volume": lambda w, c, x: shares.update(w.context, c, x, NEW),
    "folder": lambda w, c, x: shares.update(w.context, c, x, NEW),
    "home": lambda w, c, x: shares.update(w.context, c, x, NEW),
    "acl": lambda w, c, x: acls.revoke(w.context, c, x),
    "job": lambda w, c, x: jobs.update(w.context, c, x, {"status": "paused"}),
    "queue": lambda w, c, x: queues.update(w.context, c, x, {"priority": 7}),
    "client": lambda w, c, x: clients.update(w.context, c, x, {"status": "disabled"}),
}


def furnished(world: World) -> tuple[dict[str, Caller], dict[tuple[str, str], dict[str, str]]]:
    """Callers by role, and the ids of what the table names; `""` stands for every role's own."""
    context, admin = world.context, world.admin
    callers = {"admin": admin, "employee": world.workflow, "standard": world.jennifer}
    second = users.create(context, admin, {"code": "second@geoscan.org", "role": "admin"})
    colleague = users.create(context, admin, {"code": "colleague@geoscan.org", "role": "employee"})
    vendor = users.create(context, admin, {"code": "vendor@gda.com"})
    other = shares.create(context, admin, "volume", {"code": "other", "path": "/mnt/other"})
    hidden = shares.create(context, admin, "folder", {"code": "hidden", "parent": "other"})
    near = shares.create(context, admin, "folder", {"code": "near"})
    granted = shares.create(context, admin, "folder", {"code": "granted", "parent": "other"})
    home = shares.create(context, admin, "home", {"user": colleague["code"]})
    [production] = shares.find(context, admin, "volume", Find(query="code=production"))
    ids: dict[tuple[str, str], dict[str, str]] = {
        ("user", "admin"): {"": second["id"]},
        ("user", "colleague"): {"": colleague["id"]},
        ("user", "vendor"): {"": vendor["id"]},
        ("user", "oneself"): {role: caller.user_id for role, caller in callers.items()},
        ("volume", "granted"): {"": production["id"]},
        ("volume", "other"): {"": other["id"]},
        ("folder", "on a granted volume"): {"": near["id"]},
        ("folder", "on another volume"): {"": hidden["id"]},
        ("folder", "granted"): {"": near["id"], "standard": granted["id"]},
        ("home", "of a colleague"): {"": home["id"]},
        ("home", "of a vendor"): {"": _home(world, vendor["code"])},
        ("home", "one's own"): {"": _home(world, vendor["code"]), "standard": _home(world, world.jennifer.code)},
        ("acl", "of a vendor"): {"": _give(world, vendor["code"], "near")},
        ("acl", "of a colleague"): {"": _give(world, colleague["code"], "near")},
        ("acl", "one's own"): {role: _give(world, caller.code, "near") for role, caller in callers.items()},
        ("job", "sent to oneself"): {role: _send(world, caller.code, "other") for role, caller in callers.items()},
        ("job", "on a granted volume"): {"": _send(world, vendor["code"], "production")},
        ("job", "on another volume"): {"": _send(world, vendor["code"], "other")},
        ("queue", "any"): {"": queues.find(context, admin, Find())[0]["id"]},
        ("workspace", "any"): {"": workspaces.find(context, admin, Find())[0]["id"]},
        ("client", "of a colleague"): {"": _machine(world, Caller(colleague["id"], colleague["code"], "employee"))},
        ("client", "one's own"): {role: _machine(world, caller) for role, caller in callers.items()},
    }
    _give(world, world.jennifer.code, "granted")
    acls.revoke(context, admin, _give(world, world.jennifer.code, "near"))
    ids["acl", "one's own"]["standard"] = _give(world, world.jennifer.code, "granted")
    return callers, ids


def _home(world: World, code: str) -> str:
    return str(shares.find(world.context, world.admin, "home", Find(query=f"code={code}"))[0]["id"])


def _give(world: World, code: str, share: str) -> str:
    return str(acls.grant(world.context, world.admin, {"entity": code, "target": share, "read": True})["id"])


def _send(world: World, code: str, volume: str) -> str:
    ends = {"source": f"volume={volume}/x", "destination": f"{code}:x"}
    return str(jobs.create(world.context, world.admin, ends)["id"])


def _machine(world: World, caller: Caller) -> str:
    agent = Agent(world.context, caller, f"ws-{caller.code.partition('@')[0]}")
    agent.hello()
    return agent.id


@pytest.mark.parametrize(("kind", "which"), [row[:2] for row in TABLE])
def test_each_role_reads_and_writes_what_the_table_says(world: World, kind: str, which: str) -> None:
    callers, ids = furnished(world)
    [row] = [row for row in TABLE if row[:2] == (kind, which)]
    told = {}
    for role in ("standard", "employee", "admin"):  # the admin last: what is revoked is gone
        one = ids[kind, which].get(role) or ids[kind, which][""]
        may_read = bool(READS[kind](world, callers[role], one))
        told[role] = ("r" if may_read else "") + ("w" if _writes(world, kind, callers[role], one) else "") or "-"
        if kind == "acl" and "w" in told[role]:
            ids[kind, which][""] = _again(world, which)
    assert (told["admin"], told["employee"], told["standard"]) == row[2:]


def _again(world: World, which: str) -> str:
    return _give(world, {"of a vendor": "vendor@gda.com"}.get(which, "colleague@geoscan.org"), "near")


def _writes(world: World, kind: str, caller: Caller, one: str) -> bool:
    if kind not in WRITES:
        return False
    try:
        WRITES[kind](world, caller, one)
    except AccsynError as error:
        if error.status not in {403, 404}:
            raise
        return False
    return True
