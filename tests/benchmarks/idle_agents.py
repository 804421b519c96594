"""What agents that have nothing to do cost the engine, and how soon a new job reaches one of them.

    python -m tests.benchmarks.idle_agents [--agents 500] [--seconds 30] [--jobs 40] [--database postgresql://...]

One JSON object on standard output. Every agent keeps a TLS connection with its event stream open, as a real one does;
none has a folder, for a job only has to reach it. The database named must be empty.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import ssl
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from accsyn_engine.clock import SystemClock
from accsyn_engine.ids import Ids
from accsyn_engine.services import setup
from tests.engine.cli.engines import ADMIN, Running, init, serving

SETTLE_S = 12.0  # the first round of check-ins is over
NEW_AT_ONCE = 20


class Idle:
    """One agent that listens."""

    def __init__(self, engine: Running, number: int, *, role: str) -> None:
        self._engine = engine
        self.number = number
        self.role = role
        self.client = ""
        self.heard: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self, tls: ssl.SSLContext) -> None:
        words = {
            "instance": f"instance-{self.number}",
            "boot": "boot",
            "hostname": f"host-{self.number}",
            "role": self.role,
            "downloads": True,
            "volumes": ["production"] if self.role == "server" else [],
        }
        status, body = await ask(self._engine, tls, "POST", "/api/agent/hello", words)
        assert status == 200, body
        self.client = body["client"]
        reader, writer = await asyncio.open_connection("127.0.0.1", self._engine.port, ssl=tls)
        path = f"/api/agent/events?client={self.client}&after={body['cursor']}"
        writer.write(head(self._engine, "GET", path, 0))
        await reader.readuntil(b": open")
        self._task = asyncio.create_task(self._listen(reader, writer))

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    self.heard.put_nowait((time.perf_counter(), json.loads(line[6:])))
        finally:
            writer.close()

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()


def head(engine: Running, method: str, path: str, length: int) -> bytes:
    words = {"Host": "127.0.0.1", "Content-Length": str(length), **engine.headers()}
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in words.items()), "", ""]
    ).encode()


async def ask(engine: Running, tls: ssl.SSLContext, method: str, path: str, words: dict[str, Any]) -> tuple[int, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", engine.port, ssl=tls)
    try:
        body = json.dumps(words).encode()
        writer.write(head(engine, method, path, len(body)) + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        return int(answer.split()[1]), json.loads(await reader.readexactly(length))
    finally:
        writer.close()


def cpu_s(pid: int) -> float:
    """Seconds of processor time a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def measure(engine: Running, count: int, seconds: float, jobs: int) -> dict[str, Any]:
    tls = engine.tls
    server, *agents = [Idle(engine, number, role="client" if number else "server") for number in range(count)]
    for start in range(0, count, NEW_AT_ONCE):
        await asyncio.gather(*(agent.start(tls) for agent in [server, *agents][start : start + NEW_AT_ONCE]))
    await asyncio.sleep(SETTLE_S)
    before, began = cpu_s(engine.process.pid), time.monotonic()
    await asyncio.sleep(seconds)
    idle = (cpu_s(engine.process.pid) - before) / (time.monotonic() - began)
    reached = [await reach(engine, tls, agents[number % len(agents)], number) for number in range(jobs)]
    for agent in (server, *agents):
        agent.stop()
    return {
        "agents": count,
        "idle_percent_of_a_core": round(100 * idle, 2),
        "reached_ms_median": round(statistics.median(reached) * 1000, 1),
        "reached_ms_p95": round(sorted(reached)[int(0.95 * (len(reached) - 1))] * 1000, 1),
        "jobs": jobs,
    }


async def reach(engine: Running, tls: ssl.SSLContext, agent: Idle, number: int) -> float:
    """Seconds from the moment a job is sent to the engine until its agent hears of it."""
    task = {"source": f"volume=production/{number}", "destination": f"client={agent.client}:/landing/{number}"}
    words = {"audience": "api", "workspace": "geoscan", "uri": "job/create", "data": {"tasks": [task]}}
    began = time.perf_counter()
    status, answer = await ask(engine, tls, "POST", "/api/v3/event", words)
    assert status == 200, answer
    made = answer["result"]
    job = (made[0] if isinstance(made, list) else made)["id"]
    while True:
        at, event = await asyncio.wait_for(agent.heard.get(), 30)
        if event.get("job") == job:
            break
    over = words | {"uri": "job/edit", "id": job, "data": {"status": "aborted"}}
    await ask(engine, tls, "PUT", "/api/v3/event", over)
    return at - began


def make(folder: Path, database: str) -> str:
    """Make an engine, on another database if one is named; gives the admin's key."""
    key = init(folder)
    if not database:
        return key
    other = folder / "other"
    volumes = [("production", str(folder / "production"))]
    made = setup.initialise(
        data=other, workspace="geoscan", admin=ADMIN, volumes=volumes, clock=SystemClock(), ids=Ids(), database=database
    )
    for file in other.iterdir():
        shutil.copy(file, folder / "e" / file.name)
    return made.api_key


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder / "e", make(folder, options.database), "--no-agent") as engine:
            figures = asyncio.run(measure(engine, options.agents, options.seconds, options.jobs))
    print(json.dumps({"database": "postgresql" if options.database else "sqlite"} | figures))


if __name__ == "__main__":
    main()
