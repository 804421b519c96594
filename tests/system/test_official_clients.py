"""The accsyn Python API as it is released, unmodified, runs the tutorial's scripts against `accsyn-engine serve`.

Two releases, one of each protocol family. What was mended in the tutorial's scripts is named at the head of each script.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accsyn_engine.demo.processes import program
from tests.system.conftest import fill
from tests.system.official import Official, credentials, direct, release, start_relay
from tests.system.world import DATASET, SENT, VENDOR, WORK, WORKFLOW, World, tree, write_file

SCRIPTS = Path(__file__).with_name("scripts")
VERSIONS = ("1.4.1.post1", "3.4.0")
SHARE = "proj002-outsourcing"
FIND_ME = """
import accsyn_api, json
print(json.dumps(accsyn_api.Session().find_one("user WHERE code=workflow@geoscan.org")["code"]))
"""


@pytest.fixture(scope="module", params=VERSIONS)
def official(request: pytest.FixtureRequest) -> Official:
    return release(request.config, request.param)


@pytest.fixture(scope="module")
def world(new_world: Callable[..., World], official: Official) -> World:
    made = new_world()
    fill(made)
    made.init()
    made.serve()
    made.invite(WORKFLOW, "employee")
    return made


@pytest.fixture(scope="module")
def relay(world: World) -> str:
    return start_relay(world)


@pytest.fixture(scope="module")
def sent(world: World, official: Official) -> dict[str, Any]:
    command = (str(SCRIPTS / "server.py"), "proj002", DATASET, VENDOR, direct(world))
    answer: dict[str, Any] = official.answer(world, *command, environment=credentials(world, WORKFLOW))
    world.agent(VENDOR)
    world.finished(answer["job"])
    return answer


def test_the_tutorials_server_script_shares_and_sends_over_tls(world: World, sent: dict[str, Any]) -> None:
    assert re.fullmatch("[0-9a-f]{24}", sent["job"])
    assert sent["code"] == f"proj002_{DATASET}_outsource_{VENDOR}"
    session = world.session()
    assert len(session.find(f"acl WHERE entity=user:{sent['user']} AND target=share:{sent['share']}")) == 3
    assert tree(world.vendor_volume / SENT) == tree(world.volume / SENT)


def test_run_again_the_script_makes_no_second_user_share_or_grant(
    world: World, official: Official, sent: dict[str, Any], relay: str
) -> None:
    environment = {**credentials(world, WORKFLOW), "ACCSYN_PROXY": relay}
    again = official.answer(world, str(SCRIPTS / "server.py"), "proj002", DATASET, VENDOR, environment=environment)
    assert [again[name] for name in ("user", "share", "acls")] == [sent[name] for name in ("user", "share", "acls")]
    world.finished(again["job"])


def test_the_tutorials_client_script_publishes_through_the_relay(
    world: World, official: Official, sent: dict[str, Any], relay: str
) -> None:
    for name in ("cleaned_set.dat", f"proj002_{DATASET}.analyze", f"output/proj002_{DATASET}_exported.dat"):
        write_file(world.vendor_volume / WORK / name, 40_000)
    command = (str(SCRIPTS / "client.py"), str(world.vendor_volume / "proj002"), VENDOR)
    environment = {**credentials(world, VENDOR), "ACCSYN_PROXY": relay}
    answer = official.answer(world, *command, environment=environment)
    world.finished(answer["job"])
    assert tree(world.volume / WORK) == tree(world.vendor_volume / WORK)


def test_a_wrong_key_raises_the_clients_own_exception_with_our_sentence(world: World, official: Official) -> None:
    code = f"import accsyn_api; accsyn_api.Session(**{json.loads(direct(world))!r})"
    environment = {**credentials(world, WORKFLOW), "ACCSYN_API_KEY": "wrong"}
    done = official.run(world, "-c", code, environment=environment)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "ccsynException" in last
    assert WORKFLOW in last


CHECKS = """
import json, sys, accsyn_api
session = accsyn_api.Session(**json.loads(sys.argv[1]))
me = session.find_one("User WHERE code=workflow@geoscan.org")
job = session.find("Job WHERE id=" + sys.argv[2], finished=True)[0]
names = [entry["filename"] for entry in session.ls("volume=production/proj002")]
try:
    session.create("user", {"code": "workflow@geoscan.org"})
    refused = ""
