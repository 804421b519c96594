"""The words of the trade as values: task, package, vendor, destination, publish item, verdict.

Nothing here opens a file or a connection. Paths inside a volume are relative with "/" and no leading "/"; local paths
are what the machine calls them. Sizes are bytes, times milliseconds since 1970 UTC.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

import fileseq

METADATA_KEY = "accsyn_plugins"


@dataclass(frozen=True)
class Vendor:
    """Who does the work outside the house, known by an e-mail address."""

    email: str
    name: str = ""


@dataclass(frozen=True)
class Task:
    """One piece of work in a tracker. `path` is its dataset, below the volume."""

    id: str
    project: str
    path: str
    tracker: str = ""
    assignee: str = ""
    status: str = ""
    comment: str = ""
    version: str = ""
    job: str = ""


@dataclass(frozen=True)
class TaskUpdate:
    """What is to stand in the tracker; None leaves a field alone, `version` "+" takes the next one.

    `note` is a sentence of ours beside people's comments; an empty one removes an earlier note.
    """

    status: str | None = None
    comment: str | None = None
    version: str | None = None
    job: str | None = None
    path: str | None = None
    assignee: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Assignment:
    """A task that waits to be sent; `mark` (see `send_mark`) changes with what is to be sent and to whom."""

    task: Task
    mark: str


@dataclass(frozen=True)
class FileEntry:
    """One file, relative to the volume."""

    path: str
    size: int
    modified: str = ""


@dataclass(frozen=True)
class Sequence:
    """Numbered files seen as one thing, as `plates/a.1-100#.exr`; a single file is a sequence of one."""

    name: str
    files: int
    size: int


@dataclass(frozen=True)
class Package:
    """The files of a task on their way out: the folders or files asked for, and what was found in them."""

    task: Task
    sources: tuple[str, ...]
    files: tuple[FileEntry, ...] = ()

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.files)

    @property
    def fingerprint(self) -> str:
        """Same sources and same files with same sizes and times, same fingerprint."""
        facts = [self.sources, sorted((f.path, f.size, f.modified) for f in self.files)]
        return digest(facts)

    @property
    def sequences(self) -> tuple[Sequence, ...]:
        return sequences(self.files)


@dataclass(frozen=True)
class Destination:
    """Where something goes in accsyn's notation: `party:path`."""

    party: str
    path: str

    def __str__(self) -> str:
        return f"{self.party}:{self.path}"


@dataclass(frozen=True)
class Access:
    """What somebody may do at a path of a share; `state` is `exists`, `create` or `widen`."""

    share: str
    path: str
    read: bool
    write: bool
    state: str = "create"


@dataclass(frozen=True)
class Verdict:
    """What is thought of one path. The sentence is empty when all is well; a warning is accepted with a sentence."""

    path: str
    accepted: bool
    sentence: str = ""
    code: str = ""


@dataclass(frozen=True)
class Scene:
    """An open document or project file and what it needs.

    `dependencies` come back with a publish, the document among them; `inputs` were only read and stay where they are.
    """

    app: str
    document: str
    project: str
    task: str = ""
    tracker: str = ""
    version: str = ""
    dependencies: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishItem:
    """One local file of a publish and its place below the volume; `size` is -1 for a file that is not there."""

    local: str
    path: str
    size: int
    modified_ns: int = 0


@dataclass(frozen=True)
class Publish:
    """The result of a task on its way back."""

    scene: Scene
    items: tuple[PublishItem, ...]
    comment: str = ""
    status: str = ""

    @property
    def size(self) -> int:
        return sum(max(item.size, 0) for item in self.items)

    @property
    def fingerprint(self) -> str:
        return digest(sorted((i.path, i.size, i.modified_ns) for i in self.items))

    @property
    def sequences(self) -> tuple[Sequence, ...]:
        return sequences(FileEntry(item.path, max(item.size, 0)) for item in self.items)


