"""The receiver's last step: check a whole file's hash, make it durable, give it its name, make the name durable.

Files are committed in batches: their contents are made durable together, and each folder is synced once.
"""

from __future__ import annotations

import errno
from collections import defaultdict

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.arrival import Arrival
from accsyn_engine.transfer.belt import Belt
from accsyn_engine.transfer.errors import (
    ContentDiffers,
    DestinationRefused,
    DiskFull,
    TransferError,
)
from accsyn_engine.transfer.files import Root
from accsyn_engine.transfer.gauge import OPEN_FILES
from accsyn_engine.transfer.link import Link
from accsyn_engine.transfer.stowage import Stowage
from accsyn_engine.transfer.syncing import Syncer
from accsyn_engine.transfer.tree import split
from accsyn_engine.wire import messages, names
from accsyn_engine.wire.manifest import Outcome
from accsyn_engine.wire.messages import MAX_PAYLOAD


class Committer:
    """Takes files that are whole and lands them."""

    def __init__(self, stowage: Stowage, link: Link, clock: Clock) -> None:
        self._stowage = stowage
        self._link = link
        self._clock = clock
        self._whole: Belt[Arrival] = Belt()
        self._aside = memoryview(bytearray(MAX_PAYLOAD))

    def take(self, arrival: Arrival) -> None:
        """Look whether the file is whole and its digest known; from any thread, after either came."""
        if arrival.hand_on():
            self._whole.put(arrival)

    def end(self) -> None:
        self._whole.end()

    def run(self) -> None:
        with Syncer(self._clock) as syncer:
            while True:
                batch = [arrival for arrival in self._whole.take(OPEN_FILES) if self._is_intact(arrival)]
                sealed = self._seal(batch)
                failed = syncer.sync([fd for _, fd in sealed])
                for arrival, fd in sealed:
                    if fd in failed:
                        self.refuse(arrival, failed[fd])
                self._name([arrival for arrival, fd in sealed if fd not in failed])

    def _is_intact(self, arrival: Arrival) -> bool:
        try:
            if arrival.is_intact(self._aside):
                return True
        except (OSError, TransferError) as error:
            self.refuse(arrival, error)
            return False
        if arrival.is_repaired:
            self._fail(arrival, ContentDiffers(path=names.shown(arrival.path)))
            return False
        arrival.restart()
        self._stowage.count(-arrival.entry.size)
        self._link.post(messages.Repair(arrival.index))
        return False

    def _seal(self, arrivals: list[Arrival]) -> list[tuple[Arrival, int]]:
        sealed = []
        for arrival in arrivals:
            try:
                sealed.append((arrival, arrival.seal()))
            except OSError as error:
                self.refuse(arrival, error)
        return sealed

    def _name(self, arrivals: list[Arrival]) -> None:
        groups: defaultdict[tuple[int, str], list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            groups[id(arrival.root), split(arrival.path)[0]].append(arrival)
        for (_, folder), group in groups.items():
            root = group[0].root
            assert root is not None  # noqa: S101  # placed by the survey
            try:
                self._settle(root, folder, group)
            except TransferError:
                for arrival in group:
                    self._settle_alone(root, folder, arrival)

    def _settle(self, root: Root, folder: str, group: list[Arrival]) -> None:
        renames = [(split(arrival.partial)[1], split(arrival.path)[1]) for arrival in group if arrival.is_open]
        root.settle(folder, renames)
        for arrival in group:
            arrival.close()
        self._stowage.land(group, Outcome.LANDED)
        if self._stowage.is_settled():
            self._link.nudge()

    def _settle_alone(self, root: Root, folder: str, arrival: Arrival) -> None:
        """One name of a group was refused: find out which."""
        try:
            if root.exists(arrival.partial):
                self._settle(root, folder, [arrival])
            else:
                arrival.close()
                self._stowage.land([arrival], Outcome.LANDED)
        except TransferError as error:
            self.refuse(arrival, error)

    def refuse(self, arrival: Arrival, error: OSError | TransferError) -> None:
        """A file that cannot be written is a failure of its own; a full disk ends the transfer. Raises DiskFull."""
        if isinstance(error, DiskFull) or getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
            needs = max(arrival.entry.size, self._stowage.size - self._stowage.written)
            assert arrival.root is not None  # noqa: S101  # placed by the survey
            raise DiskFull(needs=needs, has=arrival.root.free_bytes("")) from error
        if isinstance(error, TransferError):
            detail = error.facts.get("detail", error.message)
        else:
            detail = error.strerror or type(error).__name__
        self._fail(arrival, DestinationRefused(path=names.shown(arrival.path), detail=detail))

    def _fail(self, arrival: Arrival, error: TransferError) -> None:
        self._stowage.fail(arrival, error.code, error.message, self._link.post)
