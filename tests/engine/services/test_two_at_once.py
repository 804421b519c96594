"""Several threads, and on PostgreSQL several engines, at the same rows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select, update

from accsyn_engine.ids import Ids
from accsyn_engine.services import setup
from accsyn_engine.services.context import Caller, Find, Work
from accsyn_engine.services.moving import dispatch
from accsyn_engine.services.people import users
from accsyn_engine.services.permissions import OPERATIONS, writes
from accsyn_engine.services.work import jobs
from accsyn_engine.store.schema import queue
from accsyn_plugins.errors import AccsynError
from tests.engine.services.world import World


def test_two_engines_never_give_the_same_job_twice(world: World) -> None:
    world.share()
    world.alpha()
    workstation = world.workstation()
    made = [world.send(code=f"package {number}") for number in range(20)]
    other = setup.open_engine(world.context.config.data, clock=world.clock, ids=Ids())
    engines = [world.context] if world.context.database.is_sqlite else [world.context, other]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(dispatch.tick, engines * 4))
    other.database.close()
    offers = [event["job"] for event in workstation.hear("transfer.offer")]
    assert sorted(offers) == sorted(job["id"] for job in made)


def test_an_address_invited_ten_times_at_once_is_one_user(world: World) -> None:
    def invite(_: int) -> str:
        try:
            return str(users.create(world.context, world.admin, {"code": "jennifer@gda.com"})["id"])
        except AccsynError as error:
            return error.code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(invite, range(10)))
    [only] = users.find(world.context, world.admin, Find(query="code=jennifer@gda.com"))
    assert [answer for answer in answers if answer not in {"exists", "conflict"}] == [only["id"]]


def test_numbers_of_events_have_no_gaps_when_many_speak_to_one_agent(world: World) -> None:
    world.share()
    world.alpha()
    workstation = world.workstation()
    made = [world.send(code=f"package {number}") for number in range(8)]
    world.tick()
    with ThreadPoolExecutor(8) as pool:
        stopped = [
            pool.submit(jobs.update, world.context, world.workflow, job["id"], {"status": "paused"}) for job in made
        ]
    assert {future.result()["status"] for future in stopped} == {"paused"}
    events = workstation.hear()
    assert len(events) == 16
    assert workstation.cursor == 16


def test_two_that_wait_for_each_other_both_get_through(world: World) -> None:
    if world.context.database.is_sqlite:
        return  # one writer: nobody ever waits for another
    both = threading.Barrier(2, timeout=5)

    @writes("queue.update")
    def in_order(work: Work, _caller: Caller, codes: list[str]) -> str:
        for number, code in enumerate(codes):
            work.connection.execute(update(queue).where(queue.c.code == code).values(name=code.upper()))
            if number == 0 and both.n_waiting < 2 and not both.broken:
                try:
                    both.wait()
                except threading.BrokenBarrierError:
                    return "".join(codes)
                both.abort()
        return "".join(codes)

    original = OPERATIONS["queue.update"]
    try:
        with ThreadPoolExecutor(2) as pool:
            ways = (["high", "low"], ["low", "high"])
            done = [pool.submit(in_order, world.context, world.admin, way) for way in ways]
        assert [future.result() for future in done] == ["highlow", "lowhigh"]
    finally:
        OPERATIONS["queue.update"] = original
    with world.context.reading() as work:
        names = work.connection.execute(select(queue.c.name).where(queue.c.code.in_(["high", "low"]))).scalars().all()
    assert set(names) == {"HIGH", "LOW"}
