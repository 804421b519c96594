"""The receiver's look at its disk for each page of the manifest: what is there, what is wanted, what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from accsyn_engine.transfer.belt import Belt
from accsyn_engine.transfer.disk import files
from accsyn_engine.transfer.disk.files import Root, Stat, read_stat, sentence
from accsyn_engine.transfer.disk.gauge import Gauge
from accsyn_engine.transfer.disk.tree import Folder, join, split
from accsyn_engine.transfer.errors import (
    DestinationRefused,
    DiskFull,
    NotFound,
    PeerLost,
    TransferError,
)
from accsyn_engine.transfer.meeting.link import Link
from accsyn_engine.transfer.receiving.arrival import Arrival, Site, job_prefix
from accsyn_engine.transfer.receiving.commit import Committer
from accsyn_engine.transfer.receiving.comparing import Comparison
from accsyn_engine.transfer.receiving.stowage import Stowage
from accsyn_engine.transfer.receiving.stowing import Stower
from accsyn_engine.transfer.work import Item
from accsyn_engine.wire import messages, names
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.manifest import Kind, Outcome

FEWEST_COMING = 4096
BACKLOG = 32  # frames that wait for the survey before the session stops reading

_NOTHING = memoryview(b"")


@dataclass(frozen=True)
class _Held:
    """A folder that is open for looking at several files."""

    site: Site
    path: str
    folder: Folder
    is_new: bool  # made by us a moment ago

    def stat(self, arrival: Arrival) -> Stat | None:
        """What lies there already under the file's name."""
        try:
            return read_stat(arrival.path, self.folder.stat(arrival.name))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise sentence(arrival.path, error) from error


