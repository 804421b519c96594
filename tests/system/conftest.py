"""Worlds for the system tests, and what their programs said when a test fails."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest

from tests.system.world import DATASET, World, write_file

WORLDS = pytest.StashKey[list[World]]()


@pytest.fixture(scope="module")
def new_world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., World]]:
    """Make worlds that live as long as the tests of this file."""
    worlds = request.session.stash.setdefault(WORLDS, [])
    with ExitStack() as stack:

        def make(**environment: str) -> World:
            # A short name: the path of a socket must stay below 108 bytes.
            world = stack.enter_context(World(tmp_path_factory.mktemp("w"), environment))
            worlds.append(world)
            return world

        yield make
    worlds.clear()


@pytest.fixture(scope="module")
def studio(new_world: Callable[..., World]) -> World:
    """An engine that serves, with a small dataset on its volume; no vendor yet."""
    world = new_world()
    fill(world)
    world.init()
    world.serve()
    return world


def fill(world: World) -> None:
    """A small dataset with the kinds of names and sizes that matter."""
    top = world.volume / "proj002"
    write_file(top / DATASET / "source" / "Höhenmodell öst.raw", 3_000_000)
    write_file(top / DATASET / "source" / "empty.raw", 0)
    for number in range(20):
        write_file(top / DATASET / "source" / "tiles" / f"tile {number:03d} Åre.xyz", number * 997)
    write_file(top / "TO_VENDORS" / "analysis_task_description.txt", 200)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, None]:
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for world in item.session.stash.get(WORLDS, []):
            report.sections += [(name, text[-6000:]) for name, text in logs(world).items() if text]


def logs(world: World) -> dict[str, str]:
    found = world.children.logs()
    server_agent = world.data / "agent" / "log"
    if server_agent.is_file():
        found["server agent"] = server_agent.read_text(encoding="utf-8", errors="replace")
    return found
