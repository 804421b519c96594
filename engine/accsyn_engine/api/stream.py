"""The event stream to an agent: server-sent events with a cursor, or a long poll where a proxy spoils them.

An agent names the last event it has, gets everything after it, and then each new one as the bell rings. A stream costs
a coroutine, not a thread. A second stream of the same agent ends the first: that one's connection is dead and nobody
has noticed yet.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from accsyn_engine.api.errors import TooManyStreamsError
from accsyn_engine.api.threads import Threads
from accsyn_engine.services.context import Caller, Context
from accsyn_engine.services.moving import agents

log = logging.getLogger(__name__)

KEEP_S = 10.0  # a comment this often, so that the line is not taken for dead
CHECK_IN_S = 10.0  # all agents whose stream is open count as checked in
LOOK_S = 1.0  # another replica's bell is not heard here
STREAM_LIMIT = 5000
PAGE = 200  # events a read
MOST_UNACKNOWLEDGED = 1000  # events on one stream; then it ends, and the agent acknowledges them by coming back


@dataclass
class Streams:
    """The streams that are open in this process."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _open: dict[str, Stream] = field(default_factory=dict)
    _keeper: asyncio.Task[None] | None = None

    @contextmanager
    def joined(self, client: str, stream: Stream) -> Iterator[None]:
        """Hold a place for one agent's stream; raises TooManyStreamsError."""
        if len(self._open) >= STREAM_LIMIT and client not in self._open:
            raise TooManyStreamsError(limit=STREAM_LIMIT)
        former = self._open.get(client)
        if former is not None:
            former.end()
        self._open[client] = stream
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(stream.context, stream.threads))
        try:
            yield
        finally:
            if self._open.get(client) is stream:
                del self._open[client]

    def is_replaced(self, client: str, stream: Stream) -> bool:
        """Whether the agent has opened a newer stream, so the end of this one says nothing about it."""
        return self._open.get(client, stream) is not stream

    async def _keep(self, context: Context, threads: Threads) -> None:
        """Check all agents in with one transaction, and hear for all of them what another replica has told them.

        A stream alone would cost a transaction every ten seconds, and on a shared database a look every second.
        """
        is_shared = not context.config.database_url.startswith("sqlite")
        loop = asyncio.get_running_loop()
        check_in_at = loop.time() + CHECK_IN_S
        while not self.stopping.is_set():
            await asyncio.sleep(LOOK_S if is_shared else CHECK_IN_S)
            try:
                if is_shared:
                    self._look(await threads.run(agents.last_events, context, tuple(self._open)))
                if loop.time() >= check_in_at and self._open:
                    check_in_at = loop.time() + CHECK_IN_S
                    asked = tuple(self._open.items())
                    welcome = await threads.run(agents.seen, context, tuple(client for client, _ in asked))
                    self._dismiss(asked, welcome)
            except Exception:  # one bad round must not leave every agent unheard of
                log.exception("The agents on the event streams could not be checked in; the next round follows")

    def _look(self, last: dict[str, int]) -> None:
        for client, seq in last.items():
            if client in self._open:
                self._open[client].look(seq)

    @staticmethod
    def _dismiss(asked: tuple[tuple[str, Stream], ...], welcome: frozenset[str]) -> None:
        for client, stream in asked:
            if client not in welcome:
                stream.end()

    def stop(self) -> None:
        """End every stream, so the server can."""
        self.stopping.set()
        if self._keeper is not None:
            self._keeper.cancel()
        for stream in tuple(self._open.values()):
            stream.end()


class Stream:
    """One agent's wish to hear of events after a cursor."""

    def __init__(self, context: Context, threads: Threads, caller: Caller, client: str, after: int) -> None:
        self.context = context
        self.threads = threads
        self._caller = caller
        self._client = client
        self._acknowledged = after  # by the agent; what is written to a connection has not arrived yet
        self._after = after
        self._sent = 0
        self._rung = asyncio.Event()
        self._ended = False

    def end(self) -> None:
        """Let the reader go at its next step."""
        self._ended = True
        self._rung.set()

    def look(self, last: int) -> None:
        """Read again if the agent was told something after what was read."""
        if last > self._after:
            self._rung.set()

    async def follow(self, streams: Streams) -> AsyncIterator[bytes]:
        """Server-sent events until the agent goes, a newer stream comes, or the engine stops."""
        with streams.joined(self._client, self), self._listening():
            try:
                yield b": open\n\n"
                async for chunk in self._chunks(streams):
                    yield chunk
            finally:
                if not streams.is_replaced(self._client, self):
                    await asyncio.shield(self._check_in(closed=True))

    async def _chunks(self, streams: Streams) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        keep_at = loop.time() + KEEP_S
        while not (self._ended or streams.stopping.is_set()) and self._sent < MOST_UNACKNOWLEDGED:
            self._rung.clear()
            if events := await self._read():
                self._sent += len(events)
                yield b"".join(_encode(event) for event in events)
                continue
            while not self._rung.is_set():  # what has not rung need not be read
                await self._wait(keep_at - loop.time())
                if loop.time() >= keep_at:
                    keep_at = loop.time() + KEEP_S
                    yield b": keep\n\n"

    async def poll(self, streams: Streams, wait_s: float) -> list[dict[str, Any]]:
        """What came after the cursor, waiting up to `wait_s` seconds for the first of it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        with streams.joined(self._client, self), self._listening():
            await self._check_in()
            while True:
                self._rung.clear()
                events = await self._read()
                left = until - loop.time()
                if events or left <= 0 or self._ended or streams.stopping.is_set():
                    return events
                await self._wait(left)

    async def _read(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = await self.threads.run(
            agents.events,
            self.context,
            self._caller,
            self._client,
            self._after,
            limit=PAGE,
            acknowledged=self._acknowledged,
        )
        if events:
            self._after = events[-1]["seq"]
        return events

    async def _check_in(self, *, closed: bool = False) -> None:
        await self.threads.run(agents.checkin, self.context, self._caller, self._client, closed=closed)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def heard() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._rung.set)

        with self.context.bell.listen(self._client, heard):
            yield

    async def _wait(self, seconds: float) -> None:
        if seconds <= 0 or self._ended:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            pass


def _encode(event: dict[str, Any]) -> bytes:
    data = json.dumps(event["data"], ensure_ascii=False, separators=(",", ":"))
    return f"id: {event['seq']}\nevent: {event['kind']}\ndata: {data}\n\n".encode()
