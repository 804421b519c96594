"""Submitting, changing and finding jobs and tasks."""

from __future__ import annotations

import pytest

from accsyn_engine.jobs.states import MoveRefusedError
from accsyn_engine.paths import LeavesFolderError, PathError, UnknownPartyError
from accsyn_engine.services import logs
from accsyn_engine.services.access import acls
from accsyn_engine.services.context import Caller, Find
from accsyn_engine.services.errors import BadValueError, ExistsError, ForbiddenError, NotFoundError, PathRefusedError
from accsyn_engine.services.moving import agents
from accsyn_engine.services.people import users
from accsyn_engine.services.work import job_lists, jobs, tasks
from accsyn_plugins.errors import AccsynError
from tests.engine.services.world import DATASET, VENDOR_FOLDER, World

SOURCE = f"share=proj002-outsourcing/{DATASET}/a.dat"


def _ends(world: World, job: dict[str, object]) -> list[tuple[str, str]]:
    return [(task["source"]["path"], task["destination"]["path"]) for task in world.tasks(job)]


@pytest.mark.parametrize(
    ("destination", "lands"),
    [
        ("jennifer@gda.com:in/b.dat", "in/b.dat"),
        ("jennifer@gda.com:in/", "in/a.dat"),
        ("jennifer@gda.com:in\\", "in/a.dat"),
        ("jennifer@gda.com", f"proj002/{DATASET}/a.dat"),
        ("jennifer@gda.com:", f"proj002/{DATASET}/a.dat"),
        ("jennifer@gda.com:share=proj002-outsourcing/x/", "x/a.dat"),
    ],
)
def test_where_a_package_lands_follows_from_the_destination(world: World, destination: str, lands: str) -> None:
    world.share()
    job = world.send(tasks=[{"source": SOURCE, "destination": destination}])
    assert _ends(world, job) == [(f"{DATASET}/a.dat", lands)]


@pytest.mark.parametrize(
    ("destination", "lands"),
    [
        (f"share=proj002-outsourcing/{VENDOR_FOLDER}/", f"{VENDOR_FOLDER}/a.dat"),
        (f"hq:share=proj002-outsourcing/{VENDOR_FOLDER}/b.dat", f"{VENDOR_FOLDER}/b.dat"),
        (f"geoscan:/mnt/production/proj002/{VENDOR_FOLDER}/b.dat", f"proj002/{VENDOR_FOLDER}/b.dat"),
        (f"geoscan:proj002/{VENDOR_FOLDER}/b.dat", f"proj002/{VENDOR_FOLDER}/b.dat"),
        ("share=jennifer@gda.com/b.dat", "b.dat"),
        ("~/b.dat", "b.dat"),
        ("home=jennifer@gda.com", "a.dat"),
    ],
)
def test_where_a_publish_lands_follows_from_the_destination(world: World, destination: str, lands: str) -> None:
    world.share()
    world.workstation()
    made = jobs.create(
        world.context, world.jennifer, {"tasks": [{"source": "/work/a.dat", "destination": destination}]}
    )
    assert _ends(world, made) == [("/work/a.dat", lands)]


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        ({"source": "acmefilme:x", "destination": "jennifer@gda.com"}, UnknownPartyError, "acmefilme"),
        ({"source": "share=proj002-outsourcing/../x", "destination": "jennifer@gda.com"}, LeavesFolderError, r"\.\."),
        ({"source": "share=nosuch/x", "destination": "jennifer@gda.com"}, NotFoundError, "nosuch"),
        ({"source": SOURCE, "destination": "nobody@gda.com:x"}, NotFoundError, "nobody@gda.com"),
        ({"source": SOURCE, "destination": "share=production/x"}, BadValueError, "same two parties"),
        ({"source": "geoscan:/elsewhere/x", "destination": "jennifer@gda.com"}, PathError, "below no volume"),
        ({"source": SOURCE, "destination": "jennifer@gda.com:/home/j/x"}, ForbiddenError, "/home/j/x"),
        ({"source": SOURCE}, BadValueError, '"destination"'),
        ({"destination": "jennifer@gda.com"}, BadValueError, '"source"'),
        ({"source": SOURCE, "destination": ["jennifer@gda.com"]}, BadValueError, "text"),
        ({"source": "", "destination": "jennifer@gda.com"}, AccsynError, "empty"),
        ("share=nosuch/x", AccsynError, "."),
        (7, BadValueError, "object"),
    ],
)
def test_a_task_that_makes_no_sense_gets_a_sentence_and_leaves_nothing(
    world: World, task: object, error: type[Exception], words: str
) -> None:
    world.share()
    good = {"source": SOURCE, "destination": "jennifer@gda.com:x"}
    with pytest.raises(error, match=words):
        jobs.create(world.context, world.workflow, {"tasks": [good, task]})
    assert job_lists.find(world.context, world.admin, Find()) == []


