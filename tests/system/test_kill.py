"""A power cut at any point: `kill -9` of sender, receiver or engine server, and still byte-exact, with the hook's effect once.

A publish of a few large and many small files is slowed down by its own speed limit and killed again and again, at points
spread evenly over the bytes that the receiver has acknowledged. `make test FULL=1` takes all 20 points.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from accsyn_engine.demo.processes import Child, program
from tests.system.conftest import fill
from tests.system.world import ADMIN, VENDOR, WORK, World, tree, write_file

POINTS = 20 if os.environ.get("ACCSYN_FULL") else 6
BIG, SMALL, SMALL_FILES = 12_000_000, 20_000, 200
SIZE = 3 * BIG + SMALL * SMALL_FILES
# Seconds between two points, so that the last one is mid-transfer on a busy machine too. A killed engine server holds
# nobody up: the transfer goes on while it starts and while the agents find it again.
BETWEEN = {"sender": 2, "receiver": 2, "engine server": 5}
HOOK = "job-post-done-server"

EFFECT = """
import json, os, pathlib, sys, time
here = pathlib.Path(sys.argv[1])
with open(here / "effects", "a") as effects:
    print(os.environ["ACCSYN_HOOK_KEY"], json.load(open(sys.argv[2]))["id"], file=effects, flush=True)
if (here / "hang").exists():
    (here / "hangs").touch()
    while (here / "hang").exists():
        time.sleep(0.02)
"""


@dataclass
class Scene:
    """A studio whose two agents and engine server can be killed one by one."""

    world: World
    serve: Child
    server_agent: Child
    vendor_agent: Child

    def kill(self, who: str) -> None:
        """Kill it, as a power cut would."""
        {"sender": self.vendor_agent, "receiver": self.server_agent}.get(who, self.serve).kill()

    def start(self, who: str) -> None:
        """Start it again as an operating system's service manager would."""
        if who == "sender":
            self.vendor_agent = self.world.agent(VENDOR)
        elif who == "receiver":
            self.server_agent = start_server_agent(self.world)
        else:
            self.serve = self.world.serve("--no-agent")

    @property
    def effects(self) -> list[list[str]]:
        file = self.world.folder / "effects"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def start_server_agent(world: World) -> Child:
    command = [program("accsyn-engine"), "agent", "--role", "server", "--server", world.url, "--user", ADMIN]
    command += ["--key", world.key(ADMIN), "--ca", str(world.data / "ca.pem"), "--data", str(world.folder / "alpha")]
    command += ["--volume", f"production={world.volume}", "--ports", world.ports]
    return world.children.start("server agent", command, world.environment, world.folder)


@pytest.fixture(scope="module")
def scene(new_world: Callable[..., World]) -> Scene:
    world = new_world()
    fill(world)
    world.init()
    serve = world.serve("--no-agent")
    world.share_with_vendor()
    script = world.folder / "effect.py"
    script.write_text(EFFECT)
    world.engine("hook", "set", HOOK, f'python3 "{script}" "{world.folder}" ${{PATH_JSON_INPUT}}')
    return Scene(world, serve, start_server_agent(world), world.agent(VENDOR))


@pytest.fixture
def result(scene: Scene, request: pytest.FixtureRequest) -> str:
    """A new folder with the result of some work; gives its name."""
    name = f"result of {request.node.name}"
    folder = scene.world.vendor_volume / WORK / name
    for number in range(3):
        write_file(folder / f"big {number}.dat", BIG, seed=number)
    for number in range(SMALL_FILES):
        write_file(folder / "tiles" / f"tile {number:03d} Åre.xyz", SMALL, seed=number)
    return name


