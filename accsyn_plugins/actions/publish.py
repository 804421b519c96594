"""Publish back: collect what the project file depends on, have it judged, and send it to the vendor's own folder.

`plan` only reads; every refusal is known before a byte moves. `execute` submits the job under the caller's key and
follows it to its end.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accsyn_plugins.actions.collect import DocumentMissingError, find_items, find_root, judge, within
from accsyn_plugins.actions.follow import follow
from accsyn_plugins.actions.plan import (
    Context,
    Outcome,
    Plan,
    Progress,
    Report,
    SharePlan,
    Transfer,
    make_job,
    plan_job,
    refuse,
)
from accsyn_plugins.client import KEYS, RefusedError
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manager import collect, notify
from accsyn_plugins.model import (
    Access,
    Destination,
    FileEntry,
    Notice,
    Publish,
    PublishItem,
    Scene,
    Task,
    Verdict,
    clean_path,
    digest,
    is_below,
)

PUBLISH_HOOK = "hook-job-publish-server"
NOT_CONFIGURED = "no pre-publish hook is configured"  # the engine's words where a studio wants no such check


class DocumentUnknownError(AccsynError):
    """No adapter reads this file."""

    code = "document-unknown"
    sentence = "No application adapter reads {path}; run `accsyn-plugins hosts` to see which there are."


class NothingToPublishError(AccsynError):
    """The project file names no files."""

    code = "publish-empty"
    sentence = "The project file {path} depends on no files; there is nothing to publish."


class TaskUnnamedError(AccsynError):
    """Nobody said which task this is."""

    code = "task-unnamed"
    sentence = "{path} does not say which task of which project it belongs to; write it there or give --task."


class ShareUnreachableError(AccsynError):
    """The vendor sees no such share."""

    code = "share-unreachable"
    status = 403
    sentence = "{user} has no access to the share {share}; ask the studio to send the task first."


@dataclass(frozen=True)
class _Draft:
    """What is known once the share has been found; `granted` is None for those whom ACLs do not bind."""

    publish: Publish
    destination: Destination
    share: SharePlan
    granted: tuple[Access, ...] | None


@dataclass(frozen=True)
class _Placed:
    """An item, its accsyn destination, and its pre-publish entry's id."""

    item: PublishItem
    destination: str
    id: str = ""


def plan(context: Context, document: str, *, task: str = "", comment: str = "", status: str = "") -> Plan:
    """Find out what publishing this document means, without changing anything; raises where no plan can be made."""
    scene = _scene(context, document, task)
    root = find_root(scene, context.settings)
    publish = Publish(scene, find_items(scene, root), comment, status)
    if not publish.items:
        raise NothingToPublishError(path=document)
    session = context.session
    session.ensure_login()
    destination: Destination = context.manager.hook.choose_publish_destination(
        publish=publish, user=session.username, settings=context.settings
    )
    draft = _Draft(publish, destination, *_share(context, destination))
    verdicts = judge(publish.items, root, context.clock.sleep, context.clock.now_ms())
    verdicts += _allowed(draft, {verdict.path for verdict in verdicts})
    verdicts += _asked(context, publish)
    placed = [_Placed(item, f"{destination}/{_in_share(item, draft.share)}") for item in publish.items]
    placed, more = _prepublish(context, placed, verdicts)
    return _plan(context, draft, placed, verdicts + more)


def execute(made_plan: Plan, context: Context, report: Report, *, wait: bool = True) -> Outcome:
    """Submit the plan's job, once however often, and follow it until it is done."""
    refuse(made_plan, "sent")
    report(Progress("job", f"Submit {made_plan.job.name} to {made_plan.destination}", 0, made_plan.size))
    entries = {t.id: t for t in made_plan.transfers if t.id}
    extra = {"hooks": [{"when": PUBLISH_HOOK, "data": _hook_data(made_plan, entries)}]} if entries else None
    job = make_job(made_plan, context, extra)
    made = () if made_plan.job.state == "exists" else (f"job {job.name}",)
    if wait:
        job = follow(context, job, report)
    sentence = f"{len(made_plan.files)} files of {made_plan.task.id} were published."
    notice = Notice("published", made_plan.task, sentence, (made_plan.recipient,))
    notify(context.manager, "notify_people", notice=notice, settings=context.settings)
    return Outcome(made_plan, job, made)


def _scene(context: Context, document: str, task: str) -> Scene:
    path = os.path.abspath(document)  # noqa: PTH100 - a link to a document stays the document people know
    if not Path(path).is_file():
        raise DocumentMissingError(path=document)
    scene: Scene | None = context.manager.hook.collect_scene(document=path, settings=context.settings)
    if scene is None:
        raise DocumentUnknownError(path=document)
    scene = replace(scene, task=task or scene.task)
    if not scene.project or not scene.task:
        raise TaskUnnamedError(path=document)
    return scene


def _share(context: Context, destination: Destination) -> tuple[SharePlan, tuple[Access, ...] | None]:
    """The share and what the caller may do there; None instead of a list for those whom ACLs do not bind."""
    session = context.session
    code = destination.path.partition("=")[2].partition("/")[0]
    row = session.find_one(f'share WHERE code="{code}"')
    if row is None:
        raise ShareUnreachableError(user=session.username, share=code)
    share = SharePlan(code, clean_path(str(row.get("path") or "")), state="exists", id=str(row["id"]))
    if session.role in {"admin", "employee"}:
        return share, None
    rows = session.access("share", share.id, "user", session.user_id)
    return share, tuple(_own_access(code, rows))


