"""Nothing can be called that does not stand in the table."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace

import pytest

from accsyn_engine import services
from accsyn_engine.services import permissions
from accsyn_engine.services.access import acls
from accsyn_engine.services.context import Caller, Context, Find, KeyDigest, Work
from accsyn_engine.services.errors import ConflictError, ForbiddenError, ReusedEidError
from accsyn_engine.services.people import users
from accsyn_engine.services.people.accounts import key as make_key
from accsyn_engine.services.people.accounts import session as make_session
from accsyn_engine.services.permissions import EVERYBODY, OPERATIONS, PERMISSIONS
from accsyn_engine.services.work import queues
from accsyn_engine.store.schema import answered
from tests.engine.services.world import World

MODULES = [
    importlib.import_module(found.name) for found in pkgutil.walk_packages(services.__path__, f"{services.__name__}.")
]
# Each file operation has a row of its own behind the one door `files.operate`.
BEHIND_A_DOOR = {f"file.{name}" for name in ("getsize", "exists", "mkdir", "rename", "move", "delete")}


def test_every_row_of_the_table_has_a_use_case_and_every_use_case_a_row() -> None:
    assert set(OPERATIONS) | BEHIND_A_DOOR == set(PERMISSIONS)


def test_every_function_that_takes_a_context_and_a_caller_is_behind_the_table() -> None:
    loose = []
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            kinds = [parameter.annotation for parameter in inspect.signature(function).parameters.values()][:2]
            is_use_case = (
                kinds == ["Context", "Caller"] and not name.startswith("_") and function.__module__ == module.__name__
            )
            if is_use_case and not hasattr(function, "__wrapped__"):
                loose.append(f"{module.__name__}.{name}")
    assert loose == []


def test_every_row_names_roles_that_exist_and_admins_stand_in_all_of_them() -> None:
    assert all(roles <= EVERYBODY and "admin" in roles for roles in PERMISSIONS.values())


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
@pytest.mark.parametrize("role", ["employee", "standard", "nobody"])
def test_a_role_that_is_not_in_the_row_is_refused_before_anything_else(operation: str, role: str) -> None:
    if role in PERMISSIONS[operation]:
        return
    with pytest.raises(ForbiddenError, match=f"may not call {operation}"):
        OPERATIONS[operation](None, Caller("0" * 24, "someone@gda.com", role))


def test_the_same_call_again_gets_the_same_answer_and_changes_nothing(world: World) -> None:
    caller = replace(world.admin, eid="3451ca14-53e3-45f2-ad1d-0daf422b11eb")
    first = users.create(world.context, caller, {"code": "jennifer@gda.com"})
    assert users.create(world.context, caller, {"code": "jennifer@gda.com"}) == first
    assert len(users.find(world.context, world.admin, Find(query="code=jennifer*"))) == 1


def test_one_callers_eid_is_not_anothers(world: World) -> None:
    mine, theirs = replace(world.admin, eid="e1"), replace(world.workflow, eid="e1")
    users.create(world.context, mine, {"code": "a@gda.com"})
    assert users.create(world.context, theirs, {"code": "b@gda.com"})["code"] == "b@gda.com"


def test_an_eid_used_for_another_call_is_refused_instead_of_answering_the_first(world: World) -> None:
    caller = replace(world.admin, eid="e1")
    users.create(world.context, caller, {"code": "a@gda.com"})
    with pytest.raises(ReusedEidError, match="an eid of its own"):
        queues.create(world.context, caller, {"name": "late"})
    with pytest.raises(ReusedEidError):
        users.create(world.context, caller, {"code": "b@gda.com"})


def test_a_refused_call_is_not_remembered(world: World) -> None:
    caller = replace(world.workflow, eid="e1")
    with pytest.raises(ForbiddenError):
        users.create(world.context, caller, {"code": "boss@gda.com", "role": "admin"})
    assert users.create(world.context, caller, {"code": "boss@gda.com"})["role"] == "standard"


def test_keys_are_never_kept_among_the_answers(world: World) -> None:
    caller = replace(world.admin, eid="e1")
    secrets = {make_key(world.context, caller)["api_key"], make_session(world.context, replace(caller, eid="e2"))}
    with world.context.reading() as work:
        assert work.connection.execute(answered.select()).all() == []
    assert len(secrets) == 2


def test_two_that_write_the_same_row_at_once_get_a_sentence(world: World) -> None:
    @permissions.writes("queue.create")
    def twice(work: Work, _caller: Caller) -> None:
        for name in ("a", "a"):
            queues.add(work, work.context.ids.entity(), name, name, 1, is_default=False, creator="")

    try:
        with pytest.raises(ConflictError, match="try again"):
            twice(world.context, world.admin)
    finally:
        OPERATIONS["queue.create"] = queues.create


def test_the_bell_rings_only_after_the_commit(world: World) -> None:
    heard: list[int] = []

    def ringing(context: Context) -> None:
        with context.changing() as work:
            work.ring("dispatch")
            heard.append(context.bell.count("dispatch"))

    ringing(world.context)
    assert world.context.bell.count("dispatch") == heard[0] + 1


def test_a_digest_depends_on_the_secret_and_hides_the_key() -> None:
    one, other = KeyDigest(b"1" * 64), KeyDigest(b"2" * 64)
    assert one.digest("key") != other.digest("key")
    assert len(one.digest("key")) == 64
    assert "1" * 8 not in repr(one)


def test_a_vendor_sees_no_grants_of_others(world: World) -> None:
    world.share()
    users.create(world.context, world.admin, {"code": "other@gda.com"})
    assert {found["entity"] for found in acls.find(world.context, world.jennifer, Find())} == {
        f"user:{world.jennifer.user_id}"
    }
