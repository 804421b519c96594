"""Runs the hook scripts the engine orders: its yes before the process starts, its receipt of the end after.

Between the two the engine knows that the script may have run. An agent that dies in there leaves exactly that behind.
"""

from __future__ import annotations

import threading
from typing import Any

from accsyn_engine.agent.tools import Tools
from accsyn_engine.agent.workers import Workers
from accsyn_engine.hooks import HookResult, run_hook
from accsyn_plugins.errors import AccsynError

THREADS = 4  # scripts at a time
DEADLINE_S = 10.0
GRACE_S = 5.0  # for scripts to end when the agent does

NOT_ALLOWED = "This machine runs no scripts for the studio; its person starts the agent with --hooks to allow it."

Data = dict[str, Any]


class HookRuns:
    """Takes `hook.run` events; each run is done once, however often its event comes."""

    def __init__(self, tools: Tools, *, allowed: bool) -> None:
        self._tools = tools
        self._allowed = allowed
        self._lock = threading.Lock()
        # For as long as this agent lives: a repeated yes of the engine must not start a script a second time.
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
            if self._may_start(data["run"]):
                self._run(data)
            else:
                self._forget(data["run"])  # the engine may order it again, as when a job is retried
        except AccsynError as error:
            self._tools.log.say(f"The hook {data['hook']} was not run or its end not told: {error.message}")

    def _forget(self, run: str) -> None:
        with self._lock:
            self._taken.discard(run)

    def _may_start(self, run: str) -> bool:
        if self._tools.stopping.is_set():
            return False
        answer = self._tools.until_answered(
            f"hooks/{run}/start", {}, deadline_s=DEADLINE_S, is_over=self._tools.stopping.is_set
        )
        return answer.get("proceed") is True

    def _run(self, data: Data) -> None:
        result = self._result(data) if self._allowed else HookResult(None, "", error=NOT_ALLOWED)
        self._tools.log.say(f"the hook {data['hook']} ended: {result.error or 'well'}")
        if result.was_stopped:
            return
        self._tools.until_answered(
            f"hooks/{data['run']}/end", _report(result), deadline_s=DEADLINE_S, is_over=lambda: False
        )

    def _result(self, data: Data) -> HookResult:
        return run_hook(
            data["command"],
            data["data"],
            timeout_s=float(data["timeout_s"]),
            key=data["key"],
            want_answer=bool(data.get("answer")),
            clock=self._tools.clock,
            stopping=self._closing.is_set,
        )


def _report(result: HookResult) -> Data:
    return {
        "exit_code": result.exit_code,
        "output": result.output,
        "error": result.error,
        "answer": result.answer,
    }
