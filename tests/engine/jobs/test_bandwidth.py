"""How transfers share caps: never more than a cap together, by weight, and nothing kept from who could use it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsyn_engine.jobs.bandwidth import Flow, divide, weight

MB = 1_000_000


def flow(name: str, *caps: str, rate: int | None = None, weight: float = 1.0) -> Flow:
    return Flow(name, weight, rate, frozenset(caps))


def test_without_a_cap_nobody_is_held() -> None:
    assert divide([flow("a"), flow("b", "user")], {}) == {"a": None, "b": None}


def test_a_cap_alone_is_given_whole_however_slow_it_was() -> None:
    assert divide([flow("a", "job", rate=1)], {"job": 5 * MB}) == {"a": 5 * MB}


def test_a_cap_of_zero_holds_everything_under_it_and_nothing_else() -> None:
    flows = [flow("a", "user"), flow("b", "user", rate=3 * MB), flow("c")]
    assert divide(flows, {"user": 0}) == {"a": 0, "b": 0, "c": None}


def test_the_tightest_of_several_caps_holds() -> None:
    assert divide([flow("a", "job", "user", "agent")], {"job": 9, "user": 3, "agent": 7}) == {"a": 3}


def test_a_cap_is_shared_by_weight() -> None:
    given_to = divide([flow("a", "user", weight=3.0), flow("b", "user")], {"user": 8 * MB})
    assert given_to == {"a": 6 * MB, "b": 2 * MB}


def test_what_a_tighter_cap_keeps_from_one_the_other_gets() -> None:
    flows = [flow("a", "user", "job"), flow("b", "user")]
    assert divide(flows, {"user": 10 * MB, "job": 2 * MB}) == {"a": 2 * MB, "b": 8 * MB}


def test_three_links_of_different_width_are_shared_max_min_fair() -> None:
    # The textbook's case: one long flow over both links, one short flow on each.
    flows = [flow("long", "x", "y"), flow("short x", "x"), flow("short y", "y")]
    assert divide(flows, {"x": 10 * MB, "y": 20 * MB}) == {"long": 5 * MB, "short x": 5 * MB, "short y": 15 * MB}


def test_what_one_does_not_use_another_gets_within_two_reports() -> None:
    given_to: dict[str, int | None] = {"slow": 5 * MB, "eager": 5 * MB}
    for _ in range(2):
        eager = given_to["eager"]
        flows = [flow("slow", "user", rate=MB // 2), flow("eager", "user", rate=eager)]
        given_to = divide(flows, {"user": 10 * MB})
    assert given_to["eager"] is not None
    assert given_to["eager"] >= 8.5 * MB


def test_one_that_stood_still_has_its_share_again_after_a_few_reports() -> None:
    given_to: dict[str, int | None] = {"woken": 0, "eager": 10 * MB}
    for _ in range(4):
        flows = [flow(name, "user", rate=rate) for name, rate in given_to.items()]
        given_to = divide(flows, {"user": 10 * MB})
    assert given_to["woken"] is not None
    assert given_to["woken"] >= 4 * MB


def test_one_that_has_just_begun_gets_its_fair_share_at_once() -> None:
    flows = [flow("new", "user"), flow("old", "user", rate=10 * MB)]
    assert divide(flows, {"user": 10 * MB}) == {"new": 5 * MB, "old": 5 * MB}


@pytest.mark.parametrize(
    ("queue", "own", "weighs"),
    [(500, 500, 1.0), (1000, 500, 4.0), (0, 500, 0.25), (500, 1000, 2.0), (500, 0, 0.5), (1000, 1000, 8.0)],
)
def test_queues_weigh_more_than_priorities_in_them(queue: int, own: int, weighs: float) -> None:
    assert weight(queue * 1001 + own) == weighs


NAMES = ("w", "x", "y", "z")
flows_of = st.lists(
    st.tuples(
        st.floats(0.125, 8.0),
        st.none() | st.integers(0, 2**40),
        st.frozensets(st.sampled_from(NAMES)),
    ),
    max_size=12,
)
caps_of = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2**40))


@given(flows_of, caps_of)
def test_no_cap_is_ever_exceeded_and_who_is_under_none_is_never_held(
    wanted: list[tuple[float, int | None, frozenset[str]]], caps: dict[str, int]
) -> None:
    flows = [Flow(str(number), *values) for number, values in enumerate(wanted)]
    given_to = divide(flows, caps)
    assert given_to.keys() == {flow.id for flow in flows}
    for flow in flows:
        assert (given_to[flow.id] is None) == (not flow.caps & caps.keys())
    for name, most in caps.items():
        # A part in a million for the rounding of floats.
        assert sum(given_to[flow.id] or 0 for flow in flows if name in flow.caps) <= most * (1 + 1e-6)


@given(flows_of, caps_of)
def test_everybody_under_a_cap_is_held_by_one_that_is_used_up(
    wanted: list[tuple[float, int | None, frozenset[str]]], caps: dict[str, int]
) -> None:
    flows = [Flow(str(number), *values) for number, values in enumerate(wanted)]
    given_to = divide(flows, caps)
    used = {name: sum(given_to[flow.id] or 0 for flow in flows if name in flow.caps) for name in caps}
    full = {name for name, most in caps.items() if used[name] >= most * (1 - 1e-6) - len(flows)}
    for flow in flows:
        assert given_to[flow.id] is None or flow.caps & full
