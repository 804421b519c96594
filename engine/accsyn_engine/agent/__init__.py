"""The agent: runs where files lie, keeps one connection to the engine, moves files, runs hook scripts."""

from __future__ import annotations

import threading

from accsyn_engine.agent.agent import Agent, stop_on_signals
from accsyn_engine.agent.errors import AgentError
from accsyn_engine.agent.folder import DataFolder, Holder, holder_of
from accsyn_engine.agent.log import Log
from accsyn_engine.agent.options import AgentOptions, maps_from_environment, parse_maps, parse_ports
from accsyn_engine.clock import Clock, SystemClock
from accsyn_engine.ids import Ids
from accsyn_engine.transfer.disk.system import allow_open_files
from accsyn_plugins.errors import AccsynError

__all__ = [
    "AgentError",
    "AgentOptions",
    "Holder",
    "holder_of",
    "maps_from_environment",
    "parse_maps",
    "parse_ports",
    "run",
]


def run(options: AgentOptions, *, clock: Clock | None = None, stopping: threading.Event | None = None) -> int:
    """Run an agent until SIGTERM, Ctrl-C or `stopping`; gives the exit code, 1 after one sentence on stderr."""
    used, ending = clock or SystemClock(), stopping or threading.Event()
    stop_on_signals(ending)
    allow_open_files()
    try:
        with DataFolder(options.data, server=options.server, ids=Ids(), clock=used) as folder:
            log = Log(used, folder=options.data)
            try:
                return Agent(options, folder, clock=used, log=log, stopping=ending).run()
            finally:
                log.close()
    except AccsynError as error:
        Log(used).say(error.message)
        return 1
