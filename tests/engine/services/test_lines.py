"""What agents tell of the line between them: joined for who may see the job, kept by pair of agents."""

from __future__ import annotations

from typing import Any

import pytest

from accsyn_engine.services.context import Find
from accsyn_engine.services.moving import agents, lines, probing
from accsyn_engine.services.work import job_lists
from tests.engine.cli.engines import check
from tests.engine.services.world import Agent, World, numbers

SENT = {
    "transport": "udp",
    "streams": 4,
    "rtt_s": 0.201,
    "min_rtt_s": 0.2,
    "capacity": 119_000_000.0,
    "loss": 0.01,
    "retransmitted": 10,
    "goodput": 91_000_000,
    "limited_by": "line",
}
NOTHING: dict[str, Any] = dict.fromkeys(
    ("transport", "streams", "rtt_s", "min_rtt_s", "capacity", "loss", "goodput", "limited_by")
)


def report(agent: Agent, transfer: str, line: Any, *, moved: int = 0, speed: int = 0) -> None:
    agent.say(agents.progress, transfer, line=line, speed=speed, **numbers(1000, moved))


@pytest.fixture
def moving(world: World) -> tuple[World, Agent, Agent, dict[str, Any], str]:
    """A package on its way: world, sender, receiver, job, transfer."""
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    return world, alpha, workstation, job, world.met(workstation, alpha)


Moving = tuple[World, Agent, Agent, dict[str, Any], str]


def test_a_job_shows_what_both_ends_know(moving: Moving) -> None:
    world, alpha, workstation, job, transfer = moving
    assert world.job(job)["line"] is None
    report(alpha, transfer, SENT)
    report(alpha, transfer, SENT)  # the first one only began the attempt
    world.clock.pass_s(1)
    report(workstation, transfer, {**SENT, "limited_by": None}, moved=990, speed=90_000_000)
    check("job-show", {"job": world.job(job), "tasks": world.tasks(job)})
    shown = world.job(job)["line"]
    assert shown.pop("measured") is not None
    assert shown == SENT | {"goodput": 90_000_000, "retransmitted_share": 0.01}


def test_a_slow_disk_of_the_receiver_outweighs_what_the_sender_thinks(moving: Moving) -> None:
    world, alpha, workstation, job, transfer = moving
    report(alpha, transfer, SENT)
    report(workstation, transfer, {"transport": "udp", "streams": 4, "limited_by": "receiver-disk"})
    world.clock.pass_s(1)
    report(workstation, transfer, {"transport": "udp", "streams": 4, "limited_by": "receiver-disk"})
    assert world.job(job)["line"]["limited_by"] == "receiver-disk"


def test_the_senders_line_is_written_every_two_seconds_while_the_receiver_keeps_the_lease(moving: Moving) -> None:
    world, alpha, workstation, job, transfer = moving
    report(alpha, transfer, SENT)
    for step in range(1, 9):
        world.clock.pass_s(0.5)
        report(workstation, transfer, None, moved=step)
        report(alpha, transfer, SENT | {"rtt_s": step / 10})
        assert world.job(job)["line"]["rtt_s"] in {step / 10, *((step - back) / 10 for back in range(4)), 0.201}
    assert world.job(job)["line"]["rtt_s"] == 0.8


def test_an_agent_that_tells_nothing_of_the_line_leaves_it_at_the_speed(moving: Moving) -> None:
    world, _alpha, workstation, job, transfer = moving
    workstation.progress(transfer)
    shown = world.job(job)["line"]
    assert (shown["goodput"], shown["transport"], shown["limited_by"]) == (1_000_000, None, None)


@pytest.mark.parametrize(
    "line",
    [
        "a line",
        {"transport": "carrier pigeon", "streams": -1, "rtt_s": float("nan"), "capacity": float("inf"), "loss": 1.5},
        {"transport": ["udp"], "streams": True, "rtt_s": "fast", "capacity": 2**70, "limited_by": {"cap": 1}},
        {"rtt_s": 10**400, "retransmitted": -5, "min_rtt_s": 3601},
    ],
)
def test_numbers_that_make_no_sense_count_as_not_told_and_keep_the_transfer_alive(moving: Moving, line: Any) -> None:
    world, alpha, workstation, job, transfer = moving
    report(alpha, transfer, line)
    report(alpha, transfer, line)
    report(workstation, transfer, line)
    assert world.job(job)["status"] == "running"
    shown = world.job(job)["line"] or NOTHING
    assert {name: shown[name] for name in NOTHING} == NOTHING | {"goodput": shown["goodput"]}


