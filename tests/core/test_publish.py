"""Publish back: every refusal before a byte moves, one job under the vendor's key, followed to its end."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Dict, List

import pytest

from accsyn_plugins.actions import publish
from accsyn_plugins.actions.collect import DocumentMissingError, OutsideVolumeError
from accsyn_plugins.actions.plan import Context, JobFailedError, Plan, PlanRefusedError
from accsyn_plugins.hookspecs import hookimpl
from accsyn_plugins.model import Destination, Verdict
from tests.core.certificates import Certificates
from tests.core.tiny_engine import Refusal, TinyEngine
from tests.core.world import VENDOR, Heard, JumpingClock, SceneReader, make_context, make_manager

MINE = f"FROM_VENDORS/{VENDOR}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Jennifer's copy of her own folder, with the three files of the tutorial."""
    folder = tmp_path / "work" / "proj002" / MINE
    (folder / "output").mkdir(parents=True)
    (folder / "cleaned_set.dat").write_bytes(b"c" * 10)
    (folder / "output/exported.dat").write_bytes(b"e" * 20)
    write_scene(folder, "cleaned_set.dat", "output/exported.dat")
    return folder


def write_scene(folder: Path, *names: str) -> Path:
    path = folder / "a.scene"
    path.write_text("\n".join(names), encoding="utf-8")
    return path


@pytest.fixture
def share(engine: TinyEngine) -> Dict[str, Any]:
    """What the studio has set up for her."""
    user = engine.add("user", code=VENDOR, role="standard")
    share = engine.add("share", code="proj002-outsourcing", path="proj002")
    for path, write in (("DATASET_001_1203", False), ("TO_VENDORS", False), (MINE, True)):
        engine.add("acl", entity=f"user:{user['id']}", target=f"share:{share['id']}", path=path, read=True, write=write)
    return share


def her(engine: TinyEngine, certificates: Certificates, folder: Path, *plugins: object, **values: str) -> Context:
    mapped = {"volumes.production": str(folder.parents[2])}
    reader = [] if any(isinstance(plugin, SceneReader) for plugin in plugins) else [SceneReader()]
    return make_context(engine, certificates, *reader, *plugins, user=VENDOR, **{**mapped, **values})


@pytest.fixture
def context(engine: TinyEngine, certificates: Certificates, folder: Path, share: Dict[str, Any]) -> Context:
    return her(engine, certificates, folder)


def plan_it(context: Context, folder: Path, **options: str) -> Plan:
    return publish.plan(context, str(folder / "a.scene"), **options)


def finishing(context: Context, engine: TinyEngine, **end: Any) -> Context:
    facts = {"status": "done", **end}
    return dataclasses.replace(context, clock=JumpingClock(lambda: engine.rows["job"][-1].update(facts)))


def test_a_plan_names_files_and_places_and_changes_nothing(context: Context, engine: TinyEngine, folder: Path) -> None:
    plan = plan_it(context, folder, comment="Cleaned", status="pending review")
    place = f"geoscan:share=proj002-outsourcing/{MINE}"
    assert [(t.source, t.destination) for t in plan.transfers] == [
        (str(folder / name), f"{place}/{name}") for name in ("a.scene", "cleaned_set.dat", "output/exported.dat")
    ]
    assert (plan.refusals, plan.recipient, plan.size) == ((), "geoscan", 10 + 20 + 35)
    assert engine.writes() == ["workspace/publish/preprocess"]
    assert engine.count("job") == 0


def test_carried_out_one_job_under_her_key_is_followed_to_its_end(
    context: Context, engine: TinyEngine, folder: Path
) -> None:
    plan = plan_it(context, folder, comment="Cleaned", status="in progress")
    outcome = publish.execute(plan, finishing(context, engine), Heard())
    assert outcome.job.status == "done"
    job = engine.rows["job"][0]
    link = job["metadata"]["external"]["accsyn_plugins"]
    wanted = ("publish", "DATASET_001_1203", "proj002", "Cleaned", "in progress", plan.job.key)
    names = ("action", "task", "project", "comment", "status", "key")
    assert tuple(link[name] for name in names) == wanted
    assert sorted(job["tasks"]) == ["0", "1", "2"]
    assert "hooks" not in job
    assert {call["ident"] for call in engine.calls} == {VENDOR}


