"""GET /api/events: what happens in the workspace, for everybody as far as they may see it.

Server-sent events with a cursor, so a client that comes back misses nothing; or one long poll where a proxy spoils
streams. Who calls is proved again before every look: a key taken away ends the stream at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from accsyn_engine.api.auth import identify
from accsyn_engine.api.bodies import answer
from accsyn_engine.api.errors import BadFieldError
from accsyn_engine.api.parts import Parts, parts_of
from accsyn_engine.services import feed
from accsyn_engine.services.context import FEED, Caller
from accsyn_engine.services.feed import Cursor, read_cursor
from accsyn_plugins.errors import AccsynError

KEEP_S = 10.0  # a comment this often, so that nothing in between takes the line for dead
PAUSE_S = 0.05  # between two looks: what comes in a burst is told together
PROGRESS_S = 1.0
WAIT_LIMIT_S = 60.0


def routes() -> list[Route]:
    """The route of the event stream."""
    return [Route("/api/events", events, methods=["GET"])]


async def events(request: Request) -> Response:
    """A stream after `after` or Last-Event-ID (from now without either), or with `wait` one long poll."""
    reader = Reader(request, _after(request))
    await reader.caller()  # refuses a stranger before the stream opens
    if "wait" in request.query_params:
        return answer(await reader.poll(_wait_s(request)))
    wants_progress = _flag(request, "progress")
    return StreamingResponse(
        reader.follow(wants_progress=wants_progress),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _after(request: Request) -> Cursor | None:
    text = request.query_params.get("after") or request.headers.get("last-event-id")
    return read_cursor(text) if text else None


def _wait_s(request: Request) -> float:
    text = request.query_params["wait"]
    if not (text.isascii() and text.isdigit()):
        raise BadFieldError(field="wait", kind=f"whole seconds, at most {WAIT_LIMIT_S:g}")
    return min(float(text), WAIT_LIMIT_S)


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise BadFieldError(field=name, kind="true or false")
    return text == "true"


class Reader:
    """One client's wish to hear what follows a cursor."""

    def __init__(self, request: Request, after: Cursor | None) -> None:
        self._request = request
        self._parts: Parts = parts_of(request)
        self._after = after
        self._rung = asyncio.Event()

    async def caller(self) -> Caller:
        """Who listens, proved anew; raises as `identify` does."""
        return await identify(self._request, self._parts.context, self._parts.threads)

    async def poll(self, wait_s: float) -> dict[str, Any]:
        """What came after the cursor, waiting up to `wait_s` seconds for the first of it, and where to go on."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        with self._listening():
            while True:
                self._rung.clear()
                page = await self._read()
                left = until - loop.time()
                if page["events"] or left <= 0 or self._parts.readers.stopping.is_set():
                    return page
                await self._wait(left)

    async def follow(self, *, wants_progress: bool) -> AsyncIterator[bytes]:
        """Server-sent events until the client goes, loses its right to listen, or the engine stops."""
        with self._listening():
            try:
                yield _encode("open", {}, id=(await self._read())["cursor"]) if self._after is None else b": open\n\n"
                async for chunk in self._chunks(wants_progress=wants_progress):
                    yield chunk
            except AccsynError as error:
                yield _encode("refused", {"message": error.message, "code": error.code})

    async def _chunks(self, *, wants_progress: bool) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        keep_at, told = loop.time() + KEEP_S, None
        while not self._parts.readers.stopping.is_set():
            self._rung.clear()
            events = (await self._read())["events"]
            if events:
                yield b"".join(_encode("event", event, id=event["id"]) for event in events)
            if wants_progress and (now := await self._progress()) != told:
                told = now
                yield _encode("progress", now)
            if loop.time() >= keep_at:
                keep_at = loop.time() + KEEP_S
                yield b": keep\n\n"
            await asyncio.sleep(PAUSE_S)
            if not events:
                await self._wait(PROGRESS_S if wants_progress else keep_at - loop.time())

    async def _read(self) -> dict[str, Any]:
        caller = await self.caller()
        page = await self._parts.threads.run(feed.find, self._parts.context, caller, self._after)
        self._after = read_cursor(page["cursor"])
        return page

    async def _progress(self) -> list[dict[str, Any]]:
        caller = await self.caller()
        return await self._parts.threads.run(feed.progress, self._parts.context, caller)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def heard() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._rung.set)

        with self._parts.readers.joined(self._rung), self._parts.context.bell.listen(FEED, heard):
            yield

    async def _wait(self, seconds: float) -> None:
        # A row of PostgreSQL may become tellable when another replica's transaction ends, and nothing rings here then.
        look_s = KEEP_S if self._parts.context.database.is_sqlite else 0.5
        try:
            async with asyncio.timeout(max(0.0, min(seconds, look_s))):
                await self._rung.wait()
        except TimeoutError:
            pass


def _encode(kind: str, data: Any, *, id: str | None = None) -> bytes:
    cursor = f"id: {id}\n" if id else ""
    return f"{cursor}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
