"""The one way to the database: a consistent view to read, one transaction to write.

SQLite: WAL, synchronous=FULL (NORMAL loses committed rows at a power cut), foreign keys on; one connection writes,
because the SQLite of today's Python corrupts a WAL that several connections write; readers are held to `query_only`.
`BEGIN IMMEDIATE` is emitted by us: SQLAlchemy's default begins late and loses read-then-write updates.
PostgreSQL: psycopg, one pool for both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from accsyn_plugins.errors import AccsynError

Register = Callable[[Any], None]


class DatabaseUnusableError(AccsynError):
    """The database's URL names something the engine cannot use."""

    code = "database-unusable"
    sentence = '"{url}" is no database the engine can use: {why}.'


class Database:
    """Connections of one database; `register` is called with each new SQLite connection, to add SQL functions."""

    def __init__(self, url: str, *, register: Register | None = None) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._turn = threading.Lock()
        self._writer_thread: int | None = None
        self.changes = 0  # transactions this process has carried out: what was read before the last one may be old
        if self.is_sqlite:
            if not parsed.database or parsed.database == ":memory:":
                raise DatabaseUnusableError(url=url, why="SQLite needs a file")
            self._writer = _sqlite(url, register, query_only=False)
            self._reader = _sqlite(url, register, query_only=True)
        else:
            parsed = parsed.set(drivername="postgresql+psycopg")
            self._writer = self._reader = create_engine(parsed, pool_size=20, max_overflow=20, pool_pre_ping=True)

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations."""
        return self._writer

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A view of the database as of now; a change through it fails."""
        with self._reader.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block, rolled back when it raises."""
        if not self.is_sqlite:
            with self._writer.begin() as connection:
                yield connection
            self.changes += 1
            return
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("a transaction is open in this thread already; hand its connection on instead")
        with self._turn:
            self._writer_thread = threading.get_ident()
            try:
                with self._writer.begin() as connection:
                    yield connection
                self.changes += 1
            finally:
                self._writer_thread = None

    def close(self) -> None:
        """Close all idle connections."""
        self._writer.dispose()
        self._reader.dispose()


def _sqlite(url: str, register: Register | None, *, query_only: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=8 if query_only else 1,
        max_overflow=24 if query_only else 0,
        connect_args={"check_same_thread": False, "timeout": 30},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-20000"):
            connection.execute(f"PRAGMA {pragma}")
        if register is not None:
            register(connection)
        if query_only:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if query_only else "BEGIN IMMEDIATE")

    return engine
