"""The commands of the contract: over HTTPS, over the control socket, and with no server running; all answers to schema."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.cli.engines import ADMIN, BARE, VENDOR, WORKFLOW, Running, Said, check, init, run, serving


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("engine")
    with serving(folder / "e", init(folder), "--no-agent") as running:
        yield running


@pytest.fixture(scope="module", params=["https", "control socket", "in process"])
def say(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Said]]:
    """Run a command on a new engine, through one of the doors."""
    folder = tmp_path_factory.mktemp("door")
    key, data = init(folder), folder / "e"
    if request.param == "in process":
        yield lambda *words: run(*words, "--data", str(data))
        return
    with serving(data, key, "--no-agent") as running:
        if request.param == "https":
            yield running.cli
        else:
            yield lambda *words: run(*words, "--data", str(data))


def test_a_studios_first_hour_through_each_door(say: Callable[..., Said]) -> None:
    def done(schema: str, *words: str) -> Any:
        answer = say(*words, "--json").json
        check(schema, answer)
        return answer

    assert done("user-invite", "user", "invite", VENDOR)["user"]["role"] == "standard"
    assert done("user-invite", "user", "invite", WORKFLOW, "--role", "employee")["user"]["role"] == "employee"
    assert {user["code"] for user in done("user-list", "user", "list")["users"]} == {ADMIN, VENDOR, WORKFLOW}
    assert done("user-disable", "user", "disable", VENDOR)["user"]["status"] == "disabled"
    assert done("user-enable", "user", "enable", VENDOR)["user"]["status"] == "enabled"
    assert len(done("user-key", "user", "key", VENDOR)["api_key"]) >= 32

    made = done("share-create", "share", "create", "p2", "--parent", "production", "--path", "proj002")["share"]
    assert (made["type"], made["path"]) == ("folder", "proj002")
    assert {share["code"] for share in done("share-list", "share", "list", "--type", "volume")["shares"]} == {
        "production"
    }

    grant = done("acl-grant", "acl", "grant", VENDOR, "p2", "DATASET_001")["acl"]
    assert (grant["read"], grant["write"]) == (True, False)
    assert done("acl-list", "acl", "list", "--for", VENDOR, "--share", "p2")["acls"][0]["id"] == grant["id"]
    why = done("acl-why", "acl", "why", VENDOR, "share=p2/DATASET_001/source")
    assert (why["read"], why["write"]) == (True, False)
    assert why["reasons"]
    assert done("acl-revoke", "acl", "revoke", VENDOR, "p2", "dataset_001")["revoked"] == grant["id"]
    assert done("acl-why", "acl", "why", VENDOR, "share=p2/DATASET_001")["read"] is False

    assert done("job-list", "job", "list")["jobs"] == []
    rows = ("--schedule", "mon-fri 08:00-18:00 5", "--schedule", "sat,sun 00:00-24:00 5")
    capped = done("limit-set", "limit", "set", "user", VENDOR, "--speed", "5", *rows)["limit"]
    assert (capped["name"], capped["bytes_per_s"], capped["schedule"].count(";")) == (VENDOR, 5_000_000, 1)
    zone = done("limit-set", "limit", "set", "workspace", "--timezone", "Europe/Stockholm")["limit"]
    assert zone["timezone"] == "Europe/Stockholm"
    assert [row["scope"] for row in done("limit-list", "limit", "list")["limits"]] == ["user"]
    assert done("limit-clear", "limit", "clear", "user", VENDOR)["limit"]["speed"] is None
    assert done("compare", "compare", "workspace")["compare"]["by"] is None
    assert done("compare", "compare", "queue", "medium", "--by", "content")["compare"]["by"] == "content"
    assert done("compare", "compare", "queue", "medium")["compare"]["by"] == "content"
    assert done("path", "path", VENDOR, "--last")["paths"] == []
    hook = done("hook-set", "hook", "set", "job-post-done-server", "python3 done.py ${PATH_JSON_INPUT}")
    assert hook["command"] == "python3 done.py ${PATH_JSON_INPUT}"
    assert done("hook-runs", "hook", "runs")["runs"] == []
    assert done("hook-clear", "hook", "clear", "job-post-done-server")["command"] is None
    assert done("share-delete", "share", "delete", "p2")["deleted"] == made["id"]


def test_people_get_tables_and_sentences(engine: Running) -> None:
    assert engine.cli("user", "list").out.splitlines()[0].split() == ["code", "name", "role", "status"]
    assert engine.cli("job", "list").out == "There are no such jobs.\n"
    assert engine.cli("limit", "list").out == "Nothing is capped.\n"
    said = engine.cli("limit", "set", "workspace", "--speed", "12", "--schedule", "daily 00:00-24:00 unlimited").out
    assert said.startswith("workspace geoscan: unlimited now (")
    listed = engine.cli("limit", "list").out.splitlines()
    assert listed[0].split() == ["of", "name", "speed", "schedule", "now", "transfers"]
    assert engine.cli("limit", "clear", "workspace").out == "workspace geoscan: unlimited now\n"
    assert engine.cli("compare", "workspace", "--by", "time").out == "workspace: by size and time of change\n"
    assert engine.cli("compare", "queue", "low").out == "queue low: as the workspace says\n"
    assert engine.cli("path", ADMIN, "--last").out == "Nothing has been sent there yet; measure it.\n"
    key = engine.cli("user", "key", ADMIN).out
    assert len(key.strip()) >= 32


def test_a_new_key_works_and_is_shown_once(engine: Running) -> None:
    engine.cli("user", "invite", WORKFLOW, "--role", "employee")
    key = engine.cli("user", "key", WORKFLOW, "--json").json["api_key"]
    rows = engine.cli("user", "list", "--json", user=WORKFLOW, key=key).json["users"]
    assert WORKFLOW in {row["code"] for row in rows}


def test_a_key_may_stand_in_a_file(engine: Running, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(engine.key + "\n")
    assert engine.cli("user", "list", key=f"@{tmp_path / 'key'}").code == 0


def test_the_environment_names_the_engine(engine: Running) -> None:
    env = {"ACCSYN_SERVER": engine.url, "ACCSYN_CA": engine.ca, "ACCSYN_API_USER": ADMIN, "ACCSYN_API_KEY": engine.key}
    assert run("user", "list", "--json", env=env).json["users"]
    assert run("user", "list", "--json", env={**env, "ACCSYN_WORKSPACE": "acme"}).error["code"] == "wrong-workspace"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("user", "invite", "no address"), None),
        (("user", "invite", ADMIN), "exists"),
        (("user", "disable", "nobody@x.org"), "not-found"),
        (("user", "key", "nobody@x.org"), "not-found"),
        (("share", "create", "x", "--parent", "nowhere"), None),
        (("acl", "grant", ADMIN, "nowhere"), "not-found"),
        (("acl", "revoke", "0" * 24), "not-found"),
        (("job", "show", "nothing"), "not-found"),
        (("job", "pause", "nothing"), "not-found"),
        (("hook", "set", "no-such-hook-server", "true"), None),
        (("limit", "set", "user", ADMIN, "--speed", "fast"), "bad-speed"),
        (("limit", "set", "user", ADMIN, "--schedule", "office hours 5"), "bad-schedule"),
        (("limit", "set", "workspace", "--timezone", "Mars/Olympus"), "bad-timezone"),
        (("limit", "set", "agent", "nobody", "--speed", "5"), "not-found"),
        (("limit", "clear", "job", "nothing"), "not-found"),
        (("compare", "job", "nothing", "--by", "content"), "not-found"),
        (("path", "nobody@x.org"), "not-found"),
        (("path", ADMIN), "path-not-measured"),
    ],
)
def test_bad_input_gets_a_sentence_with_a_code(engine: Running, words: tuple[str, ...], code: str | None) -> None:
    error = engine.cli(*words, "--json").error
    assert code in (None, error["code"]), error
    plain = engine.cli(*words)
    assert plain.err == error["message"] + "\n"
    assert plain.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ("limit", "set", "user", "--speed", "5"),
        ("limit", "set", "user", ADMIN),
        ("limit", "set", "user", ADMIN, "--timezone", "UTC"),
        ("limit", "set", "planet", "--speed", "5"),
        ("compare", "queue"),
        ("compare", "job", "any", "--by", "checksum"),
        ("path", ADMIN, "--seconds", "0"),
    ],
)
def test_a_command_that_says_too_little_gets_exit_code_2(engine: Running, words: tuple[str, ...]) -> None:
    said = engine.cli(*words, "--json")
    assert (said.code, said.error["code"]) == (2, "usage")


def test_a_wrong_key_gets_a_sentence(engine: Running) -> None:
    assert engine.cli("user", "list", "--json", key="wrong").error["code"] == "wrong-credentials"


def test_an_engine_that_is_down_gets_a_sentence(engine: Running) -> None:
    said = run(
        "user", "list", "--server", "https://127.0.0.1:9", "--ca", engine.ca, "--user", ADMIN, "--key", "k", "--json"
    )
    assert said.error["code"] == "engine-unreachable"


def test_a_certificate_of_somebody_else_is_refused(engine: Running) -> None:
    said = run("user", "list", "--server", engine.url, "--user", ADMIN, "--key", engine.key, "--json")
    assert said.error["code"] == "certificate-untrusted"


def test_no_engine_named_gets_a_sentence(tmp_path: Path) -> None:
    assert run("user", "list", "--json").error["code"] == "no-engine-named"
    assert run("user", "list", "--data", str(tmp_path), "--json").error["code"] == "no-engine-here"


@pytest.mark.parametrize("words", [("fly",), ("user", "invite"), ("user", "list", "--colour"), ("serve",)])
def test_a_wrong_command_line_gets_a_sentence_and_exit_code_2(words: tuple[str, ...]) -> None:
    said = run(*words, "--json")
    assert said.code == 2
    assert said.error["code"] == "usage"
    assert run(*words).err.count("\n") == 1


def commands() -> list[tuple[str, ...]]:
    from accsyn_engine.cli.main import program

    found: list[tuple[str, ...]] = [()]
    for name, command in program.commands.items():
        found.append((name,))
        found += [(name, verb) for verb in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_and_json(words: tuple[str, ...]) -> None:
    from accsyn_engine.cli.main import program

    context = program.make_context("accsyn-engine", [], resilient_parsing=True)
    command: Any = program
    for word in words:
        command = command.commands[word]
    assert command.help
    if not hasattr(command, "commands"):
        assert "--json" in {option for parameter in command.params for option in parameter.opts}
        assert "--json" in command.get_help(context)


def test_help_loads_neither_server_nor_database() -> None:
    code = (
        "import sys; from accsyn_engine.cli import main; main(['--help']);"
        "print([m for m in ('starlette', 'sqlalchemy', 'requests', 'cryptography', 'rich', 'lark') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=BARE, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_answer_of_the_engine_has_a_schema() -> None:
    from tests.engine.cli.engines import SCHEMAS

    names = {file.stem for file in SCHEMAS.glob("*.json")}
    verbs = {"-".join(words) for words in commands() if words and words not in GROUPS}
    assert verbs <= names, verbs - names
    for file in SCHEMAS.glob("*.json"):
        document = json.loads(file.read_text(encoding="utf-8"))
        assert document["$id"] == file.name
        assert document["title"]
        for example in document.get("examples", ()):
            check(file.stem, example)


GROUPS = {("user",), ("share",), ("acl",), ("job",), ("hook",), ("limit",)}


@pytest.fixture(scope="module")
def job(engine: Running) -> dict[str, Any]:
    """A job that waits for a vendor without a client."""
    engine.cli("user", "invite", VENDOR)
    task = {"source": "volume=production/proj002/DATASET_001", "destination": f"{VENDOR}:proj002/DATASET_001"}
    answer = engine.event("POST", "job/create", data={"code": "pkg out", "tasks": {"0": task}})
    assert "message" not in answer, answer
    made: dict[str, Any] = answer["result"][0]
    return made


def test_a_job_is_shown_paused_resumed_and_aborted(engine: Running, job: dict[str, Any]) -> None:
    shown = engine.cli("job", "show", "pkg out", "--json").json
    check("job-show", shown)
    assert (shown["job"]["id"], [task["uri"] for task in shown["tasks"]]) == (job["id"], ["0"])
    listed = engine.cli("job", "list", "--json").json
    check("job-list", listed)
    assert [row["id"] for row in listed["jobs"]] == [job["id"]]
    for verb, status in (("pause", "paused"), ("resume", "waiting"), ("abort", "aborted"), ("retry", "waiting")):
        changed = engine.cli("job", verb, job["id"], "--json").json
        check(f"job-{verb}", changed)
        assert changed["job"]["status"] == status
    assert "pkg out" in engine.cli("job", "show", job["id"]).out


def test_tasks_are_added_in_every_generations_shape(engine: Running, job: dict[str, Any]) -> None:
    def task(name: str) -> dict[str, str]:
        return {"source": f"volume=production/proj002/{name}", "destination": f"{VENDOR}:proj002/{name}"}

    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("v1.0", "job/task/create", {"data": [task("a")], "query": job["id"]}),
        ("v1.0", "job/task/create", {"data": {"tasks": [task("b")], "allow_duplicates": True}, "query": job["id"]}),
        ("v3", "task/create", {"data": {"tasks": {"mine": task("c")}}, "id": job["id"]}),
        ("v3", "task/create", {"data": task("d"), "id": job["id"]}),
    ]
    for family, uri, fields in calls:
        answer = engine.event("POST", uri, family=family, **fields)
        assert len(answer["result"]) == 1, answer
    found = engine.event("GET", "job/task/find", family="v1.0", query=f"job.id={job['id']}")["result"]
    assert "mine" in {row["uri"] for row in found}
    assert len(found) == 5
    held = engine.event("PUT", "task/edit", id=job["id"], data=[{"uri": "mine", "status": "excluded"}])["result"]
    assert held[0]["status"] == "excluded"


def test_a_finished_job_is_found_by_find_one_only_and_archived_after_a_delete(
    engine: Running, job: dict[str, Any]
) -> None:
    def find(**data: Any) -> list[str]:
        rows = engine.event("GET", "job/find", query=f"id={job['id']}", data=data)["result"]
        return [row["id"] for row in rows]

    engine.event("PUT", "job/edit", id=job["id"], data={"status": "aborted"})
    assert find() == []
    assert find(single_entity_query=True) == find(finished=True) == [job["id"]]
    assert engine.event("DELETE", "job/delete", id=job["id"], data=None)["result"] is True
    assert find(finished=True) == []
    assert find(archived=True) == [job["id"]]
