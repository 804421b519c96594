"""The agent that `serve` brings along: it outlives a killed server, is adopted, and ends with one that is told to end."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from accsyn_engine.agent import holder_of
from tests.engine.cli.engines import Running, check, init, serving


def until(holds: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Look until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def pid_of(data: Path) -> int:
    """The process that holds the agent's folder; 0 when none does."""
    holder = holder_of(data / "agent")
    return holder.pid if holder else 0


def is_alive(pid: int) -> bool:
    """A process nobody has asked about since it ended (its parent was killed) is as good as gone."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def is_online(running: Running) -> bool:
    rows = running.event("GET", "server/find", data={"attributes": ["code", "status"]})["result"]
    return [row["status"] for row in rows] == ["online"]


def free_ports() -> str:
    """A range of transfer ports of this test's own."""
    first = 47_000 + os.getpid() % 400 * 20
    return f"{first}-{first + 9}"


@pytest.fixture
def ended(tmp_path: Path) -> object:
    """Leave no agent behind, whatever the test did."""
    yield None
    if pid := pid_of(tmp_path / "e"):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.usefixtures("ended")
def test_the_agent_outlives_a_killed_server_and_is_adopted_by_the_next(tmp_path: Path) -> None:
    key, data = init(tmp_path), tmp_path / "e"
    with serving(data, key, "--ports", free_ports()) as running:
        until(lambda: is_online(running), "the server agent to come online")
        port, first = running.port, pid_of(data)
        running.process.kill()
        running.process.wait()
    assert is_alive(first)
    with serving(data, key, "--ports", free_ports(), port=port) as running:
        until(lambda: is_online(running), "the adopted agent to come back")
        assert pid_of(data) == first
        assert running.stop() == (0, "")
    assert pid_of(data) == 0
    until(lambda: not is_alive(first), "the agent's process to be gone", 5)


@pytest.mark.usefixtures("ended")
def test_an_agent_that_talks_to_an_address_of_yesterday_is_replaced(tmp_path: Path) -> None:
    key, data = init(tmp_path), tmp_path / "e"
    with serving(data, key, "--ports", free_ports()) as running:
        until(lambda: is_online(running), "the server agent to come online")
        first = pid_of(data)
        running.process.kill()
        running.process.wait()
    with serving(data, key, "--ports", free_ports()) as running:  # on another port
        until(lambda: pid_of(data) not in {0, first}, "the agent to be replaced")
        until(lambda: is_online(running), "the new agent to come online")
        assert running.stop() == (0, "")


@pytest.mark.usefixtures("ended")
def test_an_agent_that_dies_is_started_again(tmp_path: Path) -> None:
    key, data = init(tmp_path), tmp_path / "e"
    with serving(data, key, "--ports", free_ports()) as running:
        until(lambda: is_online(running), "the server agent to come online")
        first = pid_of(data)
        os.kill(first, signal.SIGKILL)
        until(lambda: pid_of(data) not in {0, first}, "the agent to be started again")
        assert running.stop()[0] == 0
    assert pid_of(data) == 0


@pytest.mark.usefixtures("ended")
def test_the_agents_key_is_in_no_process_list(tmp_path: Path) -> None:
    key, data = init(tmp_path), tmp_path / "e"
    with serving(data, key, "--ports", free_ports()) as running:
        until(lambda: pid_of(data), "the server agent to start")
        secret = (data / "agent" / "key").read_text().strip()
        assert secret not in " ".join(psutil.Process(pid_of(data)).cmdline())
        running.stop()


@pytest.mark.usefixtures("ended")
def test_files_are_seen_through_the_agent(tmp_path: Path) -> None:
    key, data = init(tmp_path), tmp_path / "e"
    (tmp_path / "production" / "proj002").mkdir()
    (tmp_path / "production" / "proj002" / "Höhe.raw").write_bytes(b"x" * 17)
    with serving(data, key, "--ports", free_ports()) as running:
        until(lambda: is_online(running), "the server agent to come online")
        (row,) = running.event("GET", "workspace/file", data={"op": "ls", "path": "volume=production/proj002"})[
            "result"
        ]
        assert (row["filename"], row["size"], row["type"]) == ("Höhe.raw", 17, 1)
        assert running.stop() == (0, "")


@pytest.mark.usefixtures("ended")
def test_a_hook_can_be_tried_by_hand_and_says_how_it_went(tmp_path: Path) -> None:
    key, data = init(tmp_path), tmp_path / "e"
    told = tmp_path / "told.json"
    with serving(data, key, "--ports", free_ports()) as running:
        until(lambda: is_online(running), "the server agent to come online")
        running.cli("hook", "set", "post-done-server", f'cp ${{PATH_JSON_INPUT}} "{told}"')
        said = running.cli("hook", "test", "post-done-server", "--json").json
        check("hook-test", said)
        assert (said["run"]["state"], said["run"]["exit_code"]) == ("done", 0)
        check("hook-input", json.loads(told.read_text(encoding="utf-8")))
        running.cli("hook", "set", "post-done-server", "false")
        assert running.cli("hook", "test", "post-done-server", "--json").error["code"] == "hook-failed"
        runs = running.cli("hook", "runs", "--json").json
        check("hook-runs", runs)
        assert [run["state"] for run in runs["runs"]] == ["failed", "done"]
        assert running.stop() == (0, "")