def test_who_may_not_see_the_job_does_not_see_its_line(moving: Moving) -> None:
    world, alpha, _workstation, job, transfer = moving
    report(alpha, transfer, SENT)
    stranger = world._person("someone@else.com", "standard")
    assert job_lists.find(world.context, stranger, Find(id=job["id"])) == []
    (seen,) = job_lists.find(world.context, world.jennifer, Find(id=job["id"]))
    assert seen["line"]["rtt_s"] == 0.201


def test_a_job_that_is_over_keeps_its_line_but_has_no_speed(moving: Moving) -> None:
    world, alpha, workstation, job, transfer = moving
    report(alpha, transfer, SENT)
    workstation.progress(transfer)
    workstation.end(transfer)
    shown = world.job(job)["line"]
    assert (shown["rtt_s"], shown["goodput"]) == (0.201, None)


def known(world: World) -> list[dict[str, Any]]:
    return probing.find(world.context, world.admin)


def test_the_end_of_a_transfer_leaves_the_line_of_its_pair(moving: Moving) -> None:
    world, alpha, workstation, _job, transfer = moving
    report(alpha, transfer, SENT)
    assert known(world) == []
    workstation.end(transfer)
    (found,) = known(world)
    assert found.pop("measured") is not None
    assert found == {
        "source": "alpha",
        "source_id": alpha.id,
        "target": "gda-ws1",
        "target_id": workstation.id,
        "transport": "udp",
        "min_rtt_s": 0.2,
        "capacity": 119_000_000,
        "loss": 0.01,
    }
    assert probing.find(world.context, world.admin, world.jennifer.code) == known(world)
    assert probing.find(world.context, world.admin, world.workflow.code) == []


def test_what_the_sender_says_after_the_end_still_counts(moving: Moving) -> None:
    world, alpha, workstation, _job, transfer = moving
    workstation.end(transfer)
    alpha.end(transfer, progress=numbers(100, 100) | {"line": SENT})
    assert [found["capacity"] for found in known(world)] == [119_000_000]


@pytest.mark.parametrize(
    ("held_by", "capacity", "kept"),
    [
        ("line", 50_000_000, 50_000_000),
        ("cap", 50_000_000, 119_000_000),
        ("sender-disk", 200_000_000, 200_000_000),
        (None, None, 119_000_000),
    ],
)
def test_only_a_transfer_that_the_line_held_back_lowers_its_capacity(
    moving: Moving, held_by: str | None, capacity: int | None, kept: int
) -> None:
    world, alpha, workstation, _job, transfer = moving
    report(alpha, transfer, SENT)
    workstation.end(transfer)
    world.send(code="second")
    second = world.met(workstation, alpha)
    report(alpha, second, SENT | {"limited_by": held_by, "capacity": capacity})
    workstation.end(second)
    (found,) = known(world)
    assert found["capacity"] == kept


def test_a_line_that_told_neither_time_nor_capacity_is_not_kept(moving: Moving) -> None:
    world, alpha, workstation, _job, transfer = moving
    report(alpha, transfer, {"transport": "tcp", "streams": 1})
    workstation.end(transfer)
    assert known(world) == []


def test_a_side_that_no_longer_knows_a_number_leaves_the_last_one(moving: Moving) -> None:
    world, alpha, workstation, job, transfer = moving
    report(alpha, transfer, SENT)
    workstation.progress(transfer)
    alpha.end(transfer, progress=numbers(100, 100) | {"line": SENT | {"rtt_s": None, "limited_by": None}})
    assert world.job(job)["line"]["rtt_s"] == 0.201
    with world.context.reading() as work:
        assert lines.of_pair(work, workstation.id, alpha.id) is None  # the other direction is another line
