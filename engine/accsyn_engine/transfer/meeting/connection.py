"""What the two ends of a transfer have between them: the session, bulk connections that may come later, datagrams."""

from __future__ import annotations

import threading
from collections.abc import Callable

from accsyn_engine.transfer.meeting.channel import Channel, Ticket, round_trip
from accsyn_engine.transfer.transport.line import Lane

SHORT_S = 0.003
USUAL_RTT_S = 0.05  # where the system does not tell
HOLD_S, HOLD_RTTS = 0.25, 4  # how long the streams wait for datagrams, the longer of both


class Connection:
    """One transfer's connections, greeted and authenticated. Belongs to whoever sends or receives with it."""

    def __init__(self, ticket: Ticket, session: Channel, lane: Lane | None) -> None:
        self.ticket = ticket
        self.session = session
        self.lane = lane
        self.rtt = round_trip(session.socket)  # seconds; None where the system does not tell
        self.bulk: list[Channel] = []
        self.on_bad_line: Callable[[], None] = _nothing
        self._lock = threading.Condition()
        self._take: Callable[[Channel], None] | None = None
        self._is_closed = False
        self.on_close: Callable[[], None] = _nothing

    @property
    def version(self) -> int:
        """Of the protocol, as both sides speak it."""
        return self.session.session.version

    @property
    def is_short(self) -> bool:
        """Whether the line is so short that TCP does as well on it as anything."""
        return self.rtt is not None and self.rtt < SHORT_S

    @property
    def streams(self) -> int:
        """How many bulk connections begin; on a short line a second one would only take processors from the first."""
        return 1 if self.is_short else self.ticket.streams

    @property
    def patience_s(self) -> float:
        """How long datagrams are waited for before the streams begin."""
        return max(HOLD_S, HOLD_RTTS * (self.rtt or USUAL_RTT_S))

    def join(self, channel: Channel) -> None:
        """Add a bulk connection; from any thread."""
        with self._lock:
            if self._is_closed:
                channel.release()
                return
            self.bulk.append(channel)
            if self._take is not None:
                self._take(channel)
            self._lock.notify_all()

    def on_join(self, take: Callable[[Channel], None]) -> None:
        """Hand each bulk connection to `take`, those that are there and those that come; it must return at once."""
        with self._lock:
            self._take = take
            for channel in self.bulk:
                take(channel)

    def wait_for(self, streams: int) -> None:
        """Wait until so many bulk connections have joined, or the end."""
        with self._lock:
            self._lock.wait_for(lambda: len(self.bulk) >= streams or self._is_closed)

    def open_rest(self) -> None:
        """The line is worse than hoped: open all bulk connections that were agreed. The listener cannot."""
        on_bad_line, self.on_bad_line = self.on_bad_line, _nothing
        on_bad_line()

    def shut(self) -> None:
        """End the connections under whoever is blocked in them; nothing joins any more."""
        with self._lock:
            self._is_closed = True
            self._lock.notify_all()
        for channel in (self.session, *self.bulk):
            channel.close()

    def close(self) -> None:
        """Give everything back; no thread may use it any more."""
        self.shut()
        for channel in (self.session, *self.bulk):
            channel.release()
        if self.lane is not None:
            self.lane.socket.close()
        self.on_close()


def _nothing() -> None:
    """Nobody cares."""
