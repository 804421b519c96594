"""How transfers share the caps that hold for them: caps and flows in, bytes a second for each flow out. Pure.

Weighted max-min fairness by progressive filling (Bertsekas and Gallager, Data Networks, section 6.5.2): all rates rise
together, each in proportion to its weight, until a cap is used up; who is under it stays there, the others rise on.
What a flow has shown that it does not use is lent to the others, for as long as it does not use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GROWTH = 2.0  # times what it moves now, a flow is kept room for; so it can rise
IDLE_SHARE = 1 / 8  # of its fair share, a flow is kept at least; so it can begin
QUEUE_FACTOR, JOB_FACTOR = 4.0, 2.0  # the weight at the highest priority; at the lowest one by this
MIDDLE = 500  # the priority that weighs 1
RANKS = 1001  # a rank is the queue's priority times this, plus the job's own


@dataclass(frozen=True)
class Flow:
    """One running transfer: its weight, the bytes a second it moves (None: not known yet), and the caps it is under."""

    id: str
    weight: float
    rate: int | None
    caps: frozenset[str]


def weight(rank: int) -> float:
    """Give a job's weight by its rank: queues count from a quarter to four times, jobs in them from half to twice."""
    queue, own = divmod(rank, RANKS)
    return float(QUEUE_FACTOR ** ((queue - MIDDLE) / MIDDLE) * JOB_FACTOR ** ((own - MIDDLE) / MIDDLE))


def divide(flows: Iterable[Flow], caps: Mapping[str, int]) -> dict[str, int | None]:
    """Give each flow its bytes a second: None where no cap is over it, 0 where one of them is 0.

    The flows under a cap never get more than it together. First each gets what it can use by what it moves now, then
    all share what is left: nothing of a cap is kept from a flow that could use it, but for what others grow into.
    """
    every = list(flows)
    capped = [
        Flow(flow.id, flow.weight, flow.rate, flow.caps & caps.keys()) for flow in every if flow.caps & caps.keys()
    ]
    fair = _filled(capped, caps, {})
    wants = {flow.id: max(GROWTH * flow.rate, IDLE_SHARE * fair[flow.id]) for flow in capped if flow.rate is not None}
    given = _filled(capped, caps, wants)
    left = {name: most - sum(given[flow.id] for flow in capped if name in flow.caps) for name, most in caps.items()}
    more = _filled(capped, left, {})
    return {flow.id: int(given[flow.id] + more[flow.id]) if flow.id in given else None for flow in every}


def _filled(flows: list[Flow], caps: Mapping[str, float], wants: Mapping[str, float]) -> dict[str, float]:
    """Raise all rates together until each flow is held by a cap or has what it wants."""
    rates = dict.fromkeys((flow.id for flow in flows), 0.0)
    left = {name: max(0.0, float(most)) for name, most in caps.items()}
    rising = list(flows)
    while rising:
        weights: dict[str, float] = {}
        for flow in rising:
            for name in flow.caps:
                weights[name] = weights.get(name, 0.0) + flow.weight
        # How far the level may rise until the first cap is used up, or the first flow has what it wants.
        by_cap = {name: left[name] / total for name, total in weights.items()}
        by_want = {flow.id: (wants[flow.id] - rates[flow.id]) / flow.weight for flow in rising if flow.id in wants}
        rise = max(0.0, min([*by_cap.values(), *by_want.values()]))
        for flow in rising:
            rates[flow.id] += rise * flow.weight
        for name, total in weights.items():
            left[name] = max(0.0, left[name] - rise * total)
        # Compared by the level, not by what is left: rounding must not leave a flow rising for ever.
        full = {name for name, level in by_cap.items() if level <= rise}
        rising = [
            flow for flow in rising if not flow.caps & full and not (flow.id in by_want and by_want[flow.id] <= rise)
        ]
    return rates
