"""What falls due by the day is done by itself."""

from __future__ import annotations

from accsyn_engine.server.loops import LOOPS
from accsyn_engine.services.context import Find
from accsyn_engine.services.work import job_lists, jobs, upkeep
from tests.engine.services.world import World

DAY_S = 24 * 3600


FINISHED, ARCHIVED = Find(query="name=old", finished=True), Find(query="name=old", archived=True)


def _shown(world: World, find: Find) -> list[str]:
    return [job["name"] for job in job_lists.find(world.context, world.admin, find)]


def test_a_job_goes_into_the_archive_two_weeks_after_it_was_over(world: World) -> None:
    world.share()
    job = world.send(name="old")
    running = world.send(
        name="young",
        tasks={"0": {"source": "share=proj002-outsourcing/TO_VENDORS/x", "destination": "jennifer@gda.com:x"}},
    )
    jobs.update(world.context, world.admin, job["id"], {"status": "aborted"})
    world.clock.pass_s(14 * DAY_S - 60)
    upkeep.tick(world.context)
    assert _shown(world, FINISHED) == ["old"]
    world.clock.pass_s(120)
    upkeep.tick(world.context)
    assert (_shown(world, FINISHED), _shown(world, ARCHIVED)) == ([], ["old"])
    assert world.job(running)["archived"] is False


def test_the_server_keeps_house_by_itself() -> None:
    assert upkeep.tick in [tick for _, tick in LOOPS]
