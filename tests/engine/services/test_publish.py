"""Pre-publish: the hook judges, and its answer alone says where files go."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from accsyn_engine.services import settings
from accsyn_engine.services.errors import AgentRefusedError, BadValueError, NotAllowedNowError, PathRefusedError
from accsyn_engine.services.moving import agents
from accsyn_engine.services.scripts import publish
from accsyn_engine.services.work import jobs
from tests.engine.services.world import DATASET, World

FILES = [{"id": "f1", "filename": "shot.exr", "size": 10, "is_dir": False}]
ACCEPTED = {"id": "f1", "can_publish": True, "ident": "shot 10", "path": f"/mnt/production/proj002/{DATASET}/shot.exr"}


def _ask(world: World, ended: dict[str, Any], files: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    settings.put(world.context, world.admin, name="pre-publish-server", value="x")
    alpha, jennifer = world.alpha(), world.jennifer
    alpha.hear()
    rung = threading.Event()
    seen: list[dict[str, Any]] = []

    def answer() -> None:
        assert rung.wait(10)
        [event] = alpha.hear("hook.run")
        seen.append(event)
        alpha.say(agents.hook_start, event["run"])
        alpha.say(
            agents.hook_end, event["run"], **({"exit_code": 0, "output": "", "error": None, "answer": None} | ended)
        )

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with world.context.bell.listen(alpha.id, rung.set):
            answered = publish.preprocess(world.context, jennifer, {"files": files or FILES, "size": 10})
    finally:
        thread.join()
    assert (seen[0]["answer"], seen[0]["data"]["user_hr"]) == (True, "jennifer@gda.com")
    assert seen[0]["timeout_s"] == 30
    return answered


def test_the_hooks_answer_reaches_the_publisher(world: World) -> None:
    answer = {"comment": True, "files": [ACCEPTED]}
    assert _ask(world, {"answer": answer}) == answer


def test_an_accepted_file_goes_where_the_hook_said_without_a_grant(world: World) -> None:
    world.share()
    _ask(world, {"answer": {"files": [ACCEPTED]}})
    world.workstation()
    task = {"id": "f1", "source": "/work/shot.exr"}
    hooks = [{"when": "hook-job-publish-server", "data": {"files": [FILES[0] | {"comment": "first"}]}}]
    made = jobs.create(world.context, world.jennifer, {"tasks": [task], "hooks": hooks})
    assert world.tasks(made)[0]["destination"]["path_abs"] == f"/mnt/production/proj002/{DATASET}/shot.exr"
    with pytest.raises(BadValueError, match='"destination"'):
        jobs.create(world.context, world.jennifer, {"tasks": [task | {"id": "f2"}], "hooks": hooks})


def test_a_publisher_cannot_choose_the_destination(world: World) -> None:
    world.share()
    world.workstation()
    task = {"id": "f1", "source": "/work/shot.exr", "destination": f"share=proj002-outsourcing/{DATASET}/shot.exr"}
    hooks = [{"when": "publish-server", "data": {"files": [ACCEPTED]}}]
    with pytest.raises(PathRefusedError):
        jobs.create(world.context, world.jennifer, {"tasks": [task], "hooks": hooks})


def test_the_publish_hook_runs_before_the_done_hook_and_reads_every_field(world: World) -> None:
    world.share()
    _ask(world, {"answer": {"files": [ACCEPTED]}})
    for name in ("publish-server", "post-done-server"):
        settings.put(world.context, world.admin, name=name, value=f"run {name}")
    alpha, workstation = world.alpha(), world.workstation()
    hooks = [{"when": "hook-job-publish-server", "data": {"files": [FILES[0] | {"comment": "first"}]}}]
    made = jobs.create(
        world.context, world.jennifer, {"tasks": [{"id": "f1", "source": "/w/shot.exr"}], "hooks": hooks}
    )
    alpha.end(world.met(workstation, alpha))
    ran = []
    for _ in range(2):
        [event] = alpha.hear("hook.run")
        ran.append(event["hook"])
        if event["hook"] == "publish-server":
            [file] = event["data"]["files"]
            assert (file["comment"], file["path"], file["time_report"]) == ("first", ACCEPTED["path"], 0)
            assert (file["v_hr"], len(file["v"]), file["can_publish"]) == ("production", 24, True)
        alpha.say(agents.hook_start, event["run"])
        alpha.say(agents.hook_end, event["run"], exit_code=0, output="", error=None, answer=None)
    assert (ran, world.job(made)["status"]) == (["publish-server", "post-done-server"], "done")


@pytest.mark.parametrize("answer", [None, {}, {"files": []}, {"files": [ACCEPTED, ACCEPTED]}, {"files": "x"}, []])
def test_an_answer_that_misses_something_uploads_nothing(world: World, answer: Any) -> None:
    with pytest.raises(NotAllowedNowError, match="E#J006"):
        _ask(world, {"answer": answer})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"comment": "yes"}, '"comment" must be true or false'),
        ({"guidelines": 1}, '"guidelines" must be text'),
        ({"tasks": "shot"}, '"tasks" must be a list of names'),
        ({"statuses": [{"label": "Done"}]}, '"statuses" must be a list of objects with "label" and "value"'),
        ({"statuses": [{"label": "a", "value": "a", "default": True}] * 2}, "Only one"),
    ],
)
def test_a_wrong_field_of_the_answer_is_named(world: World, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(NotAllowedNowError) as caught:
        _ask(world, {"answer": {"files": [ACCEPTED]} | wrong})
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"can_publish": "yes"}, '"can_publish" of the file f1 must be true or false'),
        ({"can_publish": False}, "Exactly one of"),
        ({"rejected": True}, "Exactly one of"),
        ({"warning": 5}, '"warning" of the file f1 must be text'),
        ({"path": None}, '"path" of the file f1 is missing'),
        ({"path": "/etc/passwd"}, "is no place below a volume"),
        ({"path": "share=nowhere/x"}, "is no place below a volume"),
        ({"id": "f2"}, "that nobody asked about: f2"),
        ({"id": None}, 'has no "id"'),
    ],
)
def test_a_wrong_field_of_a_file_is_named(world: World, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(NotAllowedNowError) as caught:
        _ask(world, {"answer": {"files": [ACCEPTED | wrong]}})
    assert words in caught.value.message


def test_a_refused_file_needs_no_path_and_an_accepted_one_may_be_written_in_accsyns_words(world: World) -> None:
    world.share()
    files = [FILES[0], FILES[0] | {"id": "f2"}]
    told = [{"id": "f1", "rejected": True}, {"id": "f2", "can_upload": True, "path": "share=proj002-outsourcing/in/x"}]
    answer = {"files": told, "statuses": [{"label": "Review", "value": "rev", "default": True}], "tasks": ["010"]}
    assert _ask(world, {"answer": answer}, files) == answer


def test_a_failing_hook_is_the_publishers_error(world: World) -> None:
    with pytest.raises(AgentRefusedError, match="pre-publish-server failed; its administrators see why") as caught:
        _ask(world, {"exit_code": 2, "output": "/srv/studio/secret"})
    assert "/srv" not in caught.value.message


@pytest.mark.parametrize("files", [[], [{"filename": "x"}], [{"id": "a"}, {"id": "a"}], ["x"]])
def test_files_without_an_id_of_their_own_are_refused(world: World, files: Any) -> None:
    with pytest.raises(BadValueError, match="id"):
        publish.preprocess(world.context, world.jennifer, {"files": files})


def test_without_a_hook_or_a_server_there_is_a_sentence(world: World) -> None:
    with pytest.raises(NotAllowedNowError, match="No pre-publish hook"):
        publish.preprocess(world.context, world.jennifer, {"files": FILES})
    settings.put(world.context, world.admin, name="pre-publish-server", value="x")
    with pytest.raises(NotAllowedNowError, match="offline"):
        publish.preprocess(world.context, world.jennifer, {"files": FILES})
