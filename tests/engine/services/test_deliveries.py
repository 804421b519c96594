"""Deliveries and requests: put together, submitted, fetched or answered, and ended."""

from __future__ import annotations

from typing import Any

import pytest

from accsyn_engine.api.events import carry_out
from accsyn_engine.api.protocol import Envelope, Family
from accsyn_engine.jobs.states import MoveRefusedError
from accsyn_engine.services.context import Caller, Find
from accsyn_engine.services.errors import (
    BadValueError,
    ForbiddenError,
    NotAllowedNowError,
    NotFoundError,
    PathRefusedError,
)
from accsyn_engine.services.people import users
from accsyn_engine.services.work import deliveries, jobs, recipients, tasks
from accsyn_engine.services.work.delivery_lists import find
from accsyn_engine.store.schema import agent_request, outbox
from tests.engine.services.world import Agent, World

VENDOR = "jennifer@gda.com"
FILE = "share=production/proj002/plate.exr"


def deliver(world: World, **data: Any) -> dict[str, Any]:
    """A delivery of one file of the workspace to jennifer."""
    world.workstation()
    given = {"name": "plates", "tasks": [{"source": FILE}], "recipients": [VENDOR]} | data
    return deliveries.create(world.context, world.workflow, "delivery", given)


def one(world: World, made: dict[str, Any], caller: Caller | None = None) -> dict[str, Any]:
    """As `caller` sees it; empty when they do not."""
    found = find(world.context, caller or world.admin, None, Find(id=made["id"]))
    return found[0] if found else {}


def letters(world: World) -> list[tuple[str, str]]:
    with world.context.reading() as work:
        return [(row.data["to"], row.data["subject"]) for row in work.connection.execute(outbox.select())]


@pytest.fixture
def machines(world: World) -> tuple[Agent, Agent]:
    """The studio's server and jennifer's machine."""
    return world.alpha(), world.workstation()


def test_with_files_and_recipients_it_is_submitted_at_once_and_mailed(world: World) -> None:
    made = deliver(world)
    assert (made["status"], made["recipients"], made["public"]) == ("waiting", [VENDOR], False)
    assert (VENDOR, "A delivery for you: plates") in letters(world)
    assert not {"data", "config", "tasks"} & made.keys()


def test_it_expires_after_thirty_days_and_unsubmitted_after_eight_hours(world: World) -> None:
    made, left = deliver(world), deliver(world, status="init")
    world.clock.pass_s(8 * 3600)
    deliveries.tick(world.context)
    assert (one(world, made)["status"], one(world, left)["status"]) == ("waiting", "aborted")
    world.clock.pass_s(30 * 86400)
    deliveries.tick(world.context)
    assert one(world, made)["status"] == "done"


@pytest.mark.parametrize("lacks", ["tasks", "recipients"])
def test_without_a_file_or_a_recipient_it_cannot_be_submitted(world: World, lacks: str) -> None:
    made = deliver(world, **{lacks: None})
    assert made["status"] == "init"
    with pytest.raises(NotAllowedNowError, match="one file and one recipient"):
        deliveries.update(world.context, world.workflow, made["id"], {"status": "pending"})


def test_somebody_unknown_is_an_address_until_it_is_submitted_and_then_invited(world: World) -> None:
    made = deliver(world, recipients=["new@gda.com"], status="init")
    assert recipients.find(world.context, world.workflow, made["id"]) == [
        {"user": None, "user_hr": "new@gda.com", "actioned": None}
    ]
    deliveries.update(world.context, world.workflow, made["id"], {"status": "pending"})
    [entry] = recipients.find(world.context, world.workflow, made["id"])
    assert entry["user"] == users.find(world.context, world.admin, Find(query="code=new@gda.com"))[0]["id"]


