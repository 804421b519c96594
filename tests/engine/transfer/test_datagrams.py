"""The datagrams of a transfer on paths that lose, copy, reorder, spoil, end and change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from accsyn_engine.transfer.meeting import connection
from accsyn_engine.transfer.transport import inflow, line, outflow
from accsyn_engine.transfer.transport.lane import ControlLane
from accsyn_engine.transfer.transport.outlet import Outlet
from accsyn_engine.transfer.transport.pool import Pool
from accsyn_engine.transfer.transport.udp import DatagramSocket
from accsyn_engine.transfer.work import Control
from accsyn_engine.wire.datagram import SIZES
from tests.engine.transfer.ends import bytes_of, cut, partials, tree
from tests.engine.transfer.lanes import Run, running, until
from tests.engine.transfer.relay import HERE, Relay, Weather
from tests.engine.transfer.test_line import HandClock

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
        if not (WEATHERS[weather].copies or WEATHERS[weather].replays):
            assert run.inflow._book.duplicates < SIZE // 2  # no storm; a short end may go twice
    assert landed(source, target)


@pytest.mark.parametrize("weather", ["fair", "jumbo", "all"])
def test_every_byte_arrives_where_the_kernel_takes_datagrams_one_by_one(
    source: Path, target: Path, weather: str
) -> None:
    with running(source, target, WEATHERS[weather], offload=False) as run:
        run.finish()
        assert is_by_datagrams(run)
    assert landed(source, target)


MIDDLE = 400  # datagrams, of about 2,300
SLOW = 4_000_000  # bytes per second


def at_the_middle(weather: Weather, **changes: object) -> Callable[[Relay], None]:
    """Changes the weather after some datagrams."""

    def change() -> None:
        for name, value in changes.items():
            setattr(weather, name, value)

    def prepare(relay: Relay) -> None:
        relay.script[MIDDLE] = change

    return prepare


def test_a_path_that_takes_only_short_datagrams_is_used_with_short_ones(source: Path, target: Path) -> None:
    with running(source, target, Weather(most=1300)) as run:
        run.finish()
        assert is_by_datagrams(run)
        assert run.relay.longest == run.outflow._line.size == SIZES[-1]
    assert landed(source, target)


@pytest.mark.parametrize("sender_listens", [True, False])
def test_a_path_that_swallows_long_datagrams_from_some_moment_on_is_survived(
    source: Path, target: Path, sender_listens: bool
) -> None:
    """Short ones got through and counted as news; the long ones were sent again and again."""
    weather = Weather(most=USUAL)
    prepare = at_the_middle(weather, most=1300)
    with running(source, target, weather, prepare=prepare, sender_listens=sender_listens) as run:
        run.finish()
        assert run.outflow._line.size == SIZES[-1]
        assert run.by_streams == 0
    assert landed(source, target)


def test_a_path_that_takes_long_datagrams_again_gets_them(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outflow, "WIDEN_S", 0.1)
    weather = Weather(most=1300)
    with running(source, target, weather, rate=SLOW, prepare=at_the_middle(weather, most=USUAL)) as run:
        run.finish()
        assert run.relay.longest == USUAL
    assert landed(source, target)


def test_where_no_datagram_gets_through_the_streams_carry_everything(source: Path, target: Path) -> None:
    with running(source, target, Weather(is_cut=True)) as run:
        run.finish()
        assert run.arrived == 0
        assert run.by_streams > 0
        assert not run.outflow.carries
    assert landed(source, target)


@pytest.mark.parametrize("sender_listens", [True, False])
def test_the_streams_take_over_when_datagrams_stop(source: Path, target: Path, sender_listens: bool) -> None:
    weather = Weather(most=USUAL)
    prepare = at_the_middle(weather, is_cut=True)
    with running(source, target, weather, prepare=prepare, sender_listens=sender_listens, rate=SLOW) as run:
        run.finish()
        assert run.arrived > 0
        assert run.by_streams > 0
    assert landed(source, target)


def test_datagrams_carry_again_when_they_get_through_again(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outflow, "DEAD_S", 0.2)
    weather = Weather(most=USUAL)
    with running(source, target, weather, prepare=at_the_middle(weather, is_cut=True), rate=SLOW // 4) as run:
        until(lambda: run.by_streams > 0, "the streams did not take over")
        weather.is_cut = False
        until(lambda: run.outflow.carries, "the datagrams did not take over again")
        before, run.control._limit = run.arrived, None
        run.finish()
        assert run.arrived > before + 1_000_000
    assert landed(source, target)


def test_datagrams_go_on_beyond_the_blocks_that_the_streams_took_over(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver waited for them for ever, and asked for 2,048 blocks more, no further ones."""
    monkeypatch.setattr("accsyn_engine.wire.assembly.MOST_DONE", 4)
    monkeypatch.setattr(outflow, "DEAD_S", 0.2)
    (source / "more").write_bytes(bytes_of(6_000_000, 5))
    weather = Weather(most=USUAL)
    with running(source, target, weather, prepare=at_the_middle(weather, is_cut=True), rate=SLOW // 4) as run:
        until(lambda: run.by_streams > 0, "the streams did not take over")
        weather.is_cut = False
        until(lambda: run.outflow.carries, "the datagrams did not take over again")
        run.control._limit = None
        run.finish()
        assert run.inflow._book.report(0.0, waiting=0).first_open > 4 + 1
    assert landed(source, target)


def test_a_short_interruption_costs_no_more_than_what_was_out(source: Path, target: Path) -> None:
    weather = Weather(most=USUAL)
    with running(source, target, weather, prepare=at_the_middle(weather, is_cut=True), rate=SLOW) as run:
        until(lambda: run.outflow._is_silent, "the silence was not noticed")
        weather.is_cut = False
        run.finish()
        assert run.by_streams == 0
        assert run.inflow._book.duplicates < 1_000_000
    assert landed(source, target)


@pytest.mark.parametrize("sender_listens", [True, False])
def test_the_streams_may_die_while_datagrams_carry(source: Path, target: Path, sender_listens: bool) -> None:
    with running(source, target, Weather(most=USUAL), rate=SLOW, sender_listens=sender_listens) as run:
        until(lambda: run.arrived > 300_000, "no datagrams came")
        cut(*run.sender._connection.bulk)
        run.finish()
        assert is_by_datagrams(run)
    assert landed(source, target)


@pytest.mark.parametrize("sender_listens", [True, False])
def test_a_peer_whose_address_changes_is_followed(source: Path, target: Path, sender_listens: bool) -> None:
    weather = Weather(most=USUAL)
    with running(source, target, weather, rate=SLOW, sender_listens=sender_listens) as run:
        until(lambda: run.arrived > 300_000, "no datagrams came")
        run.relay.move()
        run.finish()
        listening = run.outflow._line if sender_listens else run.inflow._line
        assert listening.peer == run.relay.source
        assert run.by_streams == 0
    assert landed(source, target)


def test_where_nobody_answers_the_knocking_becomes_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five datagrams every 200 ms for hours are a quarter of a megabit that others could use."""
    monkeypatch.setattr(outflow, "PATIENCE_S", 5.0)
    monkeypatch.setattr(outflow, "PROBE_S", 0.2)
    clock = HandClock()
    ours, theirs = DatagramSocket(HERE, None), DatagramSocket(HERE, None)
    knocking = line.Line(ours, bytes(32), is_connector=True, peer=(HERE, theirs.port), host=HERE, clock=clock)
    flow = outflow.Outflow(
        knocking, Outlet(), ControlLane(), Pool(1 << 20), Control(), rtt=0.1, known=None, clock=clock
    )
    knocks = []
    for _ in range(1000):
        clock.now += 0.1
        before = knocking.take_numbers(0)
        flow._act(clock.now)
        knocks.append(knocking.take_numbers(0) > before)
    assert sum(knocks[:50]) >= 15
    assert sum(knocks[100:]) <= 46
    flow.close()
    theirs.close()
