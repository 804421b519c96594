"""File operations: judged here, done by the server's agent, answered in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest

from accsyn_engine.services.context import Caller
from accsyn_engine.services.errors import (
    AgentRefusedError,
    BadValueError,
    NobodyAnswersError,
    NotFoundError,
    PathRefusedError,
)
from accsyn_engine.services.moving import agents, files
from accsyn_engine.services.people import users
from accsyn_plugins.errors import AccsynError
from tests.engine.services.world import DATASET, VENDOR_FOLDER, Agent, World

Answer = Callable[[dict[str, Any]], dict[str, Any]]


@contextmanager
def answering(world: World, answer: Answer) -> Any:
    """The studio's server, answering each question; gives what it was asked."""
    alpha = world.alpha()
    alpha.hear()
    asked: list[dict[str, Any]] = []
    rung, over = threading.Event(), threading.Event()

    def work() -> None:
        while not over.is_set():
            rung.wait(0.2)
            rung.clear()
            for event in alpha.hear("request"):
                if event["operation"] == "mkdir" and event["data"]["path"].startswith("accsyn/"):
                    continue
                asked.append(event)
                agents.answer(world.context, alpha.caller, event["request"], answer(event))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with world.context.bell.listen(alpha.id, rung.set):
            yield asked
    finally:
        over.set()
        rung.set()
        thread.join()


def _entries(*names: str) -> Answer:
    return lambda _event: {"answer": [{"filename": name, "type": 0, "size": 0, "modified": None} for name in names]}


def _names(listed: Any) -> list[str]:
    return [entry["filename"] for entry in listed]


@pytest.mark.statement(15)
def test_a_share_without_a_grant_cannot_be_listed(world: World) -> None:
    share = world.share()
    other = Caller("0" * 24, "other@gda.com", "standard")
    for code in (share["code"], "no-such-share"):
        with pytest.raises(NotFoundError, match=f'no share "{code}"'):
            files.operate(world.context, other, "ls", {"path": f"share={code}"})


@pytest.mark.statement(19)
def test_a_vendor_lists_what_is_granted_and_only_the_way_down_to_it(world: World) -> None:
    world.share()
    with answering(world, _entries(DATASET, "TO_VENDORS", "FROM_VENDORS", "SECRET")):
        above = files.operate(world.context, world.jennifer, "ls", {"path": "share=proj002-outsourcing"})
        inside = files.operate(world.context, world.jennifer, "ls", {"path": f"share=proj002-outsourcing/{DATASET}"})
    assert _names(above) == [DATASET, "TO_VENDORS", "FROM_VENDORS"]
    assert "SECRET" in _names(inside)


@pytest.mark.statement(19)
def test_a_vendor_writes_only_below_her_folder(world: World) -> None:
    world.share()
    with answering(world, lambda _event: {"answer": True}) as asked:
        made = files.operate(
            world.context, world.jennifer, "mkdir", {"path": f"share=proj002-outsourcing/{VENDOR_FOLDER}/output"}
        )
        with pytest.raises(PathRefusedError, match="write"):
            files.operate(world.context, world.jennifer, "mkdir", {"path": f"share=proj002-outsourcing/{DATASET}/x"})
        with pytest.raises(PathRefusedError):
            files.operate(
                world.context, world.jennifer, "ls", {"path": "share=proj002-outsourcing/FROM_VENDORS/other@gda.com"}
            )
    assert made is True
    assert [event["data"]["path"] for event in asked] == [f"proj002/{VENDOR_FOLDER}/output"]


def test_nested_entries_are_filtered_as_well(world: World) -> None:
    world.share()
    tree = [
        {
            "filename": "FROM_VENDORS",
            "type": 0,
            "files": [{"filename": name, "type": 0} for name in ("jennifer@gda.com", "o")],
        }
    ]
    with answering(world, lambda _event: {"answer": tree}):
        listed = files.operate(
            world.context, world.jennifer, "ls", {"path": "share=proj002-outsourcing", "recursive": True}
        )
    assert _names(listed[0]["files"]) == ["jennifer@gda.com"]


