"""Putting checked tasks into a job: in bulk, each pair of ends once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy import delete as erase
from sqlalchemy import update as alter

from accsyn_engine.jobs.states import TaskStatus
from accsyn_engine.services.context import Work
from accsyn_engine.services.errors import ExistsError
from accsyn_engine.services.work.packing import Packed
from accsyn_engine.store.schema import client, job_volume, share, task

CHUNK = 500  # rows a statement; keeps the parameters below what SQLite takes


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
        self.touched: list[str] = []  # ids of the tasks added, tried again or replaced, in the order given
        self.is_pending = False

    def add(self, packed: Iterable[Packed]) -> None:
        """Store tasks in bulk; raises ExistsError for a uri that is taken, or for duplicates the policy refuses."""
        tasks = iter(packed)
        while chunk := list(islice(tasks, CHUNK)):
            self._add(chunk)
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
        rows = list(self._rows(list(fresh.values())))
        if rows:
            self._work.connection.execute(insert(task), rows)
        self.touched += [row["id"] for row in rows]

    def _there(self, endpoints: set[str]) -> dict[str, str]:
        rows = self._work.connection.execute(
            select(task.c.endpoints, task.c.id).where(task.c.job_id == self._job, task.c.endpoints.in_(endpoints))
        )
        return {row.endpoints: row.id for row in rows}

    def _meet(self, entry: Packed, known: str | None) -> None:
        """Deal with a pair of ends that is there already."""
        if self._policy.refuse:
            shown = f"{entry.source['path']} to {entry.destination['path']}"
            raise ExistsError(kind="task from", name=shown)
        if known is None:
            return
        if self._policy.replace:
            self._work.connection.execute(erase(task).where(task.c.id == known))
            return
        again = {"status": self._status(entry), "error": None, "finished": None}
        self._work.connection.execute(alter(task).where(task.c.id == known).values(again))
        self.touched.append(known)

    def _rows(self, chunk: list[Packed]) -> Iterator[dict[str, Any]]:
        taken = self._taken({entry.uri for entry in chunk if entry.uri is not None})
        for entry in chunk:
            self._seq += 1
            is_taken = entry.uri is not None and entry.uri in taken
            if is_taken and not self._policy.renumber:
                raise ExistsError(kind="task", name=str(entry.uri))
            uri = self._free_uri() if entry.uri is None or is_taken else entry.uri
            taken.add(uri)
            self._volumes |= entry.volumes
            yield {
                "id": self._work.context.ids.task(),
                "job_id": self._job,
                "seq": self._seq,
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

    def _taken(self, uris: set[str]) -> set[str]:
        # Numbers are given by us, so those ahead of the next one may have been taken by a script's own uris.
        numbers = {str(self._seq + 1 + ahead) for ahead in range(CHUNK)}
        self._numbers_taken = set(self._known(sorted(numbers))) | uris
        return set(self._known(sorted(uris)))

    def _known(self, uris: list[str]) -> Iterator[str]:
        for start in range(0, len(uris), CHUNK):
            chosen = task.c.uri.in_(uris[start : start + CHUNK])
            yield from self._work.connection.execute(
                select(task.c.uri).where(task.c.job_id == self._job, chosen)
            ).scalars()

    def _free_uri(self) -> str:
        uri = str(self._seq)
        while uri in self._numbers_taken:
            uri += "+"
        self._numbers_taken.add(uri)
        return uri

    def _status(self, entry: Packed) -> str:
        side = entry.destination
        if self._rooms is None or side["kind"] == "local" or self._rooms.takes(side):
            return TaskStatus.QUEUED
        self.is_pending = True
        return TaskStatus.PENDING


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
    codes = [entry["code"].lower() for entry in row.maps if entry.get("write")]
    volumes = work.connection.execute(select(share.c.id, share.c.code).where(share.c.type == "volume")).all()
    return Rooms(bool(row.downloads), frozenset(volume.id for volume in volumes if volume.code.lower() in codes))


def _rooms(work: Work, user_id: str) -> Rooms:
    rows = work.connection.execute(select(client).where(client.c.user_id == user_id, client.c.type != 1)).all()
    rooms = [rooms_of(work, row) for row in rows]
    return Rooms(any(room.downloads for room in rooms), frozenset().union(*(room.mapped for room in rooms)))
