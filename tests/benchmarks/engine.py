"""A studio and a vendor on one machine without a line between them, and the time a real job takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from tests.benchmarks.peers import Passage
from tests.benchmarks.sites import of_this_code
from tests.benchmarks.usage import Meter
from tests.benchmarks.watch import LogStamps, carried
from tests.system.world import FINISHED, VENDOR, World

LOOK_S, JOB_LOOK_S = 0.005, 5.0  # at the receiver's log; at the job, whose answer costs the engine work


class EngineCourse:
    """An engine with its server agent and one vendor's agent."""

    def __init__(self, folder: Path, volume: Path) -> None:
        self._world = World(folder, environment=of_this_code())
        self._world.volume = volume
        self.usage: dict[str, dict[str, Any]] = {}  # of the last job

    def __enter__(self) -> Self:
        world = self._world.__enter__()
        try:
            world.init()
            self._server = world.serve()
            world.session().create("user", {"code": VENDOR})
            self._vendor = world.agent(VENDOR)
        except BaseException:
            world.__exit__()
            raise
        return self

    def __exit__(self, *stop: object) -> None:
        self._world.__exit__(*stop)

    def landing(self, source: Path) -> Path:
        """Where at the vendor a folder of the volume lands."""
        return self._world.vendor_volume / source.relative_to(self._world.volume)

    def move(self, source: Path, seconds: float) -> Passage:
        """Send a folder; the time is from the submission of the job to its end."""
        world = self._world
        path = source.relative_to(world.volume).as_posix()
        meter = Meter(
            {
                "sender": world.server_agent_pid(),
                "receiver": self._vendor.process.pid,
                "engine": self._server.process.pid,
            },
        )
        log = LogStamps(self._vendor.log)
        begun = world.clock.monotonic()
        tasks = {"0": {"source": path, "destination": f"{VENDOR}:{path}"}}
        job = world.session().create("job", {"name": path.replace("/", " "), "tasks": tasks})
        self._await_word(job, log, begun + seconds)
        ended = world.finished(job["id"], seconds=1)
        taken = world.clock.monotonic() - begun
        self.usage = meter.read(taken)
        return Passage(ended["size"], taken)

    def _await_word(self, job: dict[str, Any], log: LogStamps, until: float) -> None:
        """Wait for the receiver's word that all is there, or for another end: to ask the engine costs what is measured."""
        clock, words = self._world.clock, carried(job)
        asked = clock.monotonic()
        while (now := clock.monotonic()) < until and not words.search(log.look()[0]):
            if now > asked + JOB_LOOK_S:
                asked = now
                if self._world.job(job["id"])["status"] in FINISHED:
                    return
            clock.sleep(LOOK_S)
