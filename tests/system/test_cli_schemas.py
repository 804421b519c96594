"""What the programs really print and hand to hooks in the course of a story, held to the published JSON schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from accsyn_engine.demo.processes import program
from tests.system.conftest import fill
from tests.system.world import DATASET, ROOT, VENDOR, WORK, WORKFLOW, Said, World, write_file

ENGINE, PLUGINS = ROOT / "engine" / "accsyn_engine" / "schemas", ROOT / "accsyn_plugins" / "schemas"
HOOK = "job-post-done-server"


def check(folder: Path, name: str, answer: Any) -> None:
    documents = {path.name: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}
    registry: Registry[Any] = Registry().with_resources(
        (document.get("$id", key), Resource.from_contents(document)) for key, document in documents.items()
    )
    jsonschema.Draft202012Validator(documents[f"{name}.json"], registry=registry).validate(answer)


@pytest.fixture(scope="module")
def world(new_world: Callable[..., World], tmp_path_factory: pytest.TempPathFactory) -> World:
    sheet = tmp_path_factory.mktemp("s") / "tasks.csv"
    sheet.write_text(
        f"project,task,dataset path,assignee,status,comment,version\nproj002,{DATASET},{DATASET},{VENDOR},,,\n"
    )
    made = new_world(ACCSYN_SHEET=str(sheet))
    fill(made)
    check(ENGINE, "init", made.init())
    made.serve()
    made.invite(WORKFLOW, "employee")
    return made


@pytest.fixture(scope="module")
def kept(world: World) -> Path:
    """A hook that keeps its input, then does what the studio's hook does."""
    keeper = world.folder / "keep.py"
    keeper.write_text(
        "import pathlib, runpy, shutil, sys\n"
        "n = len(list(pathlib.Path(sys.argv[1]).iterdir()))\n"
        "shutil.copy(sys.argv[3], pathlib.Path(sys.argv[1]) / f'{n}.json')\n"
        "sys.argv = sys.argv[2:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    folder = world.folder / "kept"
    folder.mkdir()
    script = ROOT / "hooks" / "job_done.py"
    said = world.engine("hook", "set", HOOK, f'python3 "{keeper}" "{folder}" "{script}" ${{PATH_JSON_INPUT}}', "--json")
    check(ENGINE, "hook-set", said.json)
    return folder


@pytest.fixture(scope="module")
def sent(world: World, kept: Path) -> Said:
    said = world.plugins("send", DATASET, "--tracker", "sheet", "--json", user=WORKFLOW)
    world.agent(VENDOR)
    (job,) = [row for row in world.session().find("job") if row["status"] != "done"] or world.session().find(
        "job", finished=True
    )
    world.finished(job["id"])
    return said


@pytest.fixture(scope="module")
def published(world: World, sent: Said) -> Said:
    top = world.vendor_volume / WORK
    write_file(top / "cleaned_set.dat", 50_000)
    document = top / f"proj002_{DATASET}.analyze"
    content = {"project": "proj002", "task": DATASET, "dependencies": ["cleaned_set.dat"]}
    document.write_text(json.dumps(content))
    extra = {"ACCSYN_PRODUCTION_PATH": str(world.vendor_volume)}
    return world.plugins("publish", str(document), "--comment", "here", "--json", user=VENDOR, extra=extra)


def test_a_dry_run_prints_the_plan_and_changes_nothing(world: World) -> None:
    # Runs first: the package has not been sent yet.
    before = entities(world)
    said = world.plugins("send", DATASET, "--tracker", "sheet", "--dry-run", "--json", user=WORKFLOW)
    check(PLUGINS, "send", said.json)
    (plan,) = said.json["plans"]
    assert plan["file_count"] == 23
    assert said.json["outcomes"] == []
    assert entities(world) == before


def entities(world: World) -> set[str]:
    """The ids of everything that a send may make."""
    session = world.session()
    rows = [*session.find("job"), *session.find("job", finished=True)]
    for word in ("user", "share", "acl"):
        rows += session.find(word)
    return {row["id"] for row in rows}


def test_sending_prints_what_was_done_and_progress_as_json_lines(sent: Said) -> None:
    check(PLUGINS, "send", sent.json)
    lines = [json.loads(line) for line in sent.err.splitlines()]
    assert lines
    for line in lines:
        check(PLUGINS, "progress", line)


def test_publishing_prints_what_was_done_and_progress_as_json_lines(published: Said) -> None:
    check(PLUGINS, "publish", published.json)
    for line in published.err.splitlines():
        check(PLUGINS, "progress", json.loads(line))


def test_sending_again_makes_nothing_new(world: World, sent: Said) -> None:
    before = entities(world)
    said = world.plugins("send", DATASET, "--tracker", "sheet", "--json", user=WORKFLOW)
    check(PLUGINS, "send", said.json)
    assert entities(world) == before


def test_the_hooks_input_keeps_to_its_schema(published: Said, kept: Path) -> None:
    inputs = sorted(kept.glob("*.json"))
    assert len(inputs) == 2  # of the package and of the publish
    for path in inputs:
        check(ENGINE, "hook-input", json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("hook-runs", ["hook", "runs"]),
        ("job-list", ["job", "list", "--finished"]),
        ("user-list", ["user", "list"]),
        ("share-list", ["share", "list"]),
        ("acl-list", ["acl", "list"]),
        ("acl-why", ["acl", "why", VENDOR, f"share=proj002-outsourcing/{DATASET}"]),
        ("user-key", ["user", "key", VENDOR]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_engines_answers_keep_to_their_schemas(
    world: World, published: Said, schema: str, words: list[str]
) -> None:
    check(ENGINE, schema, world.engine(*words, "--json").json)


def test_the_list_of_hosts_keeps_to_its_schema(world: World) -> None:
    check(PLUGINS, "hosts", world.plugins("hosts", "--json", user=WORKFLOW).json)


def test_a_program_that_serves_prints_one_object_first(world: World, sent: Said) -> None:
    trust = ["--server", world.url, "--ca", str(world.data / "ca.pem")]
    relay = [program("accsyn-engine"), "relay", *trust, "--listen", "127.0.0.1:0", "--json"]
    child = world.children.start("relay", relay, world.environment, world.folder)
    child.wait_for(r"\n", seconds=20)
    check(ENGINE, "relay", json.loads(child.output.splitlines()[0]))
    assert child.stop() == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("accsyn-engine", ["job", "show", "no such job"]),
        ("accsyn-engine", ["acl", "revoke", "nobody@x.org", "proj002-outsourcing"]),
        ("accsyn-engine", ["user", "list", "--no-such-option"]),
        ("accsyn-plugins", ["send", "NO_SUCH_TASK", "--tracker", "sheet"]),
        ("accsyn-plugins", ["send", DATASET, "--tracker", "no such tracker"]),
        ("accsyn-plugins", ["publish", "/no/such.analyze"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_an_error_is_one_object_with_a_code_and_a_sentence(world: World, name: str, words: list[str]) -> None:
    if name == "accsyn-engine":
        said, folder = world.engine(*words, "--json", check=False), ENGINE
    else:
        said, folder = world.plugins(*words, "--json", user=WORKFLOW, check=False), PLUGINS
    assert said.code != 0
    check(folder, "error", said.error)
