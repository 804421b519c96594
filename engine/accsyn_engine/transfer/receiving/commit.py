"""The receiver's last step: check a whole file's hash, make it durable, give it its name, make the name durable.

Files are committed in batches: their contents are made durable together, and each folder is synced once.
"""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Iterable

from accsyn_engine.transfer.belt import Belt
from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.disk.gauge import OPEN_FILES
from accsyn_engine.transfer.disk.syncing import Syncer
from accsyn_engine.transfer.errors import (
    ContentDiffers,
    DestinationRefused,
    DiskFull,
    TransferError,
)
from accsyn_engine.transfer.meeting.link import Link
from accsyn_engine.transfer.receiving.arrival import Arrival
from accsyn_engine.transfer.receiving.stowage import Stowage
from accsyn_engine.wire import messages, names
from accsyn_engine.wire.manifest import Outcome
from accsyn_engine.wire.messages import MAX_PAYLOAD

BATCH = 4096  # files landed in one go at most
_NOT_KEPT = "its disk could not keep what was written; look at the system's log"


class Committer:
    """Takes files that are whole and lands them."""

    def __init__(self, stowage: Stowage, link: Link, syncer: Syncer) -> None:
        self._stowage = stowage
        self._link = link
        self._syncer = syncer
        self._whole: Belt[Arrival] = Belt()
        self._aside = memoryview(bytearray(MAX_PAYLOAD))

    def take(self, arrival: Arrival) -> None:
        """Look whether the file is whole and its digest known; from any thread, after either came."""
        self.take_all((arrival,))

    def take_all(self, arrivals: Iterable[Arrival]) -> None:
        """As `take`, for several."""
        if whole := [arrival for arrival in arrivals if arrival.hand_on()]:
            self._whole.put_all(whole)

    def end(self) -> None:
        self._whole.end()

    def run(self) -> None:
        while True:
            batch = [arrival for arrival in self._whole.take(BATCH) if self._is_intact(arrival)]
            self._commit_stored([arrival for arrival in batch if arrival.is_stored])
            held = [arrival for arrival in batch if not arrival.is_stored and arrival.twin is None]
            for at in range(0, len(held), OPEN_FILES):
                self._commit_held(held[at : at + OPEN_FILES])
            alike = [arrival for arrival in batch if arrival.twin is not None]
            for at in range(0, len(alike), OPEN_FILES):
                self._keep(alike[at : at + OPEN_FILES])

    def _commit_stored(self, arrivals: list[Arrival]) -> None:
        """Land files that were closed: where their disk could not keep all, none of them is believed."""
        by_disk: defaultdict[int, list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            by_disk[arrival.device].append(arrival)
        for disk, group in by_disk.items():
            if self._syncer.sync_disk(disk, len(group)):
                self._name(group)
                continue
            for arrival in group:
                self._send_again(arrival, DestinationRefused(path=names.shown(arrival.path), detail=_NOT_KEPT))

    def _commit_held(self, arrivals: list[Arrival]) -> None:
        sealed = self._seal(arrivals)
        failed = self._syncer.sync([fd for _, fd in sealed])
        for arrival, fd in sealed:
            if fd in failed:
                self.refuse(arrival, failed[fd])
        self._name([arrival for arrival, fd in sealed if fd not in failed])

    def _keep(self, arrivals: list[Arrival]) -> None:
        """Leave files in place that are the same as the sender's; one that cannot be kept is sent."""
        kept = []
        for arrival in arrivals:
            try:
                kept.append((arrival, arrival.seal()))
            except (OSError, TransferError):
                self._fetch(arrival)
        failed = self._syncer.sync([fd for _, fd in kept])
        for arrival, fd in kept:
            if fd in failed:
                self._fetch(arrival)
        alike = [arrival for arrival, fd in kept if fd not in failed]
        for arrival in alike:
            arrival.close()
        self._stowage.count(sum(arrival.entry.size for arrival in alike))
        self._land(alike)

    def _fetch(self, arrival: Arrival) -> None:
        """What lies there is not the same: all of the file is wanted."""
        arrival.close()
        arrival.restart()
        self._link.post(messages.Repair(arrival.index))

    def _land(self, arrivals: list[Arrival]) -> None:
        self._stowage.land(arrivals, Outcome.LANDED)
        if self._stowage.is_settled():
            self._link.nudge()

    def _is_intact(self, arrival: Arrival) -> bool:
        try:
            if arrival.is_intact(self._aside):
                return True
        except (OSError, TransferError) as error:
            self.refuse(arrival, error)
            return False
        if arrival.twin is not None:
            self._fetch(arrival)
        else:
            self._send_again(arrival, ContentDiffers(path=names.shown(arrival.path)))
        return False

    def _send_again(self, arrival: Arrival, error: TransferError) -> None:
        """Ask for all of a file once more; the second time it fails with the error."""
        if arrival.is_repaired:
            self._fail(arrival, error)
            return
        try:
            arrival.restart()
        except (OSError, TransferError) as fault:
            self.refuse(arrival, fault)
            return
        self._stowage.count(-arrival.entry.size)
        self._link.post(messages.Repair(arrival.index))

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
            groups[id(arrival.root), arrival.folder].append(arrival)
        for (_, folder), group in groups.items():
            root = group[0].root
            try:
                self._settle(root, folder, group)
            except TransferError:
                for arrival in group:
                    self._settle_alone(root, folder, arrival)

    def _settle(self, root: Root, folder: str, group: list[Arrival]) -> None:
        renames = [(a.partial_name, a.name) for a in group if a.is_stored or a.is_open]
        root.settle(folder, renames)
        for arrival in group:
            arrival.close()
        self._land(group)

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
            raise DiskFull(needs=needs, has=arrival.root.free_bytes("")) from error
        if isinstance(error, TransferError):
            detail = error.facts.get("detail", error.message)
        else:
            detail = error.strerror or type(error).__name__
        self._fail(arrival, DestinationRefused(path=names.shown(arrival.path), detail=detail))

    def _fail(self, arrival: Arrival, error: TransferError) -> None:
        self._stowage.fail(arrival, error.code, error.message, self._link.post)
