"""One file on its way in: where its bytes go, which of them are there, and the hash over them in order.

A small file that comes in one piece is written, hashed from memory and closed at once; of it nothing else is kept.

The bytes lie in a hidden partial file beside the final name. Behind its content a larger partial keeps a journal of the
ranges written, so that a killed receiver goes on where it was; the whole file's BLAKE3 decides in the end, so a journal
that lies costs a second transfer of the file and nothing else.
"""

from __future__ import annotations

import contextlib
import functools
import os
import struct
import threading
from dataclasses import dataclass

from blake3 import blake3

from accsyn_engine.transfer.disk import files, system
from accsyn_engine.transfer.disk.files import Root
from accsyn_engine.transfer.disk.gauge import Gauge
from accsyn_engine.transfer.disk.tree import Folder, join
from accsyn_engine.transfer.errors import FileRefused, PartialBusy, TransferError
from accsyn_engine.transfer.receiving.twin import Twin
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


@functools.lru_cache(maxsize=64)
def job_prefix(job: str) -> str:
    """What all partial names of one job begin with."""
    return f"{files.HIDDEN}{blake3(job.encode()).hexdigest(6)}-"


@dataclass(frozen=True, eq=False)
class Site:
    """What the files of one job below one root have in common; `gauge` counts the descriptors in use."""

    root: Root
    job: str
    gauge: Gauge


class _Body:
    """The content of one file that comes in pieces. All under the arrival's lock but the hasher."""

    __slots__ = ("claimed", "fd", "hashed", "hasher", "have", "is_hashing", "records")

    def __init__(self) -> None:
        self.fd: int | None = None
        self.forget()

    def forget(self) -> None:
        self.claimed = Intervals()
        self.have = Intervals()
        self.records = 0
        self.hasher = blake3()
        self.hashed = 0
        self.is_hashing = False


