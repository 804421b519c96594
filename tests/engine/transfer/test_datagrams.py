"""The datagrams of a transfer on paths that lose, copy, reorder, spoil, end and change."""

from __future__ import annotations

from pathlib import Path

import pytest

from accsyn_engine.transfer import connection, inflow, line, outflow
from accsyn_engine.wire.datagram import SIZES
from tests.engine.transfer.ends import bytes_of, cut, partials, tree
from tests.engine.transfer.lanes import Run, running, until
from tests.engine.transfer.relay import Relay, Weather

SIZE = 3_000_003
USUAL = SIZES[1]


@pytest.fixture(autouse=True)
def long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback counts as a long line, and patience is short."""
    monkeypatch.setattr(connection, "SHORT_S", 0.0)
    monkeypatch.setattr(outflow, "SILENT_S", 0.1)
    monkeypatch.setattr(outflow, "DEAD_S", 0.5)
    monkeypatch.setattr(outflow, "PROBE_S", 0.05)
    monkeypatch.setattr(outflow, "PATIENCE_S", 60.0)
    monkeypatch.setattr(inflow, "PROBE_S", 0.05)
    monkeypatch.setattr(line, "DOUBT_S", 0.1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """One large file, and many that share blocks."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "large").write_bytes(bytes_of(SIZE))
    for number in range(50):
        (folder / f"small{number:02d}").write_bytes(bytes_of(3000 + number, number))
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def landed(source: Path, target: Path) -> bool:
    return tree(target / "copy") == tree(source) and not partials(target)


def is_by_datagrams(run: Run) -> bool:
    """All of the content came by datagrams, and not much of it twice."""
    return run.by_streams == 0 and run.arrived > SIZE


WEATHERS = {
    "fair": Weather(most=USUAL),
    "jumbo": Weather(),
    "loss": Weather(loss=0.05, most=USUAL),
    "bad loss": Weather(loss=0.2, most=USUAL),
    "copies": Weather(copies=0.3, most=USUAL),
    "disorder": Weather(swaps=0.2, most=USUAL),
    "spoils": Weather(spoils=0.2, cuts=0.2, most=USUAL),
    "replays": Weather(replays=0.5, most=USUAL),
    "all": Weather(loss=0.05, copies=0.05, swaps=0.05, spoils=0.05, cuts=0.05, replays=0.05, most=USUAL),
}


@pytest.mark.parametrize("weather", WEATHERS)
@pytest.mark.parametrize("sender_listens", [True, False])
def test_every_byte_arrives_by_datagrams_whatever_the_path_does(
    source: Path, target: Path, weather: str, sender_listens: bool
) -> None:
    with running(source, target, WEATHERS[weather], sender_listens=sender_listens) as run:
        run.finish()
        assert is_by_datagrams(run)
    assert landed(source, target)


@pytest.mark.parametrize("weather", ["fair", "jumbo", "all"])
def test_every_byte_arrives_where_the_kernel_takes_datagrams_one_by_one(
    source: Path, target: Path, weather: str
) -> None:
    with running(source, target, WEATHERS[weather], offload=False) as run:
        run.finish()
        assert is_by_datagrams(run)
    assert landed(source, target)
