"""What a page of jobs costs, asked of the use cases themselves: with a thousand jobs, and with a long past."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from accsyn_engine.services.context import Caller, Find
from accsyn_engine.services.moving import dispatch
from accsyn_engine.services.work import job_lists, tasks
from tests.benchmarks.api.studio import FEW, JOBS, RARE, Studio, made_ready

ROUNDS, WARM = 150, 10
Measured = dict[str, Any]


def measure(studio: Studio) -> dict[str, Measured]:
    """Milliseconds of each kind of question, by who asks."""
    found: dict[str, Measured] = {}
    for who, caller in studio.callers.items():
        for name, ask in _questions(studio, caller):
            found[f"{name}, {who}"] = timed(ask)
    found["dispatch decision"] = timed(_decision(studio))
    return found


def timed(ask: Callable[[int], object], rounds: int = ROUNDS) -> Measured:
    """Ask `rounds` times, after a few that do not count; `ask` gets the number of the round."""
    taken = []
    for number in range(-WARM, rounds):
        begun = time.perf_counter()
        ask(number)
        if number >= 0:
            taken.append((time.perf_counter() - begun) * 1000)
    ordered = sorted(taken)
    return {"median_ms": round(statistics.median(ordered), 2), "p95_ms": round(ordered[int(rounds * 0.95)], 2)}


def _questions(studio: Studio, caller: Caller) -> Iterator[tuple[str, Callable[[int], object]]]:
    context, size = studio.context, studio.size

    def named(number: int) -> str:
        """The name of a job the caller sees, anywhere in the past or present."""
        which = number * 7919 % size.every // RARE * RARE + (RARE - 1 if caller.code == FEW else 7)
        return f"package {f'{JOBS + which:024x}'[9:]}"

    def page(number: int) -> None:
        first = job_lists.find(context, caller, Find(limit=50, skip=50 * (number % 4)))
        assert isinstance(first, list)

    def view(number: int) -> None:
        first = job_lists.find(context, caller, Find(limit=50))
        tasks.find(context, caller, Find(parent=first[number % len(first)]["id"], limit=50))

    yield "find, limit 50", page
    yield "find finished, limit 50", lambda number: job_lists.find(context, caller, Find(limit=50, finished=True))
    yield "find_one by name", lambda number: _one(job_lists.find(context, caller, _by_name(named(number))))
    yield "the job page's first view", view


def _by_name(name: str) -> Find:
    return Find(query=f'name="{name}"', limit=1, single=True)


def _one(found: list[dict[str, Any]]) -> None:
    assert len(found) == 1, found


def _decision(studio: Studio) -> Callable[[int], object]:
    size = studio.size

    def decide(number: int) -> None:
        which = size.finished + (number * 101) % size.active
        made_ready(studio, f"{JOBS + which:024x}")
        dispatch.tick(studio.context)

    return decide
