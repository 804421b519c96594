"""Where it can be asked that files are compared by content, whose word counts, and that both agents hear it."""

from __future__ import annotations

from typing import Any

import pytest

from accsyn_engine.jobs.compare import CompareError
from accsyn_engine.services import settings
from accsyn_engine.services.errors import BadValueError
from accsyn_engine.services.moving import agents
from accsyn_engine.services.work import jobs
from tests.engine.services.world import CERTIFICATE, World


def put(world: World, scope: str, id: str | None, value: Any) -> None:
    settings.put(world.context, world.admin, scope=scope, id=id, name="transfer_compare", value=value)


def told(world: World) -> list[str]:
    """What the events of the next attempt say, from the offer to the word to connect."""
    alpha, workstation = world.alpha(), world.workstation()
    world.tick()
    (offer,) = workstation.hear("transfer.offer")
    workstation.say(agents.accept, offer["transfer"], certificate=CERTIFICATE)
    (listen,) = alpha.hear("transfer.listen")
    alpha.say(agents.listening, offer["transfer"], certificate=CERTIFICATE, addresses=["127.0.0.1"], port=45190)
    (connect,) = workstation.hear("transfer.connect")
    return [event["compare"] for event in (offer, listen, connect)]


def test_files_are_compared_by_time_where_nobody_says_otherwise(world: World) -> None:
    world.share()
    world.send()
    assert told(world) == ["time"] * 3


def test_a_job_that_is_to_be_compared_by_content_says_so_to_both_agents(world: World) -> None:
    world.share()
    world.send(settings={"transfer_compare": "content"})
    assert told(world) == ["content"] * 3


@pytest.mark.parametrize(
    ("workspace", "queue", "job", "holds"),
    [
        ("content", None, None, "content"),
        ("content", "time", None, "time"),
        ("time", "content", None, "content"),
        (None, "content", "time", "time"),
        ("time", "time", " Content ", "content"),
    ],
)
def test_the_jobs_word_counts_then_its_queues_then_the_workspaces(
    world: World, workspace: str | None, queue: str | None, job: str | None, holds: str
) -> None:
    world.share()
    made = world.send()
    for scope, of, value in (("workspace", None, workspace), ("queue", "medium", queue), ("job", made["id"], job)):
        if value is not None:
            put(world, scope, of, value)
    assert told(world) == [holds] * 3


def test_what_is_no_way_of_comparing_is_refused_wherever_it_is_written(world: World) -> None:
    world.share()
    made = world.send()
    wrong = {"transfer_compare": "checksum"}
    with pytest.raises(CompareError, match='"checksum" is no way'):
        world.send(code="another", settings=wrong)
    with pytest.raises(CompareError):
        jobs.update(world.context, world.workflow, made["id"], {"settings": wrong})
    for scope, of in (("workspace", None), ("queue", "medium"), ("job", made["id"])):
        with pytest.raises(CompareError):
            put(world, scope, of, "checksum")


def test_where_it_would_mean_nothing_it_is_refused(world: World) -> None:
    share = world.share()
    for scope, of in (("user", world.jennifer.code), ("share", share["id"])):
        with pytest.raises(BadValueError, match="one of job, queue, workspace, not on a"):
            put(world, scope, of, "content")
    with pytest.raises(BadValueError, match="the same on every platform"):
        put(world, "workspace", None, {"linux": "content"})
