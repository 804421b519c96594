"""The tutorial, from the first invitation to the hook, as the services tell it."""

from __future__ import annotations

import pytest

from accsyn_engine.services import settings
from accsyn_engine.services.access import acls, shares
from accsyn_engine.services.context import Find
from accsyn_engine.services.errors import (
    ExistsError,
    ForbiddenError,
    NotAllowedNowError,
    PathRefusedError,
    WrongCredentialsError,
)
from accsyn_engine.services.moving import agents
from accsyn_engine.services.people import accounts, users
from accsyn_engine.services.work import job_lists, jobs, tasks
from tests.engine.services.world import DATASET, VENDOR_FOLDER, World

HOOK = "python3 /hooks/job_done.py ${PATH_JSON_INPUT}"


@pytest.mark.statement(1)
def test_the_admin_of_a_new_workspace_can_log_in(world: World) -> None:
    key = accounts.key(world.context, world.admin)["api_key"]
    caller = accounts.authenticate_key(world.context, "Andrea@geoscan.org", key)
    assert (caller.code, caller.role) == ("andrea@geoscan.org", "admin")


@pytest.mark.statement(8)
def test_a_wrong_key_gets_a_sentence(world: World) -> None:
    with pytest.raises(WrongCredentialsError, match=r"andrea@geoscan\.org"):
        accounts.authenticate_key(world.context, "andrea@geoscan.org", "0" * 64)


@pytest.mark.statement(4)
def test_the_first_volume_is_the_default_and_its_path_resolves(world: World) -> None:
    [volume] = shares.find(world.context, world.admin, "volume", Find(query="default=true"))
    assert (volume["code"], volume["status"], volume["path"]) == ("production", "enabled", "/mnt/production")


@pytest.mark.statement(2)
def test_the_server_agent_is_listed_online_with_type_1(world: World) -> None:
    world.alpha()
    [shown] = shares.servers(world.context, world.admin, "production")
    assert (shown["code"], shown["type"], shown["status"]) == ("alpha", 1, "online")


@pytest.mark.statement(9)
@pytest.mark.statement(10)
@pytest.mark.statement(11)
def test_a_user_is_not_found_then_invited_then_found_and_not_made_twice(world: World) -> None:
    asked = Find(query="code=jennifer@gda.com", single=True)
    assert users.find(world.context, world.workflow, asked) == []
    made = users.create(world.context, world.workflow, {"code": "Jennifer@GDA.com", "clearance": "user"})
    assert (len(made["id"]), made["code"], made["role"], made["clearance"]) == (
        24,
        "jennifer@gda.com",
        "standard",
        "standard",
    )
    assert [found["id"] for found in users.find(world.context, world.workflow, asked)] == [made["id"]]
    with pytest.raises(ExistsError, match="exists already"):
        users.create(world.context, world.workflow, {"code": "jennifer@gda.com"})
    assert len(users.find(world.context, world.workflow, Find(query="code=jennifer*"))) == 1


@pytest.mark.statement(12)
def test_a_vendor_sees_a_home_and_nothing_else(world: World) -> None:
    [home] = shares.find(world.context, world.jennifer, "share", Find())
    assert (home["type"], home["path"], home["parent_hr"]) == ("home", "accsyn/jennifer@gda.com", "production")
    assert users.find(world.context, world.jennifer, Find())[0]["code"] == "jennifer@gda.com"
    assert len(users.find(world.context, world.jennifer, Find())) == 1


@pytest.mark.statement(13)
@pytest.mark.statement(14)
def test_a_share_is_made_below_a_volume_named_by_code_and_not_twice(world: World) -> None:
    data = {"code": "proj002-outsourcing", "parent": "production", "path": "proj002"}
    made = shares.create(world.context, world.workflow, "share", data)
    assert (made["path"], made["parent_hr"], made["type"]) == ("proj002", "production", "folder")
    [found] = shares.find(world.context, world.workflow, "share", Find(query="code=proj002-outsourcing"))
    assert found["id"] == made["id"]
    with pytest.raises(ExistsError):
        shares.create(world.context, world.workflow, "share", data)


