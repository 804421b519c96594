"""`accsyn-engine demo` as a person runs it, and what must be true when it says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from accsyn_engine.demo.processes import program
from tests.system.test_cli_schemas import ENGINE, check
from tests.system.world import DATASET, VENDOR, World

PROJECT_FILE = f"proj002_{DATASET}.analyze"


@pytest.fixture(scope="module")
def told(new_world: Callable[..., World]) -> dict[str, Any]:
    world = new_world()
    answer: dict[str, Any] = world.run("accsyn-engine", "demo", "--json", seconds=120).json
    return answer


def test_the_demos_answer_keeps_to_its_schema(told: dict[str, Any]) -> None:
    check(ENGINE, "demo", told)


def test_the_demo_says_that_all_is_well_within_a_minute(told: dict[str, Any]) -> None:
    assert told["ok"] is True
    assert told["seconds"] < 60


def test_about_two_hundred_megabytes_reach_the_vendor_unchanged(told: dict[str, Any]) -> None:
    sent = told["legs"][0]
    assert sent["bytes"] > 190_000_000
    assert len(sent["files"]) > 300
    assert all(file["same"] and file["source"] == file["destination"] for file in sent["files"])


def test_names_with_blanks_and_of_other_alphabets_are_among_them(told: dict[str, Any]) -> None:
    names = {file["path"].rpartition("/")[2] for file in told["legs"][0]["files"]}
    assert {"flight line 02 (återflygning).raw", "tile 002 Åre.xyz", "плитка 004.xyz", "区画 005.xyz"} <= names
    assert "analysis_task_description.txt" in names


def test_exactly_the_project_file_and_what_it_depends_on_comes_back(told: dict[str, Any]) -> None:
    folder = f"proj002/FROM_VENDORS/{VENDOR}"
    assert {file["path"] for file in told["legs"][1]["files"]} == {
        f"{folder}/cleaned_set.dat",
        f"{folder}/{PROJECT_FILE}",
        f"{folder}/output/proj002_{DATASET}_exported.dat",
    }
    assert told["legs"][1]["ok"] is True


def test_the_sheet_is_told_once_by_the_hook(told: dict[str, Any]) -> None:
    row = told["sheet"]
    assert told["hook_runs"] == 1
    assert (row["assignee"], row["status"], row["comment"]) == (VENDOR, "pending review", "cleaned and exported")
    assert row["version"]
    assert row["job"]
    assert row["path"].endswith(f"/proj002/FROM_VENDORS/{VENDOR}/output/proj002_{DATASET}_exported.dat")


def test_the_demo_refuses_a_folder_that_is_not_empty(new_world: Callable[..., World]) -> None:
    world = new_world()
    (world.folder / "mine").mkdir()
    (world.folder / "mine" / "precious").write_text("x")
    said = world.run("accsyn-engine", "demo", "--dir", str(world.folder / "mine"), "--json", check=False)
    assert said.code == 1
    assert said.error["code"] == "folder-not-empty"
    assert [path.name for path in (world.folder / "mine").iterdir()] == ["precious"]


def test_a_demo_that_is_stopped_leaves_no_process_and_no_file(new_world: Callable[..., World]) -> None:
    world = new_world()
    top = world.folder / "demo"
    command = [program("accsyn-engine"), "demo", "--dir", str(top)]
    demo = subprocess.Popen(command, env=world.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    world.until((top / "engine" / "agent" / "lock").exists, "the demo's server agent to start")
    world.until(lambda: len(world.processes()) > 1, "the demo to be at work")
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(40) == 128 + signal.SIGTERM
    assert world.processes() == []
    assert not top.exists()


def test_the_analysis_program_knows_nothing_of_accsyn(tmp_path: Path) -> None:
    from accsyn_engine.demo import analyze

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.raw").write_bytes(bytes(range(256)) * 4)
    command = [sys.executable, "-I", analyze.__file__, str(tmp_path / "in"), str(tmp_path / "out"), "proj", "task"]
    subprocess.run(command, check=True, capture_output=True, env={"PATH": os.environ["PATH"]})
    exported = (tmp_path / "out" / "output" / "proj_task_exported.dat").read_text()
    assert exported.split("\t")[:4] == ["a.raw", "1024", "4", "255"]
    assert (tmp_path / "out" / "cleaned_set.dat").stat().st_size == 255


def test_no_process_of_a_world_outlives_it(new_world: Callable[..., World], tmp_path: Path) -> None:
    with World(tmp_path / "w") as world:
        world.init()
        world.serve()
        world.until((world.data / "agent" / "lock").exists, "the server agent to start")
        pids = [process.pid for process in world.processes()]
        assert len(pids) >= 2
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
