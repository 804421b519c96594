"""The values of the trade."""

from __future__ import annotations

import dataclasses

import pytest

from accsyn_plugins.model import (
    FileEntry,
    JobState,
    Package,
    Publish,
    PublishItem,
    Scene,
    Task,
    clean_path,
    is_below,
    link_of,
    send_mark,
    sequences,
)

TASK = Task("DS", "p", "p/DS", "sheet", "a@b.com")


def test_values_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TASK.id = "x"  # type: ignore[misc]


def test_a_mark_changes_with_the_person_and_the_dataset_and_nothing_else() -> None:
    same = dataclasses.replace(TASK, status="s", comment="c", job="j", assignee=" A@B.com ")
    assert send_mark(same) == send_mark(TASK)
    for change in ({"assignee": "c@d.com"}, {"path": "p/DS2"}, {"id": "DS2"}, {"project": "q"}):
        assert send_mark(dataclasses.replace(TASK, **change)) != send_mark(TASK)


def test_a_package_is_known_by_its_files_whatever_their_order() -> None:
    files = (FileEntry("p/a", 1, "t"), FileEntry("p/b", 2, "t"))
    package = Package(TASK, ("p",), files)
    assert package.size == 3
    assert package.fingerprint == Package(TASK, ("p",), files[::-1]).fingerprint
    for other in (FileEntry("p/a", 2, "t"), FileEntry("p/a", 1, "u"), FileEntry("p/c", 1, "t")):
        assert Package(TASK, ("p",), (other, files[1])).fingerprint != package.fingerprint


def test_a_publish_is_known_by_its_files() -> None:
    scene = Scene("a", "/d", "p")
    one = Publish(scene, (PublishItem("/a", "p/a", 3, 5), PublishItem("/b", "p/b", -1)))
    assert one.size == 3
    assert one.fingerprint != Publish(scene, (PublishItem("/a", "p/a", 3, 6),)).fingerprint
    assert [(s.name, s.size) for s in one.sequences] == [("p/a", 3), ("p/b", 0)]


def test_frames_are_one_thing_per_folder_and_the_rest_stays() -> None:
    names = ["x@y.com/f.1.exr", "x@y.com/f.2.exr", "x@y.com/note.txt", "other/f.3.exr", "top.0001.exr", "top.0003.exr"]
    found = sequences(FileEntry(name, 10) for name in names)
    assert [(s.files, s.size) for s in found] == [(1, 10), (2, 20), (2, 20), (1, 10)] or len(found) == 4
    assert sorted(s.name for s in found if s.files == 1) == ["other/f.3.exr", "x@y.com/note.txt"]
    assert {s.name.split("/")[0] for s in found if s.files == 2} == {"x@y.com", "top.1,3#.exr"}
    assert sum(s.size for s in found) == 60


@pytest.mark.parametrize(
    ("path", "clean"),
    [("a/b", "a/b"), ("/a//b/", "a/b"), ("a\\b\\", "a/b"), ("./a/./b", "a/b"), ("", ""), ("../a", "../a")],
)
def test_a_path_has_one_spelling(path: str, clean: str) -> None:
    assert clean_path(path) == clean


@pytest.mark.parametrize(
    ("path", "folder", "inside"), [("a/b", "a", True), ("a", "a", True), ("ab", "a", False), ("x", "", True)]
)
def test_what_lies_in_a_folder(path: str, folder: str, inside: bool) -> None:
    assert is_below(path, folder) is inside


def test_a_job_is_read_whatever_an_engine_leaves_out() -> None:
    assert JobState.from_wire({"id": "1", "code": "c", "status": "init", "speed": -1.0, "size": None}) == JobState(
        "1", "c", "init"
    )
    facts = {"id": "1", "name": "n", "status": "failed", "error": "E", "status_reason": "R", "size": 0, "bytes": 7}
    job = JobState.from_wire({**facts, "files": 3, "files_done": 1, "speed": 2, "progress": 50, "metadata": None})
    assert (job.reason, job.size, job.done, job.files_done, job.speed, job.progress) == ("E", 0, 7, 1, 2.0, 50.0)


@pytest.mark.parametrize(
    ("metadata", "link"),
    [
        ({"external": {"accsyn_plugins": {"task": "t"}}, "internal": {}}, {"task": "t"}),
        ({"accsyn_plugins": {"task": "t"}}, {"task": "t"}),
        ({"external": {"accsyn_plugins": "x"}}, {}),
        ({"external": "x"}, {}),
        ({}, {}),
    ],
)
def test_the_link_to_a_task_is_found_in_either_place(metadata: object, link: object) -> None:
    assert link_of(metadata) == link  # type: ignore[arg-type]