@pytest.mark.statement(16)
@pytest.mark.statement(17)
@pytest.mark.statement(18)
@pytest.mark.parametrize("path", [DATASET, "TO_VENDORS", VENDOR_FOLDER])
def test_a_grant_is_found_whatever_the_client_did_to_its_path(world: World, path: str) -> None:
    share = shares.create(world.context, world.workflow, "share", {"code": "proj002", "path": "proj002"})
    ends = f"ident=user:{world.jennifer.user_id} and target=share:{share['id']}"
    spellings = [path.lower(), path.lower().replace("/", "\\"), "/" + path.lower()]
    queries = [f"({ends} and path={spelling})" for spelling in spellings]
    assert [acls.find(world.context, world.workflow, Find(query=query)) for query in queries] == [[], [], []]
    made = world.grant(share["id"], path, write=False)
    assert (made["read"], made["write"], made["path"]) == (True, False, path)
    found = [acls.find(world.context, world.workflow, Find(query=query))[0]["id"] for query in queries]
    assert found == [made["id"]] * 3


@pytest.mark.statement(20)
def test_a_vendor_may_create_no_share_no_grant_and_no_user(world: World) -> None:
    share = world.share()
    with pytest.raises(ForbiddenError):
        shares.create(world.context, world.jennifer, "share", {"code": "mine", "path": "x"})
    with pytest.raises(ForbiddenError):
        acls.grant(world.context, world.jennifer, {"entity": world.jennifer.code, "target": share["id"], "read": True})
    with pytest.raises(ForbiddenError):
        users.create(world.context, world.jennifer, {"code": "friend@gda.com"})


@pytest.mark.statement(21)
@pytest.mark.statement(22)
def test_a_package_waits_for_the_vendors_agent_and_says_so(world: World) -> None:
    world.share()
    world.alpha()
    job = world.send()
    assert (job["code"], job["status"], len(job["id"])) == ("package", "init", 24)
    world.tick()
    assert world.job(job)["status_reason"] == "waiting for a client of jennifer@gda.com (W#J055)"
    assert [(task["uri"], task["status"]) for task in world.tasks(job)] == [("0", "pending"), ("1", "pending")]
    assert tasks.find(world.context, world.jennifer, Find(query=f"job.id={job['id']}"))[0]["uri"] == "0"


