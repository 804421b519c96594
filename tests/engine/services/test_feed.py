"""What happens is told to whoever may see it, in order, once, and nothing is missed."""

from __future__ import annotations

import threading

import pytest

from accsyn_engine.services import audit, feed
from accsyn_engine.services.access import acls
from accsyn_engine.services.context import ENGINE, Caller, Find
from accsyn_engine.services.errors import BadValueError
from accsyn_engine.services.feed import Cursor, read_cursor
from accsyn_engine.services.people import users
from accsyn_engine.services.work import jobs, queues
from accsyn_engine.store.schema import audit as log
from tests.engine.services.world import World


def now(world: World) -> Cursor:
    return read_cursor(feed.find(world.context, world.admin)["cursor"])


def heard(world: World, caller: Caller, after: Cursor) -> list[str]:
    return [event["event"] for event in feed.find(world.context, caller, after)["events"]]


def test_a_vendor_hears_of_her_own_jobs_and_of_nothing_else(world: World) -> None:
    world.share()
    stranger = users.create(world.context, world.admin, {"code": "stranger@gda.com"})
    start = now(world)
    job = world.send()
    jobs.update(world.context, world.workflow, job["id"], {"status": "paused"})
    users.update(world.context, world.admin, stranger["id"], {"name": "S. Tranger"})
    queues.create(world.context, world.admin, {"name": "night"})
    told = feed.find(world.context, world.jennifer, start)["events"]
    assert {event["about"] for event in told} == {f"job:{job['id']}"}
    assert ("job.status", "paused") in [(event["event"], event["status"]) for event in told]
    assert {event["user"] for event in told} == {None}, "who at the studio did it is not hers to know"
    other = Caller(stranger["id"], stranger["code"], "standard")
    assert heard(world, other, start) == ["user.update"]
    assert {"user.update", "queue.create", "job.create"} <= set(heard(world, world.admin, start))


def test_who_loses_a_grant_hears_of_it_and_others_do_not(world: World) -> None:
    world.share()
    stranger = users.create(world.context, world.admin, {"code": "stranger@gda.com"})
    start = now(world)
    for grant in acls.find(world.context, world.admin, Find(query=f"entity=user:{world.jennifer.user_id}")):
        acls.revoke(world.context, world.admin, grant["id"])
    assert set(heard(world, world.jennifer, start)) == {"acl.revoke"}
    assert heard(world, Caller(stranger["id"], stranger["code"], "standard"), start) == []


def test_pages_follow_each_other_without_a_gap_or_a_repeat(world: World) -> None:
    start = now(world)
    with world.context.changing() as work:
        for number in range(2 * feed.PAGE + 7):
            audit.record(work, ENGINE, "queue.update", "queue", f"{number:024x}")
    seen: list[str] = []
    cursor = start
    while page := feed.find(world.context, world.admin, cursor)["events"]:
        seen += [event["entity"] for event in page]
        cursor = read_cursor(page[-1]["id"])
    assert seen == [f"queue:{number:024x}" for number in range(2 * feed.PAGE + 7)]


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_a_row_that_becomes_visible_late_is_not_skipped(world: World) -> None:
    """PostgreSQL numbers rows when they are written and shows them when they are committed."""
    start = now(world)
    written, finish = threading.Event(), threading.Event()

    def slowly() -> None:
        with world.context.changing() as work:
            audit.record(work, ENGINE, "queue.update", "queue", "slow")
            written.set()
            finish.wait(30)

    slow = threading.Thread(target=slowly)
    slow.start()
    assert written.wait(30)
    queues.create(world.context, world.admin, {"name": "quick"})
    first = feed.find(world.context, world.admin, start)
    finish.set()
    slow.join()
    rest = feed.find(world.context, world.admin, read_cursor(first["cursor"]))
    assert [event["event"] for event in first["events"] + rest["events"]] == ["queue.update", "queue.create"]


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_a_database_restored_into_a_younger_server_still_tells_what_is_new(world: World) -> None:
    with world.context.changing() as work:
        work.connection.execute(log.update().values(transaction=2**40))
        feed.begin(work)
    start = now(world)
    queues.create(world.context, world.admin, {"name": "late"})
    assert heard(world, world.admin, start) == ["queue.create"]


@pytest.mark.parametrize(
    "text", ["", "7", "-", "7-", "-7", "7-x", "1-2-3", "1" * 50 + "-1", "9" * 19 + "-1", "\u0661-1"]
)
def test_what_is_no_cursor_gets_a_sentence(text: str) -> None:
    with pytest.raises(BadValueError, match="no cursor"):
        read_cursor(text)


def test_progress_is_told_of_visible_running_jobs_only(world: World) -> None:
    world.share()
    job = world.send()
    assert feed.progress(world.context, world.jennifer) == []
    world.alpha()
    world.workstation()
    world.tick()
    assert [entry["job"] for entry in feed.progress(world.context, world.jennifer)] == [f"job:{job['id']}"]
    stranger = users.create(world.context, world.admin, {"code": "stranger@gda.com"})
    assert feed.progress(world.context, Caller(stranger["id"], stranger["code"], "standard")) == []
