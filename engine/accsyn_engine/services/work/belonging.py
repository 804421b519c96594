"""Transfers that belong to a delivery or request: what is put into it, what is fetched from it.

Its files lie in a folder of their own below the default volume, `accsyn/deliveries/<id>`, where only its recipients and
who may change it reach them; a file of the workspace that was named instead stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy import update as alter

from accsyn_engine.jobs.delivery_states import NAMES, OVER, REQUEST, DeliveryMove, DeliveryStatus, after
from accsyn_engine.jobs.states import TaskStatus
from accsyn_engine.paths import PartyKind, PathKind, is_below, join
from accsyn_engine.services.access import rights
from accsyn_engine.services.access.rights import Rights
from accsyn_engine.services.context import Caller, Work
from accsyn_engine.services.errors import BadValueError, ForbiddenError, NotAllowedNowError
from accsyn_engine.services.moving import transfers
from accsyn_engine.services.people import letters
from accsyn_engine.services.records.rows import by_id, default_volume, require_user
from accsyn_engine.services.work import delivery_lists, places, recipients
from accsyn_engine.services.work.packing import Packed, Written, digest, written_tasks
from accsyn_engine.services.work.places import Place
from accsyn_engine.services.work.storing import CHUNK, Policy, Shelf
from accsyn_engine.store.schema import job, job_recipient, share, task

FOLDER = "accsyn/deliveries"
PERSONS = frozenset({PartyKind.USER, PartyKind.CLIENT})


@dataclass(frozen=True)
class Given(Rights):
    """A person's rights, and the one a delivery gives: to write into its folder, or to read its files."""

    right: str = ""
    volume: str = ""
    folder: str = ""
    files: frozenset[tuple[str, str]] = frozenset()  # of the workspace, by volume's id and path

    def has_any(self, volume_id: str) -> bool:
        """As for any rights; the delivery's own volume is one of them."""
        return volume_id == self.volume or super().has_any(volume_id)

    def require(self, right: str, place: Place) -> None:
        """As for any rights; raises PathRefusedError."""
        here = place.volume.id == self.volume and is_below(place.path, self.folder, True)
        if right != self.right or not (here or (place.volume.id, place.path) in self.files):
            super().require(right, place)


@dataclass(frozen=True)
class Belonging:
    """A call for such a transfer with every task spelled out, and the rights it is judged by."""

    parent: Row[Any]
    data: dict[str, Any]
    rights: Rights
    is_upload: bool

    def landed(self, packed: Packed) -> Packed:
        """What is fetched lands where it was asked for, also at a machine that maps the volume."""
        side = packed.destination
        if self.is_upload or side["kind"] != "relative":
            return packed
        plain = {name: value for name, value in side.items() if name not in {"v", "rel"}}
        return replace(packed, destination=plain, endpoints=digest(packed.source, plain))


def folder_of(work: Work, id: str) -> dict[str, str]:
    """Where the files of a new delivery or request will lie; raises NotFoundError without a default volume."""
    return {"v": default_volume(work).id, "rel": join(FOLDER, id)}


def read(work: Work, caller: Caller, data: dict[str, Any]) -> Belonging | None:
    """Find what a transfer belongs to by its `parent`; None when that is no delivery or request."""
    parent = delivery_lists.visible(work, caller, data.get("parent"), lock=True)
    if parent is None:
        return None
    is_upload = bool(data.get("tasks") or data.get("source"))
    return _upload(work, caller, parent, data) if is_upload else _download(work, caller, parent, data)


def _upload(work: Work, caller: Caller, parent: Row[Any], data: dict[str, Any]) -> Belonging:
    folder, volume = _put_into(work, caller, parent)
    tasks = [_uploaded(work, entry, f"volume={volume.code}/{folder}/") for entry in written_tasks(data)]
    held = rights.of_caller(work, caller)
    spelled = {name: value for name, value in data.items() if name not in {"source", "destination", "dest"}}
    given = Given(held.person, held.grants, held.guarded, "write", volume.id, folder)
    return Belonging(parent, spelled | {"tasks": tasks}, given, is_upload=True)


