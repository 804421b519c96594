"""Caps on what transfers move: on whom they can be set, who shares them, and how soon they hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from accsyn_engine.jobs.schedule import ScheduleError, SpeedError, TimezoneError
from accsyn_engine.services import settings
from accsyn_engine.services.context import Caller
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotFoundError
from accsyn_engine.services.moving import agents, limits
from accsyn_engine.services.people import users
from accsyn_engine.services.work import jobs, queues
from tests.engine.services.world import CERTIFICATE, Agent, World, numbers

MB = 1_000_000


def put(world: World, scope: str, id: str | None, value: Any, name: str = "transfer_speedlimit") -> None:
    settings.put(world.context, world.admin, scope=scope, id=id, name=name, value=value)


def meet_all(world: World, connector: Agent, listener: Agent) -> list[str]:
    """Dispatch, and let the two agents meet for every job; the transfers in the order of the jobs' urgency."""
    world.tick()
    offers = [offer["transfer"] for offer in connector.hear("transfer.offer")]
    for transfer in offers:
        connector.say(agents.accept, transfer, certificate=CERTIFICATE)
        listener.say(agents.listening, transfer, certificate=CERTIFICATE, addresses=["127.0.0.1"], port=45190)
    return offers


@pytest.fixture
def two(world: World) -> tuple[World, Agent, Agent, list[str]]:
    """Two packages on their way from the studio to jennifer, the first of them in the high queue."""
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    world.send(code="urgent", queue="high")
    world.send(code="usual")
    return world, alpha, workstation, meet_all(world, workstation, alpha)


def test_a_cap_of_the_workspace_a_user_an_agent_or_a_queue_holds_for_all_its_transfers_together(
    two: tuple[World, Agent, Agent, list[str]],
) -> None:
    world, alpha, workstation, transfers = two
    for scope, named in (
        ("workspace", None),
        ("user", world.jennifer.code),
        ("client", workstation.id),
        ("client", alpha.id),
    ):
        put(world, scope, named, "5")
        shares = [alpha.progress(transfer)["limit"] for transfer in transfers]
        assert sum(shares) <= 5 * MB
        assert shares[0] == pytest.approx(shares[1] * 4, rel=0.01)  # the high queue weighs four times the medium one
        settings.delete(world.context, world.admin, scope=scope, id=named, name="transfer_speedlimit")
        assert alpha.progress(transfers[0])["limit"] is None
    put(world, "queue", "high", "2")
    assert [alpha.progress(transfer)["limit"] for transfer in transfers] == [2 * MB, None]


def test_a_cap_of_somebody_else_holds_nothing_back(two: tuple[World, Agent, Agent, list[str]]) -> None:
    world, alpha, _workstation, transfers = two
    put(world, "user", world.workflow.code, "1")  # who submitted the packages is at neither end
    assert alpha.progress(transfers[0])["limit"] is None


def test_both_ends_hear_the_same_limit(two: tuple[World, Agent, Agent, list[str]]) -> None:
    world, alpha, workstation, transfers = two
    put(world, "workspace", None, "5")
    assert alpha.progress(transfers[0])["limit"] == workstation.progress(transfers[0])["limit"]


def test_a_transfer_that_ends_leaves_its_share_to_the_other(two: tuple[World, Agent, Agent, list[str]]) -> None:
    world, alpha, workstation, transfers = two
    put(world, "workspace", None, "5")
    for transfer in transfers:
        workstation.progress(transfer)
    workstation.end(transfers[0])
    world.clock.pass_s(0.3)
    assert alpha.progress(transfers[1])["limit"] == 5 * MB


def test_what_one_transfer_does_not_use_the_other_gets(two: tuple[World, Agent, Agent, list[str]]) -> None:
    world, alpha, workstation, transfers = two
    put(world, "user", world.jennifer.code, "10")
    for rate in (2 * MB, 8 * MB, 8 * MB):
        world.clock.pass_s(1)
        workstation.say(agents.progress, transfers[0], speed=0, rate=100_000, **numbers(100, 0))
        workstation.say(agents.progress, transfers[1], speed=0, rate=rate, **numbers(100, 0))
    world.clock.pass_s(0.3)
    assert alpha.progress(transfers[1])["limit"] > 7.9 * MB


def test_a_changed_priority_changes_the_shares(two: tuple[World, Agent, Agent, list[str]]) -> None:
    world, alpha, _workstation, transfers = two
    put(world, "workspace", None, "5")
    jobs.update(world.context, world.workflow, "urgent", {"queue": "medium"})
    assert [alpha.progress(transfer)["limit"] for transfer in transfers] == [2.5 * MB, 2.5 * MB]
    queues.update(world.context, world.admin, "medium", {"priority": 1000})
    assert [alpha.progress(transfer)["limit"] for transfer in transfers] == [2.5 * MB, 2.5 * MB]


