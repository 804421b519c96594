"""The server agent that `serve` brings along: a process of its own, which a killed server leaves running.

Transfers outlive the engine server. So the agent has its own session, is found again through the lock it holds on its
data folder, and is adopted when it still serves the same engine; only a server that is told to end ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from accsyn_engine.agent.folder import Holder, holder_of
from accsyn_engine.clock import Clock
from accsyn_engine.server.folder import Folder, write_private

log = logging.getLogger(__name__)

END_S = 15.0  # for the agent to end its transfers
LOOK_S = 1.0
RESTART_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # pauses before an agent that died is started again
STEADY_S = 60.0  # one that lived this long starts with the first pause again


@dataclass(frozen=True)
class AgentCommand:
    """How the server agent is started."""

    folder: Folder
    url: str
    user: str
    ca: Path | None  # none: a certificate the system's store knows
    volumes: tuple[tuple[str, str], ...]
    advertise: tuple[str, ...] = ()
    ports: str = ""

    def arguments(self) -> list[str]:
        """The whole command line; the key stands in a file, not in the process list."""
        command = [sys.executable, "-m", "accsyn_engine", "agent", "--role", "server"]
        command += ["--server", self.url, "--user", self.user, "--key", f"@{self.folder.agent_key}"]
        command += ["--data", str(self.folder.agent)]
        if self.ca is not None:
            command += ["--ca", str(self.ca)]
        for code, path in self.volumes:
            command += ["--volume", f"{code}={path}"]
        for address in self.advertise:
            command += ["--advertise", address]
        return [*command, "--ports", self.ports] if self.ports else command


class ServerAgent:
    """The agent's process: started or adopted, started again when it dies, ended with the server."""

    def __init__(self, command: AgentCommand, clock: Clock) -> None:
        self._command = command
        self._clock = clock
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="server-agent", daemon=True)

    @property
    def _folder(self) -> Path:
        return self._command.folder.agent

    def _holder(self) -> Holder | None:
        return holder_of(self._folder)

    @property
    def _started_with(self) -> Path:
        return self._folder / "started.json"

    def begin(self) -> None:
        """Adopt the agent that still serves this engine, or start one; then watch it."""
        if self._holder() is not None and not self._is_ours():
            self._end_running()  # it talks to an address where nobody answers any more
        if self._holder() is None:
            self._start()
        self._thread.start()

    def end(self) -> None:
        """End the agent, adopted or started; killed when it does not end by itself in time."""
        self._stop.set()
        self._thread.join(LOOK_S * 2)
        self._end_running()

    def _is_ours(self) -> bool:
        try:
            return bool(json.loads(self._started_with.read_text(encoding="utf-8")) == self._command.arguments())
        except (OSError, ValueError):
            return False

    def _start(self) -> None:
        arguments = self._command.arguments()
        write_private(self._started_with, json.dumps(arguments))
        with (self._folder / "log").open("wb") as out:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def _watch(self) -> None:
        pauses = iter(RESTART_S)
        alive_since = self._clock.monotonic()
        while not self._stop.wait(LOOK_S):
            if self._is_alive():
                continue
            if self._clock.monotonic() - alive_since > STEADY_S:
                pauses = iter(RESTART_S)
            log.warning('The server agent ended by itself; its log is "%s"', self._folder / "agent.log")
            if self._stop.wait(next(pauses, RESTART_S[-1])):
                return
            self._start()
            alive_since = self._clock.monotonic()

    def _is_alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._holder() is not None

    def _pid(self) -> int | None:
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        holder = self._holder()
        return holder.pid or None if holder else None

    def _end_running(self) -> None:
        pid = self._pid()
        if pid is None:
            return
        for request, patience_s in ((signal.SIGTERM, END_S), (signal.SIGKILL, 2.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, request)
            if self._has_ended(patience_s):
                return

    def _has_ended(self, patience_s: float) -> bool:
        until = self._clock.monotonic() + patience_s
        while self._pid() is not None:
            if self._clock.monotonic() > until:
                return False
            self._clock.sleep(0.02)
        return True


@asynccontextmanager
async def server_agent(agent: ServerAgent | None) -> AsyncIterator[None]:
    """Keep the agent while the block runs; the event loop goes on meanwhile, since an agent that ends reports to it."""
    if agent is None:
        yield
        return
    await asyncio.to_thread(agent.begin)
    try:
        yield
    finally:
        await asyncio.to_thread(agent.end)
