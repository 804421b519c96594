"""Comparison by content: which files of a page have a twin here, and what the sender is told of it.

The sender hears one byte of the hash over each twin's beginning, and so sends most that differ at once and without
reading them twice. Of the rest it says the digest; what is not the same after all is asked for as a repair.
"""

from __future__ import annotations

import contextlib

from accsyn_engine.transfer.disk.tree import Folder
from accsyn_engine.transfer.meeting.link import Link
from accsyn_engine.transfer.receiving.arrival import Arrival
from accsyn_engine.transfer.receiving.twin import meet
from accsyn_engine.wire import messages
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.messages import HEAD_SIZE


class Comparison:
    """Used by the surveyor's thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._hints: list[tuple[int, int]] = []
        self._aside = memoryview(bytearray(HEAD_SIZE))

    def meet(self, arrival: Arrival, folder: Folder) -> None:
        """Look at what lies there; what cannot be read is not the same."""
        with contextlib.suppress(OSError):
            arrival.twin = meet(folder, arrival.name, arrival.entry, self._aside)
        if arrival.twin is not None:
            self._hints.append((arrival.index, arrival.twin.hint))

    def tell(self) -> None:
        """Say what was met in a page, before the answer to it."""
        if self._hints:
            self._link.post(messages.Held(tuple(self._hints)))
        self._hints = []

    def take(self, arrival: Arrival, event: messages.Digests | messages.Alike) -> None:
        """Decide whether a digest that comes is to be compared, or content comes. Raises RemoteProtocolError."""
        if isinstance(event, messages.Alike) and arrival.twin is None:
            raise RemoteProtocolError(detail="it calls alike what is not there")
        if isinstance(event, messages.Digests):
            arrival.twin = None
