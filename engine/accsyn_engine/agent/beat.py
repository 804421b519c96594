"""Tells the engine twice a second how far a transfer is, and passes on what it answers: stop, or a limit."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from accsyn_engine.agent import outcome
from accsyn_engine.agent.engine import Engine
from accsyn_engine.agent.errors import RefusedError, UnreachableError, UntrustedError, WrongKeyError
from accsyn_engine.clock import Clock
from accsyn_engine.transfer.work import Control

INTERVAL_S = 0.5
SMALL_INTERVAL_S = 0.25
SMALL = 64 * 1024 * 1024  # bytes: over before half a second tells people anything
SPEED_OVER_S = 3.0  # what people are shown: steady
RATE_OVER_S = 1.0  # by what the engine divides a cap: fresh
DEADLINE_S = 5.0  # shorter than the lease
_OVER = frozenset({404, 409, 410})  # the engine no longer knows this transfer, or not with this agent


class Speed:
    """Bytes per second over the last seconds, out of byte counts at points in time."""

    def __init__(self, over_s: float) -> None:
        self._over_s = over_s
        self._points: deque[tuple[float, int]] = deque()

    def at(self, now: float, moved: int) -> int:
        """Take a new count; give the speed up to now."""
        self._points.append((now, moved))
        while len(self._points) > 2 and now - self._points[1][0] >= self._over_s:
            self._points.popleft()
        then, before = self._points[0]
        return int((moved - before) / (now - then)) if now > then else 0


class Beat:
    """The reports of one transfer, from a thread of their own while it runs."""

    def __init__(self, transfer: str, who: dict[str, str], control: Control, *, engine: Engine, clock: Clock) -> None:
        self._path = f"transfers/{transfer}/progress"
        self._who = who
        self._control = control
        self._engine = engine
        self._clock = clock
        self._speed, self._rate = Speed(SPEED_OVER_S), Speed(RATE_OVER_S)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        # Not joined: a report that hangs must not hold up the end of the transfer.
        self._over.set()

    def _run(self) -> None:
        self._report()
        while not self._over.wait(self._interval_s()):
            self._report()

    def _interval_s(self) -> float:
        return SMALL_INTERVAL_S if self._control.progress().size < SMALL else INTERVAL_S

    def _report(self) -> None:
        progress = self._control.progress()
        now = self._clock.monotonic()
        speed, rate = self._speed.at(now, progress.moved), self._rate.at(now, progress.moved)
        body = {**self._who, **outcome.numbers(progress, speed), "speed": speed, "rate": rate}
        try:
            self._obey(self._engine.post(self._path, body, deadline_s=DEADLINE_S))
        except (UnreachableError, UntrustedError, WrongKeyError):
            pass  # the bytes flow on; the events' connection says what is wrong with the engine
        except RefusedError as error:
            if error.facts["http"] in _OVER:
                self._control.stop(outcome.BY_ENGINE, error.message)

    def _obey(self, answer: Any) -> None:
        if answer.get("state") == "stopped":
            self._control.stop(outcome.BY_ENGINE, str(answer.get("reason") or "The engine stopped the transfer."))
        limit = answer.get("limit")
        self._control.limit(None if limit is None else int(limit))  # 0 holds it still
