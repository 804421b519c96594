"""From what a script wrote to the tasks of a job: every end found, every permission checked, nothing stored yet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from accsyn_engine.paths import (
    LONGEST,
    Endpoint,
    Party,
    PartyKind,
    Path,
    PathError,
    PathKind,
    basename,
    inside,
    is_plain,
    join,
    parent,
    read_sequence,
)
from accsyn_engine.services.access import seen
from accsyn_engine.services.access.rights import Rights
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import BadValueError
from accsyn_engine.services.records.fields import mapping, number
from accsyn_engine.services.work import parties, places
from accsyn_engine.services.work.parties import Side
from accsyn_engine.services.work.places import Place

MOST_TASKS = 1_000_000


@dataclass(frozen=True)
class Written:
    """One task as a script wrote it."""

    uri: str | None
    source: str | None
    destination: str | None
    priority: int
    metadata: dict[str, Any]
    id: str | None = None


@dataclass(frozen=True)
class Packed:
    """One task, checked: what its row will hold."""

    uri: str | None
    source: dict[str, Any]
    destination: dict[str, Any]
    endpoints: str
    name: str
    priority: int
    metadata: dict[str, Any]
    volumes: frozenset[str]


@dataclass(frozen=True)
class Item:
    """What a task moves: its name, where it lies if that is in the workspace, and whether it is many files."""

    name: str
    place: Place | None
    is_sequence: bool

    def folder(self, path: str) -> str:
        """Where it lands, given where one file of its name would: frames keep their names below a folder.

        Raises BadValueError for frames that would get other names.
        """
        if not self.is_sequence:
            return path
        frames, there = read_sequence(self.name), read_sequence(basename(path))
        if frames is None or there is None or not frames.is_same_as(there):
            raise BadValueError(
                what=f'The frames of "{self.name}" keep their names; end "{path}" with a slash to have them below it.'
            )
        return parent(path)

    def landing(self, place: Place) -> Place:
        """As `folder`, for a place of the workspace."""
        return replace(place, path=self.folder(place.path), is_folder=True) if self.is_sequence else place


@dataclass(frozen=True)
class Ends:
    """The two parties every task of a job shares."""

    source: Side
    destination: Side


def written_tasks(data: dict[str, Any]) -> Iterator[Written]:
    """Read the tasks of a call: a list, a dict by uri, one task in the call itself, or a list of sources to mirror."""
    tasks, source = data.get("tasks"), data.get("source")
    if tasks is None:
        entries: Iterator[tuple[str | None, Any]] = (
            ((None, entry) for entry in source) if isinstance(source, list) else iter([(None, data)])
        )
    elif isinstance(tasks, dict):
        entries = iter([(None, tasks)]) if "source" in tasks else iter(tasks.items())
    elif isinstance(tasks, list):
        entries = ((None, entry) for entry in tasks)
    else:
        raise BadValueError(what='"tasks" must be a list of tasks or an object of tasks by their uri.')
    for count, (uri, entry) in enumerate(entries):
        if count >= MOST_TASKS:
            raise BadValueError(what=f"A job takes {MOST_TASKS} tasks; send folders instead of single files.")
        yield _written(uri, entry)


def _written(uri: str | None, entry: Any) -> Written:
    if isinstance(entry, str):
        return Written(uri, entry, None, 500, {})
    if not isinstance(entry, dict):
        raise BadValueError(what=f'A task is an object with "source" and "destination", not {entry!r:.60}.')
    name = uri if uri is not None else entry.get("uri")
    if name is not None and not 0 < len(str(name)) <= 254:
        raise BadValueError(what='The "uri" of a task must be 1 to 254 characters.')
    return Written(
        uri=None if name is None else str(name),
        source=_end(entry, "source"),
        destination=_end(entry, "destination", "dest"),
        priority=number(entry, "priority", default=500, least=0, most=1000) if "source" in entry else 500,
        metadata=mapping(entry, "metadata"),
        id=entry.get("id") if isinstance(entry.get("id"), str) else None,
    )


def _end(entry: dict[str, Any], *field_names: str) -> str | None:
    value = next((entry[name] for name in field_names if entry.get(name) is not None), None)
    if value is not None and not isinstance(value, str):
        raise BadValueError(what=f'"{field_names[0]}" of a task is text like share=projects/file, not {value!r:.60}.')
    return value


class Packer:
    """Checks the tasks of one call for one caller; `ends` are the job's once the first task is through."""

    def __init__(
        self,
        work: Work,
        caller: Caller,
        rights: Rights,
        *,
        data: dict[str, Any] | None = None,
        ends: Ends | None = None,
        publish: Callable[[str], str | None] | None = None,
    ) -> None:
        self._work = work
        self._caller = caller
        self._rights = rights
        self._publish = publish
        self.ends = ends
        self._defaults = {
            "source": self._default(data or {}, "source"),
            "destination": self._default(data or {}, "destination", "dest"),
        }
        self._places: dict[tuple[PathKind, str, bool], Place] = {}
        self._sides: dict[tuple[Any, bool], Side] = {}
        self._folders: dict[str, Endpoint | None] = {}

    def _default(self, data: dict[str, Any], *field_names: str) -> Endpoint | None:
        text = next((data[name] for name in field_names if isinstance(data.get(name), str)), None)
        return None if text is None else places.read(self._work, text)

    def pack(self, task: Written) -> Packed:
        """Check one task; raises the error of whatever is wrong with it, naming the path."""
        published = self._publish(task.id) if self._publish and task.id else None
        source = self._endpoint(task.source, "source")
        destination = self._endpoint(published or task.destination, "destination")
        if published is not None and destination.party.kind is PartyKind.NONE:
            destination = replace(destination, party=Party(PartyKind.WORKSPACE))  # the hook names the server's paths
        ends = Ends(self._side(source), self._side(destination))
        self._check_ends(ends, task)
        name, source_row, place = self._pack_source(ends, source, task)
        item = Item(name, place, is_sequence="sequence" in source_row)
        target = self._pack_destination(ends, destination, task, item, is_published=published is not None)
        return Packed(
            uri=task.uri,
            source=source_row,
            destination=target,
            endpoints=digest(source_row, target),
            name=name,
            priority=task.priority,
            metadata=task.metadata,
            volumes=frozenset(side["v"] for side in (source_row, target) if side["kind"] in {"volume", "map"}),
        )

    def _endpoint(self, text: str | None, which: str) -> Endpoint:
        default = self._defaults[which]
        if text is None:
            if default is None:
                raise BadValueError(what=f'A task has no "{which}"; write where its files {_VERBS[which]}.')
            return default
        endpoint = self._read(text)
        if endpoint.party.kind is PartyKind.NONE and default is not None and default.party.kind is not PartyKind.NONE:
            return replace(endpoint, party=default.party)
        return endpoint

    def _read(self, text: str) -> Endpoint:
        """Read one end; the folder of many files is read once."""
        folder, slash, name = text.rpartition("/")
        if not folder or not is_plain(name) or len(text) > LONGEST:
            return places.read(self._work, text)
        if folder not in self._folders:
            self._folders[folder] = self._read_folder(folder + slash)
        found = self._folders[folder]
        return places.read(self._work, text) if found is None else inside(found, name)

    def _read_folder(self, text: str) -> Endpoint | None:
        try:
            found = places.read(self._work, text)
        except PathError:
            return None  # what is wrong is said of the whole text
        return None if found.path.kind is PathKind.MIRROR else found

    def _side(self, endpoint: Endpoint) -> Side:
        key = (endpoint.party, endpoint.path.is_local)
        if key not in self._sides:
            self._sides[key] = parties.find_side(self._work, self._caller, endpoint)
        return self._sides[key]

    def _check_ends(self, ends: Ends, task: Written) -> None:
        if self.ends is None:
            if ends.source.is_workspace == ends.destination.is_workspace:
                raise BadValueError(
                    what=f'One end of a transfer must be the workspace and the other a person: look at "{task.source}"'
                    f' and "{task.destination}".'
                )
            parties.require_client(self._work, ends.source)
            self.ends = ends
        elif ends != self.ends:
            raise BadValueError(
                what=f'All tasks of a job have the same two parties; "{task.source}" to "{task.destination}" has'
                " others, so make another job of it."
            )

    def _place(self, path: Path, written: str, *, is_landing: bool = False, is_published: bool = False) -> Place:
        """Find the place of a path; the share is looked up once for all paths below it."""
        if path.is_local or path.kind is PathKind.OWN_HOME:
            return self._located(path, written, is_landing=is_landing, is_published=is_published)
        key = (path.kind, path.root, is_published)
        if key not in self._places:
            root = replace(path, relative="", is_folder=True)
            self._places[key] = self._located(root, written, is_landing=is_landing, is_published=is_published)
        found = self._places[key]
        return replace(found, path=join(found.path, path.relative), is_folder=path.is_folder)

    def _located(self, path: Path, written: str, *, is_landing: bool, is_published: bool) -> Place:
        """What the studio's hook names need not be seen by whoever publishes."""
        if is_published:
            return places.locate(self._work, self._caller, path, written=written, is_landing=is_landing)
        return seen.locate(self._work, self._caller, self._rights, path, written=written, is_landing=is_landing)

    def _pack_source(self, ends: Ends, endpoint: Endpoint, task: Written) -> tuple[str, dict[str, Any], Place | None]:
        written, path = task.source or "", endpoint.path
        if ends.source.is_workspace:
            place = self._place(path, written)
            self._rights.require("read", place)
            is_sequence = path.is_sequence and self._rights.on_frames(place)
            return place.name, _volume_side(place) | _frames(is_sequence), place
        parties.check_own_machine(self._caller, ends.source, path.kind, is_source=True, written=written)
        if path.is_local:
            return (
                basename(path.native),
                _person_side(ends.source, "local") | {"path": path.native} | _frames(path.is_sequence),
                None,
            )
        if path.kind in {PathKind.RELATIVE, PathKind.MIRROR, PathKind.OWN_HOME}:
            raise PathError(text=written, reason="what a person sends needs its full path, or a share mapped there")
        place = self._place(path, written)
        return place.name, _mapped_side(ends.source, place) | _frames(path.is_sequence), place

    def _pack_destination(
        self,
        ends: Ends,
        endpoint: Endpoint,
        task: Written,
        item: Item,
        *,
        is_published: bool,
    ) -> dict[str, Any]:
        written, path = task.destination or "", endpoint.path
        if ends.destination.is_workspace:
            place = item.landing(self._landing(path, written, item, is_published=is_published))
            if not is_published:
                self._rights.require("write", place)
            return _volume_side(place)
        parties.check_own_machine(self._caller, ends.destination, path.kind, is_source=False, written=written)
        return self._at_person(ends.destination, path, written, item)

    def _landing(self, path: Path, written: str, item: Item, *, is_published: bool = False) -> Place:
        """Where exactly an item lands in the workspace: below a folder it keeps its name."""
        if path.kind is PathKind.MIRROR:
            if item.place is None:
                raise BadValueError(
                    what=f'"{item.name}" needs a destination with a path: its source is below no mapped share.'
                )
            return item.place
        place = self._place(path, written, is_landing=True, is_published=is_published)
        return replace(place, path=join(place.path, item.name), is_folder=False) if place.is_folder else place

    def _at_person(self, side: Side, path: Path, written: str, item: Item) -> dict[str, Any]:
        source, name = item.place, item.name
        if path.is_local:
            native = places.native(path.native, name) if path.is_folder else path.native
            return _person_side(side, "local") | {"path": item.folder(native)}
        if path.kind in {PathKind.MIRROR, PathKind.RELATIVE}:
            relative = path.relative
            if path.kind is PathKind.MIRROR:
                relative = source.path or name if source else name
            elif path.is_folder:
                relative = join(relative, name)
            mirrored = {"v": source.volume.id, "rel": item.folder(source.path)} if source else {}
            return _person_side(side, "relative") | {"path": item.folder(relative)} | mirrored
        return _mapped_side(side, item.landing(self._landing(path, written, item)))


_VERBS = {"source": "come from", "destination": "go to"}


def _volume_side(place: Place) -> dict[str, Any]:
    return {
        "kind": "volume",
        "v": place.volume.id,
        "s": place.share.id,
        "share_hr": place.share.code,
        "path": place.in_share,
        "rel": place.path,
    }


def _frames(is_sequence: bool) -> dict[str, Any]:
    return {"sequence": True} if is_sequence else {}


def _person_side(side: Side, kind: str) -> dict[str, Any]:
    return {"kind": kind, "user": side.user_id, "client": side.client_id}


def _mapped_side(side: Side, place: Place) -> dict[str, Any]:
    return _volume_side(place) | _person_side(side, "map")


def digest(source: dict[str, Any], destination: dict[str, Any]) -> str:
    """One number for a pair of ends, to find the task that moves the same thing to the same place.

    It begins with that of their folders: what lies together is found together.
    """
    sides = (source, destination)
    ends = [
        str(side.get(name)) for side in sides for name in ("kind", "v", "rel", "path")
    ]  # no path contains a newline
    return _hex("\n".join(side["path"].rpartition("/")[0] for side in sides), 4) + _hex("\n".join(ends), 16)


def _hex(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