class Surveyor:
    """Works through manifest pages, digests, failures and the finish in the order they came."""

    def __init__(
        self,
        *,
        stowage: Stowage,
        committer: Committer,
        stower: Stower,
        link: Link,
        gauge: Gauge,
        resumed: Belt[Arrival],
        destination: Callable[[int], Item],
        job: str,
        is_fresh: bool,
        comparison: Comparison | None,
        folds: Callable[[Root], bool],
        finish: Callable[[messages.Finish], None],
    ) -> None:
        self._stowage = stowage
        self._committer = committer
        self._stower = stower
        self._link = link
        self._gauge = gauge
        self._resumed = resumed
        self._destination = destination
        self._job = job
        self._is_fresh = is_fresh
        self._comparison = comparison  # None where size and time of change decide
        self._folds = folds
        self._finish = finish
        self._places: dict[int, tuple[Site, str]] = {}  # by task: where its item lies
        self._sites: dict[Path, Site] = {}
        self._folded: dict[Site, set[bytes] | None] = {}  # None where the disk tells names apart
        self._coming: dict[tuple[Site, str], Arrival] = {}
        self._most_coming = FEWEST_COMING
        self._held: _Held | None = None  # the folder of the files looked at now
        self._made: tuple[Site, str] | None = None  # the last folder that was not there before us
        self._touched: set[tuple[Site, str]] = set()
        self._owed: dict[Site, int] = {}  # bytes asked for, by root
        self._page = 0
        self.events: Belt[messages.Event] = Belt()

    def is_behind(self) -> bool:
        return len(self.events) >= BACKLOG

    def run(self) -> None:
        while True:
            event = self.events.get()
            match event:
                case messages.Manifest():
                    self._survey(event)
                case messages.ManifestEnd():
                    self._end(event)
                case messages.Digests() | messages.Alike():
                    self._take_digests(event)
                case messages.Failed():
                    self._take_failure(event)
                case messages.Finish():
                    self._finish(event)

    def _survey(self, page: messages.Manifest) -> None:
        stowage = self._stowage
        if (page.page, page.first, page.position) != (self._page, stowage.entries, stowage.size) or not page.entries:
            raise RemoteProtocolError(detail="a manifest page out of its order")
        self._page += 1
        arrivals, position = [], page.position
        for number, entry in enumerate(page.entries):
            arrivals.append(Arrival(page.first + number, entry, position))
            position += entry.size
        present = bytearray((len(arrivals) + 7) // 8)
        ranges: list[tuple[int, int]] = []
        there = 0
        try:
            for number, arrival in enumerate(arrivals):
                self._look(arrival)
                if arrival.outcome is Outcome.PRESENT:
                    present[number // 8] |= 1 << (number % 8)
                    there += arrival.entry.size
                elif arrival.outcome is Outcome.OPEN:
                    _extend(ranges, arrival.missing())
        finally:
            self._let_go()
        stowage.count(there)
        self._check_room()
        if self._comparison is not None:
            self._comparison.tell()
        self._link.post(messages.Wants(page.page, bytes(present), tuple(ranges)))
        stowage.add(arrivals)
        self._start(arrivals)

    def _look(self, arrival: Arrival) -> None:
        """Decide what becomes of one entry as far as the disk can tell."""
        kind = arrival.entry.kind
        site = self._place(arrival)
        if kind is Kind.OTHER:
            return  # its failure follows
        try:
            if kind is Kind.FOLDER:
                arrival.root.mkdir(arrival.path)
                arrival.outcome = Outcome.LANDED
            else:
                self._look_at_file(arrival, site)
        except (DiskFull, PeerLost):
            raise
        except TransferError as error:
            refused = DestinationRefused(
                path=names.shown(arrival.path), detail=error.facts.get("detail", error.message)
            )
            self._stowage.fail(arrival, refused.code, refused.message, self._link.post)

    def _place(self, arrival: Arrival) -> Site:
        """Where an entry lands: below the destination of its task and nowhere else."""
        task = arrival.entry.task
        if task not in self._places:
            self._places[task] = self._find_place(task)
        site, path = self._places[task]
        folder, name = split(join(path, names.to_text(arrival.entry.path)))
        arrival.place(site, folder, name)
        return site

    def _find_place(self, task: int) -> tuple[Site, str]:
        try:
            item = self._destination(task)
        except LookupError as error:
            raise RemoteProtocolError(detail="a file of a task that was not announced") from error
        if item.root not in self._sites:
            self._sites[item.root] = Site(Root(item.root), self._job, self._gauge)
        return self._sites[item.root], item.path

    def _look_at_file(self, arrival: Arrival, site: Site) -> None:
        self._check_twins(arrival, site)
        held = self._hold(site, arrival.folder)
        if held.is_new:
            self._owe(site, arrival.entry.size)
            return
        there = held.stat(arrival)
        if there is not None:
            if there.kind != files.FILE:
                raise DestinationRefused(path=names.shown(arrival.path), detail="there is no plain file of that name")
            if self._is_present(arrival, there):
                arrival.outcome = Outcome.PRESENT
                return
        if not self._is_fresh:
            self._touched.add((site, arrival.folder))
            if kept := arrival.resume():
                self._stowage.count(kept)
        if there is not None and self._comparison is not None and arrival.entry.size and not arrival.is_open:
            self._comparison.meet(arrival, held.folder)
        self._owe(site, sum(b - a for a, b in arrival.missing()))

    def _is_present(self, arrival: Arrival, there: Stat) -> bool:
        """Whether what lies there is the file, without a look into it."""
        if self._comparison is not None and there.size:
            return False
        return (there.size, there.mtime) == (arrival.entry.size, arrival.entry.mtime)

    def _owe(self, site: Site, size: int) -> None:
        self._owed[site] = self._owed.get(site, 0) + size

    def _hold(self, site: Site, path: str) -> _Held:
        """The folder of the files looked at now; one that was not there is made, and holds only what we bring."""
        if self._held is None or self._held.path != path or self._held.site is not site:
            self._let_go()
            try:
                folder = site.root.folder(path)
            except NotFound:
                site.root.mkdir(path)
                self._made = (site, path)
                folder = site.root.folder(path)
            self._held = _Held(site, path, folder, is_new=self._made == (site, path))
        return self._held

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.folder.__exit__()
            self._held = None

    def _check_twins(self, arrival: Arrival, site: Site) -> None:
        """Refuse a second file of the same name, and one that the disk takes for the same."""
        key = (site, arrival.path)
        twin = self._coming.get(key)
        if twin is not None and twin.outcome is Outcome.OPEN:
            raise DestinationRefused(path=names.shown(arrival.path), detail="two files of this transfer have that name")
        self._coming[key] = arrival
        if len(self._coming) > self._most_coming:
            self._coming = {key: arrival for key, arrival in self._coming.items() if arrival.outcome is Outcome.OPEN}
            self._most_coming = 2 * len(self._coming) + FEWEST_COMING
        if site not in self._folded:
            self._folded[site] = set() if self._folds(site.root) else None
        folded = self._folded[site]
        if folded is None:
            return
        digest = blake3(names.fold(arrival.path).encode("utf-8", "surrogateescape")).digest(8)
        if digest in folded:
            detail = "another file of this transfer differs from it only in case, and this disk takes both for one"
            raise DestinationRefused(path=names.shown(arrival.path), detail=detail)
        folded.add(digest)

    def _check_room(self) -> None:
        """Refuse before the first byte what cannot fit."""
        for site, owed in self._owed.items():
            has = site.root.free_bytes("")
            needs = owed - self._stowage.moved
            if needs > has:
                raise DiskFull(needs=needs, has=has)

    def _start(self, arrivals: list[Arrival]) -> None:
        """Send on its way what does not wait for a block: empty files, and what an earlier try left to hash."""
        waiting = [a for a in arrivals if a.outcome is Outcome.OPEN and a.entry.kind is Kind.FILE]
        empty = [arrival for arrival in waiting if not arrival.entry.size]
        for _, run in itertools.groupby(empty, key=lambda arrival: (id(arrival.site), arrival.folder)):
            group = list(run)
            if not self._stower.store(group, group[0].start, _NOTHING, _NOTHING):
                self._committer.take_all(group)
        for arrival in waiting:
            twin = arrival.twin  # a block that comes now takes it away
            if arrival.is_open or (twin is not None and twin.digest is None):
                self._resumed.put(arrival)

    def _end(self, end: messages.ManifestEnd) -> None:
        if end.pages != self._page:
            raise RemoteProtocolError(detail="the manifest's sums do not fit its pages")
        self._stowage.complete(end.entries, end.size)

    def _take_digests(self, event: messages.Digests | messages.Alike) -> None:
        ready = []
        found = self._stowage.find_all(index for index, _ in event.digests)
        for arrival, (_, digest) in zip(found, event.digests, strict=True):
            if arrival is None or arrival.outcome is not Outcome.OPEN:
                continue  # refused here or present after all
            if arrival.digest is not None or arrival.entry.kind is not Kind.FILE:
                raise RemoteProtocolError(detail="a second digest of one file")
            self._decide(arrival, event)
            arrival.digest = digest
            ready.append(arrival)
        self._committer.take_all(ready)

    def _decide(self, arrival: Arrival, event: messages.Digests | messages.Alike) -> None:
        if self._comparison is not None:
            self._comparison.take(arrival, event)
        elif isinstance(event, messages.Alike):
            raise RemoteProtocolError(detail="it calls alike what was not to be compared")

    def _take_failure(self, event: messages.Failed) -> None:
        arrival = self._stowage.find(event.index)
        if arrival is None:
            return  # present here; that the source cannot be read does not matter
        self._stowage.fail(arrival, event.code, event.message)

    def sweep(self) -> None:
        """Remove what earlier tries of this job left in the folders touched."""
        prefix = job_prefix(self._job)
        for site, folder in self._touched:
            for name in site.root.hidden(folder):
                if name.startswith(prefix):
                    site.root.remove(join(folder, name))

    def close(self) -> None:
        for site in self._sites.values():
            site.root.close()


def _extend(ranges: list[tuple[int, int]], more: list[tuple[int, int]]) -> None:
    """Append ranges in order, uniting those that touch."""
    for start, end in more:
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((start, end))