def test_a_list_of_paths_gets_a_list_and_one_refused_path_refuses_all(world: World) -> None:
    world.share()
    paths = [f"share=proj002-outsourcing/{name}" for name in (DATASET, "TO_VENDORS")]
    with answering(world, lambda _event: {"answer": 7}) as asked:
        sizes = files.operate(world.context, world.jennifer, "getsize", {"path": paths})
        with pytest.raises(PathRefusedError):
            files.operate(
                world.context, world.jennifer, "getsize", {"path": [*paths, "share=proj002-outsourcing/SECRET"]}
            )
    assert sizes == [{"path": path, "result": 7} for path in paths]
    assert len(asked) == 2


def test_what_may_not_be_seen_does_not_exist(world: World) -> None:
    world.share()
    assert files.operate(world.context, world.jennifer, "exists", {"path": "share=proj002-outsourcing/SECRET"}) is False
    with answering(world, lambda _event: {"error": {"code": "not-found", "message": "not there"}}):
        assert not files.operate(
            world.context, world.jennifer, "exists", {"path": f"share=proj002-outsourcing/{DATASET}/x"}
        )


@pytest.mark.parametrize(
    ("operation", "to", "asked_for"),
    [
        ("rename", "b.dat", f"proj002/{VENDOR_FOLDER}/b.dat"),
        ("rename", f"share=proj002-outsourcing/{VENDOR_FOLDER}/b.dat", f"proj002/{VENDOR_FOLDER}/b.dat"),
        ("move", f"share=proj002-outsourcing/{VENDOR_FOLDER}/old/a.dat", f"proj002/{VENDOR_FOLDER}/old/a.dat"),
    ],
)
def test_files_are_renamed_and_moved_within_the_grant(world: World, operation: str, to: str, asked_for: str) -> None:
    world.share()
    data = {"path": f"share=proj002-outsourcing/{VENDOR_FOLDER}/a.dat", "path_to": to}
    with answering(world, lambda _event: {"answer": True}) as asked:
        assert files.operate(world.context, world.jennifer, operation, data) is True
    assert asked[0]["data"]["to"] == asked_for


@pytest.mark.parametrize(
    ("operation", "to", "error"),
    [
        ("move", f"share=proj002-outsourcing/{DATASET}/a.dat", PathRefusedError),
        ("rename", f"share=proj002-outsourcing/{VENDOR_FOLDER}/x/a.dat", BadValueError),
        ("move", None, BadValueError),
    ],
)
def test_files_do_not_leave_the_grant(world: World, operation: str, to: str | None, error: type[Exception]) -> None:
    world.share()
    data = {"path": f"share=proj002-outsourcing/{VENDOR_FOLDER}/a.dat", "path_to": to}
    with pytest.raises(error):
        files.operate(world.context, world.jennifer, operation, data)


def test_a_volume_of_which_nothing_is_granted_is_none(world: World) -> None:
    nobody = users.create(world.context, world.admin, {"code": "new@gda.com", "create_home_share": False})
    caller = Caller(nobody["id"], nobody["code"], "standard")
    sentences = []
    for path in ("volume=production/a", "volume=archive/a", "geoscan:/mnt/production/a", "geoscan:/mnt/archive/a"):
        with pytest.raises(AccsynError) as refused:
            files.operate(world.context, caller, "ls", {"path": path})
        sentences.append(refused.value.message.replace("archive", "production"))
    assert (sentences[0], sentences[2]) == (sentences[1], sentences[3])


def test_a_granted_folder_stays_and_what_lies_in_it_may_go(world: World) -> None:
    world.share()
    folder = f"share=proj002-outsourcing/{VENDOR_FOLDER}"
    for operation, data in (("delete", {"path": folder, "force": True}), ("move", {"path": folder, "path_to": "x"})):
        with pytest.raises(PathRefusedError, match="no delete or move access"):
            files.operate(world.context, world.jennifer, operation, data)
    with answering(world, lambda _event: {"answer": True}):
        assert files.operate(world.context, world.jennifer, "delete", {"path": f"{folder}/old.dat"}) is True


