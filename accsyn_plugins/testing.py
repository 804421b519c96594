"""What every adapter must do, as test classes to inherit; shipped so that a third party holds itself to the same.

    class TestMyTracker(TrackerContract):
        @pytest.fixture
        def case(self, tmp_path): return TrackerCase(...)

Needs pytest, which the product itself does not.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from accsyn_plugins.config import Settings, Value
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manager import PluginManager
from accsyn_plugins.model import Assignment, Host, Scene, Task, TaskUpdate, send_mark

COUNTER = itertools.count(1)


def make_settings(values: Mapping[str, str]) -> Settings:
    """Settings for a test, each from the test."""
    return Settings({name: Value(text, "test") for name, text in values.items()})


def check_startup_files(manager: PluginManager, host: str, settings: Settings) -> None:
    """A host answers for itself, with plain file names and a folder each, and for nobody else."""
    assert manager.hook.startup_files(host=f"not {host}", settings=settings) is None
    for file in manager.hook.startup_files(host=host, settings=settings):
        assert file.name == Path(file.name).name
        assert Path(file.folder).is_absolute()


@dataclass(frozen=True)
class TrackerCase:
    """A tracker to be tried.

    `add(task)` puts a task into it the way a person would; `assign(task, person)` changes its assignee likewise;
    `kept(task)` reads back what people see, not through the adapter.
    """

    name: str
    manager: PluginManager
    settings: Settings
    add: Callable[[Task], None]
    assign: Callable[[Task, str], None]
    kept: Callable[[Task], Mapping[str, str]]


class TrackerContract:
    """What core and hook scripts rely on in any tracker. Inherit it and give a fixture `case`."""

    @pytest.fixture
    def task(self, case: TrackerCase) -> Task:
        """A task in the tracker, assigned to a vendor."""
        number = next(COUNTER)
        task = Task(f"DATASET_{number:03d}", "proj002", f"proj002/DATASET_{number:03d}", case.name, "jennifer@gda.com")
        case.add(task)
        return task

    def test_it_says_who_it_is(self, case: TrackerCase) -> None:
        hosts = [answer for answer in case.manager.hook.describe_host(settings=case.settings) if answer]
        mine = [host for host in hosts if host.name == case.name]
        assert mine == [Host(case.name, "tracker", usable=True)]

    def test_its_start_up_files_are_its_own(self, case: TrackerCase) -> None:
        check_startup_files(case.manager, case.name, case.settings)

    def test_a_task_is_found_with_all_its_fields(self, case: TrackerCase, task: Task) -> None:
        assert self.find(case, task.id) == task

    def test_a_task_is_found_by_project_and_name(self, case: TrackerCase, task: Task) -> None:
        assert self.find(case, f"{task.project}/{task.id}") == task

    def test_an_unknown_task_is_none(self, case: TrackerCase, task: Task) -> None:
        assert self.find(case, f"no {task.id}") is None

    def test_another_tracker_is_left_to_others(self, case: TrackerCase, task: Task) -> None:
        hook, settings = case.manager.hook, case.settings
        other = dataclasses.replace(task, tracker="another")
        assert hook.find_task(tracker="another", task=task.id, settings=settings) is None
        assert hook.find_assignments(tracker="another", settings=settings) is None
        assert hook.update_task(task=other, update=TaskUpdate(status="x"), key="k", settings=settings) is None

    def test_an_update_is_read_back(self, case: TrackerCase, task: Task) -> None:
        update = TaskUpdate(status="pending review", comment="Cleaned, 3 files", version="v004", job="job 7")
        assert self.update(case, task, update, "effect-1") is True
        found = self.find(case, task.id)
        assert found is not None
        facts = (found.status, found.comment, found.version, found.job)
        assert facts == ("pending review", "Cleaned, 3 files", "v004", "job 7")
        assert found.assignee == task.assignee

    def test_what_an_update_does_not_name_stays(self, case: TrackerCase, task: Task) -> None:
        self.update(case, task, TaskUpdate(status="s", comment="c", version="v001", job="j"), "effect-1")
        self.update(case, task, TaskUpdate(status="t"), "effect-2")
        found = self.find(case, task.id)
        assert found is not None
        assert (found.status, found.comment, found.version, found.job) == ("t", "c", "v001", "j")

    def test_the_same_key_is_written_once(self, case: TrackerCase, task: Task) -> None:
        update = TaskUpdate(status="pending review", version="+")
        assert self.update(case, task, update, "effect-1") is True
        before = dict(case.kept(task))
        assert self.update(case, task, TaskUpdate(status="other", version="+"), "effect-1") is False
        assert dict(case.kept(task)) == before

    def test_the_next_version_follows_the_last(self, case: TrackerCase, task: Task) -> None:
        versions = []
        for key in ("effect-1", "effect-2"):
            self.update(case, task, TaskUpdate(version="+"), key)
            found = self.find(case, task.id)
            versions.append(found.version if found else "")
        assert versions == ["v001", "v002"]

    def test_a_persons_comment_survives_a_note_of_ours(self, case: TrackerCase, task: Task) -> None:
        self.update(case, task, TaskUpdate(comment="By hand"), "effect-1")
        self.update(case, task, TaskUpdate(note="The folder is missing."), "fail-1")
        assert "By hand" in case.kept(task)["comment"]
        assert "The folder is missing." in case.kept(task)["comment"]
        self.update(case, task, TaskUpdate(note=""), "effect-2")
        assert case.kept(task)["comment"] == "By hand"

    def test_a_failure_that_comes_again_is_noted_again(self, case: TrackerCase, task: Task) -> None:
        self.update(case, task, TaskUpdate(note="Missing."), "fail-1")
        self.update(case, task, TaskUpdate(note=""), "effect-1")
        assert self.update(case, task, TaskUpdate(note="Missing."), "fail-1") is True
        assert "Missing." in case.kept(task)["comment"]

    @pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@x", 'say "hi", now; a\ttab', "två\nrader", "naïve 日本"])
    def test_a_comment_is_text_whatever_it_looks_like(self, case: TrackerCase, task: Task, text: str) -> None:
        self.update(case, task, TaskUpdate(comment=text), "effect-1")
        assert case.kept(task)["comment"].lstrip("'") == text

    def test_an_assigned_task_waits_until_it_is_sent(self, case: TrackerCase, task: Task) -> None:
        assert send_mark(task) in self.waiting(case)
        self.update(case, task, TaskUpdate(status="sent to vendor"), f"send-{send_mark(task)}-abc")
        assert send_mark(task) not in self.waiting(case)

    def test_a_failure_does_not_take_a_task_off_the_list(self, case: TrackerCase, task: Task) -> None:
        self.update(case, task, TaskUpdate(note="Missing."), f"fail-{send_mark(task)}-abc")
        assert send_mark(task) in self.waiting(case)

    def test_a_task_without_an_assignee_does_not_wait(self, case: TrackerCase, task: Task) -> None:
        case.assign(task, "")
        assert task.id not in [assignment.task.id for assignment in self.waiting(case).values()]

    def test_a_sent_task_waits_again_once_it_is_given_to_somebody_else(self, case: TrackerCase, task: Task) -> None:
        self.update(case, task, TaskUpdate(status="sent to vendor"), f"send-{send_mark(task)}-abc")
        case.assign(task, "omar@gda.com")
        again = dataclasses.replace(task, assignee="omar@gda.com")
        assert self.waiting(case)[send_mark(again)].task.assignee == "omar@gda.com"

    def test_a_task_that_somebody_took_care_of_by_hand_does_not_wait(self, case: TrackerCase, task: Task) -> None:
        self.update(case, task, TaskUpdate(status="approved"), "by-hand")
        assert send_mark(task) not in self.waiting(case)

    def find(self, case: TrackerCase, name: str) -> Task | None:
        task: Task | None = case.manager.hook.find_task(tracker=case.name, task=name, settings=case.settings)
        return task

    def update(self, case: TrackerCase, task: Task, update: TaskUpdate, key: str) -> bool | None:
        done: bool | None = case.manager.hook.update_task(task=task, update=update, key=key, settings=case.settings)
        return done

    def waiting(self, case: TrackerCase) -> dict[str, Assignment]:
        found = case.manager.hook.find_assignments(tracker=case.name, settings=case.settings)
        return {assignment.mark: assignment for assignment in found}


@dataclass(frozen=True)
class AppCase:
    """An application to be tried; its document comes first among the dependencies.

    `save(folder, dependencies)` makes a document of project `proj002`, task `DATASET_001_1203`, that depends on these
    files; `damage(document)` spoils it.
    """

    name: str
    manager: PluginManager
    settings: Settings
    save: Callable[[Path, list[Path]], Path]
    damage: Callable[[Path], None]


class AppContract:
    """What the publish action relies on in any application. Inherit it and give a fixture `case`."""

    def test_it_says_who_it_is(self, case: AppCase) -> None:
        hosts: list[Any] = case.manager.hook.describe_host(settings=case.settings)
        assert [host.kind for host in hosts if host and host.name == case.name] == ["app"]

    def test_its_start_up_files_are_its_own(self, case: AppCase) -> None:
        check_startup_files(case.manager, case.name, case.settings)

    def test_a_document_names_its_project_and_task(self, case: AppCase, tmp_path: Path) -> None:
        scene = self.scene(case, case.save(tmp_path, []))
        assert (scene.project, scene.task) == ("proj002", "DATASET_001_1203")

    def test_the_document_itself_is_published(self, case: AppCase, tmp_path: Path) -> None:
        document = case.save(tmp_path, [])
        assert self.scene(case, document).dependencies == (str(document),)

    def test_dependencies_are_absolute_paths_once_each(self, case: AppCase, tmp_path: Path) -> None:
        files = [tmp_path / "output" / "a b.dat", tmp_path / "små.dat"]
        found = self.scene(case, case.save(tmp_path, [*files, files[0]])).dependencies
        assert sorted(found[1:]) == sorted(map(str, files))
        assert all(Path(path).is_absolute() for path in found)

    def test_a_missing_dependency_is_named_and_not_dropped(self, case: AppCase, tmp_path: Path) -> None:
        missing = tmp_path / "not there.dat"
        assert str(missing) in self.scene(case, case.save(tmp_path, [missing])).dependencies

    def test_a_file_of_another_application_is_left_to_others(self, case: AppCase, tmp_path: Path) -> None:
        other = tmp_path / "other.unknown-suffix"
        other.write_bytes(b"x")
        assert case.manager.hook.collect_scene(document=str(other), settings=case.settings) is None

    def test_a_damaged_document_gets_a_sentence_that_names_it(self, case: AppCase, tmp_path: Path) -> None:
        document = case.save(tmp_path, [])
        case.damage(document)
        with pytest.raises(AccsynError) as caught:
            self.scene(case, document)
        assert str(document) in caught.value.message

    def scene(self, case: AppCase, document: Path) -> Scene:
        scene: Scene = case.manager.hook.collect_scene(document=str(document), settings=case.settings)
        return scene
