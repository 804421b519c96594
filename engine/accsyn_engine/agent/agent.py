"""A running agent: greets the engine, follows its events, hands each to the part that does it, and ends cleanly.

While the engine is away everything that runs goes on, and this says so once.
"""

from __future__ import annotations

import ipaddress
import platform
import queue
import random
import signal
import threading
from collections.abc import Callable
from importlib.metadata import version
from math import ceil
from typing import Any

from accsyn_engine.agent.engine import Engine
from accsyn_engine.agent.errors import RefusedError, UnreachableError, UntrustedError
from accsyn_engine.agent.events import Event, Events
from accsyn_engine.agent.folder import DataFolder
from accsyn_engine.agent.hookruns import HookRuns
from accsyn_engine.agent.lines import Lines
from accsyn_engine.agent.log import Log, list_text
from accsyn_engine.agent.machine import host_ident, user_name
from accsyn_engine.agent.options import AgentOptions
from accsyn_engine.agent.patience import Patience
from accsyn_engine.agent.questions import Questions
from accsyn_engine.agent.roots import Roots
from accsyn_engine.agent.tools import Tools
from accsyn_engine.agent.transfers import Transfers
from accsyn_engine.clock import Clock
from accsyn_engine.ids import Ids
from accsyn_engine.transfer.meeting.gate import Gate
from accsyn_plugins.errors import AccsynError

Handler = Callable[[dict[str, Any]], None]

LOOK_S = 0.25
_PASSING = frozenset({404, 409})  # this agent, or this start of it, is not known: greeting again may help


class Agent:
    """One agent from its start to its end; `run` is the whole life."""

    def __init__(
        self, options: AgentOptions, folder: DataFolder, *, clock: Clock, log: Log, stopping: threading.Event
    ) -> None:
        self._options = options
        self._folder = folder
        self._clock = clock
        self._log = log
        self._stopping = stopping
        self._machine = platform.node() or "this machine"
        self._boot = Ids().entity()
        self._engine = Engine(options)
        self._events = Events(self._engine, clock)
        self._patience = Patience(random.random)
        self._client = ""
        self._is_away = False
        self._must_greet = True
        self._parts: _Parts | None = None
        self._error: AccsynError | None = None

    def run(self) -> int:
        """Work until told to stop; 0, or 1 with a sentence when the engine will never have us."""
        # The main thread only waits: a signal reaches it at once, whatever the network does to the other.
        following = threading.Thread(target=self._follow_and_stop, name="events", daemon=True)
        following.start()
        # It looks up now and then because a signal that comes right before a wait begins would not end that wait.
        while not self._stopping.wait(LOOK_S):
            pass
        self._close()
        if self._error is not None:
            self._log.say(self._error.message)
        return 0 if self._error is None else 1

    def _close(self) -> None:
        if self._parts is not None:
            self._parts.close()
        self._engine.close()

    def _follow_and_stop(self) -> None:
        try:
            self._follow()
        except AccsynError as error:
            self._error = error
        except Exception as error:
            self._log.fault("The agent ends on an unexpected error; please report it.", error)
            self._error = AccsynError("The agent failed; its log has the details.")
        finally:
            self._stopping.set()

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow_once()
            except UnreachableError as error:
                self._wait(error)
            except (UntrustedError, RefusedError) as error:
                # At the start it is a setting that somebody has to mend; later it may pass.
                if self._parts is None or error.facts.get("http", 404) not in _PASSING:
                    raise
                self._wait(error)

    def _follow_once(self) -> None:
        if self._must_greet:
            self._greet()
        if self._events.follow(self._client, self._take, opened=self._engine_is_back):
            self._patience.reset()
        else:
            self._stopping.wait(self._patience.next_s())

    def _wait(self, error: AccsynError) -> None:
        delay = self._patience.next_s()
        self._must_greet = True
        if not self._is_away and not self._stopping.is_set():
            self._is_away = True
            sentence = error.message.rstrip(".")
            self._log.say(f"{sentence}; trying again in {max(1, ceil(delay))} s")
        self._stopping.wait(delay)

    def _engine_is_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._log.say(f"engine at {self._engine.server} is reachable again")

    def _greet(self) -> None:
        answer, address = self._engine.post_from("hello", self._introduction())
        # A new start hears nothing that was meant for an older one; the same start goes on where it is, which may be
        # further than the engine knows.
        if answer["client"] != self._client:
            self._events.cursor = answer["cursor"]
        self._client = answer["client"]
        if self._parts is None:
            self._parts = self._assembled(address)
            self._log.say(self._welcome())
        self._must_greet = False

    def _introduction(self) -> dict[str, Any]:
        options = self._options
        return {
            "instance": self._folder.instance,
            "boot": self._boot,
            "hostname": self._machine,
            "host_ident": host_ident(),
            "username": user_name(),
            "os": platform.system().lower(),
            "version": version("accsyn-engine"),
            "role": options.role,
            "maps": [
                {"code": code, "read": True, "write": True, "path": folder} for code, folder in options.maps.items()
            ],
            "downloads": options.download is not None,
            "volumes": list(options.volumes),
            "advertise": list(options.advertise),
        }

    def _welcome(self) -> str:
        folders = self._options.volumes if self._options.role == "server" else self._options.maps
        what = "serving" if self._options.role == "server" else "mapped"
        return (
            f"connected to {self._engine.server} as {self._options.user}, {self._options.role} {self._machine}; "
            f"{what}: {list_text(f'{code} = {folder}' for code, folder in folders.items())}"
        )

    def _assembled(self, address: str) -> _Parts:
        addresses = self._options.advertise or ((address,) if address else ())
        tools = Tools(
            client=self._client,
            boot=self._boot,
            machine=self._machine,
            addresses=addresses,
            engine=self._engine,
            gate=Gate(host=listening_host(addresses), ports=self._options.ports, clock=self._clock),
            lines=Lines(self._folder.path / "lines.json"),
            roots=Roots(self._options, self._machine),
            clock=self._clock,
            log=self._log,
            stopping=self._stopping,
        )
        return _Parts(tools, runs_hooks=self._options.role == "server" or self._options.hooks)

    def _take(self, event: Event) -> None:
        handler = self._parts.handlers.get(event.kind) if self._parts is not None else None
        try:
            if handler is None:
                self._log.say(f"the engine said {event.kind}, which this agent does not know; update it")
            else:
                handler(event.data)
        except (KeyError, TypeError, ValueError) as error:
            # One broken event must not end the agent, nor come again for ever.
            self._log.fault(f"the event {event.kind} could not be understood", error)


