"""The sender's walk over the sources: names become manifest pages while they are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.disk import files
from accsyn_engine.transfer.disk.files import Root, Stat
from accsyn_engine.transfer.disk.frames import find_frames
from accsyn_engine.transfer.errors import FramesMissing, NotFound, SourceMissing, SourceRefused, TransferError
from accsyn_engine.transfer.meeting.link import Link
from accsyn_engine.transfer.sending.shipment import Parcel, Shipment
from accsyn_engine.transfer.work import Control, Item
from accsyn_engine.wire import messages, names
from accsyn_engine.wire.manifest import Entry, Kind

PAGE_ENTRIES = 512
PAGE_BYTES = 128 * 1024  # of names
PAGE_AGE_S = 0.03  # a slow disk does not hold back what was found

_KINDS = {files.FILE: Kind.FILE, files.FOLDER: Kind.FOLDER}
_FAULTS = {
    files.LINK: "it is a link, and links are not followed",
    files.OTHER: "it is neither a file nor a folder",
}


class Listing:
    """Walks the items in order and posts the pages."""

    def __init__(self, shipment: Shipment, link: Link, control: Control, clock: Clock) -> None:
        self._shipment = shipment
        self._link = link
        self._control = control
        self._clock = clock
        self._roots: dict[Path, Root] = {}
        self._page: list[Parcel] = []
        self._faults: list[tuple[Parcel, TransferError]] = []
        self._weight = 0
        self._pages = 0
        self._index = 0
        self._position = 0
        self._since = clock.monotonic()

    def run(self, items: Iterable[Item]) -> None:
        for item in items:
            self._walk(item)
            self._flush_if_old()
        self._flush()
        self._link.post(messages.ManifestEnd(self._pages, self._index, self._position))
        self._shipment.end_walk()  # after the post: what follows from it is said after it
        self._report()

    def close(self) -> None:
        for root in self._roots.values():
            root.close()

    def _walk(self, item: Item) -> None:
        try:
            root = self._root(item)
            for found in self._frames(item, root) if item.is_sequence else root.walk(item.path):
                self._add(item, root, found)
        except TransferError as error:
            missing = SourceMissing(path=names.shown(item.path) or item.root.name)
            self._refuse(item, missing if isinstance(error, NotFound) else error)

    def _frames(self, item: Item, root: Root) -> Iterator[Stat]:
        """The frames of a sequence; a name that is there as it is written means itself."""
        found = find_frames(root, item.path)
        if found is None:
            yield from root.walk(item.path)
            return
        yield from found.there
        if found.missing:
            error = FramesMissing(path=names.shown(item.path), frames=found.missing)
            self._refuse(item, error, item.path.rpartition("/")[2])

    def _root(self, item: Item) -> Root:
        if item.root not in self._roots:
            self._roots[item.root] = Root(item.root)
        return self._roots[item.root]

    def _add(self, item: Item, root: Root, found: Stat) -> None:
        below = found.path[len(item.base) :].lstrip("/") if item.base else found.path
        entry = Entry(
            _KINDS.get(found.kind, Kind.OTHER),
            item.task,
            names.to_bytes(below),
            found.size,
            found.mtime if found.kind == files.FILE else 0,
        )
        fault = None
        if entry.kind is Kind.OTHER:
            fault = SourceRefused(path=names.shown(found.path), detail=found.detail or _FAULTS[found.kind])
        self._append(Parcel(self._index, entry, root, found.path, self._position), fault)

    def _refuse(self, item: Item, error: TransferError, name: str = "") -> None:
        """What cannot be walked is an entry too, so that both ends know of it."""
        entry = Entry(Kind.OTHER, item.task, names.to_bytes(name), 0, 0)
        self._append(Parcel(self._index, entry, None, item.path, self._position), error)

    def _append(self, parcel: Parcel, fault: TransferError | None) -> None:
        self._page.append(parcel)
        if fault is not None:
            self._faults.append((parcel, fault))
        self._index += 1
        self._position += parcel.entry.size
        self._weight += len(parcel.entry.path)
        if len(self._page) >= PAGE_ENTRIES or self._weight >= PAGE_BYTES:
            self._flush()
        else:
            self._flush_if_old()

    def _flush_if_old(self) -> None:
        if self._clock.monotonic() - self._since > PAGE_AGE_S:
            self._flush()

    def _flush(self) -> None:
        self._since = self._clock.monotonic()
        if not self._page:
            return
        page, self._page, self._weight = self._page, [], 0
        entries = tuple(parcel.entry for parcel in page)
        event = messages.Manifest(self._pages, page[0].index, page[0].start, entries)
        self._shipment.add(page, lambda: self._link.post(event))
        self._pages += 1
        faults, self._faults = self._faults, []
        for parcel, error in faults:
            self._shipment.fail(parcel, error.code, error.message)
            self._link.post(messages.Failed(parcel.index, error.code, error.message))
        self._report()

    def _report(self) -> None:
        shipment = self._shipment
        self._control.report(size=shipment.size, files=shipment.files, walking=not shipment.is_walked)
