"""What a transfer is asked to move, how far it is, and how it is steered from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from accsyn_engine.transfer.errors import TransferError, TransferStopped
from accsyn_engine.wire.rate import Known

OPEN_ENTRIES = 32768  # how far the walk may be ahead of what is settled; bounds the memory of both ends
KEPT_FAILURES = 10_000  # told one by one
SHORT_S = 0.003  # a round trip below which TCP does as well as anything


@dataclass(frozen=True)
class Item:
    """One task's file or folder: `path` relative below `root`, an existing folder; "" is the root itself.

    A source may be a sequence of files in one folder: all of it lies below the folder, at the other side as well.
    """

    task: int
    root: Path
    path: str
    is_sequence: bool = False

    @property
    def base(self) -> str:
        """What the names of this item's entries are relative to."""
        return self.path.rpartition("/")[0] if self.is_sequence else self.path


@dataclass(frozen=True)
class Failure:
    """One file that did not get through, and why; `path` is relative to the root of its side."""

    task: int
    path: str
    code: str
    message: str


@dataclass(frozen=True)
class KnownLine:
    """What an earlier transfer measured on the line, and who wants to hear what this one does."""

    known: Known | None = None
    learn: Callable[[Known], None] = lambda _: None


@dataclass(frozen=True)
class LineState:
    """What one end of a transfer knows of the line now; None where it does not know, or the other end does.

    Times in seconds, capacity and goodput in bytes a second, loss as a share from 0 to 1, retransmitted in bytes.
    """

    transport: str  # udp | tcp
    streams: int
    rtt_s: float | None = None
    min_rtt_s: float | None = None
    capacity: float | None = None
    loss: float | None = None
    retransmitted: int = 0
    goodput: float | None = None  # filled in by the report
    limited_by: str | None = None  # line | sender-disk | receiver-disk | cap | cpu


@dataclass(frozen=True)
class Progress:
    """Bytes and counts; `size` and `files` grow while the source is being walked.

    `acked` is what lies at the destination, what lay there before included; `moved` is what came over the line.
    """

    size: int = 0
    acked: int = 0
    moved: int = 0
    files: int = 0
    files_done: int = 0
    walking: bool = True
    line: LineState | None = None
    forged: int = 0  # datagrams that were not the other side's


@dataclass(frozen=True)
class Outcome:
    """How a session that was carried to its end went."""

    progress: Progress
    failures: tuple[Failure, ...]
    receipt: dict[str, Any] | None
    tasks_done: tuple[int, ...] = field(default=())  # the tasks of which every file is in place


class Control:
    """Steers one transfer from another thread and reads how far it is."""

    def __init__(self, bytes_per_s: int | None = None) -> None:
        self._lock = threading.Condition()
        self._limit = bytes_per_s
        self._progress = Progress()
        self._stopped: TransferError | None = None
        self._on_stop: Callable[[TransferError], None] | None = None

    def stop(self, code: str, message: str) -> None:
        """End the transfer at both ends; send() and receive() raise TransferStopped. The first call counts."""
        with self._lock:
            if self._stopped is not None:
                return
            self._stopped = TransferStopped(message, reason=code)
            on_stop, error = self._on_stop, self._stopped
            self._lock.notify_all()
        if on_stop is not None:
            on_stop(error)

    def limit(self, bytes_per_s: int | None) -> None:
        """Cap what the sender puts on the line from now on; None takes the cap away."""
        with self._lock:
            self._limit = bytes_per_s
            self._lock.notify_all()

    def progress(self) -> Progress:
        with self._lock:
            return self._progress

    def bytes_per_s(self) -> int | None:
        """The cap that holds now."""
        with self._lock:
            return self._limit

    def report(self, **numbers: Any) -> None:
        """Take new numbers of the transfer; called by its own threads."""
        with self._lock:
            self._progress = replace(self._progress, **numbers)

    def attach(self, on_stop: Callable[[TransferError], None]) -> None:
        """Name who hears of a stop; told at once when it has come already."""
        with self._lock:
            self._on_stop = on_stop
            error = self._stopped
        if error is not None:
            on_stop(error)
