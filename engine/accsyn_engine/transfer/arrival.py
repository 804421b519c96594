"""One file on its way in: where its bytes go, which of them are there, and the hash over them in order.

The bytes lie in a hidden partial file beside the final name. Behind its content a larger partial keeps a journal of the
ranges written, so that a killed receiver goes on where it was; the whole file's BLAKE3 decides in the end, so a journal
that lies costs a second transfer of the file and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading

from blake3 import blake3

from accsyn_engine.transfer import files, system
from accsyn_engine.transfer.errors import FileRefused, PartialBusy, TransferError
from accsyn_engine.transfer.files import Root
from accsyn_engine.transfer.gauge import Gauge
from accsyn_engine.transfer.tree import join, split
from accsyn_engine.wire import names
from accsyn_engine.wire.intervals import Intervals
from accsyn_engine.wire.manifest import EMPTY_DIGEST, Entry, Kind, Outcome
from accsyn_engine.wire.messages import MAX_PAYLOAD

JOURNALED = 1 << 20  # files above this many bytes are continued; smaller ones are sent again
_RECORD = struct.Struct(">QQ")
_READ_BACK = MAX_PAYLOAD


def partial_name(job: str, path: str, entry: Entry) -> str:
    """The hidden name for one version of one file of one job; short, whatever the file's name is."""
    version = f"{entry.size}:{entry.mtime}:".encode() + names.to_bytes(path)
    return f"{job_prefix(job)}{blake3(version).hexdigest(12)}{files.HIDDEN_END}"


def job_prefix(job: str) -> str:
    """What all partial names of one job begin with."""
    return f"{files.HIDDEN}{blake3(job.encode()).hexdigest(6)}-"