class Arrival:
    """One entry at the receiver. `start` is where its content begins in the stream; offsets are within the file."""

    __slots__ = (
        "_body",
        "_found",
        "_is_handed_on",
        "_is_stored",
        "_lock",
        "_partial_name",
        "_writers",
        "device",
        "digest",
        "entry",
        "folder",
        "index",
        "is_repaired",
        "name",
        "outcome",
        "site",
        "start",
        "twin",
    )

    def __init__(self, index: int, entry: Entry, start: int) -> None:
        self.index, self.entry, self.start = index, entry, start
        self.outcome = Outcome.OPEN
        self.digest: bytes | None = EMPTY_DIGEST if entry.kind is Kind.FILE and not entry.size else None
        self.is_repaired = False
        self.site: Site | None = None
        self.folder = self.name = self._partial_name = ""
        self.twin: Twin | None = None  # what lies there, as long as it may be the same
        self.device = 0  # the disk that holds it, once it is stored
        self._lock = threading.Lock()
        self._writers = 0
        self._body: _Body | None = None
        self._is_stored = self._is_handed_on = False
        self._found: bytes | None = None  # the digest of what was stored

    def place(self, site: Site, folder: str, name: str) -> None:
        """Say where the file will land."""
        self.site, self.folder, self.name = site, folder, name

    @property
    def end(self) -> int:
        return self.start + self.entry.size

    @property
    def path(self) -> str:
        return join(self.folder, self.name)

    @property
    def root(self) -> Root:
        assert self.site is not None  # noqa: S101  # placed first
        return self.site.root

    @property
    def partial(self) -> str:
        """Where its content is kept until it is whole, below the root."""
        return join(self.folder, self.partial_name)

    @property
    def partial_name(self) -> str:
        if not self._partial_name:
            assert self.site is not None  # noqa: S101  # placed first
            self._partial_name = partial_name(self.site.job, self.path, self.entry)
        return self._partial_name

    @property
    def is_small(self) -> bool:
        """Whether it is sent again from its start when it was interrupted, so that no journal is kept."""
        return self.entry.size <= JOURNALED

    def store(self, folder: Folder, content: memoryview) -> int | None:
        """Write, hash and close a small file that came in one piece; gives the bytes taken.

        None when it has begun in pieces and goes on so. It is not durable yet. Raises OSError.
        """
        with self._lock:
            if self._body is not None:
                return None
            if self.outcome is not Outcome.OPEN or self._is_stored or self._is_handed_on:
                return 0
            self._is_stored, self.twin = True, None
            self._writers += 1
        try:
            fd = folder.create(self.partial_name)
            try:
                system.pwrite(fd, content, 0)
                system.set_mtime(fd, self.path, self.entry.mtime)
            finally:
                os.close(fd)
            self.device = folder.device
            self._found = blake3(content).digest()
        finally:
            self._leave()
        return len(content)

    def resume(self) -> int:
        """Read what an earlier try left; returns the bytes that are there."""
        if self.is_small or not self.root.exists(self.partial):
            return 0
        body, fd = self.open()
        body.have = self._read_journal(fd)
        body.claimed = Intervals(body.have)
        self._compact_journal(body, fd)
        return body.have.total()

    def missing(self) -> list[tuple[int, int]]:
        """Ranges of the stream that are still wanted."""
        if self.twin is not None:
            return []
        if self._body is None:
            return [(self.start, self.end)] if self.entry.size else []
        return [(self.start + a, self.start + b) for a, b in self._body.claimed.missing(0, self.entry.size)]

    def open(self) -> tuple[_Body, int]:
        """The content and the partial's descriptor, opened at the first call. Raises TransferError."""
        with self._lock:
            return self._opened()

    def _opened(self) -> tuple[_Body, int]:
        if self._body is None:
            self._body = _Body()
        if self._body.fd is None:
            assert self.site is not None  # noqa: S101  # placed first
            self._body.fd, existed = self.root.open_partial(self.partial)
            self.site.gauge.enter()
            if not self.is_small:
                self._lock_partial(self._body.fd)
            elif existed:
                os.ftruncate(self._body.fd, 0)
        return self._body, self._body.fd

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
            if self.outcome is not Outcome.OPEN or self._is_stored or self._is_handed_on:
                return 0
            self.twin = None
            body, fd = self._opened()
            pieces = list(body.claimed.missing(offset, offset + len(payload)))
            if not pieces:
                return 0
            body.claimed.add(offset, offset + len(payload))
            self._writers += 1
        try:
            for start, end in pieces:
                system.pwrite(fd, payload[start - offset : end - offset], start)
            with self._lock:
                self._record(body, fd, pieces)
            is_whole = pieces == [(offset, offset + len(payload))]
            self._hash_on(body, fd, aside, offset, payload if is_whole else None)
        finally:
            self._leave()
        return sum(end - start for start, end in pieces)

    def catch_up(self, aside: memoryview) -> None:
        """Hash what an earlier try left, while other threads write on; or what lies there and may be the same."""
        if (twin := self.twin) is not None:
            twin.read(self.root, self.path, aside, lambda: self.twin is twin)
            return
        with self._lock:
            if self.outcome is not Outcome.OPEN:
                return
            body, fd = self._opened()
            self._writers += 1
        try:
            self._hash_on(body, fd, aside)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._writers -= 1
            if self.outcome is Outcome.FAILED and not self._writers:
                self._drop_fd()

    def _record(self, body: _Body, fd: int, pieces: list[tuple[int, int]]) -> None:
        for start, end in pieces:
            body.have.add(start, end)
            if not self.is_small:
                system.pwrite(fd, _RECORD.pack(start, end), self.entry.size + body.records * _RECORD.size)
                body.records += 1

    def _hash_on(
        self, body: _Body, fd: int, aside: memoryview, offset: int = 0, payload: memoryview | None = None
    ) -> None:
        """Hash what is there in order: from memory if the piece fits on, else read back. One thread at a time."""
        with self._lock:
            if body.is_hashing:
                return
            body.is_hashing = True
        try:
            if payload is not None and offset == body.hashed:
                body.hasher.update(payload)
                body.hashed += len(payload)
            while (reach := self._reach_or_rest(body)) is not None:
                view = aside[: min(len(aside), reach - body.hashed)]
                if system.pread(fd, view, body.hashed) != len(view):
                    raise FileRefused(path=names.shown(self.path), detail="the partial file was cut meanwhile")
                body.hasher.update(view)
                body.hashed += len(view)
        except BaseException:
            body.is_hashing = False
            raise

    def _reach_or_rest(self, body: _Body) -> int | None:
        """How far there is something to hash; None, and the turn given back in the same moment, when nothing is."""
        with self._lock:
            reach = body.have.reach(body.hashed)
            if reach > body.hashed:
                return reach
            body.is_hashing = False
            return None

    def hand_on(self) -> bool:
        """True exactly once: when everything is there and the digest is known."""
        with self._lock:
            if self._writers or self.digest is None or self._is_handed_on or self.outcome is not Outcome.OPEN:
                return False
            self._is_handed_on = self._is_whole()
            return self._is_handed_on

    def _is_whole(self) -> bool:
        if self.twin is not None:
            return self.twin.digest is not None
        if self._is_stored:
            return self._found is not None
        return self.entry.size == (0 if self._body is None else self._body.have.total())

    def is_intact(self, aside: memoryview) -> bool:
        """Whether the content is what the sender read. Called once everything is there."""
        if self.twin is not None:
            return self.twin.digest == self.digest
        if self._is_stored:
            return self._found == self.digest
        body, fd = self.open()
        self._hash_on(body, fd, aside)
        return body.hashed == self.entry.size and body.hasher.digest() == self.digest

    def restart(self) -> None:
        """Forget the content; all of it is wanted again."""
        with self._lock:
            self.digest, self._is_handed_on = None, False
            if self.twin is not None:  # none of it had come
                self.twin = None
                return
            self.is_repaired = True
            self._is_stored, self._found = False, None
            body, fd = self._opened()
            body.forget()
            os.ftruncate(fd, 0)

    def seal(self) -> int:
        """Give the partial its exact length and time of change; returns the descriptor to be synced. Raises OSError."""
        if self.twin is not None:
            return self.twin.keep(self.root, self.path, self.entry.mtime)
        _, fd = self.open()
        if not self.is_small:
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
            self._is_stored = False
            if not self._writers:
                self._drop_fd()
        if self.site is not None:
            with contextlib.suppress(TransferError):  # its folder is a link or gone: then so is the partial
                self.root.remove(self.partial)

    @property
    def is_stored(self) -> bool:
        """Whether it was written in one piece and closed."""
        return self._is_stored

    @property
    def is_open(self) -> bool:
        return self._body is not None and self._body.fd is not None

    def _drop_fd(self) -> None:
        if (twin := self.twin) is not None:
            twin.close()
        if self._body is not None and self._body.fd is not None:
            os.close(self._body.fd)
            self._body.fd = None
            assert self.site is not None  # noqa: S101  # placed before it was opened
            self.site.gauge.leave()

    def _read_journal(self, fd: int) -> Intervals:
        """The ranges recorded; a record that cannot be is the end of what is believed."""
        size, have = self.entry.size, Intervals()
        length = os.fstat(fd).st_size - size
        records = bytearray(max(0, length - length % _RECORD.size))
        system.pread(fd, memoryview(records), size)
        for start, end in _RECORD.iter_unpack(records):
            if not start < end <= size:
                break
            have.add(start, end)
        return have

    def _compact_journal(self, body: _Body, fd: int) -> None:
        records = b"".join(_RECORD.pack(*piece) for piece in body.have)
        system.pwrite(fd, records, self.entry.size)
        os.ftruncate(fd, self.entry.size + len(records))
        body.records = len(records) // _RECORD.size
