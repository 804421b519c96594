"""The answers that the product gives where no plugin knows better; an ordinary plugin, asked last."""

from __future__ import annotations

from collections.abc import Sequence

from accsyn_plugins.config import Settings
from accsyn_plugins.hookspecs import hookimpl
from accsyn_plugins.model import Destination, Publish, Task, Vendor, clean_path, is_below
from accsyn_plugins.paths import is_absolute, place


@hookimpl(trylast=True)
def resolve_vendor(task: Task) -> Vendor | None:
    """The task's assignee is the vendor."""
    return Vendor(task.assignee.strip()) if task.assignee.strip() else None


@hookimpl(trylast=True)
def collect_package(task: Task, settings: Settings) -> Sequence[str] | None:
    """The task's dataset, and the folder with what every vendor of the project may read.

    A dataset is written from the volume (`proj002/DATASET`), from the project (`DATASET`), or as the path that the
    studio's machines know, when ACCSYN_<VOLUME>_PATH names its volume.
    """
    project = clean_path(task.project)
    placed = place(task.path, settings.volumes()) if is_absolute(task.path) else None
    path = placed[1] if placed else clean_path(task.path)
    dataset = path if placed or is_below(path, project) else f"{project}/{path}"
    return (dataset, f"{project}/{settings.get('to_vendors')}")


@hookimpl(trylast=True)
def choose_destination(vendor: Vendor) -> Destination | None:
    """At the vendor as at the studio: each source keeps its path below the volume."""
    return Destination(vendor.email, "")


@hookimpl(trylast=True)
def choose_publish_destination(publish: Publish, settings: Settings) -> Destination | None:
    """The project's outsourcing share; each item keeps its path."""
    share = settings.get("share").format(project=publish.scene.project)
    return Destination(settings.get("workspace") or "hq", f"share={share}")  # "hq" is any workspace's word for itself