except Exception as error:
    refused = str(error)
print(json.dumps({"me": me["code"], "job": job["status"], "ls": names, "refused": refused,
                  "none": session.find_one("user WHERE code=nobody@gda.com"),
                  "size": session.getsize("proj002/TO_VENDORS/analysis_task_description.txt")}))
"""


@pytest.mark.parametrize("way", ["tls", "relay"])
def test_the_everyday_calls_work(world: World, official: Official, sent: dict[str, Any], relay: str, way: str) -> None:
    arguments = direct(world) if way == "tls" else "{}"
    proxy = {} if way == "tls" else {"ACCSYN_PROXY": relay}
    environment = {**credentials(world, WORKFLOW), **proxy}
    answer = official.answer(world, "-c", CHECKS, arguments, sent["job"], environment=environment)
    assert answer["me"] == WORKFLOW
    assert answer["job"] == "done"
    assert set(answer["ls"]) >= {DATASET, "TO_VENDORS"}
    assert answer["none"] is None
    assert answer["size"] == 200
    assert WORKFLOW in answer["refused"]


@pytest.fixture
def fixed_relay(world: World) -> Iterator[None]:
    """The relay on the one port that AS_DEV means."""
    command = [program("accsyn-engine"), "relay", "--server", world.url, "--ca", str(world.data / "ca.pem")]
    child = world.children.start("relay 8181", command, world.environment, world.folder)
    child.wait_for(r"ACCSYN_PROXY=127\.0\.0\.1:8181", seconds=20)
    yield
    child.stop()


def test_as_dev_finds_the_relay_at_its_standard_place(world: World, official: Official, fixed_relay: None) -> None:
    # 1.4.1 knows no AS_DEV; there the same place is named.
    switch = {"ACCSYN_PROXY": "127.0.0.1:8181"} if official.version.startswith("1.") else {"AS_DEV": "1"}
    answer = official.answer(world, "-c", FIND_ME, environment={**credentials(world, WORKFLOW), **switch})
    assert answer == WORKFLOW


@pytest.mark.parametrize("version", ["1.2.5.post4", "2.2.1", "3.0.3", "3.4.0"])
def test_a_proxy_that_is_named_with_its_type_is_the_relay(
    world: World, relay: str, request: pytest.FixtureRequest, version: str
) -> None:
    environment = {**credentials(world, WORKFLOW), "ACCSYN_PROXY": f"accsyn:{relay}"}
    assert release(request.config, version).answer(world, "-c", FIND_ME, environment=environment) == WORKFLOW


@pytest.mark.parametrize("version", ["3.0.0", "3.0.3"])
def test_accsyn_dev_of_3_0_finds_the_relay_at_its_standard_place(
    world: World, fixed_relay: None, request: pytest.FixtureRequest, version: str
) -> None:
    environment = {**credentials(world, WORKFLOW), "ACCSYN_DEV": "1"}
    assert release(request.config, version).answer(world, "-c", FIND_ME, environment=environment) == WORKFLOW


@pytest.mark.parametrize("version", ["3.2.3", "3.3.4", "3.4.0"])
def test_a_file_of_credentials_leads_to_the_relay(
    world: World, relay: str, request: pytest.FixtureRequest, version: str
) -> None:
    path = world.folder / "credentials.txt"
    lines = {**credentials(world, WORKFLOW), "ACCSYN_PROXY": relay}
    path.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
    environment = {"ACCSYN_CREDENTIALS_PATH": str(path)}
    assert release(request.config, version).answer(world, "-c", FIND_ME, environment=environment) == WORKFLOW


def test_the_client_is_the_released_one(official: Official) -> None:
    listing = [str(official.python), "-m", "pip", "list", "--path", str(official.folder), "--format", "json"]
    done = subprocess.run([*listing, "--disable-pip-version-check"], capture_output=True, text=True, check=True)
    versions = {entry["name"].lower(): entry["version"] for entry in json.loads(done.stdout)}
    assert versions["accsyn-python-api"] == official.version
