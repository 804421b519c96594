"""Names and digests of a tree go by datagrams, and over the session where these stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from accsyn_engine.transfer.meeting import connection
from accsyn_engine.transfer.transport import outflow
from tests.engine.transfer.ends import partials, tree
from tests.engine.transfer.lanes import Run, running
from tests.engine.transfer.relay import Relay, Weather

FILES = 3000
USUAL = 1472


@pytest.fixture(autouse=True)
def long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback counts as a long line, and patience is short."""
    monkeypatch.setattr(connection, "SHORT_S", 0.0)
    monkeypatch.setattr(outflow, "SILENT_S", 0.1)
    monkeypatch.setattr(outflow, "DEAD_S", 0.5)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for number in range(FILES):
        place = folder / f"{number // 500}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.exr").write_bytes(b"%d" % number * 200)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def said_apart(run: Run) -> int:
    """Bytes of the control stream."""
    return run.sender._lane._begin


def test_digests_of_a_tree_go_by_datagrams_on_a_line_that_loses_and_reorders(source: Path, target: Path) -> None:
    with running(source, target, Weather(loss=0.05, swaps=0.1, copies=0.1, most=USUAL)) as run:
        run.finish()
        assert said_apart(run) > 40 * FILES
    assert tree(target / "copy") == tree(source)
    assert not partials(target)


def test_a_tree_is_brought_to_its_end_when_datagrams_stop(source: Path, target: Path) -> None:
    weather = Weather(most=USUAL)

    def prepare(relay: Relay) -> None:
        relay.script[400] = lambda: setattr(weather, "is_cut", True)

    with running(source, target, weather, prepare=prepare, rate=1_000_000) as run:
        run.finish()
        assert said_apart(run) > 0
        assert not run.outflow.carries
    assert tree(target / "copy") == tree(source)
    assert not partials(target)
