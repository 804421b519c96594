"""Keeping a pace on a machine that needs time to send, and that is late now and then. Times are simulated."""

from __future__ import annotations

import pytest

from accsyn_engine.transfer.transport.pacer import Pacer

BATCH = 0.0005  # seconds of the pace


def sendings(*, costs: float, oversleeps: float = 0.0, stalls: dict[int, float] | None = None) -> list[float]:
    """When each of 4000 batches went; sending one takes the machine `costs` seconds, waking up `oversleeps`."""
    now, moments = 0.0, []
    pacer = Pacer(now)
    for count in range(4000):
        now += (stalls or {}).get(count, 0.0)
        moments.append(now)
        until = pacer.spend(now, BATCH)
        now += costs
        if until > now:
            now = until + oversleeps
    return moments


@pytest.mark.parametrize("costs", [0.0, 0.5 * BATCH, 0.8 * BATCH])
@pytest.mark.parametrize("oversleeps", [0.0, 0.0001, 0.002])
def test_the_pace_is_kept_as_long_as_the_machine_can(costs: float, oversleeps: float):
    """Where each batch came a little late, there was a pause after every eighth, and a tenth of the pace was lost."""
    assert sendings(costs=costs, oversleeps=oversleeps)[-1] == pytest.approx(4000 * BATCH, rel=0.01)


def test_what_a_delay_cost_is_made_up_for_soon_and_not_at_once():
    moments = sendings(costs=0.7 * BATCH, stalls={1000: 0.03})
    assert moments[1000] > 1050 * BATCH
    assert moments[1200] == pytest.approx(1200 * BATCH, abs=0.001)
    free = sendings(costs=0.0, stalls={1000: 0.03})
    most = max(sum(at <= other < at + 0.01 for other in free) for at in free)
    assert most <= 0.01 / BATCH * 2 + 0.004 / BATCH + 1


def test_a_long_delay_is_not_made_up_for_in_full():
    moments = sendings(costs=0.0, stalls={1000: 5.0})
    assert moments[-1] == pytest.approx(4000 * BATCH + 5.0 - 0.1, abs=0.01)