class _Parts:
    """What does the work, and which event goes to which of them."""

    def __init__(self, tools: Tools, *, runs_hooks: bool) -> None:
        self._tools = tools
        self._transfers = Transfers(tools)
        self._questions = Questions(tools)
        self._hooks = HookRuns(tools, allowed=runs_hooks)
        self.handlers: dict[str, Handler] = {
            "transfer.offer": self._transfers.offer,
            "transfer.listen": self._transfers.listen,
            "transfer.connect": self._transfers.connect,
            "transfer.stop": self._transfers.stop,
            "request": self._questions.ask,
            "hook.run": self._hooks.run,
        }

    def close(self) -> None:
        self._questions.close()
        self._transfers.close()
        self._hooks.close()
        self._tools.gate.close()


def listening_host(addresses: tuple[str, ...]) -> str:
    """Where to open ports: on the loopback only, when that is all that is announced; else on every interface."""
    return "127.0.0.1" if addresses and all(_is_loopback(address) for address in addresses) else "0.0.0.0"  # noqa: S104 - the other ends come from outside; the gate lets announced peers in only


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback and ":" not in address
    except ValueError:
        return address == "localhost"


def stop_on_signals(stopping: threading.Event) -> None:
    """Have SIGTERM and Ctrl-C end the agent cleanly; for the main thread only, others cannot."""
    if threading.current_thread() is not threading.main_thread():
        return
    # The handler interrupts the main thread, perhaps while that holds the event's own lock: only a SimpleQueue may be
    # touched there.
    heard: queue.SimpleQueue[None] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: heard.put(None))

    def pass_on() -> None:
        heard.get()
        stopping.set()

    threading.Thread(target=pass_on, name="signals", daemon=True).start()
