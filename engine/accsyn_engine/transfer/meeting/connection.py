"""What the two ends of a transfer have between them: the session, bulk connections that may come later, datagrams."""

from __future__ import annotations

import threading
from collections.abc import Callable

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.errors import PeerLost, TransferError
from accsyn_engine.transfer.meeting.channel import Channel, Ticket, round_trip
from accsyn_engine.transfer.transport.knocking import Knocking
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.transport.udp import Address
from accsyn_engine.transfer.work import SHORT_S
from accsyn_engine.wire import messages

USUAL_RTT_S = 0.05  # where the system does not tell
HOLD_S, HOLD_RTTS = 0.25, 4  # how long the streams wait for datagrams, the longer of both


class Connection:
    """One transfer's connections. Belongs to whoever sends or receives with it, from the moment it has begun.

    It begins with the session, or earlier with a line on which the other side has proven itself under the transfer's
    keys; the session follows then.
    """

    def __init__(self, ticket: Ticket, line: Line | None) -> None:
        self.ticket = ticket
        self.line = line
        self.rtt: float | None = None  # seconds; None where the system does not tell
        self.bulk: list[Channel] = []
        self.on_bad_line: Callable[[], None] = _nothing
        self.on_close: Callable[[], None] = _nothing
        self._session: Channel | None = None
        self._error: TransferError | None = None
        self._lock = threading.Condition()
        self._take: Callable[[Channel], None] | None = None
        self._knocking: Knocking | None = None
        self._has_begun = self._is_taken = self._is_closed = False
        self._is_in_vain = False  # the listener has no socket for datagrams

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    @property
    def session(self) -> Channel:
        """The session. Raises PeerLost while there is none."""
        if self._session is None:
            raise PeerLost(detail="the two sides have not met yet")
        return self._session

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
        if self._is_in_vain:
            return 0.0
        return max(HOLD_S, HOLD_RTTS * (self.rtt or USUAL_RTT_S))

    @property
    def session_rtt(self) -> float | None:
        """The round trip in seconds that the session's TCP measures now; None where it is not told."""
        return round_trip(self._session.socket) if self._session is not None else None

    # meeting
    def take_welcome(self, welcome: messages.Welcome) -> None:
        """Learn where the listener takes datagrams; at the side that connects."""
        line = self.line
        if not welcome.datagrams:
            self._is_in_vain = True
        elif line is not None and line.peer is None:
            line.host = self.session.socket.getpeername()[0]  # what was announced may be a name
            line.peer = (line.host, welcome.datagrams)

    def knock(self, clock: Clock, *, admits: Callable[[str], bool]) -> None:
        """Let the two ends prove the line while they meet; `admits` says whose datagrams are looked at."""
        if self.line is not None:
            self._knocking = Knocking(self.line, clock, admits=admits, opened=self._open)

    def aim(self, place: Address) -> None:
        """Knock there."""
        if self._knocking is not None:
            self._knocking.aim(place)

    def _open(self) -> None:
        """The other side has proven itself over the line."""
        with self._lock:
            if self.rtt is None and self.line is not None:
                self.rtt = self.line.rtt
            self._has_begun = True
            self._lock.notify_all()

    def attend(self, session: Channel) -> None:
        """The session is there, greeted and authenticated."""
        with self._lock:
            if self._is_closed:
                session.release()
                return
            self._session = session
            if self.rtt is None:
                self.rtt = round_trip(session.socket)
            self._has_begun = True
            self._lock.notify_all()

    def fail(self, error: TransferError) -> None:
        """There will be no session."""
        with self._lock:
            self._error = self._error or error
            self._lock.notify_all()
            is_taken = self._is_taken
        if not is_taken:
            self.close()

    def wait(self) -> None:
        """Block until it has begun. Raises TransferError."""
        with self._lock:
            self._lock.wait_for(lambda: self._has_begun or self._error is not None)
            if self._error is not None:
                raise self._error
            self._is_taken = True

    def session_within(self, seconds: float) -> Channel | None:
        """Wait for the session for so long. Raises TransferError when there will be none."""
        with self._lock:
            self._lock.wait_for(lambda: self._session is not None or self._error is not None, seconds)
            if self._session is None and self._error is not None:
                raise self._error
            return self._session

    def settle_line(self) -> Line | None:
        """End the knocking; the line is the caller's then."""
        if self._knocking is not None:
            self._knocking.finish()
        return self.line

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
        for channel in self._channels():
            channel.close()

    def close(self) -> None:
        """Give everything back; no thread may use it any more."""
        self.shut()
        for channel in self._channels():
            channel.release()
        line = self.settle_line()
        if line is not None:
            line.socket.close()
        self.on_close()

    def _channels(self) -> list[Channel]:
        return [*self.bulk] if self._session is None else [self._session, *self.bulk]


def _nothing() -> None:
    """Nobody cares."""