def test_published_twice_one_job_is_made_and_its_end_told_again(
    context: Context, engine: TinyEngine, folder: Path
) -> None:
    publish.execute(plan_it(context, folder, comment="c"), finishing(context, engine), Heard())
    again = plan_it(context, folder, comment="c")
    assert again.job.state == "exists"
    assert publish.execute(again, context, Heard()).made == ()
    assert engine.count("job") == 1


@pytest.mark.parametrize("what", ["comment", "file"])
def test_another_comment_or_another_content_is_another_publish(
    context: Context, engine: TinyEngine, folder: Path, what: str
) -> None:
    publish.execute(plan_it(context, folder, comment="c"), finishing(context, engine), Heard())
    if what == "file":
        (folder / "cleaned_set.dat").write_bytes(b"better")
    assert plan_it(context, folder, comment="d" if what == "comment" else "c").job.state == "create"


def test_a_publish_that_failed_is_tried_again_with_the_same_job(
    context: Context, engine: TinyEngine, folder: Path
) -> None:
    failing = finishing(context, engine, status="failed", error="The hook said no.")
    with pytest.raises(JobFailedError, match=r"is failed: The hook said no\."):
        publish.execute(plan_it(context, folder), failing, Heard())
    outcome = publish.execute(plan_it(context, folder), finishing(context, engine, error=None), Heard())
    assert (outcome.job.status, engine.count("job")) == ("done", 1)


def test_folders_patterns_and_repeats_become_files_once(context: Context, folder: Path) -> None:
    for frame in (1, 2, 10):
        (folder / f"output/f.{frame:04d}.exr").write_bytes(b"f")
    write_scene(folder, "output", "output/f.####.exr", "output/f.%04d.exr", "output/f.1-2#.exr")
    plan = plan_it(context, folder)
    names = [Path(entry.path).name for entry in plan.files]
    assert sorted(names) == ["a.scene", "exported.dat", "f.0001.exr", "f.0002.exr", "f.0010.exr"]
    assert [(s.name.split("/")[-1], s.files) for s in plan.sequences if s.files > 1] == [("f.1-2,10#.exr", 3)]


def test_the_download_folder_stands_for_the_volume_without_a_mapping(
    engine: TinyEngine, certificates: Certificates, folder: Path, share: Any
) -> None:
    given = her(engine, certificates, folder, **{"volumes.production": "", "download": str(folder.parents[2])})
    found = her(engine, certificates, folder, **{"volumes.production": ""})
    assert plan_it(given, folder).transfers == plan_it(found, folder).transfers


def test_an_employee_is_not_bound_by_acls(
    engine: TinyEngine, certificates: Certificates, folder: Path, share: Any
) -> None:
    context = her(engine, certificates, folder)
    engine.rows["user"][-1]["role"] = "employee"
    engine.rows["acl"].clear()
    assert plan_it(context, folder).refusals == ()


def test_what_was_only_read_stays_where_it_is(
    engine: TinyEngine, certificates: Certificates, folder: Path, share: Any
) -> None:
    context = her(engine, certificates, folder, SceneReader(inputs=("/work/in.dat",), version="v007"))
    plan = plan_it(context, folder)
    assert (plan.inputs, plan.version) == (("/work/in.dat",), "v007")
    assert len(plan.files) == 3


# --- refused ----------------------------------------------------------------------------------------------------------


