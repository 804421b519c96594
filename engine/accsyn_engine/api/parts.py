"""What every route is handed: the engine's context, the threads for its use cases, and the streams that are open."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import Request

from accsyn_engine.api.readers import Readers
from accsyn_engine.api.stream import Streams
from accsyn_engine.api.threads import Threads
from accsyn_engine.services.context import Context


@dataclass(frozen=True)
class Parts:
    """One application's parts."""

    context: Context
    threads: Threads = field(default_factory=Threads)
    streams: Streams = field(default_factory=Streams)
    readers: Readers = field(default_factory=Readers)

    def stop(self) -> None:
        """End the streams and let the threads go, so that no connection holds the server back."""
        self.streams.stop()
        self.readers.stop()

    def close(self) -> None:
        """Let the threads go, once no call is left."""
        self.threads.close()


def parts_of(request: Request) -> Parts:
    """The parts of the application that answers this request."""
    parts: Parts = request.app.state.parts
    return parts