def _put_into(work: Work, caller: Caller, parent: Row[Any]) -> tuple[str, Row[Any]]:
    """Where this caller's files go; raises ForbiddenError or NotAllowedNowError."""
    is_manager = delivery_lists.manages(work, caller, parent)
    if parent.type == REQUEST:
        if parent.status != DeliveryStatus.WAITING:
            raise NotAllowedNowError(
                what=f'The request "{parent.name}" is {parent.status}; nothing can be sent for it.'
            )
    elif not is_manager:
        raise ForbiddenError(who=caller.code, what=f'put files into the delivery "{parent.name}"')
    elif parent.status != DeliveryStatus.INIT:
        raise NotAllowedNowError(
            what=f'The delivery "{parent.name}" is {parent.status}; its files cannot be changed any more, so make'
            " another one."
        )
    volume = by_id(work, share, parent.folder["v"])
    if volume is None:
        raise NotAllowedNowError(what=f'The volume of "{parent.name}" is gone; make another one.')
    own = caller.code if parent.type == REQUEST and parent.folder["rel"] == join(FOLDER, parent.id) else ""
    return join(parent.folder["rel"], own), volume


def _uploaded(work: Work, entry: Written, folder: str) -> dict[str, Any]:
    """One task with its place in the folder; where its own destination is a plain name, it gets that name."""
    name = ""
    if entry.destination is not None:
        end = places.read(entry.destination, places.names(work))
        if end.party.kind is not PartyKind.NONE or end.path.kind is not PathKind.RELATIVE:
            raise BadValueError(
                what=f'"{entry.destination}" is no name inside a delivery; leave out "destination" or write a relative'
                " path."
            )
        name = end.path.relative + ("/" if end.path.is_folder else "")
    spelled = {"uri": entry.uri, "source": entry.source, "destination": folder + name}
    return spelled | {"priority": entry.priority, "metadata": entry.metadata}


def _download(work: Work, caller: Caller, parent: Row[Any], data: dict[str, Any]) -> Belonging:
    _may_fetch(work, caller, parent)
    written = data.get("destination") or data.get("dest")
    if not isinstance(written, str):
        raise BadValueError(what='Write "source" to put files into it, or "destination", a folder to fetch them to.')
    begin = _beginning(work, written)
    volumes = {row.id: row for row in work.connection.execute(select(share).where(share.c.type == "volume"))}
    owner = require_user(work, parent.user_id)
    held = rights.of_user(work, owner.id, owner.code, owner.role)
    tasks, files = [], set()
    for entry in transfers.task_ends(work, parent.id, task.c.status == TaskStatus.DONE):
        volume, path = volumes[entry.source["v"]], entry.source["rel"]
        if not is_below(path, parent.folder["rel"], True):
            held.require("read", Place(volume, volume, path, is_folder=False))  # the sender's right may be gone
            files.add((volume.id, path))
        tasks.append({"source": f"volume={volume.code}/{path}", "destination": begin + entry.destination["path"]})
    if not tasks:
        raise NotAllowedNowError(what=f'There is no file in "{parent.name}" to fetch.')
    own = rights.of_caller(work, caller)
    folder = parent.folder
    given = Given(own.person, own.grants, own.guarded, "read", folder["v"], folder["rel"], frozenset(files))
    spelled = {name: value for name, value in data.items() if name not in {"destination", "dest"}}
    return Belonging(parent, spelled | {"tasks": tasks}, given, is_upload=False)


def _may_fetch(work: Work, caller: Caller, parent: Row[Any]) -> None:
    """Raise NotAllowedNowError or ForbiddenError unless the caller may have the files now."""
    is_manager = delivery_lists.manages(work, caller, parent)
    if parent.type == REQUEST and not is_manager:
        raise ForbiddenError(who=caller.code, what=f'fetch the files of the request "{parent.name}"')
    if parent.status in OVER or (parent.status != DeliveryStatus.WAITING and not is_manager):
        raise NotAllowedNowError(what=f'The {NAMES[parent.type]} "{parent.name}" is {parent.status}; ask its sender.')


def _beginning(work: Work, written: str) -> str:
    """What stands before a file's name at the place it is fetched to."""
    if places.read(written, places.names(work)).path.kind is PathKind.MIRROR:
        return written if written.endswith(":") else f"{written}:"
    return written if written.endswith(("/", "\\")) else f"{written}/"


def require_open(work: Work, row: Row[Any]) -> None:
    """Raise NotAllowedNowError when what a transfer belongs to is over."""
    parent = by_id(work, job, row.parent_id) if row.parent_id else None
    if parent is not None and (parent.status in OVER or parent.archived):
        raise NotAllowedNowError(what=f'The {NAMES[parent.type]} "{parent.name}" is over, so nothing moves for it.')