def spoil(folder: Path, kind: str) -> str:
    """Do one thing wrong; the answer is the path that must be named."""
    if kind == "not granted":
        other = folder.parents[1] / "DATASET_001_1203"
        other.mkdir()
        (other / "own.dat").write_bytes(b"x")
        write_scene(folder, "../../DATASET_001_1203/own.dat")
        return "proj002/DATASET_001_1203/own.dat"
    if kind == "another vendor's":
        other = folder.parent / "omar@gda.com"
        other.mkdir()
        (other / "his.dat").write_bytes(b"x")
        write_scene(folder, "../omar@gda.com/his.dat")
        return "proj002/FROM_VENDORS/omar@gda.com/his.dat"
    if kind == "outside the share":
        (folder.parents[2] / "own.dat").write_bytes(b"x")
        write_scene(folder, "../../../own.dat")
        return "own.dat"
    if kind == "outside the volume":
        (folder.parents[3] / "own.dat").write_bytes(b"x")
        write_scene(folder, "../../../../own.dat")
        return str(folder.parents[3] / "own.dat")
    if kind == "missing":
        write_scene(folder, "output/f.####.exr")
        return str(folder / "output/f.####.exr")
    if kind == "empty":
        (folder / "cleaned_set.dat").write_bytes(b"")
        return str(folder / "cleaned_set.dat")
    (folder / "link.dat").symlink_to("/etc/hostname")
    write_scene(folder, "link.dat")
    return str(folder / "link.dat")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("not granted", "not-granted"),
        ("another vendor's", "not-granted"),
        ("outside the share", "outside-share"),
        ("outside the volume", "outside"),
        ("missing", "missing"),
        ("empty", "empty"),
        ("link", "link"),
    ],
)
def test_an_item_that_may_not_go_stops_all_and_is_named(
    context: Context, engine: TinyEngine, folder: Path, kind: str, code: str
) -> None:
    path = spoil(folder, kind)
    plan = plan_it(context, folder)
    assert [(verdict.path, verdict.code) for verdict in plan.refusals] == [(path, code)]
    with pytest.raises(PlanRefusedError) as caught:
        publish.execute(plan, context, Heard())
    assert caught.value.message.startswith(f"{path}: ")
    assert caught.value.message.endswith("Nothing was sent.")
    assert engine.writes() == []


def test_the_refusal_says_where_she_may_write(context: Context, folder: Path) -> None:
    spoil(folder, "not granted")
    assert f"you may write to {MINE} of proj002-outsourcing" in plan_it(context, folder).refusals[0].sentence


def test_an_acl_that_is_disabled_gives_nothing(context: Context, engine: TinyEngine, folder: Path) -> None:
    engine.rows["acl"][2]["status"] = "disabled"
    plan = plan_it(context, folder)
    assert len(plan.refusals) == 3
    assert "no folder at all" in plan.refusals[0].sentence


def test_a_file_that_is_still_being_written_is_refused(context: Context, folder: Path) -> None:
    """Fresh files are looked at twice with a pause; this one grows in the pause."""
    path = folder / "cleaned_set.dat"
    clock = JumpingClock(lambda: path.write_bytes(b"c" * 11))
    clock.at = path.stat().st_mtime + 0.1
    plan = plan_it(dataclasses.replace(context, clock=clock), folder)
    assert [(verdict.path, verdict.code) for verdict in plan.refusals] == [(str(path), "changing")]


def test_a_fresh_file_that_rests_is_fine(context: Context, folder: Path) -> None:
    clock = JumpingClock()
    clock.at = (folder / "a.scene").stat().st_mtime + 0.1
    assert plan_it(dataclasses.replace(context, clock=clock), folder).refusals == ()


@pytest.mark.parametrize(
    ("facts", "error", "sentence"),
    [
        ({"task": ""}, publish.TaskUnnamedError, "does not say which task of which project"),
        ({"project": ""}, publish.TaskUnnamedError, "write it there or give --task"),
        ({"project": "proj9"}, publish.ShareUnreachableError, "has no access to the share proj9-outsourcing; ask the"),
    ],
)
def test_a_document_without_a_usable_task_gets_a_sentence(
    context: Context, folder: Path, facts: Any, error: Any, sentence: str
) -> None:
    context = dataclasses.replace(context, manager=make_manager(SceneReader(**facts)))
    with pytest.raises(error) as caught:
        plan_it(context, folder)
    assert sentence in caught.value.message


def test_a_task_given_by_hand_goes_before_the_documents(context: Context, folder: Path) -> None:
    assert plan_it(context, folder, task="DS_2").task.id == "DS_2"


