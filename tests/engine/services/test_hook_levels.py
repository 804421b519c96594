"""All ten hooks: before a transfer and after it, on the server and on the studio's clients, set on three levels."""

from __future__ import annotations

from typing import Any

import pytest

from accsyn_engine.services import settings
from accsyn_engine.services.access import acls
from accsyn_engine.services.context import Find
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotAllowedNowError
from accsyn_engine.services.moving import agents
from accsyn_engine.services.scripts import hooking, hooks
from accsyn_engine.services.work import jobs, queues
from tests.engine.services.world import Agent, World

BEFORE = ("pre-submit-server", "post-submit-server")


def _set(world: World, name: str, command: str = "run it", **scope: Any) -> None:
    settings.put(world.context, world.admin, name=name, value=command, **scope)


def _run(agent: Agent, exit_code: int = 0) -> dict[str, Any]:
    """Carry out the one hook the agent has heard of."""
    [event] = agent.hear("hook.run")
    assert agent.say(agents.hook_start, event["run"]) == {"proceed": True}
    agent.say(agents.hook_end, event["run"], exit_code=exit_code, output="", error=None, answer=None)
    return event


def _staff_machine(world: World) -> Agent:
    machine = Agent(world.context, world.workflow, "studio-ws1")
    machine.hello()
    return machine


def test_nothing_moves_before_the_hooks_of_the_submission_have_run(world: World) -> None:
    world.share()
    for name in BEFORE:
        _set(world, name)
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    ran = []
    for _ in BEFORE:
        world.tick()
        assert (world.job(job)["status"], workstation.hear("transfer.offer")) == ("init", [])
        ran.append(_run(alpha)["hook"])
    world.tick()
    assert ran == list(BEFORE)
    assert len(workstation.hear("transfer.offer")) == 1
    assert world.job(job)["status"] == "running"


def test_a_refused_submission_fails_and_a_retry_asks_the_same_hook_again_under_its_key(world: World) -> None:
    world.share()
    _set(world, "pre-submit-server")
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    world.tick()
    first = _run(alpha, exit_code=1)
    assert (world.job(job)["status"], world.job(job)["error_code"]) == ("failed", "hook-failed")
    jobs.update(world.context, world.jennifer, job["id"], {"status": "waiting"})
    world.tick()
    assert _run(alpha)["key"] == first["key"]
    world.tick()
    assert len(workstation.hear("transfer.offer")) == 1


def test_abort_and_resume_is_no_way_around_a_submission_hook(world: World) -> None:
    world.share()
    _set(world, "pre-submit-server")
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    world.tick()
    for status in ("aborted", "waiting"):
        jobs.update(world.context, world.jennifer, job["id"], {"status": status})
    world.tick()
    assert workstation.hear("transfer.offer") == []
    _run(alpha)
    world.tick()
    assert len(workstation.hear("transfer.offer")) == 1


def test_a_paused_job_is_asked_about_and_stays_paused(world: World) -> None:
    world.share()
    _set(world, "pre-submit-server")
    alpha = world.alpha()
    world.workstation()
    job = world.publish(status="paused")
    world.tick()
    _run(alpha)
    world.tick()
    assert world.job(job)["status"] == "paused"


def test_client_hooks_run_on_the_machine_of_the_employee_and_never_on_the_vendors(world: World) -> None:
    world.share()
    for name in ("post-done-server", "post-done-client"):
        _set(world, name)
    alpha, workstation, machine = world.alpha(), world.workstation(), _staff_machine(world)
    job = world.send()
    alpha_end = world.met(workstation, alpha)
    workstation.end(alpha_end)
    assert _run(alpha)["hook"] == "post-done-server"
    event = _run(machine)
    assert (event["hook"], event["data"]["hook"], workstation.hear("hook.run")) == ("post-done-client",) * 2 + ([],)
    assert world.job(job)["status"] == "done"


def test_a_job_without_a_machine_of_the_studios_people_has_no_client_hook(world: World) -> None:
    world.share()
    _set(world, "post-done-client")
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    alpha.end(world.met(workstation, alpha))
    assert (world.job(job)["status"], workstation.hear("hook.run")) == ("done", [])


def test_a_client_that_is_away_is_waited_for_by_name(world: World) -> None:
    world.share()
    _set(world, "post-done-client")
    alpha, workstation, machine = world.alpha(), world.workstation(), _staff_machine(world)
    job = world.send()
    transfer = world.met(workstation, alpha)
    agents.checkin(world.context, machine.caller, machine.id, closed=True)
    world.clock.pass_s(20)
    for agent in (alpha, workstation):
        agent.checkin()
    workstation.progress(transfer)
    world.tick()
    workstation.end(transfer)
    assert "waiting for the client studio-ws1" in world.job(job)["status_reason"]
    machine.hello()
    _run(machine)
    assert world.job(job)["status"] == "done"


