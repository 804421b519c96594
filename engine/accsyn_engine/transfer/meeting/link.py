"""Drives the session connection from one thread; the other threads of the transfer post to it and fail through it.

One thread, because a TLS connection must not be read and written by two at once.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable

from accsyn_engine.clock import Clock
from accsyn_engine.transfer.bell import Bell
from accsyn_engine.transfer.belt import Ended
from accsyn_engine.transfer.errors import (
    PeerLost,
    PeerRefused,
    TransferError,
    as_transfer_error,
    from_code,
    lost_on_os_error,
)
from accsyn_engine.transfer.meeting.channel import BEFORE_ITS_WORD, Channel
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.transport.lane import ControlLane
from accsyn_engine.wire import messages
from accsyn_engine.wire.control import ControlStream
from accsyn_engine.wire.errors import LocalProtocolError
from accsyn_engine.wire.session import CONTROLLED
from accsyn_plugins.errors import AccsynError

PING_S = 3.0
SILENCE_S = 15.0  # a peer that says nothing for so long is gone
TICK_S = 0.1
BUSY_S = 0.005  # a look again at work that has piled up
FAREWELL_S = 1.0  # for telling the other side why
HEARD_STEP = 256 * 1024  # bytes of the control stream after which the other side is told
READS_A_TURN = 64  # so that a talkative peer does not keep us from answering


class Link:
    """The session of one transfer, and its crew of threads."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._channel: Channel | None = None
        self._clock = clock
        self.is_ready: Callable[[], bool] = lambda: True  # false holds the other side back
        self._outbox: deque[messages.Event] = deque()
        self._unsent = b""
        self._lane: ControlLane | None = None
        self._lane_carries: Callable[[], bool] = lambda: False
        self._is_apart = self._is_told_apart = False  # this side, the other side has begun its control stream
        self._control = ControlStream()  # the other side's
        self._control_lock = threading.Lock()
        self._told_heard = 0
        self._error: AccsynError | None = None
        self._failed_at = 0.0
        self._is_finished = False
        self._is_told = False  # the other side ended it and knows why
        self._crew: list[threading.Thread] = []
        self._endings: list[Callable[[], None]] = []
        self._bell = Bell()
        self._heard_at = self._said_at = clock.monotonic()

    def post(self, event: messages.Event) -> None:
        """Say this to the other side soon; from any thread."""
        self._outbox.append(event)
        self._bell.ring()

    def use_lane(self, lane: ControlLane, carries: Callable[[], bool]) -> None:
        """At the sender: what it says goes by `lane`, once that carries; then by the session only while it does not."""
        self._lane, self._lane_carries = lane, carries

    def hear_control(self, offset: int, piece: bytes) -> None:
        """A piece of the other side's control stream has come; from any thread. Raises RemoteProtocolError."""
        with self._control_lock:
            self._control.put(offset, piece)
        self._bell.ring()

    def fail(self, error: AccsynError) -> None:
        """End the transfer with this error; from any thread, the first one counts."""
        if self._error is None:
            self._failed_at = self._clock.monotonic()
            self._error = error
        self._bell.ring()

    def nudge(self) -> None:
        """Something has changed that `tick` looks at; from any thread."""
        self._bell.ring()

    def finish(self) -> None:
        """End well once everything posted is sent; from the thread of `run`."""
        self._is_finished = True

    def on_end(self, ending: Callable[[], None]) -> None:
        """Call this when the transfer ends, to wake whoever waits."""
        self._endings.append(ending)

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` in a thread of this transfer; its error is the transfer's."""
        thread = threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
        self._crew.append(thread)
        thread.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Ended:
            pass
        except AccsynError as error:
            self.fail(error)
        except Exception as error:
            unexpected = TransferError(f"The transfer stopped on an unexpected error: {error!r}. Please report it.")
            unexpected.__cause__ = error
            self.fail(unexpected)

    def run(self, hear: Callable[[messages.Event], None], tick: Callable[[float], None]) -> None:
        """Carry the conversation until `finish` or an error, then bring the crew home. Raises TransferError.

        Where the work began before the session was there, this waits for it first.
        """
        try:
            self._channel = self._meet()
            self._converse(self._channel, hear, tick)
        except AccsynError as error:
            # What was said last may be the reason of a lost connection.
            final = self._error if isinstance(error, PeerLost) and self._error is not None else error
            told = self._refusal_of(as_transfer_error(final))
            self._farewell(told)
            raise told from final.__cause__
        finally:
            self._end()

    def _refusal_of(self, error: TransferError) -> TransferError:
        """A listener that closes the connection without a word does not take us for whom it awaits."""
        if type(error) is PeerLost and self._channel is not None and not self._channel.is_welcomed:
            return PeerRefused(detail=BEFORE_ITS_WORD)
        return error

    def _meet(self) -> Channel:
        while (channel := self._connection.session_within(TICK_S)) is None:
            if self._error is not None:
                raise self._error
        channel.socket.setblocking(False)
        self._heard_at = self._said_at = self._clock.monotonic()
        return channel

    def _converse(
        self, channel: Channel, hear: Callable[[messages.Event], None], tick: Callable[[float], None]
    ) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            selector.register(channel.socket, selectors.EVENT_READ)
            for event in channel.early():
                self._hear(event, hear)
            while True:
                self._flush(channel)
                if self._is_done():
                    return  # without another read: the other side may have closed after our last word
                self._await(channel, selector)
                self._bell.clear()
                if self.is_ready():
                    self._read(channel, hear)
                    self._read_control(channel, hear)
                if self._error is not None and not self._may_hear_why(self._error):
                    raise self._error
                self._keep_alive()
                tick(self._clock.monotonic())

    def _await(self, channel: Channel, selector: selectors.BaseSelector) -> None:
        """Wait for the socket, for something to say, or for the next tick."""
        if not self.is_ready():
            # What is not read is not silence; the other side is held back by TCP meanwhile.
            self._heard_at = self._clock.monotonic()
            self._clock.sleep(BUSY_S)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        selector.modify(channel.socket, events)
        selector.select(TICK_S)

    def _is_done(self) -> bool:
        return self._is_finished and not self._outbox and not self._unsent

    def _may_hear_why(self, error: AccsynError) -> bool:
        """A bulk channel often breaks a moment before the session brings the reason."""
        return type(error) is PeerLost and self._clock.monotonic() - self._failed_at < FAREWELL_S

    def _read(self, channel: Channel, hear: Callable[[messages.Event], None]) -> None:
        for _ in range(READS_A_TURN):
            with lost_on_os_error():
                try:
                    count = channel.socket.recv_into(channel.session.get_buffer())
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    return
            if not count:
                raise PeerLost(detail="it closed the connection")
            self._heard_at = self._clock.monotonic()
            for event in channel.session.received(count):
                self._hear(event, hear)

    def _read_control(self, channel: Channel, hear: Callable[[messages.Event], None]) -> None:
        """Hear what has come of the control stream, as far as there is somebody to take it."""
        while self._is_told_apart:
            if not self.is_ready():
                self._bell.ring()
                break
            with self._control_lock:
                frame = self._control.next_frame()
            if frame is None:
                break
            hear(channel.session.received_apart(*frame))
        if self._control.heard - self._told_heard >= HEARD_STEP:
            self._told_heard = self._control.heard
            self.post(messages.Heard(self._told_heard))

    def _hear(self, event: messages.Event, hear: Callable[[messages.Event], None]) -> None:
        if isinstance(event, messages.Stop):
            self._is_told = True
            raise from_code(event.code, event.message)
        if isinstance(event, messages.Welcome):
            self._connection.take_welcome(event)
        elif isinstance(event, messages.Control):
            self._is_told_apart = True
            self.hear_control(event.offset, event.piece)
        elif isinstance(event, messages.Heard):
            if self._lane is not None:
                self._lane.confirm(event.offset)
        elif not isinstance(event, messages.Ping):
            hear(event)

    def _flush(self, channel: Channel) -> None:
        while True:
            if not self._unsent:
                self._unsent = self._next_frame(channel)
            if not self._unsent:
                return
            with lost_on_os_error():
                try:
                    sent = channel.socket.send(self._unsent)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    return
            self._unsent = self._unsent[sent:]
            self._said_at = self._clock.monotonic()

    def _next_frame(self, channel: Channel) -> bytes:
        """What goes over the session next; what goes by the lane is put there meanwhile."""
        while self._outbox:
            event = self._outbox[0]
            if self._lane is not None and type(event) in CONTROLLED:
                if not self._is_apart and self._lane_carries():
                    self._is_apart = True
                    return channel.session.send(messages.Control(0, b""))
                if self._is_apart:
                    self._lane.put(channel.session.send(self._outbox.popleft()))
                    continue
            return channel.session.send(self._outbox.popleft())
        if self._lane is None or not self._is_apart or self._lane_carries() or self._is_finished:
            return b""
        piece = self._lane.take()
        return channel.session.send(messages.Control(*piece)) if piece is not None else b""

    def _keep_alive(self) -> None:
        now = self._clock.monotonic()
        if now - self._heard_at > SILENCE_S:
            raise PeerLost(detail=f"it was silent for {SILENCE_S:.0f} s")
        if now - self._said_at > PING_S:
            self._outbox.append(messages.Ping())

    def _farewell(self, error: TransferError) -> None:
        """Tell the other side why, as far as it still listens."""
        channel = self._channel
        if channel is None or type(error) is PeerLost or self._is_told:
            return
        sock = channel.socket
        with contextlib.suppress(OSError, LocalProtocolError):  # gone, or not in a state to be told
            sock.settimeout(FAREWELL_S)
            farewell = channel.session.send(messages.Stop(error.facts.get("reason", error.code), error.message))
            sock.sendall(self._unsent + farewell)
            socket.socket.shutdown(sock, socket.SHUT_WR)
            until = self._clock.monotonic() + FAREWELL_S
            while sock.recv(65536) and self._clock.monotonic() < until:
                pass  # until it has read our last word and closes

    def _end(self) -> None:
        self._connection.shut()
        for ending in self._endings:
            ending()
        for thread in self._crew:
            thread.join()
        self._bell.close()
        self._connection.close()
