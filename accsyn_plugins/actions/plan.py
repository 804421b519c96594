"""What an action will do, as a value that can be shown before it is done; and what it says while doing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accsyn_plugins.client import Session
from accsyn_plugins.clock import Clock
from accsyn_plugins.config import Settings
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manager import PluginManager
from accsyn_plugins.model import Access, FileEntry, JobState, Sequence, Task, Verdict, as_json

ACTIVE = frozenset({"init", "waiting", "running", "paused", "queued", "booting", "executing"})


class UnknownTaskError(AccsynError):
    """The tracker has no such task."""

    code = "task-unknown"
    status = 404
    sentence = "The tracker {tracker} has no task {task}; check its name."


class PlanRefusedError(AccsynError):
    """Something in the plan may not happen, so nothing was done."""

    code = "plan-refused"
    status = 403
    sentence = "{path}: {reason}{more} Nothing was {done}."


class JobFailedError(AccsynError):
    """The job came to another end than done."""

    code = "job-failed"
    sentence = "The job {job} is {state}: {reason}"


@dataclass(frozen=True)
class Context:
    """What an action works with."""

    session: Session
    manager: PluginManager
    settings: Settings
    clock: Clock


@dataclass(frozen=True)
class JobPlan:
    """The job behind a plan; `state` is `create`, `exists` (left alone) or `retry` (set waiting again)."""

    name: str
    key: str
    state: str = "create"
    id: str = ""
    status: str = ""
    prior: int = 0


@dataclass(frozen=True)
class SharePlan:
    """The share that is used; `path` is below the volume, `volume` empty for the default one."""

    code: str
    path: str
    volume: str = ""
    state: str = "create"
    id: str = ""


@dataclass(frozen=True)
class Transfer:
    """One task of the job, both ends in accsyn notation; `id` ties it to a pre-publish entry."""

    source: str
    destination: str
    id: str = ""


@dataclass(frozen=True)
class Plan:
    """All that an action is going to do.

    `recipient` is who receives: the vendor's address or the workspace. `refusals` stop it, `warnings` do not.
    `assigns`: the tracker's assignee is set to the recipient.
    """

    action: str
    task: Task
    recipient: str
    destination: str
    share: SharePlan
    job: JobPlan
    transfers: tuple[Transfer, ...]
    files: tuple[FileEntry, ...]
    sequences: tuple[Sequence, ...]
    size: int
    user: str = ""
    invite: bool = False
    assigns: bool = False
    access: tuple[Access, ...] = ()
    refusals: tuple[Verdict, ...] = ()
    warnings: tuple[Verdict, ...] = ()
    comment: str = ""
    status: str = ""
    version: str = ""
    inputs: tuple[str, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether everything this plan wants is there already."""
        made = (self.share.state, self.job.state, *(access.state for access in self.access))
        return not self.invite and set(made) <= {"exists"}

    def as_json(self) -> dict[str, Any]:
        return {**as_json(self), "file_count": len(self.files), "changes_nothing": self.changes_nothing}


@dataclass(frozen=True)
class Progress:
    """One thing to draw: a stage in a word, a sentence, and how far of how much in bytes when that is known."""

    stage: str
    sentence: str
    done: int = 0
    total: int = -1
    speed: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What an action did; `made` names the things that were not there before."""

    plan: Plan
    job: JobState
    made: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The answer of the commands."""
        plan = self.plan
        return {
            "action": plan.action,
            "task": as_json(plan.task),
            "recipient": plan.recipient,
            "destination": plan.destination,
            "share": plan.share.code,
            "job": {"id": self.job.id, "name": self.job.name, "status": self.job.status, "reason": self.job.reason},
            "files": len(plan.files),
            "size": plan.size,
            "made": list(self.made),
        }


Report = Callable[[Progress], None]


def refuse(plan: Plan, done: str) -> None:
    """Raise PlanRefusedError when the plan holds a refusal, naming the first."""
    if not plan.refusals:
        return
    first = plan.refusals[0]
    others = len(plan.refusals) - 1
    more = f" ({others} more with it.)" if others else ""
    raise PlanRefusedError(path=first.path, reason=first.sentence, more=more, done=done)


def link(plan: Plan) -> dict[str, Any]:
    """The job's metadata that ties it to the task."""
    facts = {
        "action": "send" if plan.action == "send_to_vendor" else "publish",
        "tracker": plan.task.tracker,
        "task": plan.task.id,
        "project": plan.task.project,
        "key": plan.job.key,
        "comment": plan.comment,
        "status": plan.status,
        "version": plan.version,
    }
    return {"external": {"accsyn_plugins": facts}}


def plan_job(session: Session, name: str, key: str, *, same: str) -> JobPlan:
    """Find out whether the job is there. `same` is the part of `key` that names the task and the person.

    | an earlier job of `same` is | with this very key | with another one |
    |---|---|---|
    | on its way | exists | exists: its folders are read when it runs |
    | failed or aborted | retry | retry |
    | done | exists | create |
    """
    found = jobs_named(session, name)
    mine = [job for job in found if str(job.link.get("key", "")).startswith(same)]
    for job in mine:
        if job.status in ACTIVE:
            return JobPlan(name, key, "exists", job.id, job.status)
    for job in mine:
        if job.status == "done" and job.link.get("key") == key:
            return JobPlan(name, key, "exists", job.id, job.status)
    for job in mine:
        if job.status in {"failed", "aborted"}:
            return JobPlan(name, key, "retry", job.id, job.status)
    return JobPlan(name, key, prior=len(found))


def jobs_named(session: Session, name: str) -> list[JobState]:
    """All jobs of that name, the newest first, finished ones after those under way."""
    query = f'job WHERE code="{name}"'
    rows: dict[str, Mapping[str, Any]] = {}
    for finished in (None, True):
        for row in reversed(session.find(query, finished=finished)):
            rows.setdefault(str(row["id"]), row)
    return [JobState.from_wire(row) for row in rows.values()]


def make_job(plan: Plan, context: Context, extra: Mapping[str, Any] | None = None) -> JobState:
    """Bring the plan's job about: leave it, set it waiting again, or create it, once however often this is called."""
    session, job = context.session, plan.job
    if job.state == "exists":
        return read_job(context, job.id)
    if job.state == "retry":
        session.update("job", job.id, {"status": "waiting"}, key=f"{job.key}:retry:{context.clock.now_ms()}")
        return read_job(context, job.id)
    tasks = {
        str(number): {"source": t.source, "destination": t.destination, **({"id": t.id} if t.id else {})}
        for number, t in enumerate(plan.transfers)
    }
    data = {"name": job.name, "tasks": tasks, "metadata": link(plan), **(extra or {})}
    return JobState.from_wire(session.create("job", data, key=f"{job.key}:{job.prior}"))


def read_job(context: Context, identity: str) -> JobState:
    """Look at a job now."""
    row = context.session.find_one(f"job WHERE id={identity}")
    return JobState.from_wire(row or {"id": identity, "status": "deleted", "error": "It was deleted."})
