"""The databases the compiled queries run on: SQLite as the engine opens it, and PostgreSQL."""

from __future__ import annotations

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
def postgresql(postgres_url: str) -> Iterator[Engine]:
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()