def _own_access(code: str, rows: Sequence[Mapping[str, Any]]) -> Iterable[Access]:
    for row in rows:
        if row.get("status", "enabled") == "enabled":
            path = clean_path(str(row.get("path") or ""))
            yield Access(code, path, bool(row.get("read")), bool(row.get("write")), "exists")


def _allowed(draft: _Draft, refused: set[str]) -> list[Verdict]:
    """Refuse each item whose place is outside the folders its sender may write to, naming the place."""
    verdicts, share = [], draft.share
    writable = None if draft.granted is None else [access.path for access in draft.granted if access.write]
    for item in draft.publish.items:
        if item.local in refused:
            continue
        if not is_below(item.path.casefold(), share.path.casefold()):
            sentence = f"It is outside the share {share.code}; keep it below {share.path}."
            verdicts.append(Verdict(item.path, False, sentence, "outside-share"))
        elif writable is not None and not within(_in_share(item, share), writable):
            folders = " or ".join(writable) or "no folder at all"
            sentence = f"It is outside the granted folder; you may write to {folders} of {share.code}."
            verdicts.append(Verdict(item.path, False, sentence, "not-granted"))
    return verdicts


def _asked(context: Context, publish: Publish) -> list[Verdict]:
    asked = collect(context.manager, "validate_publish", publish=publish, settings=context.settings)
    return [verdict for verdicts in asked for verdict in verdicts]


def _in_share(item: PublishItem, share: SharePlan) -> str:
    return item.path[len(share.path) + 1 :] if share.path else item.path


def _prepublish(
    context: Context, placed: list[_Placed], refusals: Sequence[Verdict]
) -> tuple[list[_Placed], list[Verdict]]:
    """Ask the studio's pre-publish hook, unless the publish is refused anyway; it may move or refuse each entry."""
    if any(not verdict.accepted for verdict in refusals):
        return placed, []
    by_id = {str(uuid.uuid5(KEYS, one.item.path)): one for one in placed}
    entries = [
        {"id": identity, "filename": Path(one.item.local).name, "size": one.item.size, "is_dir": False}
        for identity, one in by_id.items()
    ]
    answer = _ask_studio(context, entries)
    if not answer or not answer.get("files"):
        return placed, []
    answers = {str(entry.get("id")): entry for entry in answer["files"]}
    moved, verdicts = [], []
    for identity, one in by_id.items():
        entry = answers.get(identity, {})
        verdicts += _entry_verdicts(one.item, entry)
        target = str(entry.get("path") or one.destination)
        moved.append(_Placed(one.item, target, identity))
    return moved, verdicts


def _ask_studio(context: Context, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    try:
        return context.session.prepublish(entries)
    except RefusedError as error:
        if NOT_CONFIGURED in error.message.lower():
            return None
        raise


def _entry_verdicts(item: PublishItem, entry: Mapping[str, Any]) -> list[Verdict]:
    if not entry:
        return [Verdict(item.path, False, "The studio's pre-publish check did not answer for it.", "prepublish")]
    text = str(entry.get("warning") or entry.get("info") or "")
    if entry.get("rejected") or not (entry.get("can_publish") or entry.get("can_upload")):
        return [Verdict(item.path, False, text or "The studio's pre-publish check refuses it.", "prepublish")]
    return [Verdict(item.path, True, text, "prepublish")] if text else []


def _plan(context: Context, draft: _Draft, placed: Sequence[_Placed], verdicts: Sequence[Verdict]) -> Plan:
    publish, share, destination = draft.publish, draft.share, draft.destination
    scene, user = publish.scene, context.session.username
    same = f"publish-{digest([scene.project, scene.task, user])[:12]}-"
    key = same + digest([publish.fingerprint, publish.comment, publish.status])[:16]
    name = re.sub(r"[^\w.@+-]+", "_", f"{scene.project}_{scene.task}_publish_{user}")
    return Plan(
        action="publish_back",
        task=Task(scene.task, scene.project, share.path, scene.tracker),
        recipient=destination.party,
        destination=str(destination),
        share=share,
        job=plan_job(context.session, name, key, same=key),
        transfers=tuple(Transfer(one.item.local, one.destination, one.id) for one in placed),
        files=tuple(FileEntry(i.path or i.local, i.size, str(i.modified_ns)) for i in publish.items),
        sequences=publish.sequences,
        size=publish.size,
        user=user,
        access=draft.granted or (),
        refusals=tuple(v for v in verdicts if not v.accepted),
        warnings=tuple(v for v in verdicts if v.accepted),
        comment=publish.comment,
        status=publish.status,
        version=scene.version,
        inputs=scene.inputs,
    )


def _hook_data(made_plan: Plan, entries: Mapping[str, Transfer]) -> dict[str, Any]:
    files = [
        {"id": identity, "comment": made_plan.comment, "status": made_plan.status, "time_report": 0}
        for identity in entries
    ]
    return {"files": files, "comment": made_plan.comment, "status": made_plan.status}
