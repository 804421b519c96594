"""Send to vendor: invite, share, let in at exactly the task's folders, and start the package moving.

`plan` only reads. `execute` finds each thing before it makes it, so running it twice makes nothing twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accsyn_plugins.actions.follow import follow
from accsyn_plugins.actions.plan import (
    Context,
    Outcome,
    Plan,
    Progress,
    Report,
    SharePlan,
    Transfer,
    UnknownTaskError,
    make_job,
    plan_job,
    refuse,
)
from accsyn_plugins.client import RefusedError
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manager import collect, notify
from accsyn_plugins.model import (
    Access,
    FileEntry,
    Notice,
    Package,
    Task,
    TaskUpdate,
    Vendor,
    Verdict,
    clean_path,
    is_below,
    send_mark,
)

ADDRESS = re.compile(r"[^@\s:;,\"'/\\()<>]+@[^@\s:;,\"'/\\()<>]+\.[^@\s:;,\"'/\\()<>.]+")
FOLDER = 0  # what a listing calls a folder; a file is 1


class AssigneeEmptyError(AccsynError):
    """Nobody is assigned."""

    code = "assignee-empty"
    sentence = "The task {task} is assigned to nobody; write the vendor's e-mail address into its assignee."


class AssigneeInvalidError(AccsynError):
    """The assignee is no address."""

    code = "assignee-invalid"
    sentence = "The assignee {assignee!r} of the task {task} is no e-mail address; write one like name@company.com."


class ProjectEmptyError(AccsynError):
    """A task without a usable project."""

    code = "project-invalid"
    sentence = "The project {project!r} of the task {task} is no name of a folder on the volume; write one."


class DatasetPathError(AccsynError):
    """The dataset's path cannot be used."""

    code = "dataset-path"
    sentence = "The dataset path {path!r} of the task {task} is not inside the project folder {project}; correct it."


class SourceMissingError(AccsynError):
    """The folder to be sent is not on the volume."""

    code = "source-missing"
    status = 404
    sentence = "The folder {path} of the task {task} does not exist on the volume; make it or correct the dataset path."


class PackageEmptyError(AccsynError):
    """There is nothing to send."""

    code = "package-empty"
    sentence = "The folder {path} of the task {task} holds no files; put the dataset there and send again."


class ShareElsewhereError(AccsynError):
    """The share's name is taken by another folder."""

    code = "share-elsewhere"
    status = 409
    sentence = "The share {share} points at {found}, not at the project folder {wanted}; rename one of them."


def plan(context: Context, tracker: str, task_id: str, *, to: str = "") -> Plan:
    """Find out what sending the task means, without changing anything; raises one sentence where it cannot be."""
    return plan_task(context, find_task(context, tracker, task_id), to=to)


def plan_task(context: Context, task: Task, *, to: str = "") -> Plan:
    """The same for a task that is at hand."""
    vendor = _vendor(context, task, to)
    assigned, task = task.assignee.strip().lower(), replace(task, assignee=vendor.email)
    package = _package(context, task)
    share = _share(context, task)
    user = context.session.find_one(f"user WHERE code={vendor.email}")
    destination = context.manager.hook.choose_destination(package=package, vendor=vendor, settings=context.settings)
    verdicts = _verdicts(context, package, vendor)
    mark = f"send-{send_mark(task)}-"
    return Plan(
        action="send_to_vendor",
        task=task,
        recipient=vendor.email,
        destination=str(destination),
        share=share,
        job=plan_job(context.session, _job_name(task), mark + package.fingerprint[:16], same=mark),
        transfers=tuple(_transfer(share, source, str(destination)) for source in package.sources),
        files=package.files,
        sequences=package.sequences,
        size=package.size,
        user=str((user or {}).get("id", "")),
        invite=user is None,
        assigns=assigned != vendor.email,
        access=_access(context, task, package, share, str((user or {}).get("id", ""))),
        refusals=tuple(v for v in verdicts if not v.accepted),
        warnings=tuple(v for v in verdicts if v.accepted and v.sentence),
    )


