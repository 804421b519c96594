"""Feeds a target with spoilt bytes, and says with which seed and which bytes it fell."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from accsyn_engine.clock import Clock
from accsyn_engine.wire.errors import RemoteProtocolError
from tests.engine.fuzz.mutator import Mutator
from tests.engine.fuzz.targets import Target

KEPT = 200  # spoilt examples that are spoilt further


def fuzz(make: Callable[[], Target], *, seed: int, seconds: float, clock: Clock) -> int:
    """How many inputs were tried. Raises AssertionError, with the input, for the first that did what it must not."""
    target, mutator = make(), Mutator(seed)
    examples, kept, tries = target.examples, list(target.examples), 0
    until = clock.monotonic() + seconds
    try:
        while clock.monotonic() < until:
            data = mutator.mutate(mutator.choose(kept), examples)
            tries += 1
            try:
                with contextlib.suppress(RemoteProtocolError):
                    target.take(data)
                    kept[len(examples) :] = [*kept[len(examples) :][-KEPT:], data]  # it was taken: go on from there
            except Exception as error:
                raise AssertionError(f"{target.name}, seed {seed}, try {tries}: {error!r} on {data.hex()}") from error
    finally:
        target.close()
    return tries
