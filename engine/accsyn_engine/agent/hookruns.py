"""Runs the hook scripts the engine orders: its yes before the process starts, its receipt of the end after.

Between the two the engine knows that the script may have run. An agent that dies in there leaves exactly that behind.
"""

from __future__ import annotations

import threading
from typing import Any

from accsyn_engine.agent.errors import PlaceError
from accsyn_engine.agent.roots import Roots
from accsyn_engine.agent.tools import Tools
from accsyn_engine.agent.workers import Workers
from accsyn_engine.hooks import HookResult, run_hook
from accsyn_plugins.errors import AccsynError

THREADS = 4  # scripts at a time
DEADLINE_S = 10.0
GRACE_S = 5.0  # for scripts to end when the agent does

Data = dict[str, Any]


class HookRuns:
    """Takes `hook.run` events; each run is done once, however often its event comes."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._lock = threading.Lock()
        self._taken: set[str] = set()
        self._closing = threading.Event()
        self._workers = Workers("hook", THREADS, lambda error: tools.log.fault("A hook run was lost.", error))

    def run(self, data: Data) -> None:
        """Run it soon."""
        with self._lock:
            if data["run"] in self._taken:
                return
            self._taken.add(data["run"])
        self._workers.add(lambda: self._carried_out(data))

    def close(self) -> None:
        """Give running scripts a moment, then kill them; nothing is said about those: their effect is unknown."""
        self._workers.close(wait_s=GRACE_S / THREADS)
        self._closing.set()
        self._workers.close(wait_s=GRACE_S)

    def _carried_out(self, data: Data) -> None:
        try:
            if not self._tools.stopping.is_set() and self._may_start(data["run"]):
                self._run(data)
        except AccsynError as error:
            self._tools.log.say(f"The hook {data['hook']} was not run or its end not told: {error.message}")
        finally:
            # If the engine wants it again, it says so with the same run; `start` then decides.
            with self._lock:
                self._taken.discard(data["run"])

    def _may_start(self, run: str) -> bool:
        answer = self._tools.until_answered(
            f"hooks/{run}/start", {}, deadline_s=DEADLINE_S, is_over=self._tools.stopping.is_set
        )
        return answer.get("proceed") is True

    def _run(self, data: Data) -> None:
        result = run_hook(
            data["command"],
            fill_paths(data["data"], self._tools.roots),
            timeout_s=float(data["timeout_s"]),
            key=data["key"],
            want_answer=bool(data.get("answer")),
            clock=self._tools.clock,
            stopping=self._closing.is_set,
        )
        self._tools.log.say(f"the hook {data['hook']} ended: {result.error or 'well'}")
        if result.was_stopped:
            return
        self._tools.until_answered(
            f"hooks/{data['run']}/end", _report(result), deadline_s=DEADLINE_S, is_over=lambda: False
        )


def _report(result: HookResult) -> Data:
    return {
        "exit_code": result.exit_code,
        "output": result.output,
        "error": result.error,
        "answer": result.answer,
    }


def fill_paths(data: Any, roots: Roots) -> Any:
    """Write `path_abs` for {"root": {"volume": ..}, "rel": ..}, as a side of a task that this server has names it.

    The two words are taken out; scripts know only `path_abs`.
    """
    if isinstance(data, list):
        return [fill_paths(part, roots) for part in data]
    if not isinstance(data, dict):
        return data
    filled = {name: fill_paths(value, roots) for name, value in data.items() if name not in {"root", "rel"}}
    root, relative = data.get("root"), data.get("rel")
    if isinstance(root, dict) and "volume" in root and isinstance(relative, str):
        try:
            filled["path_abs"] = roots.absolute(root["volume"], relative)
        except PlaceError:
            filled.setdefault("path_abs", relative)  # another server's; it has no path here
        return filled
    return {**filled, **{name: data[name] for name in ("root", "rel") if name in data}}