def execute(made_plan: Plan, context: Context, report: Report, *, wait: bool = False) -> Outcome:
    """Carry the plan out and tell the tracker; with `wait`, until the package has landed."""
    refuse(made_plan, "sent")
    made: list[str] = []
    report(Progress("invite", f"{made_plan.recipient} has an account"))
    user = _invite(made_plan, context, made)
    report(Progress("share", f"The share {made_plan.share.code} stands at {made_plan.share.path}"))
    share = _make_share(made_plan, context, made)
    for access in made_plan.access:
        if access.state != "exists":
            _grant(access, share, user, context)
            made.append(f"access of {made_plan.recipient} to {access.path}")
        report(Progress("access", f"{made_plan.recipient} may {_rights(access)} {access.path}"))
    job = make_job(made_plan, context)
    if made_plan.job.state != "exists":
        made.append(f"job {job.name}")
    report(Progress("job", f"The job {job.name} is {job.status}", 0, made_plan.size))
    _tell(made_plan, context, job.name)
    job = follow(context, job, report) if wait else job
    if not wait:
        notify(context.manager, "job_changed", job=job, settings=context.settings)
    return Outcome(made_plan, job, tuple(made))


def find_task(context: Context, tracker: str, task_id: str) -> Task:
    """The task, or UnknownTaskError."""
    task: Task | None = context.manager.hook.find_task(tracker=tracker, task=task_id, settings=context.settings)
    if task is None:
        raise UnknownTaskError(tracker=tracker, task=task_id)
    return task


def _vendor(context: Context, task: Task, to: str) -> Vendor:
    vendor = Vendor(to.strip()) if to else context.manager.hook.resolve_vendor(task=task, settings=context.settings)
    if vendor is None or not vendor.email:
        raise AssigneeEmptyError(task=task.id)
    if not ADDRESS.fullmatch(vendor.email):
        raise AssigneeInvalidError(task=task.id, assignee=vendor.email)
    return replace(vendor, email=vendor.email.lower())


def _package(context: Context, task: Task) -> Package:
    project = clean_path(task.project)
    if not project or "/" in project or project == ".." or '"' in project:
        raise ProjectEmptyError(task=task.id, project=task.project)
    sources = [clean_path(p) for p in context.manager.hook.collect_package(task=task, settings=context.settings)]
    for source in sources:
        if source == project or not is_below(source, project) or ".." in source.split("/"):
            raise DatasetPathError(task=task.id, path=task.path, project=project)
    dataset, rest = sources[0], sources[1:]
    if not context.session.exists(_on_volume(context, dataset)):
        raise SourceMissingError(task=task.id, path=dataset)
    files = tuple(_list(context, dataset))
    if not files:
        raise PackageEmptyError(task=task.id, path=dataset)
    there = [source for source in rest if context.session.exists(_on_volume(context, source))]
    extra = tuple(entry for source in there for entry in _list(context, source))
    kept = tuple(source for source in there if any(is_below(entry.path, source) for entry in extra))
    return Package(task, (dataset, *kept), files + extra)


def _list(context: Context, source: str) -> Iterator[FileEntry]:
    path = _on_volume(context, source)
    try:
        rows = context.session.ls(path, recursive=True, getsize=True)
    except RefusedError:
        rows = None  # not a folder, or not to be read: asking for its size tells which
    if rows:
        yield from _walk(rows, source)
        return
    size = context.session.getsize(path)
    if isinstance(size, int) and size > 0:
        yield FileEntry(source, size)


def _walk(rows: Sequence[Mapping[str, Any]], folder: str) -> Iterator[FileEntry]:
    for row in rows:
        path = f"{folder}/{row['filename']}"
        if row.get("type") == FOLDER:
            yield from _walk(row.get("files") or [], path)
        else:
            yield FileEntry(path, int(row.get("size") or 0), str(row.get("modified") or ""))


def _on_volume(context: Context, path: str) -> str:
    volume = context.settings.get("volume")
    return f"volume={volume}/{path}" if volume else path