def test_a_recipient_is_added_and_removed(world: World) -> None:
    made = deliver(world, status="init", recipients=[])
    assert recipients.add(world.context, world.workflow, made["id"], {"recipient": VENDOR}) is True
    deliveries.update(world.context, world.workflow, made["id"], {"status": "pending"})
    later = recipients.add(world.context, world.workflow, made["id"], {"recipient": "late@gda.com"})
    assert later["user_hr"] == "late@gda.com"
    assert one(world, made, world.jennifer)
    assert recipients.remove(world.context, world.workflow, made["id"], {"recipient": VENDOR})
    assert one(world, made, world.jennifer) == {}
    with pytest.raises(NotFoundError):
        recipients.remove(world.context, world.workflow, made["id"], {"recipient": VENDOR})


def test_a_recipient_sees_it_once_submitted_and_may_change_nothing(world: World) -> None:
    made = deliver(world, status="init", recipients=[VENDOR, "other@gda.com"])
    assert one(world, made, world.jennifer) == {}
    deliveries.update(world.context, world.workflow, made["id"], {"status": "pending"})
    seen = one(world, made, world.jennifer)
    assert seen["recipients"] == [VENDOR]
    assert [row["user_hr"] for row in recipients.find(world.context, world.jennifer, made["id"])] == [VENDOR]
    for change in (
        lambda: deliveries.update(world.context, world.jennifer, made["id"], {"status": "aborted"}),
        lambda: deliveries.delete(world.context, world.jennifer, made["id"]),
        lambda: recipients.add(world.context, world.jennifer, made["id"], {"recipient": "x@gda.com"}),
        lambda: deliveries.create(world.context, world.jennifer, "delivery", {"name": "x"}),
    ):
        with pytest.raises(ForbiddenError):
            change()


def test_an_employee_without_a_volume_makes_none_and_sees_none(world: World) -> None:
    made = deliver(world)
    data = {"code": "ben@geoscan.org", "role": "employee", "give_default_volume_access": False}
    ben = Caller(users.create(world.context, world.admin, data)["id"], "ben@geoscan.org", "employee")
    assert one(world, made, ben) == {}
    with pytest.raises(ForbiddenError, match="without access to a volume"):
        deliveries.create(world.context, ben, "delivery", {"name": "x"})
    for change in (
        lambda: deliveries.update(world.context, ben, made["id"], {"status": "done"}),
        lambda: recipients.add(world.context, ben, made["id"], {"recipient": "x@gda.com"}),
    ):
        with pytest.raises(NotFoundError):
            change()


def test_a_recipient_fetches_it_where_they_like_and_is_noted(world: World, machines: tuple[Agent, Agent]) -> None:
    alpha, workstation = machines
    made = deliver(world)
    job = jobs.create(world.context, world.jennifer, {"parent": made["id"], "destination": f"{VENDOR}:in"})
    assert (job["parent"], [task["destination"]["path"] for task in world.tasks(job)]) == (made["id"], ["in/plate.exr"])
    workstation.end(world.met(workstation, alpha))
    assert recipients.find(world.context, world.admin, made["id"])[0]["actioned"] is not None


def test_who_is_no_recipient_fetches_nothing(world: World) -> None:
    made = deliver(world, recipients=["other@gda.com"])
    world.workstation()
    with pytest.raises(NotFoundError):
        jobs.create(world.context, world.jennifer, {"parent": made["id"], "destination": f"{VENDOR}:in"})


def test_files_are_uploaded_into_a_folder_of_its_own_and_it_opens_when_they_are_there(world: World) -> None:
    alpha = world.alpha()
    desk = Agent(world.context, world.workflow, "desk")
    desk.hello()
    made = deliver(world, status="init", tasks=None)
    up = jobs.create(world.context, world.workflow, {"parent": made["id"], "source": "/home/w/cut.mov"})
    [entry] = world.tasks(up)
    assert entry["destination"]["path"] == f"accsyn/deliveries/{made['id']}/cut.mov"
    assert deliveries.update(world.context, world.workflow, made["id"], {"status": "pending"})["status"] == "pending"
    desk_transfer = world.met(desk, alpha)
    alpha.end(desk_transfer)
    shown = one(world, made)
    assert (shown["status"], shown["size"], shown["files"]) == ("waiting", 100, 3)
    with pytest.raises(NotAllowedNowError, match="cannot be changed any more"):
        jobs.create(world.context, world.workflow, {"parent": made["id"], "source": "/home/w/more.mov"})
    world.workstation()
    down = jobs.create(world.context, world.jennifer, {"parent": made["id"], "destination": VENDOR})
    assert [task["destination"]["path"] for task in world.tasks(down)] == ["cut.mov"]


