"""What the receiver knows of each entry of the manifest, from its page until it is settled."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from accsyn_engine.transfer.belt import Ended
from accsyn_engine.transfer.receiving.arrival import Arrival
from accsyn_engine.transfer.work import KEPT_FAILURES, OPEN_ENTRIES, Failure
from accsyn_engine.wire import messages
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.manifest import Kind, Outcome
from accsyn_engine.wire.manifest import Root as RootHash

CUT_AT = 4096  # settled entries are dropped this many at a time
MOST_OPEN = 2 * OPEN_ENTRIES  # an honest sender stays below half of it


class Stowage:
    """The entries that are not settled yet, shared by surveyor, bulk channels and committer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._arrivals: list[Arrival] = []  # from index `_first` on
        self._first = 0
        self._settled = 0  # index of the first entry that is not settled
        self._content: list[Arrival] = []  # those with bytes in the stream, for finding positions
        self._starts: list[int] = []
        self._is_over = False
        self.root = RootHash()
        self.is_complete = False  # the manifest has ended
        self.entries = self.files = self.size = 0
        self.written = self.moved = 0  # bytes in place or on their way into it; bytes that came over the line
        self.done = self.done_size = self.failed = 0
        self.failures: list[Failure] = []
        self.tasks: set[int] = set()
        self.failed_tasks: set[int] = set()

    # the surveyor
    def add(self, arrivals: Sequence[Arrival]) -> None:
        """Take a page that was surveyed."""
        with self._changed:
            if self.entries - self._settled > MOST_OPEN:
                raise RemoteProtocolError(detail="it lists more than may be open at once")
            self._arrivals.extend(arrivals)
            with_content = [arrival for arrival in arrivals if arrival.entry.size]
            self._content.extend(with_content)
            self._starts.extend(arrival.start for arrival in with_content)
            self.entries += len(arrivals)
            self.tasks.update(arrival.entry.task for arrival in arrivals)
            self.files += sum(arrival.entry.kind is not Kind.FOLDER for arrival in arrivals)
            self.size += sum(arrival.entry.size for arrival in arrivals)
            self._advance()
            self._changed.notify_all()

    def complete(self, entries: int, size: int) -> None:
        """The manifest has ended. Raises RemoteProtocolError when its sums are not ours."""
        with self._changed:
            if (entries, size) != (self.entries, self.size):
                raise RemoteProtocolError(detail="the manifest's sums do not fit its pages")
            self.is_complete = True
            self._changed.notify_all()

    def find(self, index: int) -> Arrival | None:
        """An entry by number; None when it is settled. Raises RemoteProtocolError for one never listed."""
        with self._changed:
            if not 0 <= index < self.entries:
                raise RemoteProtocolError(detail="an entry that was not listed")
            return self._arrivals[index - self._first] if index >= self._settled else None

    def find_all(self, indices: Iterable[int]) -> list[Arrival | None]:
        """As `find`, for several."""
        with self._changed:
            first, settled, entries, arrivals = self._first, self._settled, self.entries, self._arrivals
            found = []
            for index in indices:
                if not 0 <= index < entries:
                    raise RemoteProtocolError(detail="an entry that was not listed")
                found.append(arrivals[index - first] if index >= settled else None)
            return found

    # the bulk channels
    def locate(self, position: int) -> tuple[Arrival | None, int]:
        """Who takes the byte at `position`, waiting for its page; None for nobody, up to the position returned."""
        with self._changed:
            while position >= self.size and not self._is_over:
                if self.is_complete:
                    raise RemoteProtocolError(detail="a block beyond the end of the stream")
                self._changed.wait()
            if self._is_over:
                raise Ended
            place = bisect_right(self._starts, position) - 1
            if place < 0:
                return None, self._starts[0] if self._starts else self.size
            arrival = self._content[place]
            if position >= arrival.end:  # its owner was cut off already
                return None, self._starts[place + 1] if place + 1 < len(self._starts) else self.size
            return arrival, arrival.end

    def run(self, position: int, length: int) -> list[Arrival]:
        """Small files of one folder, one after the other from `position`, that lie wholly within `length` bytes."""
        found: list[Arrival] = []
        with self._changed:
            at = position
            for place in range(max(0, bisect_right(self._starts, position) - 1), len(self._starts)):
                arrival = self._content[place]
                if arrival.start != at or arrival.end > position + length or not arrival.is_small:
                    break
                if found and (arrival.folder != found[0].folder or arrival.site is not found[0].site):
                    break
                found.append(arrival)
                at = arrival.end
        return found

    def count(self, written: int, moved: int = 0) -> None:
        with self._changed:
            self.written += written
            self.moved += moved

    # whoever settles
    def land(self, arrivals: Sequence[Arrival], outcome: Outcome) -> None:
        with self._changed:
            for arrival in arrivals:
                arrival.outcome = outcome
            self._advance()

    def fail(
        self, arrival: Arrival, code: str, message: str, post: Callable[[messages.Failed], None] | None = None
    ) -> None:
        """Give an entry up, unless its fate is decided already; `post` tells the other side before it is settled."""
        with self._changed:
            if arrival.outcome is not Outcome.OPEN:
                return
            if post is not None:
                post(messages.Failed(arrival.index, code, message))
            arrival.outcome = Outcome.FAILED
            self.failed_tasks.add(arrival.entry.task)
            if len(self.failures) < KEPT_FAILURES:
                self.failures.append(Failure(arrival.entry.task, arrival.path, code, message))
            self._advance()
        arrival.fail()

    def _advance(self) -> None:
        while self._settled - self._first < len(self._arrivals):
            arrival = self._arrivals[self._settled - self._first]
            if arrival.outcome is Outcome.OPEN:
                break
            self._sum_up(arrival)
            self._settled += 1
        if self._settled - self._first >= CUT_AT:
            self._cut()

    def _sum_up(self, arrival: Arrival) -> None:
        if arrival.outcome is Outcome.FAILED:
            self.failed += 1
        elif arrival.entry.kind is Kind.FILE:
            self.done += 1
            self.done_size += arrival.entry.size
        self.root.add(arrival.entry, arrival.outcome, arrival.digest or b"")

    def _cut(self) -> None:
        kept = self._arrivals[self._settled - self._first :]
        self._first, self._arrivals = self._settled, kept
        self._content = [arrival for arrival in kept if arrival.entry.size]
        self._starts = [arrival.start for arrival in self._content]

    def ack(self) -> messages.Ack:
        """How things stand, for the other side."""
        with self._changed:
            return messages.Ack(self.written, self.moved, self.done, self._settled)

    def is_settled(self) -> bool:
        with self._changed:
            return self.is_complete and self._settled == self.entries

    def end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def close(self) -> None:
        """Give back the descriptors of what did not get through; the partial files stay."""
        for arrival in self._arrivals:
            arrival.close()
