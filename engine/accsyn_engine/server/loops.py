"""The engine's own work: dispatching jobs, sending mail and keeping house, each in a thread that the bell wakes."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from accsyn_engine.services.context import DISPATCH, OUTBOX, UPKEEP, Context
from accsyn_engine.services.moving import dispatch
from accsyn_engine.services.people import outbox
from accsyn_engine.services.work import upkeep

log = logging.getLogger(__name__)

LONGEST_S = 30.0  # another replica's bell is not heard here
AFTER_A_FAULT_S = 1.0
END_S = 10.0

Tick = Callable[[Context], float]
LOOPS: tuple[tuple[str, Tick], ...] = (
    (DISPATCH, dispatch.tick),
    (OUTBOX, outbox.tick),
    (UPKEEP, upkeep.tick),
)


@asynccontextmanager
async def engine_loops(context: Context) -> AsyncIterator[None]:
    """Run the loops while the block runs; a round that is under way at its end is waited for."""
    stop = threading.Event()
    loops = [
        threading.Thread(target=_loop, args=(context, topic, tick, stop), name=topic, daemon=True)
        for topic, tick in LOOPS
    ]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        stop.set()
        for loop in loops:
            context.bell.ring(loop.name)
        for loop in loops:
            await asyncio.to_thread(loop.join, END_S)


def _loop(context: Context, topic: str, tick: Tick, stop: threading.Event) -> None:
    while not stop.is_set():
        seen = context.bell.count(topic)
        wait_s = _step(context, topic, tick)
        if not stop.is_set():
            context.bell.wait(topic, seen, min(max(wait_s, 0.0), LONGEST_S))


def _step(context: Context, topic: str, tick: Tick) -> float:
    try:
        return tick(context)
    except Exception:  # one bad round must not end the loop for good
        log.exception("The %s loop failed in one round and goes on", topic)
        return AFTER_A_FAULT_S
