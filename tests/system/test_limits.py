"""Caps, pause and resume as people use them: real programs, a real file, measured by what lies at the vendor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.test_cli_schemas import ENGINE, check
from tests.system.world import SENT, VENDOR, World, tree, write_file

MB = 1_000_000
SIZE = 60 * MB


@pytest.fixture(scope="module")
def ready(studio: World) -> World:
    studio.share_with_vendor()
    studio.agent(VENDOR)
    return studio


@pytest.fixture
def big(ready: World) -> Iterator[Path]:
    """A file that takes a minute at a megabyte a second."""
    path = write_file(ready.volume / SENT / "source" / "big.raw", SIZE)
    yield path
    for side in (ready.volume, ready.vendor_volume):
        (side / SENT / "source" / "big.raw").unlink(missing_ok=True)


def speed(world: World, job: str, *, above: float = 0, below: float = 1e12) -> dict[str, Any]:
    """Wait until a job that runs moves within bounds, in megabytes a second."""

    def moves() -> dict[str, Any] | None:
        row = world.job(job)
        return row if row["status"] == "running" and above < row["speed"] < below else None

    return dict(world.until(moves, f"a speed from {above} to {below} MB/s"))


def moved(world: World, job: str) -> int:
    return int(world.job(job)["moved"])


def stands_still(world: World, job: str, *, seconds: float = 3) -> bool:
    """Whether not one byte arrives for a while; judged by what the vendor's disk was given, not by reports."""
    partial = list((world.vendor_volume / SENT / "source").glob(".accsyn-*.part"))
    assert partial
    before = [(path.stat().st_mtime_ns, moved(world, job)) for path in partial]
    until = world.clock.monotonic() + seconds
    while world.clock.monotonic() < until:
        world.clock.sleep(0.1)
    return before == [(path.stat().st_mtime_ns, moved(world, job)) for path in partial]


def test_caps_set_while_a_job_runs_hold_and_go_again(ready: World, big: Path) -> None:
    set_to = ready.engine("limit", "set", "user", VENDOR, "--speed", "2", "--json").json
    check(ENGINE, "limit-set", set_to)
    job = ready.send(name="capped")["id"]
    speed(ready, job, below=2.6)
    ready.engine("limit", "set", "workspace", "--speed", "0.5")
    speed(ready, job, below=0.7)
    listed = ready.engine("limit", "list", "--json").json
    check(ENGINE, "limit-list", listed)
    assert [(row["scope"], row["bytes_per_s"], row["transfers"]) for row in listed["limits"]] == [
        ("user", 2 * MB, 1),
        ("workspace", MB // 2, 1),
    ]
    check(ENGINE, "limit-clear", ready.engine("limit", "clear", "workspace", "--json").json)
    speed(ready, job, above=0.8)
    ready.engine("limit", "clear", "user", VENDOR)
    ready.finished(job)
    assert tree(ready.vendor_volume / SENT) == tree(ready.volume / SENT)


def test_a_schedule_that_says_paused_holds_the_bytes_and_keeps_the_transfer(ready: World, big: Path) -> None:
    job = ready.send(name="scheduled", settings={"transfer_speedlimit": "4"})["id"]
    speed(ready, job)
    ready.engine("limit", "set", "workspace", "--schedule", "daily 00:00-24:00 paused")
    ready.until(lambda: ready.job(job)["speed"] == -1 and ready.job(job)["status"] == "running", "the bytes to stop")
    attempts = ready.job(job)["attempts"]
    assert stands_still(ready, job)
    ready.engine("limit", "clear", "workspace")
    ready.session().update("job", job, {"settings": {}})
    done = ready.finished(job)
    assert done["attempts"] == attempts


def test_pause_stops_the_bytes_and_resume_goes_on_at_once_from_there(ready: World, big: Path) -> None:
    job = ready.send(name="paused", settings={"transfer_speedlimit": "8"})["id"]
    ready.until(lambda: ready.job(job)["bytes"] > 16 * MB, "a quarter of the file to arrive")
    ready.engine("job", "pause", job)
    assert stands_still(ready, job, seconds=2)
    before = ready.job(job)
    ready.engine("job", "resume", job)
    ready.until(lambda: ready.job(job)["moved"] > before["moved"], "more bytes to arrive")
    assert ready.job(job)["attempts"] == before["attempts"] + 1  # the very next one brings them: nothing backs off
    ready.session().update("job", job, {"settings": {}})
    done = ready.finished(job)
    assert done["moved"] < SIZE * 1.1
    assert tree(ready.vendor_volume / SENT) == tree(ready.volume / SENT)


def test_a_job_paused_and_resumed_in_one_breath_is_not_taken_for_broken(ready: World, big: Path) -> None:
    job = ready.send(name="in one breath", settings={"transfer_speedlimit": "8"})["id"]
    for _ in range(3):
        ready.until(lambda: ready.job(job)["speed"] > 0, "bytes to move")
        # The earlier attempt may still be ending at the vendor: then one more attempt follows a second later.
        for status in ("paused", "waiting"):
            ready.session().update("job", job, {"status": status})
    ready.session().update("job", job, {"settings": {}})
    done = ready.finished(job)
    assert done["moved"] < SIZE * 1.3
    assert (ready.vendor_volume / SENT / "source" / "big.raw").stat().st_size == SIZE


def test_a_line_is_measured_between_two_real_agents(ready: World) -> None:
    found = ready.engine("path", VENDOR, "--seconds", "1", "--json").json
    check(ENGINE, "path", found)
    assert found["path"]["transport"] == "tcp"  # on so short a line
    assert 0 < found["path"]["rtt_s"] < 0.5
    assert found["path"]["goodput"] > MB
    assert "capacity" in ready.engine("path", VENDOR, "--seconds", "1").out
    assert ready.engine("path", VENDOR, "--last", "--json").json["paths"]
