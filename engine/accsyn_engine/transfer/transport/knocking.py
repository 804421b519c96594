"""Proves the path of a transfer's datagrams while its two ends still meet, so that content need not wait for TLS.

The keys are the transfer's own and known to both ends before. Nothing but probes and answers goes out from here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.bell import Bell
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.transport.udp import Address
from accsyn_engine.wire.datagram import DATA, DATA_HEAD, TAG
from accsyn_engine.wire.errors import RemoteProtocolError

KNOCK_S, SELDOM_S = 0.2, 2.0  # between two knocks, at first ...
PATIENCE_S = 5.0  # ... and after so long without an answer
RUNS_A_TURN = 16


class Knocking:
    """A thread that uses the line until it is open, or is wanted by someone else.

    `admits` says whether an IP address was announced; what comes from others is not even opened. `opened` is called
    once when the other side has proven itself and its place, from this thread, its last word.
    """

    def __init__(self, line: Line, clock: Clock, *, admits: Callable[[str], bool], opened: Callable[[], None]) -> None:
        self._line = line
        self._clock = clock
        self._admits = admits
        self._opened = opened
        self._place: Address | None = None
        self._knocked_at = -SELDOM_S
        self._begun_at = clock.monotonic()
        self._bell = Bell()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="knocking", daemon=True)
        self._thread.start()

    def aim(self, place: Address) -> None:
        """Knock there from now on; from any thread."""
        self._place, self._knocked_at = place, -SELDOM_S
        self._bell.ring()

    def finish(self) -> None:
        """Let go of the line; it is the caller's when this returns."""
        self._is_over = True
        self._bell.ring()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._is_over:
                self._knock(self._clock.monotonic())
                self._line.socket.wait(KNOCK_S, self._bell.fileno())
                self._bell.clear()
                if self._listen() or self._line.is_open:
                    self._opened()
                    return
        finally:
            self._bell.close()

    def _knock(self, now: float) -> None:
        pause = KNOCK_S if now - self._begun_at < PATIENCE_S else SELDOM_S
        if self._place is not None and now - self._knocked_at >= pause:
            self._knocked_at = now
            self._line.probe(to=self._place)

    def _listen(self) -> bool:
        """Answer what is there; true when content has come, which is kept for who takes the line."""
        for view, size, source in self._line.socket.drain(RUNS_A_TURN):
            if not self._admits(source[0]):
                continue
            if len(view) > DATA_HEAD.size + TAG and view[0] == DATA:
                first = view[:size]
                if self._line.is_true(first[: DATA_HEAD.size], first[DATA_HEAD.size :]):
                    self._line.early.runs.append((bytes(view), size, source))
                    return True
                continue
            for at in range(0, len(view), size):
                self._hear(view[at : at + size], source)
        return False

    def _hear(self, frame: memoryview, source: Address) -> None:
        heard = None
        with contextlib.suppress(RemoteProtocolError):  # whoever takes the line will hear more of it, and end
            heard = self._line.hear(frame, source)
        if heard is not None:
            self._line.early.heard.append((heard[0], len(frame), self._clock.monotonic()))
