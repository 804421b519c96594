"""A studio and a vendor on one machine, and the time a real job takes between them."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from tests.system.world import VENDOR, World


class EngineCourse:
    """An engine with its server agent and one vendor's agent."""

    def __init__(self, folder: Path) -> None:
        self._world = World(folder)
        self.volume, self.vendor_volume = self._world.volume, self._world.vendor_volume / "engine"

    def __enter__(self) -> Self:
        world = self._world.__enter__()
        world.init()
        world.serve()
        world.session().create("user", {"code": VENDOR})
        world.agent(VENDOR)
        return self

    def __exit__(self, *stop: object) -> None:
        self._world.__exit__(*stop)

    def move(self, source: Path, destination: Path) -> float:
        """Seconds from the submission of the job to its end."""
        world = self._world
        path = source.relative_to(world.volume).as_posix()
        begun = world.clock.monotonic()
        job = world.session().create(
            "job", {"name": path, "tasks": {"0": {"source": path, "destination": f"{VENDOR}:{path}"}}}
        )
        world.until(lambda: world.job(job["id"])["status"] == "done", "the job", seconds=900)
        seconds = world.clock.monotonic() - begun
        destination.parent.mkdir(parents=True, exist_ok=True)
        (world.vendor_volume / path).rename(destination)
        return seconds
