"""Whom the engine recognises without looking again, and what ends that."""

from __future__ import annotations

import asyncio
import base64

import pytest
from sqlalchemy import event, update
from starlette.requests import Request

from accsyn_engine.api.auth import identify
from accsyn_engine.api.threads import Threads
from accsyn_engine.services.context import Caller
from accsyn_engine.services.errors import WrongCredentialsError
from accsyn_engine.services.people import accounts, users
from accsyn_engine.services.people.remembered import MOST, REMEMBERED_MS, Remembered
from accsyn_engine.store.schema import user
from tests.engine.services.world import World


def _called(world: World, key: str, address: str = "10.0.0.7") -> Caller:
    halves = ":".join(base64.b64encode(half.encode()).decode() for half in (world.jennifer.code, key))
    headers = [(b"authorization", f"basic {halves}".encode())]
    request = Request({"type": "http", "headers": headers, "client": (address, 4711)})
    threads = Threads()
    try:
        return asyncio.run(identify(request, world.context, threads))
    finally:
        threads.close()


def test_who_was_recognised_a_moment_ago_is_not_looked_up_again(world: World) -> None:
    key = accounts.key(world.context, world.jennifer)["api_key"]
    _called(world, key)  # writes down that the key was used
    _called(world, key)
    asked: list[str] = []
    event.listen(world.context.database._reader, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert _called(world, key).code == world.jennifer.code
    assert asked == []
    assert _called(world, key, address="10.0.0.8").address == "10.0.0.8"
    assert asked != []


def test_a_user_who_was_disabled_is_refused_at_the_next_call(world: World) -> None:
    key = accounts.key(world.context, world.jennifer)["api_key"]
    _called(world, key)
    _called(world, key)
    users.update(world.context, world.admin, world.jennifer.user_id, {"status": "disabled"})
    with pytest.raises(WrongCredentialsError):
        _called(world, key)


def test_what_another_replica_changed_counts_after_a_second(world: World) -> None:
    key = accounts.key(world.context, world.jennifer)["api_key"]
    _called(world, key)
    _called(world, key)
    with world.context.database.engine.begin() as other:
        other.execute(update(user).where(user.c.id == world.jennifer.user_id).values(status="disabled"))
    world.clock.pass_s(REMEMBERED_MS / 1000)
    with pytest.raises(WrongCredentialsError):
        _called(world, key)


def test_no_more_proofs_are_remembered_than_there_is_room_for() -> None:
    remembered: Remembered[int] = Remembered()
    for number in range(MOST + 5):
        remembered.keep((str(number),), number, now=0, changes=0)
    assert len(remembered._entries) <= MOST
    assert remembered.find((str(MOST + 4),), now=0, changes=0) == MOST + 4
