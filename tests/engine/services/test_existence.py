"""No answer tells whether something is there that the caller may not see: absent and invisible are one answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from accsyn_engine.services import settings
from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Caller, Find
from accsyn_engine.services.people import accounts, users
from accsyn_plugins.errors import AccsynError
from tests.engine.services.world import World

NO_ID = "0123456789abcdef01234567"


@dataclass(frozen=True)
class Hidden:
    """Something that a caller does not see, by the names it has, and names of the same form that nothing has."""

    kind: str
    names: tuple[tuple[str, str], ...]  # what is there, what is not


Ask = Callable[[World, Caller, str], Any]

USERS: dict[str, Ask] = {
    "find": lambda w, c, x: users.find(w.context, c, Find(id=x)),
    "find inactive": lambda w, c, x: users.find(w.context, c, Find(id=x, inactive=True)),
    "find by query": lambda w, c, x: users.find(w.context, c, Find(query=f'code="{x}"')),
    "update": lambda w, c, x: users.update(w.context, c, x, {"name": "x"}),
    "change the role": lambda w, c, x: users.update(w.context, c, x, {"role": "admin"}),
    "activate": lambda w, c, x: users.activate(w.context, c, x),
    "deactivate": lambda w, c, x: users.deactivate(w.context, c, x),
    "delete": lambda w, c, x: users.delete(w.context, c, x),
    "key": lambda w, c, x: accounts.key(w.context, c, x),
    "setting": lambda w, c, x: settings.get(w.context, c, scope="user", id=x),
    "put a setting": lambda w, c, x: settings.put(w.context, c, scope="user", id=x, name="a", value="b"),
    "drop a setting": lambda w, c, x: settings.delete(w.context, c, scope="user", id=x, name="a"),
    "why": lambda w, c, x: acls.why(w.context, c, x, "share=seen/x"),
    "grant": lambda w, c, x: acls.grant(w.context, c, {"entity": x, "target": "seen", "read": True, "invite": False}),
    "grants of": lambda w, c, x: acls.find(w.context, c, Find(query=f'entity="{x}"')),
    "home": lambda w, c, x: shares.create(w.context, c, "home", {"user": x}),
    "home of": lambda w, c, x: shares.find(w.context, c, "home", Find(query=f'user="{x}"')),
}

SHARES: dict[str, Ask] = {
    "find": lambda w, c, x: shares.find(w.context, c, "share", Find(id=x)),
    "find by query": lambda w, c, x: shares.find(w.context, c, "share", Find(query=f'code="{x}"')),
    "below": lambda w, c, x: shares.find(w.context, c, "share", Find(query=f'parent="{x}"')),
    "update": lambda w, c, x: shares.update(w.context, c, x, {"description": "x"}),
    "activate": lambda w, c, x: shares.activate(w.context, c, x),
    "deactivate": lambda w, c, x: shares.deactivate(w.context, c, x),
    "delete": lambda w, c, x: shares.delete(w.context, c, x),
    "servers": lambda w, c, x: shares.servers(w.context, c, x),
    "assign": lambda w, c, x: shares.assign(w.context, c, x, NO_ID),
    "deassign": lambda w, c, x: shares.deassign(w.context, c, x, NO_ID),
    "create below": lambda w, c, x: shares.create(w.context, c, "folder", {"code": "new", "parent": x, "path": "y"}),
    "grant": lambda w, c, x: acls.grant(w.context, c, {"entity": "vendor@gda.com", "target": x, "read": True}),
    "grants on": lambda w, c, x: acls.find(w.context, c, Find(query=f'target="{x}"')),
    "why": lambda w, c, x: acls.why(w.context, c, c.code, f"share={x}/y"),
    "setting": lambda w, c, x: settings.get(w.context, c, scope="share", id=x),
    "put a setting": lambda w, c, x: settings.put(w.context, c, scope="share", id=x, name="a", value="b"),
}

GRANTS: dict[str, Ask] = {
    "find": lambda w, c, x: acls.find(w.context, c, Find(id=x)),
    "update": lambda w, c, x: acls.update(w.context, c, x, {"write": True}),
    "revoke": lambda w, c, x: acls.revoke(w.context, c, x),
}

OPERATIONS: dict[str, dict[str, Ask]] = {"user": USERS, "share": SHARES, "acl": GRANTS}


def furnished(world: World) -> tuple[dict[str, Caller], dict[str, list[Hidden]]]:
    """Callers by role, and what is hidden from each.

    The volume of a share that one sees is not hidden: the share names it as its parent.
    """
    context, admin = world.context, world.admin
    colleague = users.create(context, admin, {"code": "colleague@geoscan.org", "role": "employee"})
    vendor = users.create(context, admin, {"code": "vendor@gda.com"})
    gone = users.create(context, admin, {"code": "gone@geoscan.org", "role": "employee"})
    users.deactivate(context, admin, gone["id"])
    archive = shares.create(context, admin, "volume", {"code": "archive", "path": "/mnt/archive"})
    old = shares.create(context, admin, "folder", {"code": "old", "parent": "archive", "path": "old"})
    seen = shares.create(context, admin, "folder", {"code": "seen", "path": "seen"})
    home = shares.create(context, admin, "home", {"user": colleague["code"]})
    give = {"read": True, "target": "old"}
    theirs = acls.grant(context, admin, give | {"entity": vendor["code"]})
    colleagues = acls.grant(context, admin, give | {"entity": colleague["code"]})
    mine = {"read": True, "target": seen["id"], "entity": world.jennifer.code}
    acls.grant(context, admin, mine)
    people = [_user(who) for who in (world.admin.code, colleague["code"], gone["code"])]
    ids = {found["code"]: found["id"] for found in _everybody(world)}
    people = [Hidden("user", (*hidden.names, (ids[hidden.names[0][0]], NO_ID))) for hidden in people]
    places = [_share(made["id"], made["code"]) for made in (archive, old, home)]
    grants = [Hidden("acl", ((made["id"], NO_ID),)) for made in (theirs, colleagues)]
    more = [Hidden("user", ((vendor["code"], "absent@gda.com"),))]
    roles = {"employee": world.workflow, "standard": world.jennifer}
    return roles, {"employee": people + places + grants, "standard": people + places + grants + more}


def _everybody(world: World) -> list[dict[str, Any]]:
    both = [users.find(world.context, world.admin, Find(inactive=inactive)) for inactive in (False, True)]
    return [found for part in both for found in part]


def _user(code: str) -> Hidden:
    return Hidden("user", ((code, "absent@geoscan.org"),))


def _share(id: str, code: str) -> Hidden:
    return Hidden("share", ((id, NO_ID), (code, "absent@geoscan.org" if "@" in code else "absent")))


def answer(world: World, caller: Caller, ask: Ask, name: str) -> tuple[str, int, str]:
    """What the caller hears, with the name they asked by taken out."""
    try:
        return "answer", 200, repr(ask(world, caller, name))
    except AccsynError as error:
        return error.code, error.status, error.message.replace(name, "NAME")


@pytest.mark.parametrize("role", ["employee", "standard"])
@pytest.mark.parametrize(
    ("kind", "operation"), [(kind, operation) for kind, table in OPERATIONS.items() for operation in table]
)
def test_what_may_not_be_seen_is_answered_like_what_is_not_there(
    world: World, role: str, kind: str, operation: str
) -> None:
    roles, hidden = furnished(world)
    ask = OPERATIONS[kind][operation]
    asked = [names for thing in hidden[role] if thing.kind == kind for names in thing.names]
    told = [
        (there, heard, not_there)
        for there, absent in asked
        if (heard := answer(world, roles[role], ask, there)) != (not_there := answer(world, roles[role], ask, absent))
    ]
    assert told == []


def test_what_may_be_seen_and_not_changed_is_refused_and_not_denied(world: World) -> None:
    roles, _ = furnished(world)
    [volume] = shares.find(world.context, roles["employee"], "volume", Find())
    assert answer(world, roles["employee"], SHARES["update"], volume["id"])[1] == 403
    [own] = acls.find(world.context, roles["employee"], Find(query=f"entity={roles['employee'].code}"))
    assert answer(world, roles["employee"], GRANTS["revoke"], own["id"])[1] == 403


def test_inviting_a_colleague_one_does_not_see_is_the_one_place_that_tells(world: World) -> None:
    roles, _ = furnished(world)
    for code in ("colleague@geoscan.org", "gone@geoscan.org"):
        heard = answer(world, roles["employee"], lambda w, c, x: users.create(w.context, c, {"code": x}), code)
        assert heard[:2] == ("exists", 409)
