"""The rate control on simulated paths. Shares are of the bottleneck's entrance, times are in round trips of the path."""

from __future__ import annotations

import pytest

from accsyn_engine.wire.measures import Report
from accsyn_engine.wire.rate import COMPETE, RateControl
from tests.engine.wire.simulated_path import DATAGRAM, MBIT, Bbr, Bench, Cubic, Flow, Tcp, jain


def settled(bench: Bench) -> tuple[float, float]:
    return max(5.0, 25 * bench.rtt), max(10.0, 50 * bench.rtt)


@pytest.mark.parametrize("queue", [0.1, 0.5, 1, 4])
def test_a_gigabit_at_200_ms_is_found_within_a_second_and_a_half(queue):
    bench = Bench(1000 * MBIT, 0.2, queue)
    bench.flow()
    assert bench.use(1.5, 3) > 0.7
    assert bench.use(3.5, 5) > 0.95


def test_a_known_path_starts_near_its_speed():
    bench = Bench(1000 * MBIT, 0.2)
    first = bench.flow()
    bench.world.run(5)
    again = Bench(1000 * MBIT, 0.2)
    again.flow(known=first.control.known)
    assert again.use(0, 0.4) > 0.75
    assert again.use(0.6, 2) > 0.97
    assert again.link.dropped == 0


def test_a_known_path_that_became_slower_is_not_flooded():
    bench = Bench(1000 * MBIT, 0.2)
    first = bench.flow()
    bench.world.run(5)
    again = Bench(250 * MBIT, 0.2)
    again.flow(known=first.control.known)
    again.world.run(1)
    dropped = again.link.dropped
    assert again.use(1, 5) > 0.95
    assert again.link.dropped - dropped < 0.5 * 250 * MBIT * 0.2


@pytest.mark.parametrize("queue", [0.1, 0.5, 1, 4])
@pytest.mark.parametrize(("rate", "rtt"), [(2, 0.05), (100, 0.01), (155, 0.1), (1000, 0.2), (1000, 1.0), (10000, 0.1)])
def test_alone_the_link_is_full_and_its_queue_short(rate, rtt, queue):
    bench = Bench(rate * MBIT, rtt, queue)
    flow = bench.flow()
    start, end = settled(bench)
    bench.world.run(start)
    dropped = bench.link.dropped
    assert bench.use(start, end) > 0.98
    assert flow.queueing(start, end) < max(0.15 * rtt, 0.004, 6 * DATAGRAM / bench.rate)
    assert bench.link.dropped - dropped < 0.005 * bench.rate * (end - start)


@pytest.mark.parametrize(("loss", "run"), [(0.01, 1), (0.05, 8), (0.1, 1), (0.1, 8)])
@pytest.mark.parametrize(("rate", "rtt"), [(2, 0.05), (100, 0.01), (155, 0.1), (1000, 0.3), (1000, 1.0)])
@pytest.mark.parametrize("is_loss_behind", [False, True])
def test_random_loss_costs_no_more_than_itself(rate, rtt, loss, run, is_loss_behind):
    bench = Bench(rate * MBIT, rtt)
    bench.flow(loss=loss, run=run, is_loss_behind=is_loss_behind)
    assert bench.use(*settled(bench)) > (0.97 if rate > 2 else 0.9)


@pytest.mark.parametrize(("rate", "rtt"), [(200, 0.1), (1000, 0.2), (100, 0.02)])
def test_half_the_capacity_is_followed_in_5_rounds_and_the_double_in_20(rate, rtt):
    bench = Bench(rate * MBIT, rtt)
    flow = bench.flow()
    bench.world.run(60 * rtt)
    bench.link.change(rate * MBIT / 2)
    bench.world.run(65 * rtt)
    dropped = bench.link.dropped
    assert bench.use(65 * rtt, 80 * rtt) > 0.97
    assert bench.link.dropped == dropped
    assert flow.queueing(68 * rtt, 80 * rtt) < 0.25 * rtt
    bench.link.change(rate * MBIT)
    assert bench.use(100 * rtt, 110 * rtt) > 0.95


@pytest.mark.parametrize(
    ("way", "least"),
    [
        ({"report_loss": 0.1}, 0.98),
        ({"compression": 0.04, "report_loss": 0.1}, 0.98),
        ({"stalls": (0.5, 0.05)}, 0.98),
        ({"oversleeps": (0.3, 0.02)}, 0.88),
        ({"jitter": 0.01}, 0.9),
        ({"jitter": 0.002, "loss": 0.02}, 0.95),
    ],
)
def test_what_only_looks_like_a_full_path_does_not_slow_it(way, least):
    bench = Bench(200 * MBIT, 0.1)
    bench.flow(**way)
    assert bench.use(5, 15) > least


