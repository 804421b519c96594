"""A studio and a vendor on one machine without a line between them, and the time a real job takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from tests.benchmarks.peers import Passage
from tests.benchmarks.sites import of_this_code
from tests.benchmarks.usage import Meter
from tests.system.world import FINISHED, VENDOR, World

LOOK_S, MOST_LOOK_S = 0.01, 0.3


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
        begun = world.clock.monotonic()
        tasks = {"0": {"source": path, "destination": f"{VENDOR}:{path}"}}
        job = world.session().create("job", {"name": path.replace("/", " "), "tasks": tasks})
        while world.job(job["id"])["status"] not in FINISHED and world.clock.monotonic() < begun + seconds:
            # The longer it takes the rarer a look: each costs the engine work.
            world.clock.sleep(min(max((world.clock.monotonic() - begun) / 50, LOOK_S), MOST_LOOK_S))
        taken = world.clock.monotonic() - begun
        ended = world.finished(job["id"], seconds=1)
        self.usage = meter.read(taken)
        return Passage(ended["size"], taken)