def test_documents_that_are_none_get_a_sentence(context: Context, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DocumentMissingError, match=r"none\.scene does not exist; save it"):
        publish.plan(context, str(folder / "none.scene"))
    with pytest.raises(publish.DocumentUnknownError, match=r"No application adapter reads .*cleaned_set\.dat"):
        publish.plan(context, str(folder / "cleaned_set.dat"))
    elsewhere = write_scene(tmp_path, "")
    with pytest.raises(OutsideVolumeError, match="lies in no folder that stands for a volume"):
        publish.plan(context, str(elsewhere))


def test_a_document_that_publishes_nothing_is_refused(
    engine: TinyEngine, certificates: Certificates, folder: Path, share: Any
) -> None:
    class Nothing(SceneReader):
        @hookimpl(tryfirst=True)
        def collect_scene(self, document: str) -> Any:
            scene = super().collect_scene(document)
            return dataclasses.replace(scene, dependencies=()) if scene else None

    with pytest.raises(publish.NothingToPublishError, match="depends on no files"):
        plan_it(her(engine, certificates, folder, Nothing()), folder)


def test_plugins_may_refuse_items_and_choose_the_place(
    engine: TinyEngine, certificates: Certificates, folder: Path, share: Any
) -> None:
    class Rules:
        @hookimpl
        def validate_publish(self) -> List[Verdict]:
            return [Verdict("a.scene", False, "Name it after the task.", "name")]

        @hookimpl
        def choose_publish_destination(self) -> Destination:
            return Destination("geoscan", "share=proj002-outsourcing")

    plan = plan_it(her(engine, certificates, folder, Rules()), folder)
    assert [verdict.sentence for verdict in plan.refusals] == ["Name it after the task."]


# --- pre-publish ------------------------------------------------------------------------------------------------------


def answering(engine: TinyEngine, **entries: Any) -> None:
    """The studio's hook: what it says about each file name."""

    def prepublish(data: Any) -> Any:
        files = [
            {"id": e["id"], **entries.get(e["filename"].split(".")[0], {"can_publish": True})} for e in data["files"]
        ]
        return {"files": [entry for entry in files if not entry.get("silent")]}

    engine.prepublish = prepublish


def test_the_studios_check_may_move_a_file_and_rides_with_the_job(
    context: Context, engine: TinyEngine, folder: Path
) -> None:
    answering(engine, exported={"can_upload": True, "path": "volume=production/in/x.dat", "info": "Renamed."})
    plan = plan_it(context, folder, comment="c")
    assert plan.transfers[2].destination == "volume=production/in/x.dat"
    assert [verdict.sentence for verdict in plan.warnings] == ["Renamed."]
    publish.execute(plan, finishing(context, engine), Heard())
    job = engine.rows["job"][0]
    hook = job["hooks"][0]
    assert hook["when"] == "hook-job-publish-server"
    assert [entry["id"] for entry in hook["data"]["files"]] == [job["tasks"][n]["id"] for n in "012"]


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"rejected": True, "warning": "Wrong colour space."}, "Wrong colour space."),
        ({"rejected": True}, "The studio's pre-publish check refuses it."),
        ({"can_publish": False}, "The studio's pre-publish check refuses it."),
        ({"silent": True}, "The studio's pre-publish check did not answer for it."),
    ],
)
def test_a_file_that_the_studios_check_refuses_stops_the_publish(
    context: Context, engine: TinyEngine, folder: Path, entry: Any, sentence: str
) -> None:
    answering(engine, exported=entry)
    refusals = plan_it(context, folder).refusals
    assert [(v.path, v.sentence) for v in refusals] == [(f"proj002/{MINE}/output/exported.dat", sentence)]


@pytest.mark.parametrize("words", ["No pre-publish hook is configured in this workspace; an admin sets one.", None])
def test_a_studio_without_such_a_check_is_fine(context: Context, engine: TinyEngine, folder: Path, words: Any) -> None:
    def prepublish(data: Any) -> Any:
        if words:
            raise Refusal(words)

    engine.prepublish = prepublish
    assert plan_it(context, folder).refusals == ()


def test_a_check_that_cannot_be_asked_stops_the_publish(context: Context, engine: TinyEngine, folder: Path) -> None:
    def prepublish(data: Any) -> Any:
        raise Refusal("The server is offline.")

    engine.prepublish = prepublish
    with pytest.raises(Exception, match=r"The server is offline\."):
        plan_it(context, folder)
