"""All transfers of this agent: which event belongs to which, and that none is begun twice."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from accsyn_engine.agent import outcome
from accsyn_engine.agent.attempt import Attempt
from accsyn_engine.agent.tools import Tools

REMEMBERED = 1000  # transfers that are over; an event about one of them may still come
END_S = 5.0

Data = dict[str, Any]


class Transfers:
    """Takes the events about transfers; every call returns at once."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._lock = threading.Lock()
        self._running: dict[str, Attempt] = {}
        self._over: deque[str] = deque(maxlen=REMEMBERED)

    def offer(self, data: Data) -> None:
        """Begin a transfer in which this side connects."""
        self._begin(data, listens=False)

    def listen(self, data: Data) -> None:
        """Begin a transfer in which this side opens a port."""
        self._begin(data, listens=True)

    def connect(self, data: Data) -> None:
        """The other side has opened its port."""
        attempt = self._find(data)
        if attempt is not None:
            attempt.connect(data)

    def stop(self, data: Data) -> None:
        """The engine ends a transfer."""
        attempt = self._find(data)
        if attempt is not None:
            attempt.stop(outcome.BY_ENGINE, str(data.get("reason") or "The engine stopped the transfer."))

    def close(self) -> None:
        """End all of them because the agent ends; their jobs are tried again when it is back."""
        with self._lock:
            running = list(self._running.values())
        for attempt in running:
            attempt.stop(outcome.BY_AGENT, f"The agent on {self._tools.machine} was stopped; it resumes with it.")
        until = self._tools.clock.monotonic() + END_S
        for attempt in running:
            attempt.join(max(0.0, until - self._tools.clock.monotonic()))

    def count(self) -> int:
        """How many are running."""
        with self._lock:
            return len(self._running)

    def _begin(self, data: Data, *, listens: bool) -> None:
        transfer = data["transfer"]
        with self._lock:
            if transfer in self._running or transfer in self._over:
                return
            attempt = Attempt(data, listens=listens, tools=self._tools, gone=self._gone)
            self._running[transfer] = attempt
        attempt.start()

    def _find(self, data: Data) -> Attempt | None:
        with self._lock:
            return self._running.get(data["transfer"])

    def _gone(self, transfer: str) -> None:
        with self._lock:
            self._running.pop(transfer, None)
            self._over.append(transfer)