def test_who_merely_receives_a_delivery_puts_nothing_into_it(world: World) -> None:
    made = deliver(world)
    world.workstation()
    with pytest.raises(ForbiddenError, match="put files into"):
        jobs.create(world.context, world.jennifer, {"parent": made["id"], "source": "/home/j/x"})


def test_a_request_is_answered_by_its_recipient_and_its_maker_is_told(
    world: World, machines: tuple[Agent, Agent]
) -> None:
    alpha, workstation = machines
    data = {"name": "scans", "recipients": [VENDOR]}
    made = deliveries.create(world.context, world.workflow, "request", data)
    assert made["status"] == "waiting"
    up = jobs.create(world.context, world.jennifer, {"parent": made["id"], "source": "/home/j/scan.tif"})
    [entry] = world.tasks(up)
    assert entry["destination"]["path"] == f"accsyn/deliveries/{made['id']}/{VENDOR}/scan.tif"
    transfer = world.met(workstation, alpha)
    alpha.end(transfer)
    assert recipients.find(world.context, world.admin, made["id"])[0]["actioned"] is not None
    assert ("workflow@geoscan.org", "Files came for: scans") in letters(world)
    with pytest.raises(ForbiddenError):
        jobs.create(world.context, world.jennifer, {"parent": made["id"], "destination": f"{VENDOR}:in"})


def test_a_request_may_name_the_folder_its_files_go_to(world: World) -> None:
    world.workstation()
    data = {"name": "scans", "recipients": [VENDOR], "destination": "share=production/proj002/in"}
    made = deliveries.create(world.context, world.workflow, "request", data)
    up = jobs.create(world.context, world.jennifer, {"parent": made["id"], "source": "/home/j/scan.tif"})
    assert [entry["destination"]["path"] for entry in world.tasks(up)] == ["proj002/in/scan.tif"]


@pytest.mark.parametrize("destination", ["share=production/elsewhere", "../out", "/mnt/production/x"])
def test_an_upload_leaves_the_folder_by_no_name(world: World, destination: str) -> None:
    world.workstation()
    made = deliveries.create(world.context, world.workflow, "request", {"name": "scans", "recipients": [VENDOR]})
    call = {"parent": made["id"], "tasks": [{"source": "/home/j/scan.tif", "destination": destination}]}
    with pytest.raises(Exception, match=r"no name inside|\.\."):
        jobs.create(world.context, world.jennifer, call)


def test_its_end_stops_what_is_fetched_and_its_files_go_four_hours_later(
    world: World, machines: tuple[Agent, Agent]
) -> None:
    alpha, workstation = machines
    made = deliveries.create(world.context, world.workflow, "request", {"name": "scans", "recipients": [VENDOR]})
    up = jobs.create(world.context, world.jennifer, {"parent": made["id"], "source": "/home/j/scan.tif"})
    transfer = world.met(workstation, alpha)
    deliveries.update(world.context, world.workflow, made["id"], {"status": "done"})
    assert (world.job(up)["status"], alpha.progress(transfer)["state"]) == ("aborted", "stopped")
    with pytest.raises(NotAllowedNowError, match="is over"):
        jobs.update(world.context, world.jennifer, up["id"], {"status": "waiting"})
    world.clock.pass_s(4 * 3600)
    deliveries.tick(world.context)
    with world.context.reading() as work:
        asked = [row.data for row in work.connection.execute(agent_request.select()) if row.operation == "delete"]
    assert [question["path"] for question in asked] == [f"accsyn/deliveries/{made['id']}"]


