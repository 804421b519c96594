"""Who gets which job when, and what happens when nobody moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accsyn_engine.ids import Ids
from accsyn_engine.services import setup
from accsyn_engine.services.context import DISPATCH, Find
from accsyn_engine.services.errors import StaleAgentError
from accsyn_engine.services.moving import agents, clients
from accsyn_engine.services.people import users
from accsyn_engine.services.work import jobs, queues, tasks
from tests.engine.services.world import CERTIFICATE, DATASET, VENDOR_FOLDER, World, numbers


def test_the_studio_fetches_from_a_mapped_volume_only_where_its_owner_lets_it(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation(maps=("production",))
    task = {"source": "jennifer@gda.com:share=proj002-outsourcing/a", "destination": "share=proj002-outsourcing/a"}
    fetched = jobs.create(world.context, world.workflow, {"tasks": [task]})
    task["destination"] = f"share=proj002-outsourcing/{VENDOR_FOLDER}/a"
    sent = jobs.create(world.context, world.jennifer, {"tasks": [task]})
    world.tick()
    assert [world.job(job)["status"] for job in (fetched, sent)] == ["waiting", "running"]
    assert "gda-ws1 to let production be read" in world.job(fetched)["status_reason"]
    jobs.update(world.context, world.admin, sent["id"], {"status": "aborted"})
    workstation.readable = ("production",)
    workstation.hello()
    world.met(workstation, alpha)
    assert world.job(fetched)["status"] == "running"


def test_a_job_says_it_waits_for_the_server_and_starts_when_that_comes(world: World) -> None:
    world.share()
    workstation = world.workstation()
    job = world.send()
    world.tick()
    assert world.job(job)["status_reason"] == "waiting for a server of the volume production (W#J061)"
    alpha = world.alpha()
    assert world.met(workstation, alpha)
    assert world.job(job)["status"] == "running"


def test_a_job_starts_by_itself_when_the_vendors_agent_appears(world: World) -> None:
    world.share()
    world.alpha()
    job = world.send()
    world.tick()
    seen = world.context.bell.count(DISPATCH)
    workstation = world.workstation()
    assert world.context.bell.count(DISPATCH) > seen
    world.tick()
    assert [event["job"] for event in workstation.hear("transfer.offer")] == [job["id"]]


def test_the_machine_seen_last_gets_the_job_even_if_it_came_after_the_job(world: World) -> None:
    world.share()
    world.alpha()
    first = world.workstation()
    job = world.send(status="paused")
    world.clock.pass_s(1)
    second = world.workstation("gda-ws2")
    jobs.update(world.context, world.workflow, job["id"], {"status": "waiting"})
    world.tick()
    assert (len(second.hear("transfer.offer")), first.hear("transfer.offer")) == (1, [])


def test_a_machine_named_in_the_destination_wins(world: World) -> None:
    world.share()
    world.alpha()
    named = world.workstation()
    world.clock.pass_s(1)
    other = world.workstation("gda-ws2")
    source = f"share=proj002-outsourcing/{DATASET}"
    world.send(tasks=[{"source": source, "destination": "jennifer@gda.com@gda-ws1:proj002/x"}])
    world.tick()
    assert (len(named.hear("transfer.offer")), other.hear("transfer.offer")) == (1, [])


def test_tasks_are_pending_until_the_receiver_has_a_folder(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation(downloads=False)
    job = world.send()
    world.tick()
    reason = "waiting for jennifer@gda.com to choose a folder on gda-ws1 (W#J055)"
    assert (world.job(job)["status_reason"], {task["status"] for task in world.tasks(job)}) == (reason, {"pending"})
    workstation.downloads = True
    workstation.hello()
    assert world.met(workstation, alpha)
    assert {task["status"] for task in world.tasks(job)} == {"executing"}


def test_urgent_queues_go_first_then_urgent_jobs_then_older_ones(world: World) -> None:
    world.share()
    names: list[tuple[str, dict[str, Any]]] = [
        ("low", {"queue": "low"}),
        ("old", {}),
        ("new", {}),
        ("urgent", {"priority": 900}),
        ("high", {"queue": "high"}),
    ]
    for name, data in names:
        world.clock.pass_s(1)
        world.send(code=name, **data)
    world.alpha()
    workstation = world.workstation()
    world.tick()
    order = [world.job({"id": event["job"]})["code"] for event in workstation.hear("transfer.offer")]
    assert order == ["high", "urgent", "old", "new", "low"]


def test_a_paused_queue_holds_its_jobs_until_it_goes_on(world: World) -> None:
    world.share()
    world.alpha()
    workstation = world.workstation()
    queues.update(world.context, world.admin, "medium", {"status": "paused"})
    job = world.send()
    world.tick()
    assert world.job(job)["status_reason"] == "waiting for the queue Medium, which is paused"
    queues.update(world.context, world.admin, "medium", {"status": "waiting"})
    world.tick()
    assert len(workstation.hear("transfer.offer")) == 1


def test_thirty_transfers_at_once_and_the_next_one_when_a_place_is_free(world: World) -> None:
    world.share()
    world.alpha()
    workstation = world.workstation()
    for number in range(33):
        world.send(code=f"package {number}")
    world.tick()
    offers = workstation.hear("transfer.offer")
    assert len(offers) == 30
    workstation.lose(offers[0]["transfer"])
    workstation.lose(offers[1]["transfer"])
    world.tick()
    assert len(workstation.hear("transfer.offer")) == 2


def test_an_attempt_nobody_speaks_of_for_ten_seconds_is_lost_and_tried_again(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    workstation.progress(transfer, acked=40)
    world.clock.pass_s(9)
    world.tick()
    assert world.job(job)["status"] == "running"
    world.clock.pass_s(1)
    world.tick()
    shown = world.job(job)
    assert (shown["status"], shown["bytes"]) == ("waiting", 40)
    assert shown["status_reason"].startswith("The transfer was interrupted and goes on in 1 s")
    assert workstation.progress(transfer)["state"] == "stopped"
    world.clock.pass_s(1)
    world.tick()
    assert workstation.hear("transfer.offer")[-1]["transfer"] != transfer


def test_an_engine_that_was_away_gives_everybody_time_to_find_it_again(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    workstation.progress(transfer, acked=40)
    world.clock.pass_s(600)
    folder = world.context.config.data
    world.context.database.close()
    world.context = setup.open_engine(folder, clock=world.clock, ids=Ids())
    world.clock.pass_s(29)
    world.tick()
    assert (world.job(job)["status"], len(clients.find(world.context, world.admin, Find(query="status=online")))) == (
        "running",
        2,
    )
    world.clock.pass_s(1)
    world.tick()
    assert world.job(job)["status"] == "waiting"


def test_the_first_report_to_an_engine_that_was_away_shows_at_once(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    workstation.progress(transfer, acked=40)
    world.clock.pass_s(2)
    folder = world.context.config.data
    world.context.database.close()
    world.context = setup.open_engine(folder, clock=world.clock, ids=Ids())
    workstation.context = world.context
    workstation.progress(transfer, acked=70)
    assert world.job(job)["bytes"] == 70


def test_either_side_alone_keeps_the_attempt_alive(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    for _ in range(5):
        world.clock.pass_s(8)
        alpha.progress(transfer)
        world.tick()
    assert world.job(job)["status"] == "running"


def test_ten_attempts_without_a_byte_fail_the_job_and_tell_the_submitter(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    waits = []
    for _ in range(10):
        workstation.lose(world.met(workstation, alpha))
        waits.append(world.tick())
        world.clock.pass_s(60)
        alpha.checkin()
        workstation.checkin()
    assert world.job(job)["error_code"] == "no-progress"
    assert waits[:3] == [pytest.approx(wait, abs=0.01) for wait in (1, 2, 4)]


def test_attempts_that_bring_bytes_are_repeated_without_limit(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    for number in range(1, 13):
        transfer = world.met(workstation, alpha)
        workstation.progress(transfer, acked=number)
        workstation.end(transfer, "lost", error={"code": "peer-lost", "message": "cut"}, progress=numbers(100, number))
        world.clock.pass_s(2)
    assert (world.job(job)["status"], world.job(job)["moved"]) == ("waiting", sum(range(1, 13)))


@pytest.mark.parametrize("code", ["disk-full", "source-changed"])
def test_what_cannot_pass_by_itself_fails_at_once_with_its_sentence(world: World, code: str) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    workstation.end(transfer, "failed", error={"code": code, "message": "The disk of gda-ws1 is full."})
    shown = world.job(job)
    assert (shown["status"], shown["error_code"], shown["error"]) == ("failed", code, "The disk of gda-ws1 is full.")
    assert alpha.hear("transfer.stop")[0]["reason"] == "The disk of gda-ws1 is full."


def test_files_that_failed_fail_the_job_by_name_and_a_retry_moves_only_them(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    broken = [
        {"task": 1, "path": "TO_VENDORS/a", "code": "source-missing", "message": "TO_VENDORS/a is not there."},
        {"task": 1, "path": "TO_VENDORS/b", "code": "source-missing", "message": "TO_VENDORS/b is not there."},
    ]
    workstation.end(world.met(workstation, alpha), "failed", failures=broken)
    assert world.job(job)["error"] == "TO_VENDORS/a is not there. (and 1 more)"
    assert [task["status"] for task in world.tasks(job)] == ["done", "failed"]
    jobs.update(world.context, world.workflow, job["id"], {"status": "waiting"})
    transfer = world.met(workstation, alpha)
    assert [task["seq"] for task in agents.tasks(world.context, alpha.caller, transfer, alpha.id)["tasks"]] == [1]


def test_failures_only_the_sender_saw_count_as_well(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    seen = [{"task": 0, "path": "x", "code": "source-changed", "message": "x changed while it was being sent."}]
    assert alpha.end(transfer, "failed", failures=seen) == {"state": "running"}
    workstation.end(transfer)
    assert (world.job(job)["status"], world.job(job)["error"]) == ("failed", "x changed while it was being sent.")


def test_a_receiver_that_was_done_after_all_ends_the_job(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    alpha.lose(transfer)
    assert world.job(job)["status"] == "waiting"
    workstation.end(transfer)
    assert (world.job(job)["status"], {task["status"] for task in world.tasks(job)}) == ("done", {"done"})


def test_a_late_word_about_an_older_attempt_changes_nothing(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    old = world.met(workstation, alpha)
    alpha.lose(old)
    world.clock.pass_s(1)
    world.met(workstation, alpha)
    assert workstation.end(old) == {"state": "ended"}
    assert world.job(job)["status"] == "running"


def test_an_agent_that_was_restarted_has_lost_its_transfers(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    boot = workstation.boot
    workstation.restart()
    assert world.job(job)["status_reason"].endswith("The agent on gda-ws1 was restarted.")
    assert alpha.hear("transfer.stop")[0]["transfer"] == transfer
    assert workstation.hear() == []
    workstation.boot = boot
    with pytest.raises(StaleAgentError):
        workstation.progress(transfer)


def test_the_same_start_saying_hello_again_loses_nothing(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    world.tick()
    workstation.hello()
    [offer] = workstation.hear("transfer.offer")
    workstation.say(agents.accept, offer["transfer"], certificate=CERTIFICATE)
    assert world.job(job)["status"] == "running"
    assert len(alpha.hear("transfer.listen")) == 1


def test_an_agent_is_offline_45_s_after_its_last_check_in_and_20_s_after_its_stream_closed(world: World) -> None:
    alpha = world.alpha()
    for seconds, closed, status in ((44, False, "online"), (1, False, "offline")):
        world.clock.pass_s(seconds)
        world.tick()
        assert clients.find(world.context, world.admin, Find())[0]["status"] == status, closed
    alpha.checkin()
    agents.checkin(world.context, alpha.caller, alpha.id, closed=True)
    for seconds, status in ((19, "online"), (1, "offline")):
        world.clock.pass_s(seconds)
        world.tick()
        assert clients.find(world.context, world.admin, Find())[0]["status"] == status


def test_progress_is_written_down_at_most_once_a_second(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    workstation.progress(transfer, acked=10)
    world.clock.pass_s(0.5)
    workstation.progress(transfer, acked=20)
    assert world.job(job)["bytes"] == 10
    world.clock.pass_s(0.5)
    workstation.progress(transfer, acked=30)
    shown = world.job(job)
    assert (shown["bytes"], shown["progress"], shown["speed"]) == (30, 30, 1.0)


def test_a_speed_limit_of_the_job_reaches_both_sides(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send(settings={"transfer_speedlimit": "2.5"})
    transfer = world.met(workstation, alpha)
    assert alpha.progress(transfer)["limit"] == 2_500_000
    jobs.update(world.context, world.workflow, job["id"], {"settings": {}})
    assert workstation.progress(transfer)["limit"] is None


def test_a_job_with_nothing_left_to_move_is_done_at_once(world: World) -> None:
    world.share()
    world.alpha()
    world.workstation()
    job = world.send(status="paused")
    tasks.update_many(
        world.context, world.workflow, job["id"], [{"uri": uri, "status": "excluded"} for uri in ("0", "1")]
    )
    jobs.update(world.context, world.workflow, job["id"], {"status": "waiting"})
    world.tick()
    assert (world.job(job)["status"], world.job(job)["progress"]) == ("done", 100)


def test_a_disabled_user_is_cut_off(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    users.update(world.context, world.workflow, world.jennifer.user_id, {"status": "disabled"})
    assert alpha.progress(transfer)["reason"].startswith("jennifer@gda.com was disabled")
    assert world.job(job)["status"] == "failed"
    with pytest.raises(Exception, match="no client"):
        workstation.progress(transfer)


def test_a_disabled_machine_gives_its_job_back(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    world.met(workstation, alpha)
    clients.update(world.context, world.jennifer, workstation.id, {"status": "disabled"})
    assert world.job(job)["status"] == "waiting"
    world.clock.pass_s(2)
    world.tick()
    assert world.job(job)["status_reason"] == "waiting for a client of jennifer@gda.com (W#J055)"


def test_an_agent_is_expected_from_where_it_calls_now_and_told_its_cap_and_whether_the_job_is_new(world: World) -> None:
    world.share()
    workstation, alpha = world.workstation(), world.alpha()
    job = world.send()
    world.tick()
    [offer] = workstation.hear("transfer.offer")
    assert (offer["fresh"], offer["other"], offer["job_name"]) == (True, alpha.id, "package")
    workstation.caller = replace(workstation.caller, address="10.9.9.9")  # its line has a new address since it greeted
    workstation.say(agents.accept, offer["transfer"], certificate=CERTIFICATE)
    [listen] = alpha.hear("transfer.listen")
    assert listen["peer_addresses"] == ["10.9.9.9"]
    assert (listen["limit"], listen["fresh"], listen["other"]) == (None, True, workstation.id)
    alpha.say(agents.listening, offer["transfer"], certificate=CERTIFICATE, addresses=["127.0.0.1"], port=45190)
    workstation.lose(offer["transfer"])
    world.clock.pass_s(5)
    world.tick()
    assert [event["fresh"] for event in workstation.hear("transfer.offer")] == [False]
    assert world.job(job)["status"] == "running"
