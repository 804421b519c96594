"""Tell the tracker that a publish has arrived. Runs on the studio's server for the hook `job-post-done-server`.

    python3 .../hooks/job_done.py ${PATH_JSON_INPUT}

Copy it and change what you like: each function is one decision. Whatever happens is told once per ACCSYN_HOOK_KEY, so
running it again for the same job changes nothing.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accsyn_plugins.clock import SystemClock
from accsyn_plugins.config import Settings, load_settings
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manager import PluginManager, build_manager, notify
from accsyn_plugins.model import JobState, Notice, Task, TaskUpdate, link_of
from accsyn_plugins.paths import below

LOCKED = 423  # status of an error that passes by itself: somebody has the sheet open
PATIENCE_S = 120.0  # how long to wait for that; the engine ends a hook after five minutes


@dataclass(frozen=True)
class Publish:
    """What the job's data say about a publish."""

    data: Mapping[str, Any]
    link: Mapping[str, Any]
    user: str


def read_publish(data: Mapping[str, Any]) -> Publish | None:
    """The publish in a job's data, or None for any other job."""
    link = link_of(data.get("metadata") or {})
    if link.get("action") != "publish":
        return None
    return Publish(data, link, str(data.get("user_hr", "")))


def find_task(publish: Publish, manager: PluginManager, settings: Settings) -> Task | None:
    """The task in the tracker, provided that it is assigned to the user who published."""
    tracker = settings.get("tracker") or str(publish.link.get("tracker") or "") or "sheet"
    name = f"{publish.link.get('project')}/{publish.link.get('task')}"
    task: Task | None = manager.hook.find_task(tracker=tracker, task=name, settings=settings)
    if task is None:
        print(f"The tracker {tracker} has no task {name}; nothing is told.")
    elif task.assignee.strip().lower() != publish.user.strip().lower():
        print(f"The task {name} is not assigned to {publish.user}; nothing is told.")
        return None
    return task


def choose_status(publish: Publish, settings: Settings) -> str:
    """The status the vendor asked for, if the studio lets vendors set it; else the usual one."""
    asked = str(publish.link.get("status") or "").strip()
    return asked if asked.lower() in settings.words("status.allowed") else settings.get("status.published")


def choose_path(publish: Publish) -> str:
    """Where the result is on this server: the exported file if there is one, else the folder that holds all."""
    paths = [ours for _, ours in landed(publish.data)]
    exported = [path for path in paths if "_exported." in path.lower()]
    if exported:
        return exported[0]
    return os.path.commonpath(paths) if paths else ""


def landed(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The path at the sender and the path here, of every task that was transferred."""
    for task in (data.get("tasks") or {}).values():
        if task.get("status") == "excluded":
            continue
        source, destination = task.get("source") or {}, task.get("destination") or {}
        if destination.get("path_abs"):
            yield str(source.get("path_abs") or ""), str(destination["path_abs"])
        yield from landed(task)


def remap(publish: Publish, manager: PluginManager, settings: Settings) -> None:
    """Let the adapters rewrite paths inside the project files that have landed; a failure leaves a file as it is."""
    pairs = list(landed(publish.data))
    roots = folder_pairs(pairs)
    for _, path in pairs:
        try:
            content = manager.hook.remap_document(document=Path(path), roots=roots, settings=settings)
            if content is not None:
                replace_file(Path(path), content)
        except (AccsynError, OSError) as error:
            print(f"The paths in {path} stay as they are: {error}")


def folder_pairs(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """From file pairs to folder pairs: what differs once the common end is taken off, the longest first."""
    roots = set()
    for theirs, ours in pairs:
        left, right = theirs.replace("\\", "/").split("/"), ours.replace("\\", "/").split("/")
        while left and right and left[-1] == right[-1]:
            left.pop()
            right.pop()
        if left and right and below(theirs, "/".join(left)) is not None:
            roots.add(("/".join(left), "/".join(right)))
    return sorted(roots, key=lambda pair: -len(pair[0]))


def replace_file(path: Path, content: bytes) -> None:
    """Put a new content in place in one step."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    Path(name).chmod(path.stat().st_mode & 0o777)
    Path(name).replace(path)


def tell_tracker(task: Task, publish: Publish, manager: PluginManager, settings: Settings) -> bool:
    """Write to the tracker, once per key; False when it was told before. Waits while somebody has it open."""
    update = TaskUpdate(
        status=choose_status(publish, settings),
        comment=str(publish.link.get("comment") or "") or None,
        version=str(publish.link.get("version") or "") or "+",
        path=choose_path(publish),
        note="",
    )
    key = os.environ.get("ACCSYN_HOOK_KEY") or f"publish-job-{publish.data.get('id')}"
    clock = SystemClock()
    deadline = clock.monotonic() + PATIENCE_S
    while True:
        try:
            return bool(manager.hook.update_task(task=task, update=update, key=key, settings=settings))
        except AccsynError as error:
            if error.status != LOCKED or clock.monotonic() > deadline:
                raise
            clock.sleep(1.0)


def tell_people(task: Task, publish: Publish, manager: PluginManager, settings: Settings) -> None:
    """Let the plugins tell whom it concerns."""
    sentence = f"{publish.user} published {task.id} of {task.project}: {choose_path(publish)}"
    notice = Notice("published", task, sentence)
    notify(manager, "notify_people", notice=notice, settings=settings)


def run(data: Mapping[str, Any], manager: PluginManager, settings: Settings) -> None:
    """All of it, for one job."""
    notify(manager, "job_changed", job=JobState.from_wire(data), settings=settings)
    publish = read_publish(data)
    if publish is None:
        print("This job is no publish; nothing is told.")
        return
    task = find_task(publish, manager, settings)
    if task is None:
        return
    if settings.is_on("remap"):
        remap(publish, manager, settings)
    if tell_tracker(task, publish, manager, settings):
        print(f"The tracker says: {task.id} of {task.project} is {choose_status(publish, settings)}.")
        tell_people(task, publish, manager, settings)
    else:
        print(f"The tracker knew of {task.id} of {task.project} already.")


def main(arguments: Sequence[str]) -> int:
    """Exit code 0: done, or nothing to do. Another one makes the job fail, with the sentence as its reason."""
    if len(arguments) != 1:
        print("Call it with the path of the job's data: job_done.py ${PATH_JSON_INPUT}", file=sys.stderr)
        return 2
    try:
        data = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        run(data, build_manager(), load_settings(environment=os.environ))
    except AccsynError as error:
        print(error.message, file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"The job's data in {arguments[0]} cannot be read: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
