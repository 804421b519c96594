"""Putting checked tasks into a job: in bulk, each pair of ends once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy import delete as erase
from sqlalchemy import update as alter
from sqlalchemy.exc import IntegrityError

from accsyn_engine.jobs.states import TaskStatus
from accsyn_engine.services.context import Work
from accsyn_engine.services.errors import ExistsError
from accsyn_engine.services.work.packing import Packed
from accsyn_engine.store.schema import client, job, job_volume, share, task

CHUNK = 5000  # rows a statement; keeps the parameters below what the databases take


@dataclass(frozen=True)
class Policy:
    """What happens to a task whose two ends the job has already."""

    refuse: bool = False  # allow_duplicates=False
    replace: bool = False  # replace_duplicates=True; otherwise the task there is tried again
    renumber: bool = False  # append=True: a uri that is taken becomes a new one


class Shelf:
    """The tasks of one job while they are being added."""

    def __init__(self, work: Work, job_id: str, receiver: str | None, policy: Policy) -> None:
        self._work = work
        self._job = job_id
        self._policy = policy
        self._rooms = _rooms(work, receiver) if receiver else None
        last = work.connection.execute(select(func.max(task.c.seq)).where(task.c.job_id == job_id)).scalar()
        self._seq = -1 if last is None else last
        self._volumes: set[str] = set()
        self.touched: list[
            dict[str, Any]
        ] = []  # the tasks added, tried again or replaced: how they are called and stand
        self._is_pending = False

    def add(self, packed: Iterable[Packed]) -> None:
        """Store tasks in bulk; raises ExistsError for a uri that is taken, or for duplicates the policy refuses."""
        tasks = iter(packed)
        while chunk := list(islice(tasks, CHUNK)):
            self._add(chunk)
        if self._is_pending:
            self._work.connection.execute(alter(job).where(job.c.id == self._job).values(is_pending=True))
        known = set(
            self._work.connection.execute(
                select(job_volume.c.volume_id).where(job_volume.c.job_id == self._job)
            ).scalars()
        )
        new = [{"job_id": self._job, "volume_id": volume} for volume in sorted(self._volumes - known)]
        if new:
            self._work.connection.execute(insert(job_volume), new)

    def _add(self, chunk: list[Packed]) -> None:
        there = self._there({entry.endpoints for entry in chunk})
        fresh: dict[str, Packed] = {}
        for entry in chunk:
            if entry.endpoints in there or entry.endpoints in fresh:
                self._meet(entry, there.get(entry.endpoints))
            if entry.endpoints not in there or self._policy.replace:
                fresh[entry.endpoints] = entry
        self._insert(list(fresh.values()), {endpoints: known.seq for endpoints, known in there.items()})

    def _insert(self, fresh: list[Packed], places: dict[str, int]) -> None:
        """Store new tasks under their numbers; only where a script has used one of these itself they are looked up."""
        given = {entry.uri for entry in fresh if entry.uri is not None}
        taken = set(self._known(sorted(given))) if self._seq >= 0 else set()
        if taken and not self._policy.renumber:
            raise ExistsError(kind="task", name=min(taken))
        fresh = [replace(entry, uri=None) if entry.uri in taken else entry for entry in fresh]
        given -= taken
        rows = list(self._rows(fresh, places))
        if not rows:
            return
        try:
            with self._work.connection.begin_nested():
                self._work.connection.execute(insert(task), rows)
        except IntegrityError:
            taken = set(self._known([row["uri"] for row in rows if row["uri"] not in given])) | given
            for row in rows:
                if row["uri"] not in given:
                    row["uri"] = _free(row["uri"], taken)
                    taken.add(row["uri"])
            self._work.connection.execute(insert(task), rows)
        self.touched += [_brief(row["id"], row["uri"], self._job, row["status"]) for row in rows]

    def _there(self, endpoints: set[str]) -> dict[str, Row[Any]]:
        if self._seq < 0:
            return {}  # a new job
        rows: Iterable[Row[Any]] = self._work.connection.execute(
            select(task.c.endpoints, task.c.id, task.c.uri, task.c.seq).where(
                task.c.job_id == self._job, task.c.endpoints.in_(endpoints)
            )
        )
        return {row.endpoints: row for row in rows}

    def _meet(self, entry: Packed, known: Row[Any] | None) -> None:
        """Deal with a pair of ends that is there already."""
        if self._policy.refuse:
            shown = f"{entry.source['path']} to {entry.destination['path']}"
            raise ExistsError(kind="task from", name=shown)
        if known is None:
            return
        if self._policy.replace:
            self._work.connection.execute(erase(task).where(task.c.id == known.id))
            return
        status = self._status(entry)
        again = {"status": status, "error": None, "finished": None}
        self._work.connection.execute(alter(task).where(task.c.id == known.id).values(again))
        self.touched.append(_brief(known.id, known.uri, self._job, status))

    def _rows(self, fresh: list[Packed], places: dict[str, int]) -> Iterator[dict[str, Any]]:
        """The rows of new tasks; one that replaces another takes its place, so that the numbers have no gaps."""
        given: set[str] = set()
        for entry, new in zip(fresh, self._work.context.ids.tasks(len(fresh)), strict=True):
            seq = places.get(entry.endpoints)
            if seq is None:
                seq = self._seq = self._seq + 1
            uri = entry.uri if entry.uri is not None else str(seq)
            if entry.uri is not None:
                if uri in given:
                    raise ExistsError(kind="task", name=uri)
                given.add(uri)
            self._volumes |= entry.volumes
            yield {
                "id": new,
                "job_id": self._job,
                "seq": seq,
                "uri": uri,
                "status": self._status(entry),
                "source": entry.source,
                "destination": entry.destination,
                "endpoints": entry.endpoints,
                "priority": entry.priority,
                "size": -1,
                "metadata": entry.metadata,
                "created": self._work.now,
            }

    def _known(self, uris: list[str]) -> Iterator[str]:
        for start in range(0, len(uris), CHUNK):
            chosen = task.c.uri.in_(uris[start : start + CHUNK])
            yield from self._work.connection.execute(
                select(task.c.uri).where(task.c.job_id == self._job, chosen)
            ).scalars()

    def _status(self, entry: Packed) -> str:
        side = entry.destination
        if self._rooms is not None and side["kind"] != "local" and not self._rooms.takes(side):
            self._is_pending = True
        return TaskStatus.QUEUED


def _brief(id: str, uri: str, job_id: str, status: str) -> dict[str, Any]:
    return {"id": id, "uri": uri, "job": job_id, "status": status}


def _free(uri: str, taken: set[str]) -> str:
    while uri in taken:
        uri += "+"
    return uri


@dataclass(frozen=True)
class Rooms:
    """What the agents of a receiver have made room for."""

    downloads: bool
    mapped: frozenset[str]  # ids of the volumes mapped for writing

    def takes(self, side: dict[str, Any]) -> bool:
        """Whether an item for a person's machine has a place there."""
        return side.get("v") in self.mapped or (side["kind"] == "relative" and self.downloads)


def rooms_of(work: Work, row: Row[Any]) -> Rooms:
    """Read what one agent has made room for."""
    return _rooms_of_all(work, [row])


def _rooms(work: Work, user_id: str) -> Rooms:
    mine = client.c.user_id == user_id, client.c.type != 1
    return _rooms_of_all(work, work.connection.execute(select(client.c.maps, client.c.downloads).where(*mine)).all())


def _rooms_of_all(work: Work, rows: Sequence[Any]) -> Rooms:
    codes = {entry["code"].lower() for row in rows for entry in row.maps if entry.get("write")}
    volumes = select(share.c.id, share.c.code).where(share.c.type == "volume")
    mapped = [volume.id for volume in work.connection.execute(volumes) if volume.code.lower() in codes] if codes else []
    return Rooms(any(row.downloads for row in rows), frozenset(mapped))
