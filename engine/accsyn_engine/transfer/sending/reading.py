"""The sender's reader: files in manifest order, hashed while read, cut into blocks of the stream."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from functools import partial

from blake3 import blake3

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.disk import system
from accsyn_engine.transfer.disk.files import sentence
from accsyn_engine.transfer.disk.tree import Folder, split
from accsyn_engine.transfer.errors import NotFound, SourceChanged, SourceMissing, SourceRefused, TransferError
from accsyn_engine.transfer.meeting.link import Link
from accsyn_engine.transfer.sending.shipment import Gap, Parcel, Shipment
from accsyn_engine.transfer.transport.outlet import Filled
from accsyn_engine.transfer.transport.pool import Pool
from accsyn_engine.wire import messages, names
from accsyn_engine.wire.datagram import BLOCK
from accsyn_engine.wire.messages import HEAD_SIZE, MAX_PAYLOAD
from accsyn_engine.wire.session import HEAD_ROOM

DIGESTS_AT_ONCE = 256
DIGESTS_S = 0.05  # how long those of small files may wait for each other
SPARED = 4  # a quarter of a block may stay empty, so that a small file is not cut: whole ones cost the receiver less


class Blocks:
    """Cuts the stream into blocks; the pool's buffers are all the memory there is. `out` takes what is full."""

    def __init__(self, pool: Pool, out: Callable[[Filled], None], size: Callable[[], int]) -> None:
        self._pool = pool
        self._out = out
        self._size = size
        self.on_flush: Callable[[], None] = lambda: None
        self._buffer: memoryview | None = None
        self._start = 0
        self._filled = 0
        self._capacity = 0

    def room(self, position: int, whole: int = 0) -> memoryview:
        """Where bytes of the stream from `position` go; never empty, and for `whole` bytes if that wastes little."""
        if self._buffer is not None:
            left = self._capacity - self._filled
            if position != self._start + self._filled or left < min(whole, self._capacity // SPARED):
                self.flush()
        if self._buffer is None:
            self._start, self._filled, self._capacity = position, 0, self._size()
            self._buffer = self._pool.get(self._capacity)
        return self._buffer[HEAD_ROOM + self._filled : HEAD_ROOM + self._capacity]

    def took(self, count: int) -> None:
        """Count bytes put into the room."""
        self._filled += count
        if self._filled >= self._capacity:
            self.flush()

    def put(self, position: int, content: memoryview) -> None:
        """Take content that was read already."""
        while content:
            room = self.room(position, len(content))[: len(content)]
            room[:] = content[: len(room)]
            content = content[len(room) :]
            position += len(room)
            self.took(len(room))

    def flush(self) -> None:
        """Send what there is, however little."""
        if self._buffer is None:
            return
        if self._filled:
            self._out(Filled(self._buffer, self._start, self._filled))
            self.on_flush()
        else:
            self._pool.put(self._buffer)
        self._buffer = None


class Reading:
    """Reads what is wanted, and all of a file that is wanted in part: its digest is of the whole.

    A file that is to be compared is read as far as it may be the receiver's; the beginning that tells it is not is sent
    from memory.
    """

    def __init__(self, shipment: Shipment, link: Link, blocks: Blocks, clock: Clock) -> None:
        self._shipment = shipment
        self._clock = clock
        self._link = link
        self._blocks = blocks
        self._digests: list[tuple[int, bytes]] = []
        self._alike: list[tuple[int, bytes]] = []
        self._told_at = clock.monotonic()
        self._is_urgent = False
        blocks.on_flush = self._tell_if_due
        self._aside = memoryview(bytearray(MAX_PAYLOAD))  # for what is read to be hashed only

    def run(self) -> None:
        while True:
            if run := self._shipment.poll_run():
                self._read_run(run)
                continue
            parcel = self._shipment.poll_next()
            if parcel is None:
                self._blocks.flush()
                self._tell()
                parcel = self._shipment.wait_next()
            if isinstance(parcel, Gap):
                self._read_again(parcel)
            else:
                self._read(parcel)

    def _tell_if_due(self) -> None:
        """The receiver holds a file that was cut open until it has the digest; the others can wait a little."""
        if self._is_urgent or self._clock.monotonic() - self._told_at > DIGESTS_S:
            self._tell()

    def _tell(self) -> None:
        self._told_at, self._is_urgent = self._clock.monotonic(), False
        if self._digests:
            self._link.post(messages.Digests(tuple(self._digests)))
            self._digests = []
        if self._alike:
            self._link.post(messages.Alike(tuple(self._alike)))
            self._alike = []

    def _read_run(self, run: Sequence[Parcel]) -> None:
        """Send small files of one folder."""
        root = run[0].root
        assert root is not None  # noqa: S101  # what has none is never to be read
        try:
            folder = root.folder(split(run[0].path)[0])
        except TransferError:
            for parcel in run:
                self._read(parcel)  # and each tells
            return
        with folder:
            for parcel in run:
                self._attempt(parcel, partial(self._digest_of_small, folder, parcel))

    def _digest_of_small(self, folder: Folder, parcel: Parcel) -> bytes:
        """Send one file that is wanted as a whole; one look at it after it was read tells what it was before."""
        try:
            fd = folder.open_read(split(parcel.path)[1])
        except OSError as error:
            raise sentence(parcel.path, error) from error
        try:
            digest = self._send_small(fd, parcel)
            _check_unchanged(fd, parcel)
        finally:
            os.close(fd)
        return digest

    def _send_small(self, fd: int, parcel: Parcel) -> bytes:
        if parcel.hint is not None:
            compared: bytes = self._compare(fd, parcel).digest()
            return compared
        size = parcel.entry.size
        room = self._blocks.room(parcel.start, size)
        if len(room) < size:
            return self._send_in_pieces(fd, parcel)
        view = room[:size]
        if system.pread(fd, view, 0) != size:
            raise SourceChanged(path=names.shown(parcel.path))
        digest: bytes = blake3(view).digest()
        self._blocks.took(size)
        return digest

    def _send_in_pieces(self, fd: int, parcel: Parcel) -> bytes:
        hasher, position = blake3(), parcel.start
        while position < parcel.end:
            view = self._blocks.room(position)[: parcel.end - position]
            if system.pread(fd, view, position - parcel.start) != len(view):
                raise SourceChanged(path=names.shown(parcel.path))
            hasher.update(view)
            position += len(view)
            self._blocks.took(len(view))
        digest: bytes = hasher.digest()
        return digest

    def _read(self, parcel: Parcel) -> None:
        self._attempt(parcel, partial(self._digest_of, parcel))

    def _attempt(self, parcel: Parcel, read: Callable[[], bytes | None]) -> None:
        """Read a file and note its digest; what goes wrong is its failure."""
        try:
            digest = read()
        except TransferError as error:
            known = SourceMissing(path=names.shown(parcel.path)) if isinstance(error, NotFound) else error
            self._fail(parcel, known)
        except OSError as error:
            detail = error.strerror or "it could not be read"
            self._fail(parcel, SourceRefused(path=names.shown(parcel.path), detail=detail))
        else:
            if digest is not None:
                self._shipment.set_digest(parcel, digest)
                told = self._digests if parcel.hint is None else self._alike
                told.append((parcel.index, digest))
                self._is_urgent |= parcel.entry.size > BLOCK // SPARED
                if len(told) >= DIGESTS_AT_ONCE:
                    self._tell()

    def _fail(self, parcel: Parcel, error: TransferError) -> None:
        if self._shipment.fail(parcel, error.code, error.message):
            self._link.post(messages.Failed(parcel.index, error.code, error.message))

    def _read_again(self, gap: Gap) -> None:
        """Send a piece once more; what is wrong with the file is found by its digest, which goes over the whole."""
        parcel = gap.parcel
        assert parcel.root is not None  # noqa: S101  # what has none is never read
        position = gap.start
        try:
            fd = parcel.root.open_read(parcel.path)
        except TransferError as error:
            self._fail(parcel, error)
            return
        try:
            while position < gap.end:
                view = self._blocks.room(position)[: gap.end - position]
                if not (got := system.pread(fd, view, position - parcel.start)):
                    self._fail(parcel, SourceChanged(path=names.shown(parcel.path)))
                    return
                self._blocks.took(got)
                position += got
        finally:
            os.close(fd)

    def _digest_of(self, parcel: Parcel) -> bytes | None:
        """Send one file; None when the receiver does not want it after all. Raises SourceChanged, OSError."""
        assert parcel.root is not None  # noqa: S101  # what has none is never to be read
        fd = parcel.root.open_read(parcel.path)
        try:
            _check_unchanged(fd, parcel)
            digest = self._send(fd, parcel)
            _check_unchanged(fd, parcel)
        finally:
            os.close(fd)
        return digest

    def _send(self, fd: int, parcel: Parcel) -> bytes | None:
        hasher, position = blake3(), parcel.start
        if parcel.hint is not None:
            hasher = self._compare(fd, parcel)
            position += min(parcel.entry.size, HEAD_SIZE)
        while position < parcel.end:
            count, is_wanted = self._shipment.piece(parcel, position, MAX_PAYLOAD)
            if not count:
                return None
            view = self._blocks.room(position)[:count] if is_wanted else self._aside[:count]
            got = system.pread(fd, view, position - parcel.start)
            if got != len(view):
                raise SourceChanged(path=names.shown(parcel.path))
            hasher.update(view)
            position += got
            if is_wanted:
                self._blocks.took(got)
        digest: bytes = hasher.digest()
        return digest

    def _compare(self, fd: int, parcel: Parcel) -> blake3:
        """Hash the beginning of a file; where the receiver's begins otherwise all of it goes, this part from memory."""
        head = self._aside[: min(parcel.entry.size, HEAD_SIZE)]
        if system.pread(fd, head, 0) != len(head):
            raise SourceChanged(path=names.shown(parcel.path))
        hasher = blake3(head)
        if hasher.digest()[0] != parcel.hint:
            self._shipment.want(parcel)
            self._blocks.put(parcel.start, head)
        return hasher


def _check_unchanged(fd: int, parcel: Parcel) -> None:
    facts = os.fstat(fd)
    is_same = (facts.st_size, facts.st_mtime_ns) == (parcel.entry.size, parcel.entry.mtime)
    if not is_same or not stat.S_ISREG(facts.st_mode):
        raise SourceChanged(path=names.shown(parcel.path))
