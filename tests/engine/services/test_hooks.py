"""Hooks: each effect once, and honesty where nobody knows."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from sqlalchemy import select

from accsyn_engine.services import settings
from accsyn_engine.services.context import Find
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotAllowedNowError
from accsyn_engine.services.moving import agents
from accsyn_engine.services.scripts import hooks
from accsyn_engine.services.work import job_lists, jobs
from accsyn_engine.store.schema import outbox
from tests.engine.services.world import Agent, World

HOOK = "python3 /hooks/job_done.py ${PATH_JSON_INPUT}"


def _landed(world: World, **data: Any) -> tuple[dict[str, Any], Agent, Agent]:
    """A publish whose files are all in place, with the hook configured."""
    world.share()
    settings.put(world.context, world.admin, name="hook-job-post-done-server", value=HOOK)
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish(**data)
    alpha.end(world.met(workstation, alpha))
    return job, alpha, workstation


def _ended(agent: Agent, run: str, exit_code: int | None = 0, **data: Any) -> dict[str, Any]:
    told = {"output": "", "error": None, "answer": None} | data
    return agent.say(agents.hook_end, run, exit_code=exit_code, **told)


def test_a_start_is_written_down_before_the_agent_may_go(world: World) -> None:
    job, alpha, _ = _landed(world)
    [event] = alpha.hear("hook.run")
    alpha.say(agents.hook_start, event["run"])
    [run] = hooks.runs(world.context, world.admin, job=job["id"])
    assert (run["state"], run["attempt"], run["key"]) == ("started", 1, event["key"])
    assert alpha.say(agents.hook_start, event["run"]) == {"proceed": True}


def test_an_agent_restarted_in_the_hook_leaves_the_job_unknown_until_a_person_retries(world: World) -> None:
    job, alpha, _ = _landed(world)
    [first] = alpha.hear("hook.run")
    alpha.say(agents.hook_start, first["run"])
    alpha.restart()
    shown = world.job(job)
    assert (shown["status"], shown["error_code"]) == ("failed", "hook-unknown")
    assert "unknown" in shown["error"]
    assert "retry" in shown["error"]
    assert alpha.hear("hook.run") == []
    jobs.update(world.context, world.workflow, job["id"], {"status": "waiting"})
    [second] = alpha.hear("hook.run")
    assert (second["key"], second["run"] != first["run"]) == (first["key"], True)
    alpha.say(agents.hook_start, second["run"])
    _ended(alpha, second["run"])
    assert [run["state"] for run in hooks.runs(world.context, world.admin, job=job["id"])] == ["done", "unknown"]
    assert world.job(job)["status"] == "done"


def test_a_hook_declared_idempotent_is_run_again_by_itself_under_the_same_key(world: World) -> None:
    settings.put(world.context, world.admin, name="post-done-server-idempotent", value=True)
    job, alpha, _ = _landed(world)
    [first] = alpha.hear("hook.run")
    alpha.say(agents.hook_start, first["run"])
    alpha.restart()
    [second] = alpha.hear("hook.run")
    assert second["key"] == first["key"]
    alpha.say(agents.hook_start, second["run"])
    _ended(alpha, second["run"])
    assert world.job(job)["status"] == "done"


def test_a_hook_that_was_not_started_comes_again_after_a_restart(world: World) -> None:
    job, alpha, _ = _landed(world)
    alpha.restart()
    [event] = alpha.hear("hook.run")
    assert alpha.say(agents.hook_start, event["run"]) == {"proceed": True}
    _ended(alpha, event["run"])
    assert world.job(job)["status"] == "done"


def test_a_server_that_is_away_when_the_files_are_in_place_is_waited_for(world: World) -> None:
    world.share()
    settings.put(world.context, world.admin, name="post-done-server", value=HOOK)
    alpha, workstation = world.alpha(), world.workstation()
    job = world.send()
    transfer = world.met(workstation, alpha)
    agents.checkin(world.context, alpha.caller, alpha.id, closed=True)
    world.clock.pass_s(20)
    workstation.progress(transfer)
    world.tick()
    workstation.end(transfer)
    shown = world.job(job)
    assert shown["status_reason"] == "waiting for the server alpha to run the hook post-done-server (W#J061)"
    alpha.hello()
    [event] = alpha.hear("hook.run")
    alpha.say(agents.hook_start, event["run"])
    assert world.job(job)["status"] == "running"
    _ended(alpha, event["run"])
    assert world.job(job)["status"] == "done"


def test_the_end_of_a_hook_told_twice_counts_once(world: World) -> None:
    job, alpha, _ = _landed(world)
    [event] = alpha.hear("hook.run")
    alpha.say(agents.hook_start, event["run"])
    assert _ended(alpha, event["run"]) == {"state": "done"}
    assert _ended(alpha, event["run"], 1) == {"state": "done"}
    assert world.job(job)["status"] == "done"


@pytest.mark.parametrize(
    ("exit_code", "error", "words"),
    [(3, None, "exit code 3"), (None, "The hook ran longer than 300 s and was ended", "longer than 300 s")],
)
def test_a_hook_that_fails_says_why_and_mails_the_submitter(
    world: World, exit_code: int | None, error: str | None, words: str
) -> None:
    job, alpha, _ = _landed(world)
    [event] = alpha.hear("hook.run")
    alpha.say(agents.hook_start, event["run"])
    _ended(alpha, event["run"], exit_code, error=error, output="Traceback \x00 ...")
    assert words in world.job(job)["error"]
    assert "(E#J006)" in world.job(job)["error"]


def test_what_a_failing_hook_printed_is_for_the_studio_and_never_for_the_vendor(world: World) -> None:
    job, alpha, _ = _landed(world)
    [event] = alpha.hear("hook.run")
    alpha.say(agents.hook_start, event["run"])
    secret = {"message": "The hook `python3 /srv/studio/secret.py` ended with exit code 1", "code": "hook-failed"}
    _ended(alpha, event["run"], 1, error=secret, output="/srv/studio/show-42/unreleased.mov")
    assert "unreleased.mov" in world.job(job)["error"]
    [seen] = job_lists.find(world.context, world.jennifer, Find(id=job["id"]))
    assert seen["status"] == "failed"
    assert seen["error"] == seen["status_reason"]
    assert "(E#J006)" in seen["error"]
    assert "/srv/studio" not in json.dumps(seen)
    for spied in ("*unreleased*", "*srv*"):
        assert job_lists.find(world.context, world.jennifer, Find(query=f'error="{spied}"')) == []
    with world.context.reading() as work:
        mails = [row.data for row in work.connection.execute(select(outbox)) if row.key.startswith("failed:")]
    texts = {mail["to"]: mail["text"] for mail in mails}
    assert set(texts) == {"jennifer@gda.com", world.admin.code}
    assert "/srv/studio" not in texts["jennifer@gda.com"]
    assert "/srv/studio" in texts[world.admin.code]


def test_an_aborted_job_is_left_alone_by_its_hook(world: World) -> None:
    job, alpha, _ = _landed(world)
    [event] = alpha.hear("hook.run")
    jobs.update(world.context, world.jennifer, job["id"], {"status": "aborted"})
    assert alpha.say(agents.hook_start, event["run"]) == {"proceed": False}
    assert world.job(job)["status"] == "aborted"


def test_a_running_hook_cannot_be_paused(world: World) -> None:
    job, alpha, _ = _landed(world)
    alpha.say(agents.hook_start, alpha.hear("hook.run")[0]["run"])
    with pytest.raises(NotAllowedNowError, match="cannot be paused"):
        jobs.update(world.context, world.jennifer, job["id"], {"status": "paused"})


def test_a_hook_without_a_command_for_the_servers_platform_says_so(world: World) -> None:
    world.share()
    settings.put(world.context, world.admin, name="post-done-server", value={"windows": "C:\\hook.exe"})
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    alpha.end(world.met(workstation, alpha))
    assert (world.job(job)["error_code"], "no command for linux" in world.job(job)["error"]) == ("hook-missing", True)
    settings.put(world.context, world.admin, name="post-done-server", value={"linux": HOOK})
    jobs.update(world.context, world.jennifer, job["id"], {"status": "waiting"})
    assert len(alpha.hear("hook.run")) == 1


def test_the_hook_for_failed_jobs_runs_and_decides_nothing(world: World) -> None:
    world.share()
    settings.put(world.context, world.admin, name="post-failed-server", value=HOOK)
    alpha, workstation = world.alpha(), world.workstation()
    job = world.publish()
    alpha.end(world.met(workstation, alpha), "failed", error={"code": "disk-full", "message": "Full."})
    [event] = alpha.hear("hook.run")
    assert (event["hook"], event["data"]["status"], event["data"]["error"]) == ("post-failed-server", "failed", "Full.")
    assert alpha.say(agents.hook_start, event["run"]) == {"proceed": True}
    _ended(alpha, event["run"], 1)
    assert world.job(job)["error"] == "Full."


def test_the_server_fills_in_where_its_volumes_really_lie(world: World) -> None:
    _, alpha, _ = _landed(world)
    [event] = alpha.hear("hook.run")
    side = event["data"]["tasks"]["0"]["destination"]
    assert (side["root"], side["rel"].rpartition("/")[2]) == ({"volume": "production"}, "cleaned_set.dat")


def test_a_hook_no_engine_knows_is_refused(world: World) -> None:
    with pytest.raises(BadValueError, match="no hook"):
        settings.put(world.context, world.admin, name="hook-job-post-doen-server", value=HOOK)


def test_vendors_do_not_see_the_commands_of_hooks(world: World) -> None:
    settings.put(world.context, world.admin, name="post-done-server", value=HOOK)
    assert settings.get(world.context, world.jennifer, name="post-done-server") is None
    with pytest.raises(ForbiddenError):
        hooks.runs(world.context, world.jennifer)


def test_an_admin_tries_a_hook_out(world: World) -> None:
    settings.put(world.context, world.admin, name="post-done-server", value=HOOK)
    alpha = world.alpha()
    rung = threading.Event()

    def answer() -> None:
        assert rung.wait(10)
        [event] = alpha.hear("hook.run")
        assert event["data"]["user_hr"] == "andrea@geoscan.org"
        alpha.say(agents.hook_start, event["run"])
        _ended(alpha, event["run"], output="hello")

    thread = threading.Thread(target=answer)
    thread.start()
    with world.context.bell.listen(alpha.id, rung.set):
        run = hooks.test(world.context, world.admin, "hook-job-post-done-server")
    thread.join()
    assert (run["state"], run["output"], run["job"]) == ("done", "hello", None)
