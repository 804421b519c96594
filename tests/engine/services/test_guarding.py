"""Hook scripts inside a volume: where they lie, nobody but admins writes."""

from __future__ import annotations

import pytest

from accsyn_engine.services import settings
from accsyn_engine.services.access import acls
from accsyn_engine.services.context import Find
from accsyn_engine.services.errors import BadValueError, NotAllowedNowError, PathRefusedError
from accsyn_engine.services.moving import agents
from accsyn_engine.services.scripts import guarding, hooks
from accsyn_engine.services.work import jobs
from tests.engine.services.world import VENDOR_FOLDER, Agent, World

INSIDE = "python3 /mnt/production/workflow/accsyn_job_done.py ${PATH_JSON_INPUT}"
VENDORS = f"python3 /mnt/production/proj002/{VENDOR_FOLDER}/done.py"


def _set(world: World, command: str, name: str = "post-done-server", **scope: str) -> None:
    settings.put(world.context, world.admin, name=name, value=command, **scope)


@pytest.mark.parametrize("command", [INSIDE, VENDORS])
def test_a_script_is_set_where_only_admins_and_no_vendor_write(world: World, command: str) -> None:
    world.share()
    if command == INSIDE:
        _set(world, command)
        return
    with pytest.raises(NotAllowedNowError, match=r"where jennifer@gda\.com may write"):
        _set(world, command)


def test_a_script_at_the_top_of_a_volume_is_refused_for_everything_lies_beside_it(world: World) -> None:
    with pytest.raises(NotAllowedNowError, match="folder of its own"):
        _set(world, "python3 /mnt/production/done.py")


@pytest.mark.parametrize("path", ["proj002/../workflow/done.py", "workflow//done.py"])
def test_a_crooked_path_is_the_same_place(world: World, path: str) -> None:
    _set(world, f"/mnt/production/{path}")
    with world.context.reading() as work:
        assert {found.folder for found in guarding.guarded(work)} == {"workflow"}


def test_a_grant_of_writing_over_a_script_is_refused_and_one_of_reading_is_not(world: World) -> None:
    made = world.share()
    _set(world, "python3 /mnt/production/proj002/tools/done.py")
    for path in ("tools", "tools/below"):
        with pytest.raises(NotAllowedNowError, match="only admins may write where hook scripts lie"):
            world.grant(made["id"], path, write=True)
        given = world.grant(made["id"], path, write=False)
        with pytest.raises(NotAllowedNowError, match="hook script"):
            acls.update(world.context, world.admin, given["id"], {"write": True})
    world.grant(made["id"], "other", write=True)


def test_an_employee_with_the_whole_volume_writes_beside_the_folder_and_not_into_it(world: World) -> None:
    world.share()
    world.alpha()
    Agent(world.context, world.workflow, "studio-ws1").hello()
    _set(world, INSIDE)
    for folder, fits in (("elsewhere", True), ("workflow", False), ("workflow/lib", False)):
        task = {"source": "workflow@geoscan.org:/w/json.py", "destination": f"share=production/{folder}/json.py"}
        if fits:
            jobs.create(world.context, world.workflow, {"tasks": [task]})
        else:
            with pytest.raises(PathRefusedError):
                jobs.create(world.context, world.workflow, {"tasks": [task]})
    verdict = acls.why(world.context, world.admin, world.workflow.code, "share=production/workflow")
    assert (verdict["write"], verdict["reasons"][-1]) == (False, "only admins write where hook scripts lie")


def test_the_grants_are_looked_at_again_before_each_run(world: World) -> None:
    made = world.share()
    alpha, workstation = world.alpha(), world.workstation()
    _set(world, "python3 /mnt/production/proj002/tools/done.py")
    job = world.publish()
    alpha.end(world.met(workstation, alpha))
    [event] = alpha.hear("hook.run")
    settings.delete(world.context, world.admin, name="post-done-server")
    world.grant(made["id"], "tools", write=True)
    assert alpha.say(agents.hook_start, event["run"]) == {"proceed": False}
    shown = world.job(job)
    assert (shown["status"], shown["error_code"]) == ("failed", "hook-failed")
    assert "where jennifer@gda.com may write" in shown["error"]
    assert len(acls.find(world.context, world.admin, Find(query="path=tools"))) == 1


def test_a_command_for_a_shell_is_refused_with_what_to_do(world: World) -> None:
    for command, os in (("sh -c 'x'", ""), ("cmd.exe /c x", "windows"), ("python3 'open", "linux")):
        with pytest.raises(BadValueError, match="hook"):
            hooks.approve(world.context, world.admin, "post-done-server", command, os)


def test_without_the_server_a_command_is_taken_and_looked_at_when_it_runs(world: World) -> None:
    assert hooks.approve(world.context, world.admin, "post-done-server", "/nowhere/x") is False
