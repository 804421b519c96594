"""What every part of a running agent has in common, put together once after the engine has greeted it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accsyn_engine.agent.engine import Engine
from accsyn_engine.agent.errors import UnreachableError, UntrustedError, WrongKeyError
from accsyn_engine.agent.lines import Lines
from accsyn_engine.agent.log import Log
from accsyn_engine.agent.patience import Patience
from accsyn_engine.agent.roots import Roots
from accsyn_engine.clock import Clock
from accsyn_engine.transfer.meeting.gate import Gate

LONGEST_S = 5.0  # between two tries to tell something; an engine that is back wants to know soon


@dataclass(frozen=True)
class Tools:
    """Who this agent is and what it works with."""

    client: str
    boot: str
    machine: str
    addresses: tuple[str, ...]
    engine: Engine
    gate: Gate
    lines: Lines
    roots: Roots
    clock: Clock
    log: Log
    stopping: threading.Event

    def who(self) -> dict[str, str]:
        """What every report begins with."""
        return {"client": self.client, "boot": self.boot}

    def until_answered(self, path: str, body: dict[str, Any], *, deadline_s: float, is_over: Callable[[], bool]) -> Any:
        """Tell the engine, again and again while it is away; gives its answer.

        Raises RefusedError when it says no. Once the agent is stopping or `is_over`, one failure is enough: raises it.
        """
        patience = Patience(random.random, longest_s=LONGEST_S)
        while True:
            try:
                return self.engine.post(path, {**self.who(), **body}, deadline_s=deadline_s)
            except (UnreachableError, UntrustedError, WrongKeyError):
                if self.stopping.is_set() or is_over():
                    raise
            self.stopping.wait(patience.next_s())