def test_a_sender_without_data_neither_forgets_the_path_nor_runs_away():
    bench = Bench(200 * MBIT, 0.1)
    flow = bench.flow(app=lambda now: 20 * MBIT if 6 < now < 16 else 1e12)
    bench.world.run(16)
    assert 0.9 < flow.control.capacity / bench.rate < 1.1
    assert bench.use(16.2, 20) > 0.97


@pytest.mark.parametrize(("before", "after"), [(0.1, 0.25), (0.25, 0.1)])
def test_a_new_route_is_learnt_within_ten_rounds(before, after):
    bench = Bench(200 * MBIT, before)
    flow = bench.flow()
    bench.world.run(10)
    flow.way.rtt = after
    assert bench.use(10 + 10 * after, 14 + 10 * after) > 0.9
    assert flow.control.min_rtt == pytest.approx(after, rel=0.25)


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_cut_line_gets_a_trickle_and_its_speed_soon_after_its_return(cut):
    bench = Bench(200 * MBIT, 0.1)
    flow = bench.flow()
    bench.world.run(6)
    bench.link.is_cut = True
    bench.world.run(6.9)
    sent = flow.sent
    bench.world.run(6 + cut)
    assert 0 <= flow.sent - sent <= DATAGRAM * (2 + 10 * cut)
    bench.link.is_cut = False
    assert bench.use(7.5 + cut, 9 + cut) > 0.9


def test_a_cap_holds_at_once_and_teaches_nothing():
    bench = Bench(200 * MBIT, 0.1)
    flow = bench.flow()
    bench.world.run(6)
    flow.control.cap = 50 * MBIT
    assert flow.control.rate == 50 * MBIT
    assert bench.use(6.3, 16) < 0.26
    flow.control.cap = None
    assert bench.use(16.2, 18) > 0.97


@pytest.mark.parametrize("late", [0.0, 8.2])
@pytest.mark.parametrize("kind", [Cubic, Bbr])
def test_one_tcp_flow_and_ours_live_beside_each_other(kind: type[Tcp], late: float):
    bench = Bench(200 * MBIT, 0.1)
    tcp = kind(bench.world, bench.link, 0.1)
    ours = bench.flow(start=late)
    bench.world.run(80)
    assert ours.goodput(20, 80) > 0.3 * bench.rate
    assert tcp.goodput(20, 80) > 0.3 * bench.rate


@pytest.mark.parametrize("seed", [1, 2])
def test_the_delays_of_busy_machines_on_a_short_path_are_not_taken_for_others(seed):
    """They once were: alone on its link, a flow pushed as beside others for a third of the time."""
    bench = Bench(1000 * MBIT, 0.02, 1, seed)
    flow = bench.flow(oversleeps=(0.011, 0.002), jitter=0.002)
    for second in range(1, 31):
        bench.world.run(second)
        assert flow.control.state != COMPETE


@pytest.mark.parametrize(("rate", "rtt"), [(200, 0.1), (1000, 0.05)])
def test_four_of_ours_share_a_link(rate, rtt):
    bench = Bench(rate * MBIT, rtt)
    flows: list[Flow] = [bench.flow(start=5 * index) for index in range(4)]
    bench.world.run(75)
    assert jain([flow.goodput(15, 75) for flow in flows]) > 0.95


def test_a_shallow_queue_that_drops_is_not_taken_for_bad_luck():
    """It once was, and the pace grew without end."""
    bench = Bench(100 * MBIT, 0.01, 0.1)
    flow = bench.flow()
    bench.world.run(20)
    assert flow.control.capacity < 1.1 * bench.rate
    assert bench.link.dropped < 0.03 * bench.rate * 20


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_bad_luck_while_pushing_is_not_taken_for_a_shallow_queue(seed):
    """It once was, for a minute, and the pace stood below the line's."""
    bench = Bench(155 * MBIT, 0.1, 1, seed)
    bench.flow(loss=0.05, run=8, is_loss_behind=True)
    assert bench.use(5, 15) > 0.97


def test_a_report_with_nothing_newer_or_no_bytes_changes_no_rate():
    control = RateControl(now=0, rtt=0.1, datagram=DATAGRAM)
    before = control.rate
    for rtt in (None, 0.1, 0.1):
        control.on_report(Report(0.1, rtt, 0.0, 1500, 1500, 5.0, 0, 0, is_app_limited=False))
    assert control.rate == before
