"""Who listens to the event stream in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from accsyn_engine.api.errors import TooManyStreamsError

READER_LIMIT = 1000  # streams and polls at the same time


@dataclass
class Readers:
    """How many listen, and the word that it ends."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _rung: set[asyncio.Event] = field(default_factory=set)

    @contextmanager
    def joined(self, rung: asyncio.Event) -> Iterator[None]:
        """Hold a place for whoever waits for `rung`; raises TooManyStreamsError."""
        if len(self._rung) >= READER_LIMIT:
            raise TooManyStreamsError(limit=READER_LIMIT)
        self._rung.add(rung)
        try:
            yield
        finally:
            self._rung.discard(rung)

    def stop(self) -> None:
        """Let everybody go at their next step, so the server can end."""
        self.stopping.set()
        for rung in self._rung:
            rung.set()
