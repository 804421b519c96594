"""Thirteen releases of the accsyn Python API, unmodified, each through every operation it has.

The table of operations is `scripts/every_operation.py`. It runs with the release on its path, over TLS and through the
loopback relay; which of the client's methods it called is noted by the run itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.conftest import fill
from tests.system.official import Official, credentials, direct, release, start_relay
from tests.system.world import ADMIN, WORKFLOW, World, write_file

SCRIPT = str(__file__).replace("test_every_operation.py", "scripts/every_operation.py")
RELEASES = (
    "1.2.1.post1", "1.2.5.post4", "1.3.4.post6", "1.4.1.post1", "2.0.3", "2.1.4", "2.2.1",
    "3.0.0", "3.0.3", "3.1.0", "3.2.3", "3.3.4", "3.4.0",
)  # fmt: skip  # one line a generation

PRE_PUBLISH = """
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
files = [{"id": entry["id"], "can_publish": True, "path": "proj002/" + entry["filename"]} for entry in given["files"]]
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump({"files": files}, file)
"""

Result = dict[str, Any]


@pytest.fixture(scope="module")
def world(new_world: Callable[..., World]) -> World:
    made = new_world()
    fill(made)
    made.init()
    made.serve()
    made.invite(WORKFLOW, "employee")
    script = made.folder / "pre_publish.py"
    write_file(script, 0)
    script.write_text(PRE_PUBLISH, encoding="utf-8")
    command = f'python3 "{script}" ${{PATH_JSON_INPUT}} ${{PATH_JSON_OUTPUT}}'
    made.engine("hook", "set", "pre-publish-server", command)
    return made


@pytest.fixture(scope="module")
def relay(world: World) -> str:
    return start_relay(world)


@pytest.fixture(params=RELEASES)
def official(request: pytest.FixtureRequest) -> Official:
    return release(request.config, request.param)


def number(version: str) -> str:
    """1.2.1 of 1.2.1.post1."""
    return version.partition(".post")[0]


def problem(found: Result) -> str:
    """What is wrong with a row's end; nothing when it is as the table says."""
    said, is_sentence = found["said"], "xception: " in found["said"] and "caused an exception" not in found["said"]
    if found["lacks"]:
        return "" if is_sentence else f"stands under `lacks`, but: {said}"
    if found["refused"]:
        return "" if found["refused"] in said else f"is not refused with {found['refused']!r}: {said}"
    return "" if said == "works" else said


@pytest.mark.parametrize("way", ["relay", "tls"])
def test_every_operation_of_a_release_ends_as_the_table_says(
    world: World, official: Official, relay: str, way: str
) -> None:
    environment = credentials(world, ADMIN) | ({"ACCSYN_PROXY": relay} if way == "relay" else {})
    arguments = "{}" if way == "relay" else direct(world)
    word = "t" + secrets.token_hex(4)
    answer = official.answer(world, SCRIPT, number(official.version), arguments, word, environment=environment)
    problems = {name: problem(found) for name, found in answer["results"].items()}
    assert {name: what for name, what in problems.items() if what} == {}
    assert answer["uncalled"] == []


def test_each_row_of_the_table_is_run_by_some_release(world: World, request: pytest.FixtureRequest) -> None:
    rows: set[str] = set()
    ran: set[str] = set()
    for version in RELEASES:
        official = release(request.config, version)
        table = official.answer(world, SCRIPT, number(version), environment={})
        assert len(table["rows"]) == len(set(table["rows"]))
        rows |= set(table["rows"])
        ran |= set(table["applies"])
    assert rows - ran == set()
