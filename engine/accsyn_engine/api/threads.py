"""Where blocking use cases run: a small pool for the database, single threads for those that wait for an agent.

One event loop serves every connection. A question to a sleeping agent may take half a minute; it must neither stop the
quick calls nor keep the process alive when it is told to end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

QUICK = 12  # SQLite has one writer and PostgreSQL's pool is about this size: more threads would only queue there
WAITING = 128  # questions to agents at the same time


class Threads:
    """The blocking side of one event loop."""

    def __init__(self, *, quick: int = QUICK, waiting: int = WAITING) -> None:
        self._pool = ThreadPoolExecutor(quick, thread_name_prefix="use-case")
        self._slots = asyncio.Semaphore(waiting)

    async def run(
        self, call: Callable[Parameters, Answer], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Answer:
        """Run a use case that only needs the database."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(call, *args, **kwargs))

    async def wait(
        self, call: Callable[Parameters, Answer], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Answer:
        """Run a use case that waits for an agent, in a thread that does not outlive the process."""
        async with self._slots:
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            threading.Thread(target=_carry_out, args=(future, partial(call, *args, **kwargs)), daemon=True).start()
            return await future

    def close(self) -> None:
        """Let go of the pool; calls still running are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _carry_out(future: asyncio.Future[Answer], call: Callable[[], Answer]) -> None:
    try:
        answer = call()
    except Exception as error:  # every failure belongs to whoever awaits the future
        _settle(future, partial(future.set_exception, error))
    else:
        _settle(future, partial(future.set_result, answer))


def _settle(future: asyncio.Future[Answer], outcome: Callable[[], None]) -> None:
    loop = future.get_loop()
    if loop.is_closed():
        return  # the engine stopped meanwhile; nobody is left to tell
    loop.call_soon_threadsafe(lambda: None if future.done() else outcome())