class Arrival:
    """One entry at the receiver. `start` is where its content begins in the stream; offsets are within the file."""

    def __init__(self, index: int, entry: Entry, start: int) -> None:
        self.index = index
        self.entry = entry
        self.start = start
        self.end = start + entry.size
        self.outcome = Outcome.OPEN
        self.digest: bytes | None = EMPTY_DIGEST if entry.kind is Kind.FILE and not entry.size else None
        self.is_repaired = False
        self.root: Root | None = None
        self.path = ""
        self.partial = ""
        self._gauge: Gauge | None = None
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._writers = 0
        self._claimed = Intervals()
        self._have = Intervals()
        self._records = 0
        self._hasher = blake3()
        self._hashed = 0
        self._is_hashing = False
        self._is_handed_on = False

    def place(self, root: Root, path: str, job: str, gauge: Gauge) -> None:
        """Say where the file will land; `gauge` counts the descriptors in use."""
        self._gauge = gauge
        self.root = root
        self.path = path
        self.partial = join(split(path)[0], partial_name(job, path, self.entry))

    def resume(self) -> int:
        """Read what an earlier try left; returns the bytes that are there."""
        assert self.root is not None  # noqa: S101  # placed first
        if self.entry.size <= JOURNALED or not self.root.exists(self.partial):
            return 0
        self.open()
        self._have = self._read_journal()
        self._claimed = Intervals(self._have)
        self._compact_journal()
        return self._have.total()

    def missing(self) -> list[tuple[int, int]]:
        """Ranges of the stream that are still wanted."""
        return [(self.start + a, self.start + b) for a, b in self._claimed.missing(0, self.entry.size)]

    def open(self) -> int:
        """The partial's descriptor, opened at the first call. Raises TransferError."""
        with self._lock:
            return self._opened()

    def _opened(self) -> int:
        if self._fd is None:
            assert self.root is not None and self._gauge is not None  # noqa: S101, PT018  # placed first
            self._fd, existed = self.root.open_partial(self.partial)
            self._gauge.enter()
            if self.entry.size > JOURNALED:
                self._lock_partial(self._fd)
            elif existed:
                os.ftruncate(self._fd, 0)
        return self._fd

    def _lock_partial(self, fd: int) -> None:
        try:
            system.lock(fd)
        except OSError as error:
            self._drop_fd()
            raise PartialBusy(path=names.shown(self.path)) from error

    def accept(self, offset: int, payload: memoryview, aside: memoryview) -> int:
        """Write what is not there yet of this piece and hash as far as possible; returns the bytes taken.

        `aside` is room for reading back what came out of order. Raises OSError, TransferError.
        """
        with self._lock:
            if self.outcome is not Outcome.OPEN:
                return 0
            pieces = list(self._claimed.missing(offset, offset + len(payload)))
            if not pieces:
                return 0
            self._claimed.add(offset, offset + len(payload))
            fd = self._opened()
            self._writers += 1
        try:
            for start, end in pieces:
                system.pwrite(fd, payload[start - offset : end - offset], start)
            with self._lock:
                self._record(fd, pieces)
            is_whole = pieces == [(offset, offset + len(payload))]
            self._hash_on(fd, aside, offset, payload if is_whole else None)
        finally:
            self._leave()
        return sum(end - start for start, end in pieces)

    def catch_up(self, aside: memoryview) -> None:
        """Hash what an earlier try left, while other threads write on."""
        with self._lock:
            if self.outcome is not Outcome.OPEN:
                return
            fd = self._opened()
            self._writers += 1
        try:
            self._hash_on(fd, aside)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._writers -= 1
            if self.outcome is Outcome.FAILED and not self._writers:
                self._drop_fd()

    def _record(self, fd: int, pieces: list[tuple[int, int]]) -> None:
        for start, end in pieces:
            self._have.add(start, end)
            if self.entry.size > JOURNALED:
                system.pwrite(fd, _RECORD.pack(start, end), self.entry.size + self._records * _RECORD.size)
                self._records += 1

    def _hash_on(self, fd: int, aside: memoryview, offset: int = 0, payload: memoryview | None = None) -> None:
        """Hash what is there in order: from memory if the piece fits on, else read back. One thread at a time."""
        with self._lock:
            if self._is_hashing:
                return
            self._is_hashing = True
        try:
            if payload is not None and offset == self._hashed:
                self._hasher.update(payload)
                self._hashed += len(payload)
            while (reach := self._reach_or_rest()) is not None:
                view = aside[: min(len(aside), reach - self._hashed)]
                if system.pread(fd, view, self._hashed) != len(view):
                    raise FileRefused(path=names.shown(self.path), detail="the partial file was cut meanwhile")
                self._hasher.update(view)
                self._hashed += len(view)
        except BaseException:
            self._is_hashing = False
            raise

    def _reach_or_rest(self) -> int | None:
        """How far there is something to hash; None, and the turn given back in the same moment, when nothing is."""
        with self._lock:
            reach = self._have.reach(self._hashed)
            if reach > self._hashed:
                return reach
            self._is_hashing = False
            return None

    def hand_on(self) -> bool:
        """True exactly once: when everything is there and the digest is known."""
        with self._lock:
            is_whole = self._have.total() == self.entry.size and not self._writers
            ready = is_whole and self.digest is not None and self.outcome is Outcome.OPEN
            if not ready or self._is_handed_on:
                return False
            self._is_handed_on = True
            return True

    def is_intact(self, aside: memoryview) -> bool:
        """Whether the content is what the sender read. Called once everything is there."""
        fd = self.open()
        self._hash_on(fd, aside)
        return self._hashed == self.entry.size and self._hasher.digest() == self.digest

    def restart(self) -> None:
        """Forget the content; all of it is wanted again."""
        with self._lock:
            self.is_repaired = True
            self.digest = None
            self._is_handed_on = False
            self._claimed, self._have = Intervals(), Intervals()
            self._hasher, self._hashed, self._records = blake3(), 0, 0
            os.ftruncate(self._opened(), 0)

    def seal(self) -> int:
        """Give the partial its exact length and time of change; returns the descriptor to be synced. Raises OSError."""
        fd = self.open()
        if self.entry.size > JOURNALED:
            os.ftruncate(fd, self.entry.size)
        system.set_mtime(fd, self.path, self.entry.mtime)
        return fd

    def close(self) -> None:
        with self._lock:
            self._drop_fd()

    def fail(self) -> None:
        """Give the file up and take its partial away."""
        with self._lock:
            self.outcome = Outcome.FAILED
            if not self._writers:
                self._drop_fd()
        if self.root is not None and self.partial:
            with contextlib.suppress(TransferError):  # its folder is a link or gone: then so is the partial
                self.root.remove(self.partial)

    @property
    def is_open(self) -> bool:
        return self._fd is not None

    def _drop_fd(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            assert self._gauge is not None  # noqa: S101  # entered when it was opened
            self._gauge.leave()

    def _read_journal(self) -> Intervals:
        """The ranges recorded; a record that cannot be is the end of what is believed."""
        fd, size, have = self._fd, self.entry.size, Intervals()
        assert fd is not None  # noqa: S101  # opened by resume
        length = os.fstat(fd).st_size - size
        records = bytearray(max(0, length - length % _RECORD.size))
        system.pread(fd, memoryview(records), size)
        for start, end in _RECORD.iter_unpack(records):
            if not start < end <= size:
                break
            have.add(start, end)
        return have

    def _compact_journal(self) -> None:
        fd = self._fd
        assert fd is not None  # noqa: S101  # opened by resume
        records = b"".join(_RECORD.pack(*piece) for piece in self._have)
        system.pwrite(fd, records, self.entry.size)
        os.ftruncate(fd, self.entry.size + len(records))
        self._records = len(records) // _RECORD.size