def test_a_failed_job_runs_its_hooks_on_server_and_client(world: World) -> None:
    world.share()
    for name in ("post-failed-server", "post-failed-client"):
        _set(world, name)
    alpha, workstation, machine = world.alpha(), world.workstation(), _staff_machine(world)
    world.send()
    transfer = world.met(workstation, alpha)
    workstation.end(transfer, "failed", error={"code": "disk-full", "message": "Full."})
    assert [_run(agent)["hook"] for agent in (alpha, machine)] == ["post-failed-server", "post-failed-client"]


def test_a_job_that_fails_because_access_was_revoked_runs_the_hook_too(world: World) -> None:
    world.share()
    _set(world, "post-failed-server")
    alpha = world.alpha()
    world.workstation()
    job = world.publish()
    [grant] = [row for row in acls.find(world.context, world.admin, Find()) if row["write"] and "FROM" in row["path"]]
    acls.revoke(world.context, world.admin, grant["id"])
    assert world.job(job)["status"] == "failed"
    assert _run(alpha)["data"]["status"] == "failed"


@pytest.mark.parametrize(("levels", "expected"), [(("workspace",), "workspace"), (("workspace", "queue"), "queue")])
def test_a_queues_command_goes_before_the_workspaces(world: World, levels: tuple[str, ...], expected: str) -> None:
    world.share()
    late = queues.create(world.context, world.admin, {"name": "late"})
    for level in levels:
        scope = {} if level == "workspace" else {"scope": "queue", "id": late["id"]}
        _set(world, "post-done-server", f"run {level}", **scope)
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish(queue=late["id"])
    alpha.end(world.met(workstation, alpha))
    assert _run(alpha)["command"] == f"run {expected}"
    [run] = hooks.runs(world.context, world.admin, job=job["id"])
    assert (run["level"], world.job(job)["status"]) == (expected, "done")


def test_a_command_for_one_job_is_the_admins_to_set_and_goes_first(world: World) -> None:
    world.share()
    _set(world, "post-done-server", "run workspace")
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    scope = {"scope": "job", "id": job["id"]}
    with pytest.raises(ForbiddenError):
        settings.put(world.context, world.jennifer, name="post-done-server", value="evil", **scope)
    _set(world, "post-done-server", "run job", **scope)
    alpha.end(world.met(workstation, alpha))
    assert _run(alpha)["command"] == "run job"


def test_a_submitter_hands_data_to_a_hook_and_never_a_command(world: World) -> None:
    world.share()
    _set(world, "post-done-server", "run workspace")
    alpha, workstation = world.alpha(), world.workstation()
    told = [{"when": "hook-job-post-done-server", "data": {"shot": "010"}, "command": "evil"}]
    world.publish(hooks=told)
    alpha.end(world.met(workstation, alpha))
    event = _run(alpha)
    assert (event["command"], event["data"]["data"]) == ("run workspace", {"shot": "010"})


def test_a_hook_of_a_job_that_does_not_exist_is_refused(world: World) -> None:
    world.share()
    with pytest.raises(BadValueError, match="is no hook of a job"):
        world.publish(hooks=[{"when": "hook-job-banana"}])


def test_with_hooks_switched_off_none_runs(world: World) -> None:
    world.share()
    _set(world, "post-done-server")
    _set(world, hooking.ENABLED, "false")
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    alpha.end(world.met(workstation, alpha))
    assert (world.job(job)["status"], alpha.hear("hook.run")) == ("done", [])
    with pytest.raises(NotAllowedNowError):
        hooks.test(world.context, world.admin, "post-done-server")


def test_the_configured_hook_server_runs_the_hooks_in_place_of_the_volumes(world: World) -> None:
    world.share()
    _set(world, "post-done-server")
    alpha, workstation = world.alpha(), world.workstation()
    beta = Agent(world.context, alpha.caller, "beta", role="server", downloads=False)
    beta.hello()
    _set(world, hooking.SERVER, "beta")
    job = world.publish()
    alpha.end(world.met(workstation, alpha))
    assert alpha.hear("hook.run") == []
    _run(beta)
    assert world.job(job)["status"] == "done"


def test_the_audit_role_decides_who_reads_what_hooks_did(world: World) -> None:
    assert hooks.runs(world.context, world.workflow) == []
    _set(world, hooking.AUDIT_ROLE, "admin")
    with pytest.raises(ForbiddenError):
        hooks.runs(world.context, world.workflow)