def _share(context: Context, task: Task) -> SharePlan:
    code = context.settings.get("share").format(project=task.project)
    wanted, volume = clean_path(task.project), context.settings.get("volume")
    row = context.session.find_one(f'share WHERE code="{code}"')
    if row is None:
        return SharePlan(code, wanted, volume)
    found = clean_path(str(row.get("path") or ""))
    if found.casefold() != wanted.casefold():
        raise ShareElsewhereError(share=code, found=found or "the volume itself", wanted=wanted)
    return SharePlan(code, found, volume, "exists", str(row["id"]))


def _access(context: Context, task: Task, package: Package, share: SharePlan, user: str) -> tuple[Access, ...]:
    settings = context.settings
    wanted = [
        Access(share.code, _in_share(package.sources[0], share), read=True, write=False),
        Access(share.code, settings.get("to_vendors"), read=True, write=False),
        Access(share.code, f"{settings.get('from_vendors')}/{task.assignee}", read=True, write=True),
    ]
    rows = context.session.access("share", share.id, "user", user) if share.id and user else []
    return tuple(_compare(access, rows) for access in wanted)


def _compare(access: Access, rows: Sequence[Mapping[str, Any]]) -> Access:
    for row in rows:
        if clean_path(str(row.get("path") or "")) == access.path and row.get("status", "enabled") == "enabled":
            enough = row.get("read", False) >= access.read and row.get("write", False) >= access.write
            return replace(access, state="exists" if enough else "widen")
    return access


def _in_share(path: str, share: SharePlan) -> str:
    return path[len(share.path) + 1 :] if share.path else path


def _transfer(share: SharePlan, source: str, destination: str) -> Transfer:
    party, _, folder = destination.partition(":")
    target = f"{folder.rstrip('/')}/{source}" if folder else source
    return Transfer(f"share={share.code}/{_in_share(source, share)}", f"{party}:{target}")


def _verdicts(context: Context, package: Package, vendor: Vendor) -> list[Verdict]:
    asked = collect(context.manager, "validate_package", package=package, vendor=vendor, settings=context.settings)
    return [verdict for verdicts in asked for verdict in verdicts]


def _job_name(task: Task) -> str:
    """As the tutorial calls it: project, task, `outsource` and vendor, in characters every file system takes."""
    return re.sub(r"[^\w.@+-]+", "_", f"{task.project}_{task.id}_outsource_{task.assignee}")


def _invite(made_plan: Plan, context: Context, made: list[str]) -> str:
    if not made_plan.invite:
        return made_plan.user
    query = f"user WHERE code={made_plan.recipient}"
    try:
        row = context.session.create("user", {"code": made_plan.recipient, "role": "standard"})
    except RefusedError:
        row = context.session.find_one(query)  # somebody else was quicker
        if row is None:
            raise
        return str(row["id"])
    made.append(f"user {made_plan.recipient}")
    return str(row["id"])


def _make_share(made_plan: Plan, context: Context, made: list[str]) -> str:
    share = made_plan.share
    if share.state == "exists":
        return share.id
    data = {"code": share.code, "path": share.path, **({"parent": share.volume} if share.volume else {})}
    try:
        row = context.session.create("share", data)
    except RefusedError:
        row = context.session.find_one(f'share WHERE code="{share.code}"')
        if row is None:
            raise
        return str(row["id"])
    made.append(f"share {share.code}")
    return str(row["id"])


def _grant(access: Access, share: str, user: str, context: Context) -> None:
    data = {"read": access.read, "write": access.write, "path": access.path, "invite": False}
    context.session.grant("user", user, "folder", share, data)


def _rights(access: Access) -> str:
    return " and ".join(word for word, given in (("read", access.read), ("write", access.write)) if given)


def _tell(made_plan: Plan, context: Context, job: str) -> None:
    task, settings = made_plan.task, context.settings
    assignee = task.assignee if made_plan.assigns else None
    update = TaskUpdate(status=settings.get("status.sent"), assignee=assignee, job=job, note="")
    written = context.manager.hook.update_task(task=task, update=update, key=made_plan.job.key, settings=settings)
    if written:
        sentence = f"{task.id} of {task.project} was sent to {made_plan.recipient}: {len(made_plan.files)} files."
        notice = Notice("sent", task, sentence, (made_plan.recipient,))
        notify(context.manager, "notify_people", notice=notice, settings=settings)