@pytest.mark.parametrize("tasks_written", [[], {}, "x", None])
def test_a_job_without_tasks_is_refused(world: World, tasks_written: object) -> None:
    world.share()
    with pytest.raises(BadValueError):
        jobs.create(world.context, world.workflow, {"tasks": tasks_written})


def test_a_job_is_named_after_its_first_file_unless_it_has_a_name(world: World) -> None:
    world.share()
    made = jobs.create(world.context, world.workflow, {"source": SOURCE, "destination": "jennifer@gda.com"})
    assert (made["name"], made["code"]) == ("a.dat", "a.dat")


def test_sources_alone_are_mirrored_to_the_jobs_destination(world: World) -> None:
    world.share()
    sources = [f"share=proj002-outsourcing/{DATASET}/{name}" for name in ("a", "b")]
    data = {"source": sources, "destination": "jennifer@gda.com"}
    made = jobs.create(world.context, world.workflow, data)
    assert [lands for _, lands in _ends(world, made)] == [f"proj002/{DATASET}/a", f"proj002/{DATASET}/b"]


def test_a_mirrored_job_takes_no_path_for_where_it_lands(world: World) -> None:
    world.share()
    made = world.send(tasks=None, source=[SOURCE], destination="jennifer@gda.com", mirror=True)
    assert _ends(world, made) == [(f"{DATASET}/a.dat", f"proj002/{DATASET}/a.dat")]
    with pytest.raises(BadValueError, match="mirrored job"):
        world.send(tasks=None, source=[SOURCE], destination="jennifer@gda.com:in/", mirror_paths=True)


def test_a_transfer_within_the_workspace_is_refused(world: World) -> None:
    world.share()
    with pytest.raises(BadValueError, match="a person, or two sites"):
        world.send(tasks=[{"source": SOURCE, "destination": "share=production/x"}])


def test_tasks_of_different_persons_are_refused(world: World) -> None:
    world.share()
    users.create(world.context, world.workflow, {"code": "other@gda.com"})
    two = [{"source": SOURCE, "destination": f"{name}@gda.com:x"} for name in ("jennifer", "other")]
    with pytest.raises(BadValueError, match="same two parties"):
        jobs.create(world.context, world.workflow, {"tasks": two})


def test_the_same_ends_twice_are_one_task_or_an_error_as_asked(world: World) -> None:
    world.share()
    twice = {"tasks": [{"source": SOURCE, "destination": "jennifer@gda.com:x"}] * 2}
    assert len(world.tasks(jobs.create(world.context, world.workflow, twice))) == 1
    with pytest.raises(ExistsError):
        jobs.create(world.context, world.workflow, twice, allow_duplicates=False)


def test_a_duplicate_is_tried_again_refused_or_replaced_as_asked(world: World) -> None:
    world.share()
    job = world.send(tasks=[{"source": SOURCE, "destination": "jennifer@gda.com:x"}])
    same = {"source": SOURCE, "destination": "jennifer@gda.com:x"}
    [first] = world.tasks(job)
    [again] = tasks.create(world.context, world.workflow, job["id"], same)
    assert again["id"] == first["id"]
    with pytest.raises(ExistsError):
        tasks.create(world.context, world.workflow, job["id"], same, allow_duplicates=False)
    [replaced] = tasks.create(world.context, world.workflow, job["id"], same, replace_duplicates=True)
    assert replaced["id"] != first["id"]
    assert len(world.tasks(job)) == 1


def test_numbers_given_by_a_script_do_not_meet_ours(world: World) -> None:
    world.share()
    job = world.send(tasks={"1": {"source": SOURCE, "destination": "jennifer@gda.com:x"}})
    tasks.create(world.context, world.workflow, job["id"], [{"source": SOURCE, "destination": "jennifer@gda.com:y"}])
    tasks.create(world.context, world.workflow, job["id"], [{"source": SOURCE, "destination": "jennifer@gda.com:z"}])
    uris = [task["uri"] for task in world.tasks(job)]
    assert len(set(uris)) == 3
    with pytest.raises(ExistsError, match='"1"'):
        tasks.create(world.context, world.workflow, job["id"], {"tasks": {"1": {"source": SOURCE, "destination": "w"}}})


