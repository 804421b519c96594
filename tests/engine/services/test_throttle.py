"""Guessing keys gets slow and then refused, and nobody who has the right one is locked out by it."""

from __future__ import annotations

import pytest

from accsyn_engine.services.errors import TooManyWrongKeysError
from accsyn_engine.services.people import throttle
from accsyn_engine.store.schema import login_failure
from tests.engine.services.world import World


def guess(world: World, times: int, user: str = "jennifer@gda.com", address: str = "10.9.9.9") -> list[float]:
    return [throttle.note(world.context, user, address) for _ in range(times)]


def test_a_few_wrong_keys_cost_nothing_and_more_wait_ever_longer(world: World) -> None:
    waits = guess(world, throttle.REFUSE_FROM)
    assert waits[: throttle.SLOW_FROM - 1] == [0.0] * (throttle.SLOW_FROM - 1)
    slowed = waits[throttle.SLOW_FROM - 1 :]
    assert slowed == sorted(slowed)
    assert 0 < slowed[0] < slowed[-1] <= throttle.LONGEST_WAIT_S


@pytest.mark.parametrize(("user", "address"), [("jennifer@gda.com", "10.1.1.1"), ("else@gda.com", "10.9.9.9")])
def test_after_twenty_in_a_minute_the_account_and_the_address_are_refused_for_a_while(
    world: World, user: str, address: str
) -> None:
    guess(world, throttle.REFUSE_FROM)
    with pytest.raises(TooManyWrongKeysError, match="wait 300 s"):
        throttle.note(world.context, user, address)
    throttle.note(world.context, "else@gda.com", "10.1.1.1")
    world.clock.pass_s(throttle.REFUSED_MS / 1000 + 1)
    assert throttle.note(world.context, user, address) == 0.0


def test_wrong_keys_far_apart_are_never_slowed(world: World) -> None:
    for _ in range(3):
        assert guess(world, throttle.SLOW_FROM - 1) == [0.0] * (throttle.SLOW_FROM - 1)
        world.clock.pass_s(61)


def test_the_case_of_an_address_makes_no_second_account(world: World) -> None:
    for number in range(throttle.REFUSE_FROM):
        throttle.note(world.context, "Jennifer@GDA.com" if number % 2 else "jennifer@gda.com", f"10.1.1.{number}")
    with pytest.raises(TooManyWrongKeysError):
        throttle.note(world.context, "jennifer@gda.com", "10.2.2.2")


def test_what_no_longer_counts_is_dropped_and_a_refusal_is_kept_until_it_is_over(world: World) -> None:
    guess(world, throttle.REFUSE_FROM)
    throttle.note(world.context, "made-up@gda.com", "10.3.3.3")
    world.clock.pass_s(120)
    world.tick()
    assert _subjects(world) == {"user:jennifer@gda.com", "address:10.9.9.9"}
    world.clock.pass_s(300)
    world.tick()
    assert _subjects(world) == set()


def _subjects(world: World) -> set[str]:
    with world.context.reading() as work:
        return set(work.connection.execute(login_failure.select()).scalars())
