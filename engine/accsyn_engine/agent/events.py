"""Events from the engine: a stream of server-sent events, or a long poll where something on the way spoils streams.

Every event has a number; asking for what comes after the last one seen loses nothing over any break.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from accsyn_engine.agent.engine import Engine
from accsyn_engine.agent.errors import SilentError, UnreachableError
from accsyn_engine.clock import Clock

SILENCE_S = 25.0  # the engine says at least a comment every 10 s
POLL_S = 20
POLL_GRACE_S = 10.0
STREAM_AGAIN_S = 600.0  # a proxy that spoils streams is given another chance after this long
STREAM_TYPE = "text/event-stream"
CHUNK = 64 * 1024
WORTHWHILE_S = 5.0
LINE_LIMIT = 32 * 1024 * 1024  # bytes of one event


@dataclass(frozen=True)
class Event:
    """One event; `seq` grows without gaps for one agent."""

    seq: int
    kind: str
    data: dict[str, Any]


@dataclass
class Parser:
    """Server-sent events out of bytes, however they are cut. Raises ValueError for what is none."""

    _buffer: bytearray = field(default_factory=bytearray)
    _fields: dict[str, str] = field(default_factory=dict)

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take bytes; yield the events they complete."""
        self._buffer += chunk
        if len(self._buffer) > LINE_LIMIT:
            raise ValueError("an event without end")
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = rest
        for line in lines:
            event = self._line(line.rstrip(b"\r").decode("utf-8"))
            if event is not None:
                yield event

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in self._fields:
            value = f"{self._fields['data']}\n{value}"
        if name:  # a line that begins with a colon is a comment
            self._fields[name] = value
        return None

    def _complete(self) -> Event | None:
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        return Event(seq=int(fields["id"]), kind=fields["event"], data=json.loads(fields["data"]))


class Events:
    """The events of one agent after a cursor."""

    def __init__(self, engine: Engine, clock: Clock, *, silence_s: float = SILENCE_S) -> None:
        self._engine = engine
        self._clock = clock
        self._silence_s = silence_s
        self._poll_until = float("-inf")
        self.cursor = 0

    def follow(self, client: str, take: Callable[[Event], None], *, opened: Callable[[], None]) -> bool:
        """Hand events to `take` until the connection ends; `opened` is called when the engine has answered.

        Says whether it was worth it: an event came, or it held for a while. Raises the engine's errors when nothing
        came at all; a stream that breaks later just ends, as proxies end them every minute.
        """
        begun, before = self._clock.monotonic(), self.cursor
        if begun < self._poll_until:
            self._poll(client, take, opened)
            return True
        self._stream(client, take, opened)
        return self.cursor > before or self._clock.monotonic() - begun >= WORTHWHILE_S

    def _stream(self, client: str, take: Callable[[Event], None], opened: Callable[[], None]) -> None:
        spoken = False
        try:
            for event in self._streamed(client):
                if not spoken:
                    spoken = True
                    opened()
                if event is not None:
                    self._hand(event, take)
        except UnreachableError as error:
            if not spoken and not isinstance(error, SilentError):
                raise
        if not spoken:
            # Headers, perhaps, and then nothing, not even a comment: something on the way keeps the stream to itself.
            self._poll_until = self._clock.monotonic() + STREAM_AGAIN_S

    def _streamed(self, client: str) -> Iterator[Event | None]:
        """Events as they come; None for bytes that complete none."""
        query, parser = {"client": client, "after": self.cursor}, Parser()
        with self._engine.opened(
            "GET", "events", query=query, deadline_s=self._silence_s, accept=STREAM_TYPE
        ) as response:
            if not response.headers.get("Content-Type", "").startswith(STREAM_TYPE):
                return
            # read1 gives what is there; everything else in requests waits for a buffer to fill.
            while chunk := response.raw.read1(CHUNK):
                yield None
                try:
                    yield from parser.feed(chunk)
                except (ValueError, KeyError) as error:
                    raise self._engine.nonsense() from error

    def _poll(self, client: str, take: Callable[[Event], None], opened: Callable[[], None]) -> None:
        query = {"client": client, "after": self.cursor, "wait": POLL_S}
        answer = self._engine.get("events", query, deadline_s=POLL_S + POLL_GRACE_S)
        try:
            events = [Event(seq=e["seq"], kind=e["kind"], data=e["data"]) for e in answer["events"]]
        except (KeyError, TypeError) as error:
            raise self._engine.nonsense() from error
        opened()
        for event in events:
            self._hand(event, take)

    def _hand(self, event: Event, take: Callable[[Event], None]) -> None:
        if event.seq > self.cursor:
            take(event)
            self.cursor = event.seq
