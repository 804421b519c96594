"""What the sender knows of each entry of the manifest, from the walk until both ends have settled it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accsyn_engine.transfer.belt import Ended
from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.disk.tree import split
from accsyn_engine.transfer.work import KEPT_FAILURES, OPEN_ENTRIES, Failure
from accsyn_engine.wire import messages
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.manifest import EMPTY_DIGEST, Entry, Kind, Outcome
from accsyn_engine.wire.manifest import Root as RootHash

OPEN_PAGES = 64  # how many pages may be without an answer
RUN_FILES, RUN_BYTES = 256, 1 << 20  # how much of a folder is read through one look at it


@dataclass(eq=False, slots=True)
class Parcel:
    """One entry at the sender; `start` is where its content begins in the stream."""

    index: int
    entry: Entry
    root: Root | None  # None for what cannot be read at all
    path: str  # below `root`
    start: int
    outcome: Outcome = Outcome.OPEN
    digest: bytes = b""
    wanted: tuple[tuple[int, int], ...] | None = None  # ranges of the stream; None before the answer
    hint: int | None = None  # of a file to be compared: how the hash of the receiver's begins

    @property
    def end(self) -> int:
        return self.start + self.entry.size

    def is_beside(self, other: Parcel) -> bool:
        """Whether both lie in the same folder."""
        return self.root is other.root and split(self.path)[0] == split(other.path)[0]

    @property
    def is_read_at_once(self) -> bool:
        """Whether all of it is read in one go, to be sent or to be compared first."""
        return self.hint is not None or self.wanted == ((self.start, self.end),)

    @property
    def is_to_be_read(self) -> bool:
        return self.entry.kind is Kind.FILE and self.entry.size > 0 and self.outcome is Outcome.OPEN


@dataclass(frozen=True)
class Sums:
    """What both ends sign: the root over all entries, files and bytes in place, entries that failed."""

    root: bytes
    files: int
    size: int
    failed: int


@dataclass(frozen=True)
class Gap:
    """A piece of the stream within one entry that was read before, and is read again because it was lost."""

    parcel: Parcel
    start: int
    end: int


class Shipment:
    """The entries that are not settled yet, shared by walker, reader and session."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._parcels: deque[Parcel] = deque()
        self._first = 0  # index of the first parcel kept
        self._read = 0  # index of the next parcel to read
        self._again: deque[Parcel | Gap] = deque()
        self._pages: deque[tuple[int, int]] = deque()  # first index and count of pages without an answer
        self._next_page = 0
        self.is_fresh = False  # nothing of this job lies at the receiver: read before the answers come
        self._is_over = False
        self.root = RootHash()
        self.is_walked = False
        self.entries = self.files = self.size = 0  # found by the walk
        self.done = self.done_size = self.failed = 0  # settled
        self.failures: list[Failure] = []
        self.tasks: set[int] = set()
        self.failed_tasks: set[int] = set()

    # the walker
    def add(self, parcels: Sequence[Parcel], announce: Callable[[], None]) -> None:
        """Take the next page's parcels, waiting until the settled ones make room. Raises Ended.

        `announce` posts the page: before anything of it can be read, after it can be answered.
        """
        with self._changed:
            while not self._is_over and (len(self._parcels) >= OPEN_ENTRIES or len(self._pages) >= OPEN_PAGES):
                self._changed.wait()
            if self._is_over:
                raise Ended
            self._pages.append((self.entries, len(parcels)))
            self._parcels.extend(parcels)
            self.entries += len(parcels)
            self.tasks.update(parcel.entry.task for parcel in parcels)
            self.files += sum(parcel.entry.kind is not Kind.FOLDER for parcel in parcels)
            self.size += sum(parcel.entry.size for parcel in parcels)
            announce()
            self._changed.notify_all()

    def believe(self, *, is_fresh: bool) -> None:
        """Whether nothing of this job lies at the receiver, by its own word."""
        with self._changed:
            self.is_fresh = is_fresh
            self._changed.notify_all()

    def end_walk(self) -> None:
        with self._changed:
            self.is_walked = True
            self._changed.notify_all()

    # the reader
    def poll_next(self) -> Parcel | Gap | None:
        """The next file to read, if there is one now."""
        with self._changed:
            return self._take_next()

    def wait_next(self) -> Parcel | Gap:
        """The next file to read; waits for the walk, the answers and repairs. Raises Ended."""
        with self._changed:
            while not self._is_over:
                if (parcel := self._take_next()) is not None:
                    return parcel
                self._changed.wait()
            raise Ended

    def poll_run(self) -> list[Parcel]:
        """The next files to read as far as they are small, wanted as a whole and of one folder; perhaps none."""
        found: list[Parcel] = []
        with self._changed:
            if self._again:
                return found
            size, read = 0, max(self._read, self._first)
            while read < self.entries and len(found) < RUN_FILES:
                parcel = self._parcels[read - self._first]
                if parcel.is_to_be_read:
                    size += parcel.entry.size
                    if (
                        size > RUN_BYTES
                        or not self._is_wanted_whole(parcel)
                        or (found and not found[0].is_beside(parcel))
                    ):
                        break
                    found.append(parcel)
                read += 1
            if found:
                self._read = read
        return found

    def _is_wanted_whole(self, parcel: Parcel) -> bool:
        return self.is_fresh if parcel.wanted is None else parcel.is_read_at_once

    def _take_next(self) -> Parcel | Gap | None:
        if self._again:
            return self._again.popleft()
        while self._read < self.entries:
            if self._read < self._first:
                self._read = self._first  # settled without reading
                continue
            parcel = self._parcels[self._read - self._first]
            if parcel.is_to_be_read and parcel.wanted is None and not self.is_fresh:
                return None  # its page has no answer yet
            self._read += 1
            if parcel.is_to_be_read:
                return parcel
        return None

    def piece(self, parcel: Parcel, position: int, most: int) -> tuple[int, bool]:
        """How far to read from `position`, and whether the receiver wants that; (0, False) to leave the file."""
        with self._changed:
            if self._is_over:
                raise Ended
            if parcel.outcome is not Outcome.OPEN:
                return 0, False
            end = min(parcel.end, position + most)
            for start, stop in ((parcel.start, parcel.end),) if parcel.wanted is None else parcel.wanted:
                if start <= position < stop:
                    return min(end, stop) - position, True
                if position < start:
                    return min(end, start) - position, False
            return end - position, False

    def want(self, parcel: Parcel) -> None:
        """It differs from what lies at the receiver: all of it goes."""
        with self._changed:
            parcel.hint, parcel.wanted = None, ((parcel.start, parcel.end),)

    def set_digest(self, parcel: Parcel, digest: bytes) -> None:
        parcel.digest = digest  # before it is told, so nobody asks for it meanwhile

    # the session
    def compare(self, held: messages.Held) -> None:
        """Take which files of the next page to be answered lie there and are to be compared.

        Raises RemoteProtocolError.
        """
        with self._changed:
            if not self._pages or self.is_fresh:
                raise RemoteProtocolError(detail="it compares what was not listed, or what it said was not there")
            first, count = self._pages[0]
            for index, hint in held.hints:
                parcel = self._parcels[index - self._first] if first <= index < first + count else None
                if parcel is None or parcel.entry.kind is not Kind.FILE or not parcel.entry.size:
                    raise RemoteProtocolError(detail="it compares what is no file of the page")
                if index >= self._read:  # what was read already, before the answer, goes as it is
                    parcel.hint = hint

    def answer(self, wants: messages.Wants) -> None:
        """Take what the receiver wants of a page. Raises RemoteProtocolError when it does not fit the page."""
        with self._changed:
            if not self._pages or wants.page != self._next_page:
                raise RemoteProtocolError(detail="an answer to a page that was not asked")
            first, count = self._pages.popleft()
            self._next_page += 1
            if len(wants.present) != (count + 7) // 8:
                raise RemoteProtocolError(detail="an answer of the wrong length")
            parcels = [self._parcels[first - self._first + number] for number in range(count)]
            for number, parcel in enumerate(parcels):
                if wants.present[number // 8] >> (number % 8) & 1:
                    self._set_present(parcel)
            _share_out(wants.ranges, parcels)
            self._changed.notify_all()

    def _set_present(self, parcel: Parcel) -> None:
        """Present at the receiver outweighs that it could not be read here."""
        if parcel.entry.kind is not Kind.FILE:
            raise RemoteProtocolError(detail="an entry that is no file cannot be present")
        parcel.outcome = Outcome.PRESENT

    def fail(self, parcel: Parcel, code: str, message: str) -> bool:
        """Give one entry up; false when its fate was decided already."""
        with self._changed:
            if parcel.outcome is not Outcome.OPEN:
                return False
            parcel.outcome = Outcome.FAILED
            self._note(Failure(parcel.entry.task, parcel.path, code, message))
            return True

    def _note(self, failure: Failure) -> None:
        self.failed_tasks.add(failure.task)
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append(failure)

    def find(self, index: int) -> Parcel:
        """An entry that is not settled. Raises RemoteProtocolError."""
        with self._changed:
            if not self._first <= index < self.entries:
                raise RemoteProtocolError(detail="an entry that is not open")
            return self._parcels[index - self._first]

    def repair(self, index: int) -> None:
        """Read a file once more, all of it."""
        parcel = self.find(index)
        with self._changed:
            if parcel.outcome is not Outcome.OPEN or not parcel.digest:
                raise RemoteProtocolError(detail="a repair of a file that was not sent")
            parcel.digest, parcel.hint = b"", None
            parcel.wanted = ((parcel.start, parcel.end),)
            self._again.append(parcel)
            self._changed.notify_all()

    def resend(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Read these pieces of the stream again, as far as they are not settled: the connection they went over died."""
        with self._changed:
            for start, end in ranges:
                for parcel in self._parcels:
                    if parcel.start < end and start < parcel.end and parcel.outcome is Outcome.OPEN:
                        self._again.append(Gap(parcel, max(start, parcel.start), min(end, parcel.end)))
            self._changed.notify_all()

    def settle(self, until: int) -> None:
        """Take all entries before `until` as settled. Raises RemoteProtocolError where that cannot be."""
        with self._changed:
            answered = self._pages[0][0] if self._pages else self.entries
            if not self._first <= until <= answered:
                raise RemoteProtocolError(detail="it settles what it does not know")
            while self._first < until:
                self._settle(self._parcels.popleft())
                self._first += 1
            self._changed.notify_all()

    def _settle(self, parcel: Parcel) -> None:
        entry = parcel.entry
        if parcel.outcome is Outcome.OPEN:
            parcel.outcome = Outcome.LANDED
            if entry.kind is Kind.FILE and not entry.size:
                parcel.digest = EMPTY_DIGEST
            if entry.kind is Kind.FILE and not parcel.digest:
                raise RemoteProtocolError(detail="it settles a file before it can have all of it")
        if parcel.outcome is Outcome.FAILED:
            self.failed += 1
        elif entry.kind is Kind.FILE:
            self.done += 1
            self.done_size += entry.size
        self.root.add(entry, parcel.outcome, parcel.digest)

    def sums(self) -> Sums:
        """What is settled so far."""
        with self._changed:
            return Sums(self.root.digest(), self.done, self.done_size, self.failed)

    def expected(self) -> Sums | None:
        """What will be settled if all that is open lands; None while that cannot be told."""
        with self._changed:
            if not self.is_walked or self._pages or self._again or self._read < self.entries:
                return None
            root, files, size, failed = self.root.copy(), self.done, self.done_size, self.failed
            for parcel in self._parcels:
                is_file, outcome = parcel.entry.kind is Kind.FILE, parcel.outcome
                digest = EMPTY_DIGEST if is_file and not parcel.entry.size else parcel.digest
                if outcome is Outcome.OPEN:
                    if is_file and not digest:
                        return None
                    outcome = Outcome.LANDED
                files += is_file and outcome is not Outcome.FAILED
                size += parcel.entry.size if outcome is not Outcome.FAILED else 0
                failed += outcome is Outcome.FAILED
                root.add(parcel.entry, outcome, digest)
            return Sums(root.digest(), files, size, failed)

    def is_settled(self) -> bool:
        with self._changed:
            return self.is_walked and self._first == self.entries

    def end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


def _share_out(ranges: Sequence[tuple[int, int]], parcels: Sequence[Parcel]) -> None:
    """Give each parcel of a page its part of the wanted ranges; both are in order. Raises RemoteProtocolError."""
    if ranges and (ranges[0][0] < parcels[0].start or ranges[-1][1] > parcels[-1].end):
        raise RemoteProtocolError(detail="it wants what lies outside of the page")
    at = 0
    for parcel in parcels:
        mine = []
        while at < len(ranges) and ranges[at][0] < parcel.end:
            start, end = ranges[at]
            mine.append((max(start, parcel.start), min(end, parcel.end)))
            if end > parcel.end:
                break
            at += 1
        parcel.wanted = tuple(mine)
        if mine and parcel.hint is not None:
            raise RemoteProtocolError(detail="it wants a part of what it compares")