def test_a_path_of_a_list_that_the_server_refuses_says_so_in_its_own_entry(world: World) -> None:
    def answer(event: dict[str, Any]) -> dict[str, Any]:
        if event["data"]["path"] == "gone":
            return {"error": {"code": "not-found", "message": "gone does not exist."}}
        return {"answer": []}

    with answering(world, answer):
        listed = files.operate(world.context, world.admin, "ls", {"path": ["gone", "there"]})
    assert listed == [
        {"path": "gone", "result": None, "message": "gone does not exist."},
        {"path": "there", "result": []},
    ]


def test_a_home_is_listed_itself_and_not_the_folder_of_the_day(world: World) -> None:
    assert world.jennifer.code
    with answering(world, _entries("a")) as asked:
        files.operate(world.context, world.jennifer, "ls", {"path": "~"})
    assert asked[0]["data"]["path"] == "accsyn/jennifer@gda.com"


def test_a_name_with_a_counter_means_the_frames_only_for_who_reads_their_folder(world: World) -> None:
    share = world.share()
    world.grant(share["id"], "shots/shot_##", write=False)
    with answering(world, _entries()) as asked:
        files.operate(world.context, world.jennifer, "ls", {"path": f"share=proj002-outsourcing/{DATASET}/a.%04d.exr"})
        files.operate(world.context, world.jennifer, "ls", {"path": "share=proj002-outsourcing/shots/shot_##"})
    assert [event["data"].get("sequence") for event in asked] == [True, None]


def test_a_whole_volume_cannot_be_deleted(world: World) -> None:
    with pytest.raises(BadValueError, match="whole volume"):
        files.operate(world.context, world.admin, "delete", {"path": "share=(default)", "force": True})


def test_a_path_of_a_persons_machine_is_no_path_of_the_workspace(world: World) -> None:
    with pytest.raises(Exception, match="person's machine"):
        files.operate(world.context, world.admin, "ls", {"path": "jennifer@gda.com:/home"})


def test_an_unknown_operation_is_refused(world: World) -> None:
    with pytest.raises(BadValueError, match="chmod"):
        files.operate(world.context, world.admin, "chmod", {"path": "x"})


def test_the_agents_refusal_is_passed_on_in_its_words(world: World) -> None:
    with (
        answering(world, lambda _event: {"error": {"code": "not-empty", "message": "x is not empty."}}),
        pytest.raises(AgentRefusedError, match="x is not empty"),
    ):
        files.operate(world.context, world.admin, "delete", {"path": "x"})


def test_a_server_that_is_away_is_told_of_at_once(world: World) -> None:
    with pytest.raises(NobodyAnswersError, match="offline"):
        files.operate(world.context, world.admin, "ls", {"path": "x"})


def test_a_server_that_does_not_answer_is_given_up_at_the_deadline(world: World) -> None:
    alpha: Agent = world.alpha()
    late: list[dict[str, Any]] = []

    def pass_time() -> None:
        late.extend(alpha.hear("request"))
        world.clock.pass_s(31)

    with (
        world.context.bell.listen(alpha.id, lambda: threading.Thread(target=pass_time).start()),
        pytest.raises(NobodyAnswersError, match="no answer in 30 s"),
    ):
        files.operate(world.context, world.admin, "ls", {"path": "x"})
    world.tick()
    assert agents.answer(world.context, alpha.caller, late[0]["request"], {"answer": []}) == {"state": "over"}


def test_a_vendors_home_is_made_on_the_server(world: World) -> None:
    alpha = world.alpha()
    assert world.jennifer.code
    [event] = alpha.hear("request")
    assert (event["operation"], event["data"]["path"]) == ("mkdir", "accsyn/jennifer@gda.com")
    alpha.restart()
    assert [again["request"] for again in alpha.hear("request")] == [event["request"]]
