"""Whatever is sent gets an answer or a sentence, on both databases; never a fault, never a change."""

from __future__ import annotations

from typing import Any

import pytest

from accsyn_engine.services import settings
from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Find
from accsyn_engine.services.moving import agents, clients, files
from accsyn_engine.services.people import users
from accsyn_engine.services.records import workspaces
from accsyn_engine.services.work import job_lists, jobs, queues, tasks
from accsyn_engine.store.schema import audit
from accsyn_plugins.errors import AccsynError
from tests.engine.services.world import World

WORDS = [
    "\x00",
    "a\x00b",
    "\ud800",
    "'; DROP TABLE job; --",
    "%",
    "_",
    "x" * 70_000,
    "\n",
    "\u202e",
    "🦊" * 300,
    "../..",
    "*",
]
FINDS = [users.find, acls.find, job_lists.find, tasks.find, queues.find, clients.find, workspaces.find]


def _answer(call: Any, world: World, *arguments: Any) -> Any:
    """What a call gives: its answer, or its sentence."""
    try:
        return call(world.context, world.admin, *arguments)
    except AccsynError as error:
        return error.message


def _changes(world: World) -> int:
    with world.context.reading() as work:
        return len(work.connection.execute(audit.select()).all())


@pytest.mark.parametrize("word", WORDS)
def test_finding_odd_words_finds_nothing_or_gets_a_sentence(world: World, word: str) -> None:
    for find in FINDS:
        for asked in (Find(query=f'id="{word}"'), Find(query=word), Find(id=word), Find(parent=word, id=word)):
            answer = _answer(find, world, asked)
            assert isinstance(answer, str) or len(answer) <= 3
    with pytest.raises(AccsynError):
        shares.find(world.context, world.admin, word, Find())


@pytest.mark.parametrize("word", WORDS)
def test_odd_words_in_data_get_a_sentence_and_change_nothing(world: World, word: str) -> None:
    world.share()
    before = _changes(world)
    calls: list[tuple[Any, tuple[Any, ...]]] = [
        (users.create, ({"code": word},)),
        (users.update, (word, {"name": word})),
        (shares.delete, (word,)),
        (acls.grant, ({"entity": word, "target": word, "read": True},)),
        (acls.grant, ({"entity": world.jennifer.code, "target": "proj002-outsourcing", "path": "x", "read": word},)),
        (acls.revoke, (word,)),
        (jobs.create, ({"tasks": {word: {"source": word, "destination": word}}},)),
        (jobs.create, ({"source": "share=production/x", "destination": "jennifer@gda.com:", "queue": word},)),
        (jobs.update, (word, {"status": word})),
        (tasks.create, (word, [{"source": word}])),
        (tasks.update, (word, {"status": word})),
        (queues.update, (word, {"priority": word})),
        (clients.update, (word, {"status": word})),
        (files.operate, (word, {"path": word})),
        (agents.hello, ({"instance": word, "boot": word, "role": word},)),
        (agents.accept, (word, {"client": word, "boot": word})),
        (agents.hook_start, (word, {"client": word, "boot": word})),
    ]
    for call, arguments in calls:
        with pytest.raises(AccsynError):
            call(world.context, world.admin, *arguments)
    assert _changes(world) == before


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**400, True, 1.5, "1e9"])
def test_odd_numbers_get_a_sentence(world: World, number: Any) -> None:
    world.share()
    with pytest.raises(AccsynError):
        world.send(priority=number)
    with pytest.raises(AccsynError):
        queues.create(world.context, world.admin, {"name": "x", "priority": number})


def test_a_limit_beyond_all_rows_is_no_limit(world: World) -> None:
    assert len(users.find(world.context, world.admin, Find(limit=10**30, skip=0))) == 1
    assert users.find(world.context, world.admin, Find(limit=1, skip=10**30)) == []


@pytest.mark.parametrize("shape", [None, 7, "x", [], [[]], {"files": {}}, True])
@pytest.mark.parametrize(
    "field", ["metadata", "settings", "hooks", "tasks", "source", "name", "status", "queue", "description"]
)
def test_a_field_of_another_shape_gets_a_sentence_or_is_taken_as_absent(world: World, field: str, shape: Any) -> None:
    world.share()
    data = {"source": "share=proj002-outsourcing/x", "destination": "jennifer@gda.com:x"} | {field: shape}
    made = _answer(jobs.create, world, data)
    assert isinstance(made, str) or made["status"] in {"init", "paused"}


def test_a_setting_may_not_hide_a_platform_in_its_name(world: World) -> None:
    with pytest.raises(AccsynError):
        settings.put(world.context, world.admin, name="post-done-server@linux", value="x")


def test_vendors_see_neither_internal_metadata_nor_where_volumes_lie(world: World) -> None:
    world.share()
    job = world.send(metadata={"internal": {"rate": 7}, "external": {"note": "hi"}})
    [seen] = job_lists.find(world.context, world.jennifer, Find(id=job["id"]))
    assert seen["metadata"] == {"external": {"note": "hi"}}
    assert all("/mnt" not in str(task) for task in tasks.find(world.context, world.jennifer, Find(parent=job["id"])))
    assert world.tasks(job)[0]["source"]["path_abs"].startswith("/mnt/production/")
