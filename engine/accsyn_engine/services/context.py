"""What every use case is handed: the database, the clock, the ids, the bell, the configuration, and who calls.

A use case runs inside one `Work`: one transaction, one moment in time. The bell rings only after the commit, so whoever
wakes up finds what woke him.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from accsyn_engine.clock import Clock
from accsyn_engine.config import EngineConfig
from accsyn_engine.ids import Ids
from accsyn_engine.services.moving.pace import Pace
from accsyn_engine.services.people.remembered import Remembered
from accsyn_engine.store.database import Database

DISPATCH = "dispatch"
OUTBOX = "outbox"
PACE = "pace"
UPKEEP = "upkeep"
FEED = "feed"  # something was written into the log


class Bell:
    """Wakes threads and event loops of this process; a topic is a client's id, a word above, or "answer:<id>".

    A wait takes the count seen before the database was read, so a ring between the two is never slept through.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._counts: dict[str, int] = defaultdict(int)
        self._listeners: dict[str, set[Callable[[], None]]] = defaultdict(set)

    def ring(self, topic: str) -> None:
        """Wake everybody who waits for `topic`; callable from any thread."""
        with self._condition:
            self._counts[topic] += 1
            heard = tuple(self._listeners.get(topic, ()))
            self._condition.notify_all()
        for listener in heard:
            listener()

    def count(self, topic: str) -> int:
        """How often `topic` has rung; take it before reading the database."""
        with self._condition:
            return self._counts.get(topic, 0)

    def wait(self, topic: str, seen: int, timeout_s: float) -> bool:
        """Block until `topic` has rung since `seen` was taken; false when the time is over."""
        with self._condition:
            return self._condition.wait_for(lambda: self._counts.get(topic, 0) != seen, timeout_s)

    @contextmanager
    def listen(self, topic: str, heard: Callable[[], None]) -> Iterator[None]:
        """Call `heard` at each ring, in the thread that rings; an event loop hands in a `call_soon_threadsafe`."""
        with self._condition:
            self._listeners[topic].add(heard)
        try:
            yield
        finally:
            with self._condition:
                self._listeners[topic].discard(heard)
                if not self._listeners[topic]:
                    del self._listeners[topic]

    def forget(self, topic: str) -> None:
        """Drop the count of a topic that will never ring again."""
        with self._condition:
            self._counts.pop(topic, None)


@dataclass(frozen=True)
class KeyDigest:
    """Turns API and session keys into what the database keeps: a keyed BLAKE2b, useless without the secret."""

    secret: bytes = field(repr=False)

    def digest(self, key: str) -> str:
        """64 hex digits; the same key always gives the same digest, so a key is found by index."""
        return hashlib.blake2b(key.encode(), key=self.secret[:64], digest_size=32).hexdigest()


@dataclass(frozen=True)
class Context:
    """The engine's parts, made once at start-up and handed to every use case."""

    database: Database
    clock: Clock
    ids: Ids
    bell: Bell
    config: EngineConfig
    keys: KeyDigest
    pace: Pace = field(default_factory=Pace)
    callers: Remembered[Caller] = field(default_factory=Remembered)

    @contextmanager
    def reading(self) -> Iterator[Work]:
        """A consistent view of the database that cannot change it."""
        with self.database.read() as connection:
            yield Work(self, connection, self.clock.now_ms())

    @contextmanager
    def changing(self) -> Iterator[Work]:
        """One transaction: all or nothing, then the bell."""
        with self.database.write() as connection:
            work = Work(self, connection, self.clock.now_ms())
            yield work
        for topic in work.topics:
            self.bell.ring(topic)


@dataclass(frozen=True)
class Caller:
    """Who calls, as the credentials proved it."""

    user_id: str
    code: str  # the e-mail address
    role: str  # admin | employee | standard
    address: str = ""
    device: str = ""
    local: bool = False  # came over the control socket or in-process: whoever owns the data folder
    eid: str | None = None  # the call's own id: the same one again gets the same answer

    @property
    def is_admin(self) -> bool:
        """The workspace's administrators may do everything."""
        return self.role == "admin"

    @property
    def is_elevated(self) -> bool:
        """Admins and employees, as accsyn calls them together."""
        return self.role in {"admin", "employee"}


ENGINE = Caller(user_id="", code="engine", role="admin", local=True)
"""The engine itself, in audit rows of what nobody asked for (leases that ran out, retries)."""


@dataclass(frozen=True)
class Work:
    """One transaction at one moment, and whom to wake after it."""

    context: Context
    connection: Connection
    now: int  # milliseconds since 1970 UTC
    topics: dict[str, None] = field(default_factory=dict)

    def ring(self, topic: str) -> None:
        """Ring `topic` once this transaction is committed."""
        self.topics[topic] = None


@dataclass(frozen=True)
class Find:
    """The words of accsyn's find: an expression or an id, what to show, and which part of the past to look in."""

    query: str | None = None
    id: str | None = None
    attributes: tuple[str, ...] = ()
    limit: int | None = None
    skip: int = 0
    finished: bool = False
    inactive: bool = False
    archived: bool = False
    parent: str | None = None
    single: bool = False