def test_the_schedule_of_the_workspaces_own_clock_takes_effect_at_the_minute(
    two: tuple[World, Agent, Agent, list[str]],
) -> None:
    world, alpha, _workstation, transfers = two
    put(world, "workspace", None, "Europe/Stockholm", "timezone")
    put(world, "workspace", None, "daily 08:00-18:00 paused; daily 18:00-19:00 2", "transfer_speedschedule")
    world.clock.at = int(datetime(2026, 7, 6, 5, 59, 59, tzinfo=UTC).timestamp() * 1000)  # 07:59:59 in Stockholm
    assert alpha.progress(transfers[0])["limit"] is None
    world.clock.pass_s(1)
    assert alpha.progress(transfers[0])["limit"] == 0
    world.clock.at = int(datetime(2026, 7, 6, 16, 0, tzinfo=UTC).timestamp() * 1000)
    assert sum(alpha.progress(transfer)["limit"] for transfer in transfers) == pytest.approx(2 * MB, abs=2)


def test_a_jobs_own_schedule_stands_in_its_settings(two: tuple[World, Agent, Agent, list[str]]) -> None:
    world, alpha, _workstation, transfers = two
    schedule = {"transfer_speedschedule": "daily 00:00-24:00 1.5"}
    jobs.update(world.context, world.workflow, "usual", {"settings": schedule})
    assert [alpha.progress(transfer)["limit"] for transfer in transfers] == [None, 1_500_000]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("transfer_speedlimit", "fast", SpeedError),
        ("transfer_speedschedule", "office hours", ScheduleError),
        ("timezone", "Mars/Olympus", TimezoneError),
        ("transfer_speedlimit", {"linux": "5"}, BadValueError),
    ],
)
def test_a_cap_that_makes_no_sense_is_refused_and_changes_nothing(
    world: World, name: str, value: Any, error: type[Exception]
) -> None:
    put(world, "workspace", None, "7")
    with pytest.raises(error):
        put(world, "workspace", None, value, name)
    (found,) = limits.find(world.context, world.admin)
    assert (found["speed"], found["schedule"], found["timezone"]) == ("7", None, "UTC")


def test_a_job_with_a_cap_that_makes_no_sense_is_refused(world: World) -> None:
    world.share()
    with pytest.raises(SpeedError):
        world.send(settings={"transfer_speedlimit": "fast"})
    job = world.send()
    with pytest.raises(ScheduleError):
        jobs.update(world.context, world.workflow, job["id"], {"settings": {"transfer_speedschedule": "never"}})


def test_caps_are_the_admins_to_set_and_not_the_vendors_to_see(world: World) -> None:
    with pytest.raises(ForbiddenError):
        settings.put(
            world.context, world.jennifer, scope="user", id=world.jennifer.code, name="transfer_speedlimit", value="500"
        )
    with pytest.raises(ForbiddenError):
        limits.find(world.context, world.jennifer)


def test_a_cap_cannot_be_set_on_what_is_not_there(world: World) -> None:
    for scope in ("queue", "client", "user", "job"):
        with pytest.raises(NotFoundError):
            put(world, scope, "0" * 24, "5")
    with pytest.raises(BadValueError, match="Caps belong to one of"):
        limits.find(world.context, world.admin, scope="spaceship")


def test_the_list_names_every_cap_with_what_holds_now_and_how_many_share_it(
    two: tuple[World, Agent, Agent, list[str]],
) -> None:
    world, _alpha, workstation, _transfers = two
    put(world, "client", workstation.id, "5")
    put(world, "user", world.workflow.code, "daily 00:00-24:00 paused", "transfer_speedschedule")
    jobs.update(world.context, world.workflow, "usual", {"settings": {"transfer_speedlimit": "3"}})
    found = limits.find(world.context, world.workflow)
    assert [(entry["scope"], entry["name"], entry["bytes_per_s"], entry["transfers"]) for entry in found] == [
        ("client", "gda-ws1", 5 * MB, 2),
        ("job", "usual", 3 * MB, 1),
        ("user", "workflow@geoscan.org", 0, 0),
    ]


def test_a_jobs_cap_is_shown_while_it_waits_and_only_to_who_may_see_the_job(world: World) -> None:
    world.share()
    job = world.send(settings={"transfer_speedlimit": "3"})
    (found,) = limits.find(world.context, world.admin, scope="job", id=job["id"])
    assert (found["bytes_per_s"], found["transfers"]) == (3 * MB, 0)
    other = {"code": "o@geoscan.org", "role": "employee", "give_default_volume_access": False}
    made = users.create(world.context, world.admin, other)
    stranger = Caller(made["id"], made["code"], "employee")
    with pytest.raises(NotFoundError):
        limits.find(world.context, stranger, scope="job", id=job["id"])
