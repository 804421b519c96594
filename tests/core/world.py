"""A tracker in memory and an application, both as plugins, so that the actions are tried without any adapter."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from accsyn_plugins.actions.plan import Context, Progress
from accsyn_plugins.client import Session
from accsyn_plugins.config import Settings
from accsyn_plugins.hookspecs import hookimpl
from accsyn_plugins.manager import PluginManager, build_manager
from accsyn_plugins.manifest import Manifest
from accsyn_plugins.model import Assignment, JobState, Notice, Scene, Task, TaskUpdate, send_mark
from accsyn_plugins.testing import make_settings
from tests.core.certificates import Certificates
from tests.core.tiny_engine import TinyEngine

VENDOR = "jennifer@gda.com"
TASK = Task("DATASET_001_1203", "proj002", "DATASET_001_1203", "memory", VENDOR)


class JumpingClock:
    """Time passes only while somebody waits; `then` are things that happen during the waits, one each."""

    def __init__(self, *then: Any) -> None:
        self.at = 1_800_000_000.0
        self.then = list(then)

    def now_ms(self) -> int:
        return int(self.at * 1000)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        if self.then:
            self.then.pop(0)()


class MemoryTracker:
    def __init__(self, *tasks: Task) -> None:
        self.tasks: Dict[str, Task] = {task.id: task for task in tasks}
        self.effects: Dict[str, List[str]] = {}
        self.notes: Dict[str, str] = {}
        self.told: List[Any] = []
        self.is_broken: Optional[Exception] = None

    @hookimpl
    def find_task(self, tracker: str, task: str) -> Optional[Task]:
        return self.tasks.get(task.rsplit("/", maxsplit=1)[-1]) if tracker == "memory" else None

    @hookimpl
    def find_assignments(self, tracker: str) -> Optional[Sequence[Assignment]]:
        if tracker != "memory":
            return None
        found = [Assignment(task, send_mark(task)) for task in self.tasks.values()]
        return [a for a in found if not any(a.mark in e for e in self.effects.get(a.task.id, []) if "send" in e)]

    @hookimpl
    def update_task(self, task: Task, update: TaskUpdate, key: str) -> Optional[bool]:
        if self.is_broken:
            raise self.is_broken
        effects = self.effects.setdefault(task.id, [])
        if key in effects:
            return False
        effects.append(key)
        named = {"status": update.status, "job": update.job, "assignee": update.assignee}
        facts = {name: text for name, text in named.items() if text is not None}
        self.tasks[task.id] = dataclasses.replace(self.tasks[task.id], **facts)
        if update.note is not None:
            self.notes[task.id] = update.note
        return True

    @hookimpl
    def notify_people(self, notice: Notice) -> None:
        self.told.append(notice)

    @hookimpl
    def job_changed(self, job: JobState) -> None:
        self.told.append(job.status)


class SceneReader:
    def __init__(self, **facts: Any) -> None:
        self.facts = {"project": "proj002", "task": "DATASET_001_1203", **facts}

    @hookimpl
    def collect_scene(self, document: str) -> Optional[Scene]:
        if not document.endswith(".scene"):
            return None
        folder = Path(document).parent
        names = Path(document).read_text(encoding="utf-8").split("\n")
        files = [str(folder / name) for name in names if name]
        return Scene("test", document, dependencies=(document, *files), **self.facts)


def make_manager(*plugins: object) -> PluginManager:
    manager = build_manager(Manifest("test", "test", "0"), entry_points=False)
    for plugin in plugins:
        manager.register(plugin)
    return manager


def make_context(
    engine: TinyEngine, certificates: Certificates, *plugins: object, user: str = "workflow@geoscan.org", **values: str
) -> Context:
    given = {"workspace": "geoscan", "volume": "production", **values}
    settings: Settings = make_settings({name: text for name, text in given.items() if text})
    session = Session("geoscan", user, engine.keys[user], engine.url, ca=str(certificates.ca))
    return Context(session, make_manager(*plugins), settings, JumpingClock())


class Heard(List[Progress]):
    """Remembers the progress it is told."""

    def __call__(self, event: Progress) -> None:
        self.append(event)
