"""Watching: what is assigned is sent; one bad task never stops the next."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from accsyn_plugins.actions.plan import Context
from accsyn_plugins.actions.watch import Memory, TrackerUnknownError, Watcher
from accsyn_plugins.client import LoginError
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.hookspecs import hookimpl
from accsyn_plugins.model import Task
from tests.core.certificates import Certificates
from tests.core.tiny_engine import TinyEngine
from tests.core.world import TASK, Heard, MemoryTracker, make_context

BAD = Task("BAD", "proj002", "NOWHERE", "memory", "jennifer@gda.com")
GOOD = dataclasses.replace(TASK, id="GOOD")


@pytest.fixture
def tracker() -> MemoryTracker:
    return MemoryTracker(BAD, GOOD)


@pytest.fixture
def context(engine: TinyEngine, certificates: Certificates, tracker: MemoryTracker) -> Context:
    return make_context(engine, certificates, tracker)


def watch(context: Context, folder: Path, tracker: str = "memory") -> Watcher:
    return Watcher(context, tracker, Memory.open(folder / "state" / "watch.json"), Heard())


def test_a_bad_task_gets_its_sentence_and_the_next_is_sent(
    context: Context, tracker: MemoryTracker, engine: TinyEngine, tmp_path: Path
) -> None:
    look = watch(context, tmp_path).look()
    assert [outcome.plan.task.id for outcome in look.sent] == ["GOOD"]
    assert [(failed.task.id, failed.code) for failed in look.failed] == [("BAD", "source-missing")]
    assert tracker.notes["BAD"].startswith("The folder proj002/NOWHERE of the task BAD does not exist")
    assert tracker.notes["GOOD"] == ""
    assert [told.kind for told in tracker.told if not isinstance(told, str)] == ["failed", "sent"]
    assert engine.count("job") == 1


def test_what_failed_is_tried_again_after_a_while_and_not_at_every_look(
    context: Context, engine: TinyEngine, tmp_path: Path
) -> None:
    watcher = watch(context, tmp_path)
    watcher.look()
    assert watcher.look().failed == ()
    assert watch(context, tmp_path).look().failed == ()  # a restart remembers
    assert len(watcher.look(retry_now=True).failed) == 1
    (engine.volume / "proj002/NOWHERE").mkdir()
    (engine.volume / "proj002/NOWHERE/a.dat").write_bytes(b"x")
    context.clock.sleep(61)
    assert [outcome.plan.task.id for outcome in watcher.look().sent] == ["BAD"]


def test_a_task_that_a_person_corrects_is_sent_at_the_next_look(
    context: Context, tracker: MemoryTracker, tmp_path: Path
) -> None:
    watcher = watch(context, tmp_path)
    watcher.look()
    tracker.tasks["BAD"] = dataclasses.replace(BAD, path="DATASET_001_1203")
    assert [outcome.plan.task.id for outcome in watcher.look().sent] == ["BAD"]
    assert watcher.look().sent == ()


def test_a_sentence_is_written_and_told_once(context: Context, tracker: MemoryTracker, tmp_path: Path) -> None:
    watcher = watch(context, tmp_path)
    for _ in range(3):
        watcher.look(retry_now=True)
    assert [told.task.id for told in tracker.told if getattr(told, "kind", "") == "failed"] == ["BAD"]


def test_an_error_of_the_program_stays_with_its_task(
    engine: TinyEngine, certificates: Certificates, tracker: MemoryTracker, tmp_path: Path
) -> None:
    class Broken:
        @hookimpl
        def collect_package(self, task: Task) -> Any:
            return 1 / 0 if task.id == "BAD" else None

    look = watch(make_context(engine, certificates, tracker, Broken()), tmp_path).look()
    assert [(failed.code, "ZeroDivisionError" in failed.message) for failed in look.failed] == [("unexpected", True)]
    assert [outcome.plan.task.id for outcome in look.sent] == ["GOOD"]


def test_a_tracker_that_cannot_be_written_to_does_not_hide_the_reason(
    context: Context, tracker: MemoryTracker, tmp_path: Path
) -> None:
    tracker.is_broken = AccsynError("The sheet is open.")
    look = watch(context, tmp_path).look()
    assert [failed.code for failed in look.failed] == ["source-missing", "error"]
    tracker.is_broken = None
    assert watch(context, tmp_path).look(retry_now=True).sent[0].made == ()  # the job of the first look


def test_an_engine_that_refuses_the_login_ends_the_look_and_marks_no_task(
    context: Context, engine: TinyEngine, tracker: MemoryTracker, tmp_path: Path
) -> None:
    engine.keys.clear()
    with pytest.raises(LoginError):
        watch(context, tmp_path).look()
    assert tracker.notes == {}


def test_an_unknown_tracker_is_named(context: Context, tmp_path: Path) -> None:
    with pytest.raises(TrackerUnknownError, match="No adapter serves the tracker another"):
        watch(context, tmp_path, "another").look()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"failed": 3}', b'{"failed": {"a": "b"}}', b"\xff"])
def test_a_spoilt_memory_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "watch.json"
    path.write_bytes(content)
    assert Memory.open(path).failed == {}


def test_the_memory_forgets_tasks_that_wait_no_longer(context: Context, tracker: MemoryTracker, tmp_path: Path) -> None:
    watcher = watch(context, tmp_path)
    watcher.look()
    assert len(Memory.open(tmp_path / "state" / "watch.json").failed) == 1
    del tracker.tasks["BAD"]
    watcher.look()
    assert Memory.open(tmp_path / "state" / "watch.json").failed == {}
    shutil.rmtree(tmp_path / "state")