@dataclass(frozen=True)
class Host:
    """An adapter: what it serves, whether its host can be used here, and if not, why."""

    name: str
    kind: str
    usable: bool
    reason: str = ""


@dataclass(frozen=True)
class StartupFile:
    """A file that a host reads when it starts: its content and where that host looks for it."""

    name: str
    content: bytes
    folder: str


@dataclass(frozen=True)
class Notice:
    """Something people may want to know; `kind` is `sent`, `published` or `failed`."""

    kind: str
    task: Task
    sentence: str
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobState:
    """A job as the engine describes it. `progress` is a percentage, `speed` MB/s, `reason` why it waits or failed."""

    id: str
    name: str
    status: str
    progress: float = 0.0
    size: int = -1
    done: int = 0
    files: int = 0
    files_done: int = 0
    speed: float = 0.0
    reason: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_wire(cls, job: Mapping[str, Any]) -> JobState:
        """Read a job's dict; what an older or another engine leaves out has a neutral value."""
        return cls(
            id=str(job.get("id", "")),
            name=str(job.get("name") or job.get("code") or ""),
            status=str(job.get("status", "")),
            progress=float(job.get("progress") or 0),
            size=int(job["size"] if job.get("size") is not None else -1),
            done=int(job.get("bytes") or 0),
            files=int(job.get("files") or 0),
            files_done=int(job.get("files_done") or 0),
            speed=max(float(job.get("speed") or 0), 0.0),
            reason=str(job.get("error") or job.get("status_reason") or ""),
            metadata=job.get("metadata") or {},
        )

    @property
    def link(self) -> Mapping[str, Any]:
        """What ties the job to a task, as an action wrote it; empty for a job of somebody else."""
        return link_of(self.metadata)


def link_of(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find our entry in a job's metadata, whether or not it is split in internal and external."""
    external = metadata.get("external")
    for place in (external if isinstance(external, Mapping) else {}, metadata):
        link = place.get(METADATA_KEY)
        if isinstance(link, Mapping):
            return link
    return {}


def digest(facts: Any) -> str:
    """Turn plain facts into 32 hex digits that are the same on every machine."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def send_mark(task: Task) -> str:
    """Names one assignment: the same task, dataset and person, the same 12 hex digits.

    The key of the effect "was sent" begins with `send-MARK-`; a tracker finds by it which tasks still wait.
    """
    return digest([task.project, task.id, task.path, task.assignee.strip().lower()])[:12]


def as_json(value: Any) -> dict[str, Any]:
    """The fields of one of these values as plain JSON."""
    result: dict[str, Any] = json.loads(json.dumps(asdict(value)))
    return result


def clean_path(path: str) -> str:
    """A path below a volume or share in its one spelling: "/" between, none around, no "." parts."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    return "/".join(parts)


def is_below(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies in it; the empty folder holds everything."""
    return folder in ("", path) or path.startswith(folder + "/")


def sequences(files: Iterable[FileEntry]) -> tuple[Sequence, ...]:
    """Fold numbered files into sequences, per folder; the rest stay as they are, all sorted by name."""
    by_folder: dict[str, dict[str, int]] = {}
    for entry in files:
        path = PurePosixPath(entry.path)
        by_folder.setdefault(str(path.parent), {})[path.name] = entry.size
    found = [item for folder, sizes in by_folder.items() for item in _fold(folder, sizes)]
    return tuple(sorted(found, key=lambda item: item.name))


def _fold(folder: str, sizes: Mapping[str, int]) -> Iterable[Sequence]:
    """Only names are handed to fileseq: to it an "@" in a folder's name would be a padding."""
    prefix = "" if folder == "." else f"{folder}/"
    left = dict(sizes)
    for group in fileseq.findSequencesInList(sorted(sizes)):
        members = [str(member) for member in group]
        if len(members) > 1 and all(member in left for member in members):
            yield Sequence(f"{prefix}{group}", len(members), sum(left.pop(member) for member in members))
    yield from (Sequence(prefix + name, 1, size) for name, size in left.items())
