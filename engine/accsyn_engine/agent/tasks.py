"""The tasks of one transfer as the engine lists them, page by page: never all of them in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from accsyn_engine.agent.engine import Engine
from accsyn_engine.agent.errors import EngineAwayError, TaskUnknownError, UnreachableError
from accsyn_engine.agent.roots import Roots
from accsyn_engine.clock import Clock
from accsyn_engine.transfer.work import Item

PAGE = 1000
PAGES_KEPT = 8
DEADLINE_S = 10.0
PATIENCE_S = 20.0  # a transfer that ends waits for whoever is asking here
AGAIN_S = 0.5

Task = dict[str, Any]


class Tasks:
    """Where each task's file or folder comes from and lands, on this machine."""

    def __init__(
        self,
        transfer: str,
        client: str,
        *,
        engine: Engine,
        roots: Roots,
        clock: Clock,
        ended: Callable[[], bool],
    ) -> None:
        self._transfer = transfer
        self._client = client
        self._engine = engine
        self._roots = roots
        self._clock = clock
        self._ended = ended
        self._lock = threading.Lock()
        self._pages: OrderedDict[int, tuple[dict[int, Task], bool]] = OrderedDict()  # by what they come after

    def sources(self) -> Iterator[Item]:
        """Every task's source, in order. Raises what `Roots.place` raises, and EngineAwayError."""
        after, more = -1, True
        while more:
            tasks, more = self._page(after)
            for after, task in tasks.items():
                side = task["source"]
                place = self._roots.place(side["root"], side["path"])
                yield Item(after, place.root, place.path, is_sequence=bool(side.get("sequence")))
            more = more and bool(tasks)

    def destination(self, task: int) -> Item:
        """Where one task lands.

        Raises TaskUnknownError for a task that the engine did not list, and as `sources`.
        """
        with self._lock:
            found = self._kept(task) or self._asked(task)
        if found is None:
            raise TaskUnknownError(task=task)
        side = found["destination"]
        place = self._roots.landing(side["root"], side["path"])
        return Item(task, place.root, place.path)

    def _kept(self, seq: int) -> Task | None:
        return next((tasks[seq] for tasks, _ in reversed(self._pages.values()) if seq in tasks), None)

    def _asked(self, seq: int) -> Task | None:
        tasks, _ = self._page(seq - 1)
        return tasks.get(seq)

    def _page(self, after: int) -> tuple[dict[int, Task], bool]:
        if after not in self._pages:
            answer = self._fetch(after)
            self._pages[after] = {task["seq"]: task for task in answer["tasks"]}, bool(answer["more"])
            if len(self._pages) > PAGES_KEPT:
                self._pages.popitem(last=False)
        return self._pages[after]

    def _fetch(self, after: int) -> Any:
        query = {"client": self._client, "after": after, "limit": PAGE}
        until = self._clock.monotonic() + PATIENCE_S
        while True:
            try:
                return self._engine.get(f"transfers/{self._transfer}/tasks", query, deadline_s=DEADLINE_S)
            except UnreachableError as error:
                if self._ended() or self._clock.monotonic() > until:
                    raise EngineAwayError from error
            self._clock.sleep(AGAIN_S)
