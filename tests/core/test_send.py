"""Send to vendor: planned without a change, carried out once, refused with a sentence."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, List

import pytest

from accsyn_plugins.actions import send
from accsyn_plugins.actions.follow import follow
from accsyn_plugins.actions.plan import Context, JobFailedError, PlanRefusedError, UnknownTaskError
from accsyn_plugins.client import RefusedError
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.hookspecs import hookimpl
from accsyn_plugins.model import Destination, JobState, Vendor, Verdict
from accsyn_plugins.transport import UnreachableError
from tests.core.certificates import Certificates
from tests.core.tiny_engine import TinyEngine
from tests.core.world import TASK, VENDOR, Heard, JumpingClock, MemoryTracker, make_context


@pytest.fixture
def tracker() -> MemoryTracker:
    return MemoryTracker(TASK)


@pytest.fixture
def context(engine: TinyEngine, certificates: Certificates, tracker: MemoryTracker) -> Context:
    return make_context(engine, certificates, tracker)


def send_it(context: Context, **options: Any) -> Any:
    return send.execute(send.plan(context, "memory", TASK.id, **options), context, Heard())


def test_a_plan_says_all_that_is_going_to_happen_and_changes_nothing(context: Context, engine: TinyEngine) -> None:
    plan = send.plan(context, "memory", TASK.id)
    assert engine.writes() == []
    assert (plan.recipient, plan.invite, plan.share.code, plan.share.path) == (
        VENDOR,
        True,
        "proj002-outsourcing",
        "proj002",
    )
    assert plan.share.state == "create"
    assert [(a.path, a.read, a.write, a.state) for a in plan.access] == [
        ("DATASET_001_1203", True, False, "create"),
        ("TO_VENDORS", True, False, "create"),
        ("FROM_VENDORS/jennifer@gda.com", True, True, "create"),
    ]
    assert [(t.source, t.destination) for t in plan.transfers] == [
        ("share=proj002-outsourcing/DATASET_001_1203", f"{VENDOR}:proj002/DATASET_001_1203"),
        ("share=proj002-outsourcing/TO_VENDORS", f"{VENDOR}:proj002/TO_VENDORS"),
    ]
    assert (len(plan.files), plan.size) == (6, 3000 + 5 + 300 + 9)
    assert ("proj002/DATASET_001_1203/frames.1-3#.raw", 3, 300) in [(s.name, s.files, s.size) for s in plan.sequences]
    assert json.loads(json.dumps(plan.as_json()))["changes_nothing"] is False


def test_carried_out_everything_is_there_once(context: Context, engine: TinyEngine, tracker: MemoryTracker) -> None:
    outcome = send_it(context)
    assert (engine.count("acl"), engine.count("job")) == (3, 1)
    assert engine.rows["user"][-1]["code"] == VENDOR
    share = engine.rows["share"][-1]
    assert (share["code"], share["parent"], share["path"]) == ("proj002-outsourcing", "production", "proj002")
    job = engine.rows["job"][0]
    link = job["metadata"]["external"]["accsyn_plugins"]
    assert (link["action"], link["tracker"], link["task"], link["project"]) == ("send", "memory", TASK.id, "proj002")
    assert job["name"] == f"proj002_DATASET_001_1203_outsource_{VENDOR}"
    assert len(outcome.made) == 6
    assert (tracker.tasks[TASK.id].status, tracker.tasks[TASK.id].job) == ("sent to vendor", job["name"])
    assert tracker.told[0].kind == "sent"


def test_sent_twice_nothing_is_made_and_nothing_moves_twice(
    context: Context, engine: TinyEngine, tracker: MemoryTracker
) -> None:
    send_it(context)
    before = len(engine.writes())
    again = send.plan(context, "memory", TASK.id)
    assert again.changes_nothing
    outcome = send.execute(again, context, Heard())
    assert outcome.made == ()
    assert len(engine.writes()) == before
    assert len([told for told in tracker.told if not isinstance(told, str)]) == 1


def test_two_at_once_make_one_job(context: Context, engine: TinyEngine) -> None:
    one, other = (send.plan(context, "memory", TASK.id) for _ in range(2))
    jobs = {send.execute(plan, context, Heard()).job.id for plan in (one, other)}
    assert len(jobs) == engine.count("job") == 1
    assert (engine.count("acl"), engine.count("user"), engine.count("share")) == (3, 2, 2)


@pytest.mark.parametrize(
    ("status", "changed", "state"),
    [
        ("init", False, "exists"),
        ("waiting", True, "exists"),
        ("running", True, "exists"),
        ("paused", False, "exists"),
        ("done", False, "exists"),
        ("done", True, "create"),
        ("failed", False, "retry"),
        ("failed", True, "retry"),
        ("aborted", False, "retry"),
    ],
)
def test_an_earlier_job_decides_what_becomes_of_the_next_one(
    context: Context, engine: TinyEngine, status: str, changed: bool, state: str
) -> None:
    send_it(context)
    engine.rows["job"][0]["status"] = status
    if changed:
        (engine.volume / "proj002/DATASET_001_1203/late.dat").write_bytes(b"late")
    assert send.plan(context, "memory", TASK.id).job.state == state
    outcome = send_it(context)
    assert engine.count("job") == (2 if state == "create" else 1)
    assert engine.rows["job"][0]["status"] == ("waiting" if state == "retry" else status)
    assert outcome.job.id == engine.rows["job"][-1]["id"]


def test_a_job_of_the_same_name_for_another_purpose_is_left_alone(context: Context, engine: TinyEngine) -> None:
    name = f"proj002_DATASET_001_1203_outsource_{VENDOR}"
    engine.add("job", code=name, name=name, status="running", metadata={})
    assert send.plan(context, "memory", TASK.id).job.state == "create"


def test_access_that_is_too_narrow_is_widened_and_wider_access_stays(context: Context, engine: TinyEngine) -> None:
    send_it(context)
    engine.rows["acl"][0]["write"] = True
    engine.rows["acl"][2].update(write=False, path="FROM_VENDORS\\jennifer@gda.com\\")
    plan = send.plan(context, "memory", TASK.id)
    assert [access.state for access in plan.access] == ["exists", "exists", "widen"]


def test_to_names_another_vendor_and_the_tracker_learns_of_it(
    context: Context, engine: TinyEngine, tracker: MemoryTracker
) -> None:
    outcome = send_it(context, to="Omar@GDA.com")
    assert outcome.plan.recipient == "omar@gda.com"
    assert tracker.tasks[TASK.id].assignee == "omar@gda.com"
    assert engine.rows["acl"][2]["path"] == "FROM_VENDORS/omar@gda.com"


@pytest.mark.parametrize(
    "path",
    [
        "DATASET_001_1203",
        "proj002/DATASET_001_1203",
        "proj002\\DATASET_001_1203\\",
        "{volume}/proj002/DATASET_001_1203",
    ],
)
def test_a_dataset_may_be_written_from_project_volume_or_machine(
    engine: TinyEngine, certificates: Certificates, volume: Path, path: str
) -> None:
    task = dataclasses.replace(TASK, path=path.format(volume=volume))
    context = make_context(engine, certificates, MemoryTracker(task), **{"volumes.production": str(volume)})
    assert send.plan(context, "memory", TASK.id).access[0].path == "DATASET_001_1203"


def test_a_single_file_is_a_package_too(engine: TinyEngine, certificates: Certificates) -> None:
    task = dataclasses.replace(TASK, path="DATASET_001_1203/scan.dat")
    plan = send.plan(make_context(engine, certificates, MemoryTracker(task)), "memory", TASK.id)
    assert (plan.files[0].path, plan.files[0].size) == ("proj002/DATASET_001_1203/scan.dat", 3000)


def test_without_a_volume_the_engine_takes_its_default_one(engine: TinyEngine, certificates: Certificates) -> None:
    context = make_context(engine, certificates, MemoryTracker(TASK), volume="")
    send_it(context)
    assert "parent" not in engine.rows["share"][-1]
    assert len(send.plan(context, "memory", TASK.id).files) == 6


def test_a_project_without_a_folder_for_vendors_sends_the_dataset_alone(context: Context, volume: Path) -> None:
    shutil.rmtree(volume / "proj002/TO_VENDORS")
    assert [t.destination for t in send.plan(context, "memory", TASK.id).transfers] == [
        f"{VENDOR}:proj002/DATASET_001_1203"
    ]


def test_plugins_may_decide_vendor_package_and_destination(engine: TinyEngine, certificates: Certificates) -> None:
    class Studio:
        @hookimpl
        def resolve_vendor(self) -> Vendor:
            return Vendor("omar@gda.com")

        @hookimpl
        def collect_package(self) -> List[str]:
            return ["proj002/DATASET_001_1203/små"]

        @hookimpl
        def choose_destination(self) -> Destination:
            return Destination("omar@gda.com", "in/")

    plan = send.plan(make_context(engine, certificates, MemoryTracker(TASK), Studio()), "memory", TASK.id)
    assert plan.recipient == "omar@gda.com"
    assert plan.transfers[0].destination == "omar@gda.com:in/proj002/DATASET_001_1203/små"


# --- refused ----------------------------------------------------------------------------------------------------------


def change(volume: Path, kind: str) -> None:
    dataset = volume / "proj002/DATASET_001_1203"
    shutil.rmtree(dataset)
    if kind == "empty":
        (dataset / "only" / "folders").mkdir(parents=True)


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"assignee": " "}, send.AssigneeEmptyError, "The task DATASET_001_1203 is assigned to nobody; write the"),
        (
            {"assignee": "Jennifer"},
            send.AssigneeInvalidError,
            "The assignee 'Jennifer' of the task DATASET_001_1203 is no",
        ),
        ({"assignee": "a@b"}, send.AssigneeInvalidError, "is no e-mail address; write one like name@company.com."),
        ({"assignee": "a@b.com, c@d.com"}, send.AssigneeInvalidError, "is no e-mail address"),
        ({"assignee": "a@b.com:c"}, send.AssigneeInvalidError, "is no e-mail address"),
        ({"project": ""}, send.ProjectEmptyError, "The project '' of the task"),
        ({"project": "a/b"}, send.ProjectEmptyError, "is no name of a folder"),
        ({"project": ".."}, send.ProjectEmptyError, "is no name of a folder"),
        ({"project": "proj999"}, send.SourceMissingError, "The folder proj999/DATASET_001_1203 of the task"),
        ({"path": ""}, send.DatasetPathError, "The dataset path '' of the task"),
        ({"path": "../proj003/x"}, send.DatasetPathError, "is not inside the project folder proj002"),
        ({"path": "proj002"}, send.DatasetPathError, "is not inside the project folder proj002"),
        (
            {"path": "NOWHERE"},
            send.SourceMissingError,
            "The folder proj002/NOWHERE of the task DATASET_001_1203 does not",
        ),
    ],
)
def test_a_task_that_cannot_be_sent_gets_a_sentence_and_nothing_changes(
    engine: TinyEngine, certificates: Certificates, changes: Any, error: Any, sentence: str
) -> None:
    context = make_context(engine, certificates, MemoryTracker(dataclasses.replace(TASK, **changes)))
    with pytest.raises(error) as caught:
        send.plan(context, "memory", TASK.id)
    assert sentence in caught.value.message
    assert engine.writes() == []


def test_an_unknown_task_is_named(context: Context, engine: TinyEngine) -> None:
    with pytest.raises(UnknownTaskError, match="The tracker memory has no task DATASET_9; check its name"):
        send.plan(context, "memory", "DATASET_9")
    assert engine.writes() == []


@pytest.mark.parametrize(("kind", "error"), [("gone", send.SourceMissingError), ("empty", send.PackageEmptyError)])
def test_a_dataset_without_files_is_not_sent(
    context: Context, engine: TinyEngine, volume: Path, kind: str, error: Any
) -> None:
    change(volume, kind)
    with pytest.raises(error, match="The folder proj002/DATASET_001_1203 of the task DATASET_001_1203"):
        send.plan(context, "memory", TASK.id)
    assert engine.writes() == []


def test_a_share_of_that_name_elsewhere_is_not_used(context: Context, engine: TinyEngine) -> None:
    engine.add("share", code="proj002-outsourcing", path="other")
    with pytest.raises(send.ShareElsewhereError, match="points at other, not at the project folder proj002"):
        send.plan(context, "memory", TASK.id)


def test_what_a_plugin_refuses_stands_in_the_plan_and_stops_it(engine: TinyEngine, certificates: Certificates) -> None:
    class Rules:
        @hookimpl
        def validate_package(self) -> List[Verdict]:
            return [
                Verdict("a.tmp", False, "Temporary files stay here.", "tmp"),
                Verdict("b.tmp", False, "So do these.", "tmp"),
                Verdict("c.dat", True, "It is old."),
                Verdict("d.dat", True),
            ]

    context = make_context(engine, certificates, MemoryTracker(TASK), Rules())
    plan = send.plan(context, "memory", TASK.id)
    assert [verdict.path for verdict in plan.refusals] == ["a.tmp", "b.tmp"]
    assert [verdict.path for verdict in plan.warnings] == ["c.dat"]
    with pytest.raises(
        PlanRefusedError, match=r"a\.tmp: Temporary files stay here\. \(1 more with it\.\) Nothing was sent\."
    ):
        send.execute(plan, context, Heard())
    assert engine.writes() == []


def test_a_plugin_that_breaks_while_judging_refuses_nothing(engine: TinyEngine, certificates: Certificates) -> None:
    class Broken:
        @hookimpl
        def validate_package(self) -> List[Verdict]:
            raise ZeroDivisionError

    assert (
        send.plan(make_context(engine, certificates, MemoryTracker(TASK), Broken()), "memory", TASK.id).refusals == ()
    )


@pytest.mark.parametrize("kind", ["user", "share"])
def test_a_refusal_that_is_not_about_being_there_already_reaches_the_person(
    context: Context, engine: TinyEngine, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    plan = send.plan(context, "memory", TASK.id)
    create = engine.do_create

    def forbid(word: str, data: Any, envelope: Any) -> Any:
        if word == kind:
            from tests.core.tiny_engine import Refusal

            raise Refusal(f"No {word} for you.")
        return create(word, data, envelope)

    monkeypatch.setattr(engine, "do_create", forbid)
    with pytest.raises(RefusedError, match=f"No {kind} for you"):
        send.execute(plan, context, Heard())
    assert engine.count("job") == 0


# --- following --------------------------------------------------------------------------------------------------------


def wait_for(context: Context, engine: TinyEngine, *steps: Any) -> Any:
    clock = JumpingClock(*[lambda step=step: engine.rows["job"][0].update(step) for step in steps])
    context = dataclasses.replace(context, clock=clock)
    heard = Heard()
    plan = send.plan(context, "memory", TASK.id)
    try:
        return send.execute(plan, context, heard, wait=True), heard
    except AccsynError as error:
        return error, heard


def test_waiting_tells_how_far_the_job_is_until_it_is_done(
    context: Context, engine: TinyEngine, tracker: MemoryTracker
) -> None:
    outcome, heard = wait_for(
        context,
        engine,
        {"status_reason": "jennifer@gda.com is offline."},
        {"status": "running", "size": 100, "bytes": 40, "files": 6, "files_done": 2, "speed": 1.5},
        {"status": "done", "progress": 100, "bytes": 100},
    )
    assert outcome.job.status == "done"
    sentences = [event.sentence for event in heard]
    name = outcome.job.name
    assert f"{name}: waiting. jennifer@gda.com is offline." in sentences
    assert f"{name}: running, 2 of 6 files. jennifer@gda.com is offline." in sentences
    assert [(e.done, e.total, e.speed) for e in heard if e.stage == "running"] == [(40, 100, 1.5)]
    assert [told for told in tracker.told if isinstance(told, str)] == ["waiting", "running", "done"]


@pytest.mark.parametrize("status", ["failed", "aborted"])
def test_a_job_that_fails_ends_the_waiting_with_its_sentence(context: Context, engine: TinyEngine, status: str) -> None:
    error, _ = wait_for(context, engine, {"status": status, "error": "The disk is full."})
    assert isinstance(error, JobFailedError)
    assert error.message.endswith(f"is {status}: The disk is full.")


def test_a_job_that_is_deleted_ends_the_waiting(context: Context, engine: TinyEngine) -> None:
    job = JobState("f" * 24, "gone", "waiting")
    with pytest.raises(JobFailedError, match="is deleted: It was deleted"):
        follow(context, job, Heard())


def test_an_engine_that_is_away_for_a_while_is_waited_for(context: Context, engine: TinyEngine) -> None:
    """Its answers stop for some looks; what moves goes on, and so does the waiting."""
    send_it(context)
    job = JobState.from_wire(engine.rows["job"][0])
    clock = JumpingClock()
    heard = Heard()

    class Away:
        left = 5

        def find_one(self, query: str) -> Any:
            self.left -= 1
            if self.left > 0:
                raise UnreachableError(server="x", reason="down")
            return {**engine.rows["job"][0], "status": "done"}

    away: Any = Away()
    patient = dataclasses.replace(context, session=away, clock=clock)
    assert follow(patient, job, heard).status == "done"
    assert "cannot be reached" in " ".join(event.sentence for event in heard)
    away.left = 10_000
    with pytest.raises(UnreachableError):
        follow(patient, job, heard)