@pytest.mark.parametrize("who", ["sender", "receiver", "engine server"])
def test_killed_at_every_point_it_ends_byte_exact_with_one_effect(scene: Scene, result: str, who: str) -> None:
    world = scene.world
    speed = SIZE / 1e6 / (BETWEEN[who] * (POINTS + 1))  # MB/s
    job = world.publish_files(result, name=result, settings={"transfer_speedlimit": str(speed)})
    landed = []
    for point in range(1, POINTS + 1):
        goal = SIZE * point // (POINTS + 1)
        landed.append(reach(world, job["id"], goal)["bytes"])
        scene.kill(who)
        # The disk is the witness that it was mid-transfer: the engine may be the one that was killed.
        assert len(complete_files(world.volume / WORK / result)) < 3 + SMALL_FILES
        assert job["id"] not in {ident for _, ident in scene.effects}
        scene.start(who)
    done = world.finished(job["id"], seconds=120)
    assert landed == sorted(landed)
    assert all(0 < bytes_done < SIZE for bytes_done in landed)
    assert tree(world.volume / WORK / result) == tree(world.vendor_volume / WORK / result)
    assert [ident for _, ident in scene.effects].count(job["id"]) == 1
    assert done["moved"] < SIZE * 2
    assert partial_files(world) == []


def complete_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def reach(world: World, job: str, goal: int) -> dict[str, Any]:
    """Wait until the receiver has acknowledged `goal` bytes."""

    def reached() -> dict[str, Any] | None:
        row = world.job(job)
        assert row["status"] not in {"done", "failed", "aborted"}, row
        return row if row["bytes"] >= goal else None

    row: dict[str, Any] = world.until(reached, f"{goal} acknowledged bytes", seconds=60)
    return row


def partial_files(world: World) -> list[Path]:
    known = {path for path in world.volume.rglob("*") if path.is_file()}
    return [path for path in known if "accsyn" in path.name.lower() or path.suffix in {".part", ".partial"}]


def test_killed_in_the_middle_of_the_hook_the_job_says_unknown_and_a_retry_by_hand_finishes_it(scene: Scene) -> None:
    world = scene.world
    write_file(world.vendor_volume / WORK / "hooked.dat", 100_000)
    hang, hangs = world.folder / "hang", world.folder / "hangs"
    hang.touch()
    job = world.publish_files("hooked.dat", name="hooked")
    world.until(hangs.exists, "the hook to be in its middle")
    key = scene.effects[-1][0]
    scene.server_agent.kill()
    end_hooks(world)
    scene.server_agent = start_server_agent(world)
    failed = world.finished(job["id"], status="failed")
    assert "unknown" in failed["error"]
    assert runs(world, job["id"]) == ["unknown"]
    assert (world.volume / WORK / "hooked.dat").read_bytes() == (world.vendor_volume / WORK / "hooked.dat").read_bytes()
    hang.unlink()
    world.engine("job", "retry", job["id"])
    world.finished(job["id"])
    assert runs(world, job["id"]) == ["unknown", "done"]
    assert [effect for effect in scene.effects if effect[1] == job["id"]] == [[key, job["id"]]] * 2


def runs(world: World, job: str) -> list[str]:
    rows = world.engine("hook", "runs", job, "--json").json["runs"]
    return [row["state"] for row in sorted(rows, key=lambda row: row["attempt"])]


def end_hooks(world: World) -> None:
    """What a power cut would have ended too."""
    for process in world.processes():
        if str(world.folder / "effect.py") in process.cmdline():
            process.kill()


def test_a_server_agent_that_is_killed_is_started_again_by_serve(new_world: Callable[..., World]) -> None:
    world = new_world()
    fill(world)
    world.init()
    world.serve()
    world.until(lambda: server_agents(world), "the server agent")
    first = world.server_agent_pid()
    os.kill(first, signal.SIGKILL)
    world.until(
        lambda: world.server_agent_pid() != first and psutil.pid_exists(world.server_agent_pid()), "another one"
    )
    world.until(lambda: server_agents(world), "the server agent again")


def is_running(pid: int) -> bool:
    """Whether a process lives; one that has ended may wait for its parent, which after an adoption is nobody of ours."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def server_agents(world: World) -> list[dict[str, Any]]:
    return world.session().find("client WHERE type=1 AND status=online")


def test_the_agent_outlives_a_killed_server_and_is_adopted_by_the_next(new_world: Callable[..., World]) -> None:
    world = new_world()
    fill(world)
    world.init()
    serve = world.serve()
    world.until(lambda: server_agents(world), "the server agent")
    agent = world.server_agent_pid()
    serve.kill()
    assert psutil.pid_exists(agent)
    serve = world.serve()
    world.until(lambda: server_agents(world), "the adopted agent")
    assert world.server_agent_pid() == agent
    assert serve.stop() == 0
    assert not is_running(agent)