def test_append_adds_to_the_last_job_between_the_same_two(world: World) -> None:
    world.share()
    job = world.send()
    more = world.send(tasks=[{"source": SOURCE, "destination": "jennifer@gda.com:x"}], append=True)
    assert (more["id"], len(world.tasks(job))) == (job["id"], 3)


def test_ten_thousand_tasks_are_stored_and_paged(world: World) -> None:
    world.share()
    many = [{"source": f"{SOURCE}{number}", "destination": f"jennifer@gda.com:x/{number}"} for number in range(10_000)]
    job = world.send(tasks=many)
    page = tasks.find(world.context, world.workflow, Find(parent=job["id"], limit=3, skip=9_998))
    assert [task["uri"] for task in page] == ["9998", "9999"]


def test_pause_resume_abort_and_force(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    for status, shown in (("paused", "paused"), ("waiting", "waiting"), ("aborted", "aborted"), ("waiting", "waiting")):
        changed = jobs.update(world.context, world.jennifer, job["id"], {"status": status})
        assert changed["status"] == shown
    assert workstation.progress(transfer) == {
        "state": "stopped",
        "limit": None,
        "reason": "jennifer@gda.com paused the job.",
    }
    jobs.update(world.context, world.workflow, job["id"], {"status": "done"})
    assert (world.job(job)["progress"], world.job(job)["finished"] is not None) == (100, True)
    with pytest.raises(MoveRefusedError):
        jobs.update(world.context, world.workflow, job["id"], {"status": "paused"})
    with pytest.raises(BadValueError, match="status"):
        jobs.update(world.context, world.workflow, job["id"], {"status": "running"})


def test_a_job_created_paused_stays_paused(world: World) -> None:
    world.share()
    world.alpha()
    workstation = world.workstation()
    job = world.send(status="paused")
    world.tick()
    assert (world.job(job)["status"], workstation.hear()) == ("paused", [])


def test_a_deleted_job_is_in_the_archive_and_stops(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    jobs.delete(world.context, world.workflow, job["id"])
    assert job_lists.find(world.context, world.workflow, Find(query="code=package", single=True)) == []
    [archived] = job_lists.find(world.context, world.workflow, Find(query="code=package", archived=True))
    assert (archived["id"], archived["status"], archived["archived"]) == (job["id"], "aborted", True)
    assert alpha.progress(transfer)["state"] == "stopped"
    actions = [row["action"] for row in logs.find(world.context, world.admin, id=job["id"])]
    assert [action for action in actions if action != "job.status"] == ["job.delete", "job.create"]


@pytest.mark.statement(36)
def test_an_excluded_task_is_kept_and_not_moved(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    tasks.update_many(world.context, world.workflow, job["id"], [{"uri": "0", "status": "excluded"}])
    transfer = world.met(workstation, alpha)
    assert [task["seq"] for task in agents.tasks(world.context, alpha.caller, transfer, alpha.id)["tasks"]] == [1]
    workstation.end(transfer)
    assert [task["status"] for task in world.tasks(job)] == ["excluded", "done"]
    [entry] = logs.find(world.context, world.admin, search="task.update")
    assert (entry["user"], entry["detail"]["status"]) == ("workflow@geoscan.org", "excluded")


def test_a_task_is_tried_again_by_hand(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    workstation.end(world.met(workstation, alpha))
    [first, _] = world.tasks(job)
    assert tasks.update(world.context, world.workflow, first["id"], {"status": "queued"})["status"] == "queued"
    transfer = world.met(workstation, alpha)
    assert [task["id"] for task in agents.tasks(world.context, alpha.caller, transfer, alpha.id)["tasks"]] == [
        first["id"]
    ]


def test_one_wrong_task_leaves_all_of_them_as_they_were(world: World) -> None:
    world.share()
    job = world.send()
    with pytest.raises(NotFoundError):
        tasks.update_many(
            world.context,
            world.workflow,
            job["id"],
            [{"uri": "0", "status": "onhold"}, {"uri": "7", "status": "onhold"}],
        )
    assert "onhold" not in {task["status"] for task in world.tasks(job)}


def test_excluding_what_failed_makes_a_failed_job_a_paused_one(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    broken = [{"task": 1, "path": "x", "code": "source-missing", "message": "x is not there."}]
    workstation.end(world.met(workstation, alpha), "failed", failures=broken)
    tasks.update_many(world.context, world.workflow, job["id"], [{"uri": "1", "status": "onhold"}])
    assert world.job(job)["status"] == "paused"


def test_jobs_are_seen_by_who_has_a_part_in_them(world: World) -> None:
    world.share()
    world.send()
    users.create(world.context, world.admin, {"code": "other@gda.com"})
    with_access = users.create(world.context, world.admin, {"code": "anna@geoscan.org", "role": "employee"})
    without = users.create(
        world.context, world.admin, {"code": "ben@geoscan.org", "role": "employee", "give_default_volume_access": False}
    )
    seen = {}
    for code, made in (("anna", with_access), ("ben", without)):
        seen[code] = len(job_lists.find(world.context, Caller(made["id"], made["code"], "employee"), Find()))
    other = Caller(
        users.find(world.context, world.admin, Find(query="code=other*"))[0]["id"], "other@gda.com", "standard"
    )
    seen["other"] = len(job_lists.find(world.context, other, Find()))
    seen["jennifer"] = len(job_lists.find(world.context, world.jennifer, Find()))
    assert seen == {"anna": 1, "ben": 0, "other": 0, "jennifer": 1}


@pytest.mark.parametrize(
    "query",
    [
        "destination=user:jennifer@gda.com",
        "destination=jennifer@gda.com",
        "source=hq",
        "source=geoscan",
        "user=workflow@geoscan.org and status<>failed",
        "queue=medium",
        "name contains ack",
        'code="pack*"',
        "package",
    ],
)
def test_a_job_is_found_by_what_people_write(world: World, query: str) -> None:
    world.share()
    made = world.send()
    assert [job["id"] for job in job_lists.find(world.context, world.workflow, Find(query=query))] == [made["id"]]


def test_a_finished_job_is_found_only_when_asked_for(world: World) -> None:
    world.share()
    made = world.send()
    jobs.update(world.context, world.workflow, made["id"], {"status": "done"})
    for find, count in (
        (Find(query="code=package"), 0),
        (Find(query="code=package", single=True), 1),
        (Find(query="code=package", finished=True), 1),
        (Find(id=made["id"]), 1),
        (Find(), 0),
    ):
        assert len(job_lists.find(world.context, world.workflow, find)) == count


def test_finds_are_stable_and_cut_after_the_permissions(world: World) -> None:
    world.share()
    for number in range(6):
        world.clock.pass_s(1)
        world.send(code=f"package {number}")
    users.create(world.context, world.admin, {"code": "other@gda.com"})
    world.send(code="for other", tasks=[{"source": SOURCE, "destination": "other@gda.com:x"}])
    first = job_lists.find(world.context, world.jennifer, Find(limit=4))
    rest = job_lists.find(world.context, world.jennifer, Find(limit=4, skip=4))
    assert [job["code"] for job in first + rest] == [f"package {number}" for number in range(6)]


def test_a_retry_needs_the_rights_that_submitting_needed(world: World) -> None:
    share = world.share()
    world.workstation()
    job = world.publish(status="paused")
    for grant in acls.find(world.context, world.workflow, Find(query=f"target=share:{share['id']} and write=true")):
        acls.update(world.context, world.workflow, grant["id"], {"write": False})
    assert world.job(job)["error_code"] == "access-revoked"
    with pytest.raises(PathRefusedError, match="no write access"):
        jobs.update(world.context, world.jennifer, job["id"], {"status": "waiting"})


def test_a_narrowed_grant_that_another_covers_stops_nothing(world: World) -> None:
    share = world.share()
    alpha, workstation = world.alpha(), world.workstation()
    world.grant(share["id"], "FROM_VENDORS", write=True)
    job = world.publish()
    world.met(workstation, alpha)
    world.grant(share["id"], VENDOR_FOLDER, write=False)
    assert world.job(job)["status"] == "running"


def test_the_priority_of_a_job_is_its_own_whatever_its_queue(world: World) -> None:
    world.share()
    job = world.send(priority=700)
    assert (job["priority"], jobs.update(world.context, world.admin, job["id"], {"queue": "high"})["priority"]) == (
        700,
        700,
    )
    assert job_lists.find(world.context, world.admin, Find(query="priority=700"))
