"""One job with a million tasks, made through the API: how fast, in how much memory, and what it then costs to look at it
and to pause it while it runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.benchmarks.api.lists import timed
from tests.benchmarks.api.studio import ADMIN, Size, key_of, make_studio, opened
from tests.benchmarks.api.wire import Connection, serving
from tests.benchmarks.usage import Meter

VENDOR = "vendor7@gda.com"
SIZE = Size(active=100, finished=100)
AT_ONCE = 10_000
PAGES = 100


def measure(folder: Path, database: str, tasks: int) -> dict[str, Any]:
    """Make an engine in `folder` and a job of so many tasks in it."""
    make_studio(folder, SIZE, database)
    with opened(folder, SIZE) as studio:
        keys = {ADMIN: studio.key, VENDOR: key_of(studio, VENDOR)}
    ca = folder / "ca.pem"
    with (
        serving(folder) as (server, port),
        Connection(port, ca, ADMIN, keys[ADMIN]) as asked,
        Connection(port, ca, VENDOR, keys[VENDOR]) as vendor,
    ):
        meter = Meter({"engine": server.process.pid})
        begun = time.perf_counter()
        job = asked.call("POST", "transfer/create", data={**_tasks(0), "name": "a million", "status": "paused"})[0][
            "id"
        ]
        for first in range(AT_ONCE, tasks, AT_ONCE):
            asked.call("POST", "task/create", id=job, data={**_tasks(first), "allow_duplicates": True})
        taken = time.perf_counter() - begun
        found = {"tasks": tasks, "seconds": round(taken, 1), "engine": meter.read(taken)["engine"]}
        found["any page of 50"] = timed(lambda number: _page(asked, job, tasks, number), PAGES)
        _agents_online(asked, vendor)
        return found | _paused(asked, job)


def _agents_online(admin: Connection, vendor: Connection) -> None:
    """A server and the vendor's agent say hello and do nothing more, so that the job starts when it may."""
    for asked, name, more in (
        (admin, "alpha", {"role": "server", "downloads": False, "volumes": ["production"]}),
        (vendor, "gda-ws1", {"role": "client", "downloads": True, "volumes": []}),
    ):
        hello = {"instance": name, "boot": "1", "hostname": name, "os": "linux", "version": "0.1.0", "maps": []}
        asked.ask(asked.posted("/api/agent/hello", hello | more | {"advertise": []}))


def _tasks(first: int) -> dict[str, Any]:
    return {
        "tasks": [
            {
                "source": f"share=production/show/shot{number // 1000:04}/plate.{number % 1000:04}.exr",
                "destination": f"{VENDOR}:show/shot{number // 1000:04}/plate.{number % 1000:04}.exr",
            }
            for number in range(first, first + AT_ONCE)
        ]
    }


def _page(asked: Connection, job: str, tasks: int, number: int) -> None:
    skip = number * 7919 * 97 % (tasks - 50)
    page = asked.call("GET", "task/find", data={"parent": job, "limit": 50, "skip": skip})
    assert len(page) == 50


def _paused(asked: Connection, job: str) -> dict[str, float]:
    """Milliseconds of resuming, and of pausing once it runs."""
    found = {}
    for name, status in (("resume_ms", "waiting"), ("pause_ms", "paused")):
        begun = time.perf_counter()
        asked.call("PUT", "transfer/edit", id=job, data={"status": status})
        found[name] = round((time.perf_counter() - begun) * 1000, 1)
        until = time.perf_counter() + 30
        wanted = {"waiting": "running"}.get(status, status)
        while asked.call("GET", "transfer/find", id=job, data={})[0]["status"] != wanted:
            assert time.perf_counter() < until, f"the job does not become {wanted}"
        found[f"{wanted}_after_ms"] = round((time.perf_counter() - begun) * 1000, 1)
    return found
