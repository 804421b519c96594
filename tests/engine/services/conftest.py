"""The studio's world on both databases; each test gets a copy of one that was made once."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.engine.services.world import World, make_engine, open_world


@pytest.fixture(scope="session")
def sqlite_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new engine's folder, with its database in it."""
    return make_engine(tmp_path_factory.mktemp("sqlite") / "engine")


@pytest.fixture(scope="session")
def postgres_original(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> tuple[Path, str]:
    """A new engine's folder, and the name of the database that belongs to it."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_engine(tmp_path_factory.mktemp("postgres") / "engine", _url(postgres_url, name)), name


def _url(server: str, name: str) -> str:
    base, _, query = server.partition("?")
    return f"{base.rsplit('/', 1)[0]}/{name}?{query}"


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An engine with one admin and one volume, on each of the two kinds of database in turn."""
    folder = tmp_path / "engine"
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("sqlite_original"), folder)
        world = open_world(folder)
        yield world
        world.context.database.close()
        return
    server = request.getfixturevalue("postgres_url")
    original, template = request.getfixturevalue("postgres_original")
    name = f"t{uuid.uuid4().hex}"
    shutil.copytree(original, folder)
    file = folder / "engine.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(template, name), encoding="utf-8")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    world = open_world(folder)
    yield world
    world.context.database.close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
