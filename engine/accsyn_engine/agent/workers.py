"""A few threads that do one thing after the other; they never hold up the end of the process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Work = Callable[[], None]


class Workers:
    """Takes work from any thread. `fault` hears of an exception, which ends only the work that raised it.

    Not concurrent.futures: its threads keep the process alive, and one that is stuck on a dead network drive for ever.
    """

    def __init__(self, name: str, count: int, fault: Callable[[BaseException], None]) -> None:
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._fault = fault
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, work: Work) -> None:
        """Have `work` done by the next free thread."""
        self._work.put(work)

    def close(self, *, wait_s: float) -> None:
        """Finish what was added, waiting `wait_s` seconds for each thread at most."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(wait_s)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception as error:
                self._fault(error)