def test_a_delivery_of_workspace_files_removes_none_of_them(world: World) -> None:
    world.alpha()
    made = deliver(world)
    deliveries.delete(world.context, world.workflow, made["id"])
    world.clock.pass_s(4 * 3600)
    deliveries.tick(world.context)
    with world.context.reading() as work:
        asked = [row.operation for row in work.connection.execute(agent_request.select())]
    assert "delete" not in asked
    assert (one(world, made)["status"], one(world, made)["archived"]) == ("aborted", True)


def test_what_its_maker_may_not_read_is_not_delivered(world: World) -> None:
    world.share()
    data = {"code": "ben@geoscan.org", "role": "employee", "give_default_volume_access": True}
    ben = Caller(users.create(world.context, world.admin, data)["id"], "ben@geoscan.org", "employee")
    made = deliveries.create(world.context, ben, "delivery", {"tasks": [{"source": FILE}], "recipients": [VENDOR]})
    users.update(world.context, world.admin, ben.user_id, {"role": "standard"})
    world.workstation()
    world.workstation()
    recipients.add(world.context, world.admin, made["id"], {"recipient": VENDOR})
    with pytest.raises(PathRefusedError):
        jobs.create(world.context, world.jennifer, {"parent": made["id"], "destination": f"{VENDOR}:in"})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"colour": "red"}, "colour"),
        ({"public": True}, "web page"),
        ({"expires": "yesterday"}, "expires"),
        ({"expires": "2001-01-01"}, "expires"),
        ({"recipients": ["nobody"]}, "e-mail"),
        ({"recipients": 7}, "recipients"),
        ({"destination": "share=production/x"}, "recipients"),
        ({"status": "banana"}, "status"),
        ({"tasks": [{"destination": "x"}]}, "source"),
    ],
)
def test_what_makes_no_sense_gets_a_sentence_and_makes_nothing(world: World, data: dict[str, Any], words: str) -> None:
    with pytest.raises(BadValueError, match=words):
        deliver(world, **data)
    assert find(world.context, world.admin, "delivery", Find()) == []


def test_its_moves_are_those_of_the_table(world: World) -> None:
    made = deliver(world, expires="2")
    deliveries.update(world.context, world.workflow, made["id"], {"status": "done"})
    with pytest.raises(MoveRefusedError, match="is done"):
        deliveries.update(world.context, world.workflow, made["id"], {"status": "pending"})


@pytest.mark.parametrize("family", Family)
def test_both_families_reach_deliveries_by_their_words(world: World, family: Family) -> None:
    def call(method: str, uri: str, **fields: Any) -> Any:
        return carry_out(world.context, world.admin, Envelope(family, method, uri, **fields))["result"]

    world.workstation()
    [made] = call("POST", "delivery/create", data={"name": "plates", "status": "init"})
    assert call("PUT", "job/recipient/add", id=made["id"], data={"recipient": VENDOR}) is True
    call("POST", "task/create", id=made["id"], data={"tasks": [{"source": FILE}]})
    [edited] = call("PUT", "job/edit", id=made["id"], data={"status": "pending"})
    assert edited["status"] == "waiting"
    assert [row["id"] for row in call("GET", "job/find", data={"type": 7})] == [made["id"]]
    assert call("GET", "job/find", data={"type": 8}) == call("GET", "transfer/find", data={}) == []
    assert [row["user_hr"] for row in call("GET", "job/recipients", id=made["id"])] == [VENDOR]
    assert [row["id"] for row in call("GET", "delivery/find", query="name=plates", data={})] == [made["id"]]
    assert len(call("GET", "task/find", data={"parent": made["id"]})) == 1
    assert call("DELETE", "job/recipient", id=made["id"], data={"recipient": VENDOR}) is True
    assert call("DELETE", "job/delete", id=made["id"]) is True


def test_the_tasks_of_a_delivery_are_seen_by_its_recipients_only(world: World) -> None:
    made = deliver(world)
    assert len(tasks.find(world.context, world.jennifer, Find(parent=made["id"]))) == 1
    users.create(world.context, world.admin, {"code": "other@gda.com"})
    other = users.find(world.context, world.admin, Find(query="code=other@gda.com"))[0]
    assert tasks.find(world.context, Caller(other["id"], "other@gda.com", "standard"), Find(parent=made["id"])) == []
