"""Every extension point of the product, host side and engine side.

A *question* goes to the plugins in turn, the last registered first, and the first answer that is not None counts. A
*survey* collects the answers of all. A *notification* is told to all and answers nothing. An implementation names only
the arguments it wants. `settings` says where each value came from and is never to be changed.

An exception in a question is the plugin's answer and reaches the person as one sentence; in a survey or a
notification it is logged under the plugin's name and the others are asked all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from accsyn_plugins.model import (
    Assignment,
    Destination,
    Host,
    JobState,
    Notice,
    Package,
    Publish,
    Scene,
    StartupFile,
    Task,
    TaskUpdate,
    Vendor,
    Verdict,
)

if TYPE_CHECKING:
    from accsyn_plugins.config import Settings

PROJECT = "accsyn"
GROUP = "accsyn_plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

# --- hosts -----------------------------------------------------------------------------------------------------------


@hookspec
def describe_host(settings: Settings) -> Host | None:
    """Say which tracker or application this adapter serves and whether it can be used here (survey).

    Asked by `accsyn-plugins hosts`, in the command's thread. Must not start the host. None: not an adapter. An adapter
    that raises is listed as unusable, with the reason.
    """


@hookspec(firstresult=True)
def startup_files(host: str, settings: Settings) -> Sequence[StartupFile] | None:
    """Give the files that `host` reads at its start, and the folder it looks in (question).

    Asked by `accsyn-plugins install HOST`, which writes them. None: another adapter's host. An empty answer: this host
    needs no file.
    """


@hookspec(firstresult=True)
def find_task(tracker: str, task: str, settings: Settings) -> Task | None:
    """Find the task called `task` in `tracker` (question).

    Asked before every plan and by the hook scripts on the studio's server. `task` may also be written `PROJECT/TASK`.
    None: not my tracker, or it has no such task; the person then reads that the task is unknown.
    """


@hookspec(firstresult=True)
def find_assignments(tracker: str, settings: Settings) -> Sequence[Assignment] | None:
    """List the tasks that wait to be sent to whom they are assigned (question).

    Asked by `accsyn-plugins watch` at each look. A task stays in the answer until `update_task` has written an effect
    whose key begins with `send-MARK-`; the watcher remembers what failed, the adapter does not. None: not my tracker.
    An exception ends this look, not the watching.
    """


@hookspec(firstresult=True)
def update_task(task: Task, update: TaskUpdate, key: str, settings: Settings) -> bool | None:
    """Write status, comment, version and job of `task` to its tracker, once per `key` (question).

    Asked by the actions and by the hook scripts. True: written. False: an effect with this key was there already, so
    nothing was changed. None: not my tracker. An exception means that nothing was written and that the same call may
    be made again.
    """


@hookspec(firstresult=True)
def resolve_vendor(task: Task, settings: Settings) -> Vendor | None:
    """Say who is to get `task` (question).

    Asked before a package is planned, unless the person named somebody. None: let another decide; the built-in answer
    is the task's assignee.
    """


@hookspec(firstresult=True)
def collect_package(task: Task, settings: Settings) -> Sequence[str] | None:
    """Name the folders and files that belong to `task`, below the volume (question).

    Asked before a package is planned; the studio's volume need not be mounted, the engine lists what is in them. The
    first is the dataset and must exist; the rest may be missing. The built-in answer is the task's path and the
    project's TO_VENDORS folder.
    """


@hookspec
def validate_package(package: Package, vendor: Vendor, settings: Settings) -> Sequence[Verdict] | None:
    """Judge the files of a package before it is sent (survey).

    Asked while planning, so also in a dry run. Each refusal stands in the plan and stops the sending. A plugin that
    raises refuses nothing.
    """


@hookspec(firstresult=True)
def choose_destination(package: Package, vendor: Vendor, settings: Settings) -> Destination | None:
    """Say where a package lands at the vendor (question).

    Asked while planning. The path stands for the volume: each source keeps its own path below it. The built-in answer
    is the vendor's address and the same path as at the studio.
    """


@hookspec(firstresult=True)
def collect_scene(document: str, settings: Settings) -> Scene | None:
    """Read which files `document`, a path on this machine, depends on (question).

    Asked by the publish action, on the vendor's machine. None: not a document of my application. Dependencies are
    absolute local paths, the document itself among them.
    """


@hookspec
def validate_publish(publish: Publish, settings: Settings) -> Sequence[Verdict] | None:
    """Judge the items of a publish before a byte moves (survey).

    Asked while planning, on the vendor's machine, after the built-in checks. Each refusal stops the publish. A plugin
    that raises refuses nothing.
    """


@hookspec(firstresult=True)
def choose_publish_destination(publish: Publish, user: str, settings: Settings) -> Destination | None:
    """Say where a publish lands at the studio (question).

    Asked while planning. The party is the workspace; the path is the share's folder in accsyn notation
    (`share=CODE`), below which each item keeps its path. The built-in answer is the project's outsourcing share.
    """


# --- engine: hook scripts on the studio's server, and everything that watches a job -----------------------------------


@hookspec(firstresult=True)
def remap_document(document: Path, roots: Sequence[tuple[str, str]], settings: Settings) -> bytes | None:
    """Rewrite the paths inside a project file that has landed (question).

    Asked by the hook script on the studio's server when the setting `remap` is on, before the tracker is told. `roots`
    are pairs of a folder at the sender and the same folder here. None: not my kind of file, or nothing to change; an
    answer replaces the file in one step. An exception leaves the file as it landed and is logged.
    """


@hookspec
def job_changed(job: JobState, settings: Settings) -> None:
    """Hear that a job has a new status (notification).

    Told by whoever follows the job: the actions in the person's process, the hook scripts on the server. The same
    status may be told more than once.
    """


@hookspec
def notify_people(notice: Notice, settings: Settings) -> None:
    """Tell people what has happened (notification).

    Called after the fact: a package was sent, a publish has arrived, something failed. May be told twice about one
    thing, never not at all.
    """
