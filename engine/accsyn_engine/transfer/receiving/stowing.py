"""Takes blocks of the stream apart and brings each file's part to its place.

Most files of a big tree are small and lie wholly in one block: those of one folder are written one after the other
through one look at the folder, hashed from memory and closed. Everything else goes piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence

from accsyn_engine.transfer.disk.gauge import Gauge
from accsyn_engine.transfer.disk.syncing import Syncer
from accsyn_engine.transfer.errors import PeerLost, TransferError
from accsyn_engine.transfer.receiving.arrival import Arrival
from accsyn_engine.transfer.receiving.commit import Committer
from accsyn_engine.transfer.receiving.stowage import Stowage
from accsyn_engine.wire.manifest import Outcome
from accsyn_engine.wire.messages import Block


class Stower:
    """Used by every thread that has whole blocks."""

    def __init__(self, stowage: Stowage, committer: Committer, gauge: Gauge, syncer: Syncer) -> None:
        self._stowage = stowage
        self._committer = committer
        self._gauge = gauge
        self._syncer = syncer

    def stow(self, block: Block, aside: memoryview, left: list[Block] | None = None) -> None:
        """Bring a block to its files; `aside` is room for reading back. Raises DiskFull, Ended, RemoteProtocolError.

        Where a further file cannot be opened now, this waits; with `left` it puts that piece there instead and goes on.
        """
        position, payload = block.position, block.payload
        while payload:
            arrival, end = self._stowage.locate(position)
            if arrival is not None:
                end = self._stow_run(position, payload, aside, left) or self._stow_piece(
                    arrival, position, payload, aside, left
                )
            payload = payload[end - position :]
            position = end

    def _stow_run(self, position: int, payload: memoryview, aside: memoryview, left: list[Block] | None) -> int:
        """Store the small files from here that can be; gives the position after them, 0 when it is none."""
        run = self._stowage.run(position, len(payload))
        return run[-1].end if run and self.store(run, position, payload, aside, left) else 0

    def _stow_piece(
        self, arrival: Arrival, position: int, payload: memoryview, aside: memoryview, left: list[Block] | None
    ) -> int:
        piece = payload[: arrival.end - position]
        self._accept(arrival, position - arrival.start, piece, aside, left)
        return position + len(piece)

    def store(
        self,
        run: Sequence[Arrival],
        position: int,
        payload: memoryview,
        aside: memoryview,
        left: list[Block] | None = None,
    ) -> bool:
        """Write small files of one folder whose content is `payload`; false where they must stay open for a while."""
        try:
            folder = run[0].root.folder(run[0].folder)
        except TransferError:
            return False  # piece by piece each of them tells
        taken = 0
        with folder:
            if not self._syncer.may_close(folder):
                return False
            for arrival in run:
                content = payload[arrival.start - position : arrival.end - position]
                try:
                    count = arrival.store(folder, content)
                except OSError as error:
                    self._committer.refuse(arrival, error)
                    continue
                if count is None:
                    self._accept(arrival, 0, content, aside, left)
                taken += count or 0
        self._stowage.count(taken, taken)
        self._committer.take_all(run)
        return True

    def _accept(
        self, arrival: Arrival, offset: int, piece: memoryview, aside: memoryview, left: list[Block] | None
    ) -> None:
        if not arrival.is_open and arrival.outcome is Outcome.OPEN:
            if left is not None and not self._gauge.has_room:
                left.append(Block(arrival.start + offset, piece))
                return
            self._gauge.wait_for_room()
        try:
            taken = arrival.accept(offset, piece, aside)
        except PeerLost:
            raise
        except (OSError, TransferError) as error:
            self._committer.refuse(arrival, error)
            return
        self._stowage.count(taken, taken)
        self._committer.take(arrival)