@pytest.mark.statement(23)
def test_a_package_lands_below_the_downloads_at_its_relative_path(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    transfer = (world.send(), world.met(workstation, alpha))[1]
    page = agents.tasks(world.context, workstation.caller, transfer, workstation.id)
    assert page["more"] is False
    assert [(task["source"], task["destination"]) for task in page["tasks"]] == [
        (
            {"root": {"volume": "production"}, "path": f"proj002/{name}"},
            {"root": {"download": True}, "path": f"proj002/{name}"},
        )
        for name in (DATASET, "TO_VENDORS")
    ]


@pytest.mark.statement(24)
def test_a_mapped_volume_takes_the_place_of_the_relative_destination(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation(maps=("production",), downloads=False)
    elsewhere = {"source": f"share=proj002-outsourcing/{DATASET}", "destination": "jennifer@gda.com:some/other/place"}
    world.send(tasks=[elsewhere])
    transfer = world.met(workstation, alpha)
    [task] = agents.tasks(world.context, workstation.caller, transfer, workstation.id)["tasks"]
    assert task["destination"] == {"root": {"map": "production"}, "path": f"proj002/{DATASET}"}


@pytest.mark.statement(26)
def test_a_missing_file_is_added_and_only_it_moves(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    workstation.end(world.met(workstation, alpha))
    assert world.job(job)["status"] == "done"
    missing = {
        "source": f"share=proj002-outsourcing/{DATASET}/late.dat",
        "destination": "jennifer@gda.com:proj002/late.dat",
    }
    [added] = tasks.create(world.context, world.workflow, job["id"], [missing])
    transfer = world.met(workstation, alpha)
    page = agents.tasks(world.context, alpha.caller, transfer, alpha.id)["tasks"]
    assert [task["id"] for task in page] == [added["id"]]
    workstation.end(transfer)
    [again] = tasks.create(world.context, world.workflow, job["id"], {"tasks": missing})
    assert (again["id"], again["status"], len(world.tasks(job))) == (added["id"], "queued", 3)


@pytest.mark.statement(27)
@pytest.mark.statement(28)
def test_a_vendor_sends_back_under_her_own_key_with_backslashes_when_her_agent_is_there(world: World) -> None:
    world.share()
    alpha, workstation = world.alpha(), world.workstation()
    back = {
        "source": "E:\\WORK\\GEOSCAN\\Production\\proj002\\FROM_VENDORS\\jennifer@gda.com\\output\\x_exported.dat",
        "destination": f"geoscan:share=proj002-outsourcing:{VENDOR_FOLDER}/output/x_exported.dat".replace("/", "\\"),
    }
    job = jobs.create(world.context, world.jennifer, {"tasks": {"0": back}})
    assert (job["name"], job["user_hr"]) == ("x_exported.dat", "jennifer@gda.com")
    transfer = world.met(workstation, alpha)
    [task] = agents.tasks(world.context, alpha.caller, transfer, alpha.id)["tasks"]
    assert task["source"] == {"root": {"local": True}, "path": back["source"]}
    landing = f"proj002/{VENDOR_FOLDER}/output/x_exported.dat"
    assert task["destination"] == {"root": {"volume": "production"}, "path": landing}


@pytest.mark.statement(29)
def test_one_destination_outside_the_grants_refuses_the_whole_job(world: World) -> None:
    world.share()
    world.workstation()
    good = {"source": "/w/a.dat", "destination": f"geoscan:share=proj002-outsourcing/{VENDOR_FOLDER}/a.dat"}
    bad = {"source": "/w/b.dat", "destination": f"geoscan:share=proj002-outsourcing/{DATASET}/b.dat"}
    with pytest.raises(PathRefusedError, match=f"proj002-outsourcing/{DATASET}/b.dat"):
        jobs.create(world.context, world.jennifer, {"tasks": [good, bad]})
    assert job_lists.find(world.context, world.admin, Find()) == []


@pytest.mark.statement(30)
def test_nobody_reads_the_disk_of_somebody_elses_machine(world: World) -> None:
    world.share()
    world.workstation()
    fetch = {"source": "jennifer@gda.com:/home/jennifer/private", "destination": "share=production/x/"}
    with pytest.raises(ForbiddenError, match="/home/jennifer/private"):
        jobs.create(world.context, world.workflow, {"tasks": [fetch]})
    users.create(world.context, world.admin, {"code": "other@gda.com"})
    between = {"source": "other@gda.com:/home/x", "destination": f"share=proj002-outsourcing/{VENDOR_FOLDER}/x"}
    with pytest.raises(ForbiddenError, match=r"other@gda\.com"):
        jobs.create(world.context, world.jennifer, {"tasks": [between]})


def test_a_vendor_without_an_agent_has_nothing_to_send_from(world: World) -> None:
    world.share()
    with pytest.raises(NotAllowedNowError, match="no source client"):
        world.publish()


@pytest.mark.statement(31)
def test_only_an_admin_sets_a_hook_and_each_platform_has_its_own(world: World) -> None:
    name = "hook-job-post-done-server"
    for caller in (world.workflow, world.jennifer):
        with pytest.raises(ForbiddenError):
            settings.put(world.context, caller, name=name, value=HOOK)
    settings.put(world.context, world.admin, name=name, value={"linux": HOOK, "windows": "C:\\hook.py"})
    assert settings.get(world.context, world.admin, name="post-done-server") == {
        "linux": HOOK,
        "windows": "C:\\hook.py",
    }
    settings.put(world.context, world.admin, name=name, value="all", os=None)
    assert settings.get(world.context, world.admin, name="job-post-done-server")[""] == "all"


@pytest.mark.statement(32)
@pytest.mark.statement(33)
def test_the_hook_runs_once_with_the_input_that_scripts_read(world: World) -> None:
    world.share()
    settings.put(world.context, world.admin, name="hook-job-post-done-server", value=HOOK)
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish("cleaned_set.dat", "x_exported.dat", metadata={"artist": "jennifer"})
    transfer = world.met(workstation, alpha)
    alpha.end(transfer)
    alpha.end(transfer)
    [event] = alpha.hear("hook.run")
    assert (event["command"], event["hook"], event["answer"]) == (HOOK, "post-done-server", False)
    data = event["data"]
    assert (data["status"], data["user_hr"], data["source_hr"].split(":")[1]) == (
        "done",
        "jennifer@gda.com",
        "jennifer@gda.com",
    )
    assert data["metadata"] == {"internal": {}, "external": {"artist": "jennifer"}}
    assert [task["source"]["path_abs"][-14:] for task in data["tasks"].values()] == ["leaned_set.dat", "x_exported.dat"]
    landed = data["tasks"]["1"]["destination"]
    assert landed["path_abs"] == f"/mnt/production/proj002/{VENDOR_FOLDER}/x_exported.dat"
    assert world.job(job)["status"] == "running"
    assert alpha.say(agents.hook_start, event["run"]) == {"proceed": True}
    alpha.say(agents.hook_end, event["run"], exit_code=0, output="published", error=None, answer=None)
    assert world.job(job)["status"] == "done"
    assert alpha.hear("hook.run") == []


@pytest.mark.statement(34)
def test_a_failing_hook_fails_the_job_and_a_retry_runs_only_the_hook_under_the_same_key(world: World) -> None:
    world.share()
    settings.put(world.context, world.admin, name="hook-job-post-done-server", value=HOOK)
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    alpha.end(world.met(workstation, alpha))
    [first] = alpha.hear("hook.run")
    alpha.say(agents.hook_start, first["run"])
    alpha.say(agents.hook_end, first["run"], exit_code=1, output="no such shot", error=None, answer=None)
    failed = world.job(job)
    assert (failed["status"], failed["error_code"]) == ("failed", "hook-failed")
    assert "E#J006" in failed["error"]
    assert "no such shot" in failed["error"]
    jobs.update(world.context, world.jennifer, job["id"], {"status": "waiting"})
    [second] = alpha.hear("hook.run")
    assert second["key"] == first["key"]
    assert workstation.hear("transfer.offer") == []
    alpha.say(agents.hook_start, second["run"])
    alpha.say(agents.hook_end, second["run"], exit_code=0, output="", error=None, answer=None)
    assert world.job(job)["status"] == "done"


@pytest.mark.statement(37)
def test_a_revoked_grant_stops_what_ran_by_it_and_says_so(world: World) -> None:
    share = world.share()
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    transfer = world.met(workstation, alpha)
    query = f"target=share:{share['id']} and path={VENDOR_FOLDER}"
    [grant] = acls.find(world.context, world.workflow, Find(query=query))
    acls.revoke(world.context, world.workflow, grant["id"])
    stopped = workstation.progress(transfer)
    assert stopped["state"] == "stopped"
    assert f"jennifer@gda.com to proj002-outsourcing/{VENDOR_FOLDER} was revoked" in stopped["reason"]
    assert (world.job(job)["status"], world.job(job)["error_code"]) == ("failed", "access-revoked")
    assert [event["transfer"] for event in alpha.hear("transfer.stop")] == [transfer]
    with pytest.raises(PathRefusedError):
        jobs.update(world.context, world.jennifer, job["id"], {"status": "waiting"})