def add_files(work: Work, caller: Caller, parent: Row[Any], entries: Iterable[Written]) -> list[str]:
    """Put files of the workspace into a delivery, where they are; gives the ids of its tasks."""
    if parent.status != DeliveryStatus.INIT or parent.type == REQUEST:
        raise NotAllowedNowError(what=f'The files of the {NAMES[parent.type]} "{parent.name}" cannot be changed now.')
    held = rights.of_caller(work, caller)
    shelf = Shelf(work, parent.id, None, Policy())
    shelf.add(_named(work, caller, held, entry) for entry in entries)
    added = [str(entry["id"]) for entry in shelf.touched]
    for start in range(0, len(added), CHUNK):
        chosen = task.c.id.in_(added[start : start + CHUNK])
        work.connection.execute(alter(task).where(chosen).values(status=TaskStatus.DONE, finished=work.now))
    return added


def _named(work: Work, caller: Caller, held: Rights, entry: Written) -> Packed:
    place = places.place(work, caller, entry.source or "")
    held.require("read", place)
    source = {"kind": "volume", "v": place.volume.id, "s": place.share.id, "share_hr": place.share.code}
    return _packed(source | {"path": place.in_share, "rel": place.path}, place.name, entry)


def _packed(source: dict[str, Any], name: str, entry: Written | None = None) -> Packed:
    target = {"kind": "relative", "path": name}
    volumes = frozenset({source["v"]})
    uri, priority, metadata = (None, 500, {}) if entry is None else (entry.uri, entry.priority, entry.metadata)
    return Packed(uri, source, target, digest(source, target), name, priority, metadata, volumes)


def expect(work: Work, parent: Row[Any], job_id: str) -> None:
    """List what a transfer will bring among the files of its delivery or request."""
    Shelf(work, parent.id, None, Policy()).add(_brought(work, parent, job_id))


def _brought(work: Work, parent: Row[Any], job_id: str) -> Iterator[Packed]:
    for entry in transfers.task_ends(work, job_id, task.c.status != TaskStatus.EXCLUDED):
        yield _packed(entry.destination, entry.destination["rel"][len(parent.folder["rel"]) :].lstrip("/"))


def settled(work: Work, row: Row[Any]) -> None:
    """A transfer of a delivery or request is done."""
    parent = by_id(work, job, row.parent_id, lock=True)
    if parent is None:
        return
    if row.destination_type != "workspace":
        recipients.acted(work, parent.id, row.receiver_user_id)
        return
    _arrived(work, parent, row)
    if parent.type == REQUEST:
        recipients.acted(work, parent.id, row.sender_user_id)
        letters.request_answered(work, parent, row, require_user(work, parent.user_id).code)
    elif parent.status == DeliveryStatus.PENDING:
        open_if_whole(work, parent)


def _arrived(work: Work, parent: Row[Any], row: Row[Any]) -> None:
    """The files are in place: say so at their tasks and add them up."""
    known = [packed.endpoints for packed in _brought(work, parent, row.id)]
    for start in range(0, len(known), CHUNK):
        mine = task.c.job_id == parent.id, task.c.endpoints.in_(known[start : start + CHUNK])
        work.connection.execute(alter(task).where(*mine).values(status=TaskStatus.DONE, finished=work.now))
    uploads = job.c.parent_id == parent.id, job.c.destination_type == "workspace", job.c.status == "done"
    total = work.connection.execute(
        select(func.sum(job.c.bytes_done), func.sum(job.c.files_done)).where(*uploads)
    ).one()
    transfers.set_job(work, parent, size=int(total[0] or 0), files=int(total[1] or 0))


def open_if_whole(work: Work, parent: Row[Any]) -> None:
    """Let the recipients have a submitted one once nothing of it is on its way any more, and mail them."""
    coming = select(job.c.name).where(
        job.c.parent_id == parent.id, job.c.destination_type == "workspace", job.c.is_over.is_(False)
    )
    name = work.connection.execute(coming.limit(1)).scalar()
    if name is not None:
        transfers.set_job(work, parent, reason=f'waiting for the files of the transfer "{name}"')
        return
    status = after(parent.status, DeliveryMove.OPEN, name=parent.name)
    transfers.set_job(work, parent, status=status, reason=None)
    addresses = select(job_recipient.c.address).where(job_recipient.c.job_id == parent.id)
    recipients.tell(work, parent, list(work.connection.execute(addresses).scalars()))
