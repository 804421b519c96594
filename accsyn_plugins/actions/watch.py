"""Watch a tracker: each task that is assigned to somebody is sent to them; what goes wrong is written beside the task.

One bad task never stops the next. What failed is remembered in a file, so that it is neither tried at every look nor
forgotten by a restart; what was sent is remembered by the tracker itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accsyn_plugins.actions import send
from accsyn_plugins.actions.plan import Context, Outcome, Report
from accsyn_plugins.client import LoginError
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manager import notify
from accsyn_plugins.model import Assignment, Notice, Task, TaskUpdate, digest
from accsyn_plugins.transport import AnswerError, CertificateError, UnreachableError

RETRY_AFTER_MS = 60_000
# not the task's fault: these end the look, and nothing is written beside a task
NOT_THE_TASKS = (UnreachableError, CertificateError, AnswerError, LoginError)

log = logging.getLogger(__name__)


class TrackerUnknownError(AccsynError):
    """No adapter serves this tracker."""

    code = "tracker-unknown"
    status = 404
    sentence = "No adapter serves the tracker {tracker}; run `accsyn-plugins hosts` to see which there are."


class UnexpectedError(AccsynError):
    """A plugin or the product broke."""

    code = "unexpected"
    status = 500
    sentence = "The task {task} could not be sent because of an error in the program ({kind}); the log says where."


@dataclass(frozen=True)
class Failed:
    """A task that could not be sent, and why."""

    task: Task
    code: str
    message: str


@dataclass(frozen=True)
class Look:
    """What one look at the tracker led to."""

    sent: tuple[Outcome, ...] = ()
    failed: tuple[Failed, ...] = ()


@dataclass
class Memory:
    """The marks that failed and when, kept in a file; a file that cannot be read is an empty memory."""

    path: Path
    failed: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Memory:
        try:
            table: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, {str(mark): int(at) for mark, at in table["failed"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(path)

    def save(self) -> None:
        """Replace the file in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"failed": self.failed}), encoding="utf-8")
        temporary.replace(self.path)


class Watcher:
    """Looks at one tracker, as often as it is told to."""

    def __init__(
        self,
        context: Context,
        tracker: str,
        memory: Memory,
        report: Report,
        *,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_over` is asked before each task, so that a program that is told to end leaves none half done."""
        self._context = context
        self._tracker = tracker
        self._memory = memory
        self._report = report
        self._is_over = is_over

    def look(self, *, retry_now: bool = False) -> Look:
        """Send what waits. Raises when the tracker or the engine cannot be worked with; the next look may."""
        waiting = self._waiting()
        self._forget_all_but({assignment.mark for assignment in waiting})
        sent: list[Outcome] = []
        failed: list[Failed] = []
        for assignment in waiting:
            if self._is_over():
                break
            if retry_now or self._is_due(assignment):
                self._handle(assignment, sent, failed)
        return Look(tuple(sent), tuple(failed))

    def _waiting(self) -> Sequence[Assignment]:
        settings = self._context.settings
        found: Sequence[Assignment] | None = self._context.manager.hook.find_assignments(
            tracker=self._tracker, settings=settings
        )
        if found is None:
            raise TrackerUnknownError(tracker=self._tracker)
        return found

    def _handle(self, assignment: Assignment, sent: list[Outcome], failed: list[Failed]) -> None:
        try:
            sent.append(self._send(assignment.task))
        except NOT_THE_TASKS:
            raise
        except AccsynError as error:
            failed.append(self._note(assignment, error))
        except Exception as error:
            log.exception("The task %s could not be sent", assignment.task.id)
            failed.append(self._note(assignment, UnexpectedError(task=assignment.task.id, kind=type(error).__name__)))

    def _send(self, task: Task) -> Outcome:
        plan = send.plan_task(self._context, task)
        return send.execute(plan, self._context, self._report)

    def _note(self, assignment: Assignment, error: AccsynError) -> Failed:
        """Write the sentence beside the task; a tracker that cannot be written to changes nothing about the failure."""
        task, settings = assignment.task, self._context.settings
        key = f"fail-{assignment.mark}-{digest(error.message)[:8]}"
        with contextlib.suppress(AccsynError):
            update = TaskUpdate(note=error.message)
            written = self._context.manager.hook.update_task(task=task, update=update, key=key, settings=settings)
            if written:
                notice = Notice("failed", task, error.message)
                notify(self._context.manager, "notify_people", notice=notice, settings=settings)
        self._memory.failed[assignment.mark] = self._context.clock.now_ms()
        self._memory.save()
        return Failed(task, error.code, error.message)

    def _is_due(self, assignment: Assignment) -> bool:
        at = self._memory.failed.get(assignment.mark)
        return at is None or self._context.clock.now_ms() - at >= RETRY_AFTER_MS

    def _forget_all_but(self, marks: set[str]) -> None:
        kept = {mark: at for mark, at in self._memory.failed.items() if mark in marks}
        if kept != self._memory.failed:
            self._memory.failed = kept
            self._memory.save()
