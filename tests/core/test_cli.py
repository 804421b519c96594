"""The commands: one JSON object on stdout, JSON lines on stderr, one sentence otherwise, exit code 0 only when done."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from jsonschema import Draft202012Validator

from accsyn_hosts.trackers.sheet import file as sheet_file
from accsyn_plugins import cli
from accsyn_plugins.actions import follow
from accsyn_plugins.manifest import load_manifest
from tests.core.certificates import Certificates
from tests.core.tiny_engine import TinyEngine
from tests.core.world import VENDOR

SCHEMAS = Path(cli.__file__).parents[1] / "schemas"
ROWS = [
    ["project", "task", "dataset path", "assignee", "status", "comment", "version", "job"],
    ["proj002", "DATASET_001_1203", "DATASET_001_1203", VENDOR, "", "", "", ""],
]


def conforms(facts: Any, name: str) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(facts)
    return facts


class Desk:
    """A person at a shell with everything set."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.sheet = folder / "tasks.csv"
        self.folder = folder
        self._capsys = capsys
        self.save(ROWS)

    def save(self, rows: List[List[str]]) -> None:
        with self.sheet.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(rows)

    def load(self) -> List[Dict[str, str]]:
        with self.sheet.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    def run(self, *arguments: str) -> Tuple[int, str, str]:
        code = cli.main(list(arguments))
        out, err = self._capsys.readouterr()
        return code, out, err

    def ask(self, *arguments: str) -> Tuple[int, Any, List[Any]]:
        code, out, err = self.run(*arguments, "--json")
        lines = [json.loads(line) for line in err.splitlines()]
        for line in lines:
            conforms(line, "progress" if "event" in line else "error")
        return code, conforms(json.loads(out), arguments[0]) if out else None, lines


@pytest.fixture
def desk(
    engine: TinyEngine,
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    for name in [name for name in os.environ if name.startswith("ACCSYN_")]:
        monkeypatch.delenv(name)
    given = {
        "SERVER": engine.url,
        "WORKSPACE": "geoscan",
        "API_USER": "workflow@geoscan.org",
        "API_KEY": "KEY-W",
        "CA": str(certificates.ca),
        "SHEET": str(tmp_path / "tasks.csv"),
        "STATE": str(tmp_path / "state"),
    }
    for name, text in given.items():
        monkeypatch.setenv(f"ACCSYN_{name}", text)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(sheet_file, "SETTLE_S", 0.0)
    return Desk(tmp_path, capsys)


def test_send_answers_with_one_object_and_writes_the_sheet(desk: Desk, engine: TinyEngine) -> None:
    code, answer, lines = desk.ask("send", "DATASET_001_1203", "--tracker", "sheet")
    assert (code, answer["errors"], len(answer["outcomes"])) == (0, [], 1)
    assert answer["outcomes"][0]["made"][0] == f"user {VENDOR}"
    assert [line["stage"] for line in lines] == ["invite", "share", "access", "access", "access", "job"]
    row = desk.load()[0]
    assert (row["status"], row["job"]) == ("sent to vendor", f"proj002_DATASET_001_1203_outsource_{VENDOR}")
    assert desk.ask("send", "DATASET_001_1203", "--tracker", "sheet")[1]["outcomes"][0]["made"] == []
    assert engine.count("job") == 1


def test_a_dry_run_prints_the_plan_and_changes_nothing(desk: Desk, engine: TinyEngine) -> None:
    before = desk.sheet.read_bytes()
    code, out, err = desk.run("send", "DATASET_001_1203", "--tracker", "sheet", "--dry-run")
    assert (code, err) == (0, "")
    for words in (
        f"{VENDOR} (would be invited)",
        "proj002-outsourcing at proj002 (create)",
        "3.3 kB in 6 files",
        f"FROM_VENDORS/{VENDOR}",
        "frames.1-3#.raw",
        "TO_VENDORS",
    ):
        assert words in out
    code, answer, _ = desk.ask("send", "DATASET_001_1203", "--tracker", "sheet", "--dry-run")
    assert answer["plans"][0]["size"] == 3314
    assert answer["plans"][0]["file_count"] == 6
    assert engine.writes() == []
    assert desk.sheet.read_bytes() == before
    assert sorted(path.name for path in desk.folder.iterdir()) == ["production", "tasks.csv"]


def test_a_long_list_of_files_is_cut_with_a_count(desk: Desk, engine: TinyEngine) -> None:
    for number in range(30):
        (engine.volume / f"proj002/DATASET_001_1203/{chr(97 + number % 26) * 3}_{number}_x.dat").write_bytes(b"x" * 10)
    _, out, _ = desk.run("send", "DATASET_001_1203", "--tracker", "sheet", "--dry-run")
    assert "... and 14 more" in out
    assert "jennifer@gda.com:proj002/" in out


def test_one_bad_task_does_not_stop_the_others_and_fails_the_command(desk: Desk, engine: TinyEngine) -> None:
    code, answer, lines = desk.ask("send", "NONE", "DATASET_001_1203", "--tracker", "sheet")
    assert code == 1
    assert [error["code"] for error in answer["errors"]] == ["task-unknown"]
    assert len(answer["outcomes"]) == 1
    assert lines[0]["message"].startswith("The tracker sheet has no task NONE")


def test_people_get_one_sentence_and_no_traceback(desk: Desk) -> None:
    code, out, err = desk.run("send", "NONE", "--tracker", "sheet")
    assert (code, out, err) == (1, "", "The tracker sheet has no task NONE; check its name.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["send", "--tracker", "sheet"], 2, "Missing argument 'TASK...'"),
        (["send", "X"], 2, "Missing option '--tracker'"),
        (["dance"], 2, "No such command 'dance'"),
        (["send", "X", "--tracker", "sheet", "--server", "nowhere"], 1, "nowhere is no address of an engine"),
        (["send", "X", "--tracker", "sheet", "--config", "/no/file.toml"], 1, "The configuration file /no/file.toml"),
        (["publish", "none.analyze"], 1, "none.analyze does not exist"),
        (["install", "paint"], 1, "There is no adapter for paint"),
        (["watch", "--tracker", "none", "--once"], 1, "No adapter serves the tracker none"),
    ],
)
def test_a_mistake_gets_a_sentence_in_both_forms(desk: Desk, arguments: List[str], code: int, words: str) -> None:
    if "nowhere" in arguments:
        arguments = ["send", "DATASET_001_1203", *arguments[2:]]
    found, _, err = desk.run(*arguments)
    assert (found, words in err, "Traceback" in err) == (code, True, False)
    assert len(err.splitlines()) == 1
    found, out, err = desk.run(*arguments, "--json")
    assert (found, out, words in err) == (code, "" if arguments[0] != "send" or code == 2 else out, True)
    for line in err.splitlines():
        conforms(json.loads(line), "error")


def test_a_setting_that_is_missing_is_named_with_all_ways_to_give_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACCSYN_API_KEY")
    _, _, err = desk.run("send", "X", "--tracker", "sheet")
    assert "key is not set: give --key, or set ACCSYN_API_KEY, or write key = ... in " in err


def test_a_wrong_key_and_an_engine_that_is_down_get_sentences(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, lines = desk.ask("send", "DATASET_001_1203", "--tracker", "sheet", "--key", "wrong")
    assert (code, lines[-1]["code"]) == (1, "login-refused")
    code, _, lines = desk.ask("send", "DATASET_001_1203", "--tracker", "sheet", "--server", "https://127.0.0.1:1")
    assert (code, lines[-1]["code"]) == (1, "engine-unreachable")
    assert desk.load()[0]["status"] == ""


def test_watch_once_sends_what_is_assigned_and_writes_sentences_into_the_sheet(desk: Desk, engine: TinyEngine) -> None:
    bad = [
        ["proj999", "UNKNOWN_PROJECT", "x", VENDOR, "", "Andrea: hurry"],
        ["proj002", "NO_ADDRESS", "DATASET_001_1203", "Jennifer", "", ""],
        ["proj002", "NO_FOLDER", "NOWHERE", VENDOR, "", ""],
        ["proj002", "NOBODY", "DATASET_001_1203", "", "", ""],
        ["proj002", "EMPTY", "EMPTY", VENDOR, "", ""],
        ["proj002", "BY_HAND", "DATASET_001_1203", VENDOR, "approved", ""],
    ]
    (engine.volume / "proj002/EMPTY").mkdir()
    desk.save([ROWS[0], *[[*row, "", ""] for row in bad], ROWS[1]])
    code, answer, _ = desk.ask("watch", "--tracker", "sheet", "--once")
    assert (code, answer["looks"]) == (1, 1)
    assert [outcome["task"]["id"] for outcome in answer["sent"]] == ["DATASET_001_1203"]
    codes = {failed["task"]["id"]: failed["code"] for failed in answer["failed"]}
    assert codes == {
        "UNKNOWN_PROJECT": "source-missing",
        "NO_ADDRESS": "assignee-invalid",
        "NO_FOLDER": "source-missing",
        "EMPTY": "package-empty",
    }
    rows = {row["task"]: row for row in desk.load()}
    assert re.match(r"Andrea: hurry \| accsyn: The folder proj999/x of", rows["UNKNOWN_PROJECT"]["comment"])
    assert rows["NO_ADDRESS"]["comment"].startswith("accsyn: The assignee 'Jennifer' of the task NO_ADDRESS")
    assert rows["EMPTY"]["comment"].startswith("accsyn: The folder proj002/EMPTY of the task EMPTY holds no files")
    assert (rows["NOBODY"]["comment"], rows["BY_HAND"]["status"]) == ("", "approved")
    assert rows["DATASET_001_1203"]["status"] == "sent to vendor"


def test_watch_goes_on_until_it_is_told_to_end(desk: Desk, engine: TinyEngine) -> None:
    """A real process: the assignment is made while it watches; SIGTERM ends it with its answer."""
    desk.save([ROWS[0], [*ROWS[1][:3], "", "", "", "", ""]])
    command = [sys.executable, "-m", "accsyn_plugins.cli", "watch", "--tracker", "sheet", "--interval", "0.1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lock = desk.folder / ".~lock.tasks.csv#"
    lock.write_text("Andrea,", encoding="utf-8")
    assert json.loads(process.stderr.readline())["code"] == "sheet-open"
    desk.save(ROWS)
    lock.unlink()
    while json.loads(process.stderr.readline()).get("stage") != "job":
        pass
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert conforms(json.loads(out), "watch")["tracker"] == "sheet"
    assert engine.count("job") == 1


def test_publish_shows_progress_until_done(
    desk: Desk, engine: TinyEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    share = engine.add("share", code="proj002-outsourcing", path="proj002")
    user = engine.add("user", code=VENDOR, role="standard")
    acl = {"entity": f"user:{user['id']}", "target": f"share:{share['id']}", "path": f"FROM_VENDORS/{VENDOR}"}
    engine.add("acl", read=True, write=True, **acl)
    document = tmp_path / "work/proj002/FROM_VENDORS" / VENDOR / "a.analyze"
    document.parent.mkdir(parents=True)
    facts: Dict[str, Any] = {"project": "proj002", "task": "DATASET_001_1203", "dependencies": ["out.dat"]}
    document.write_text(json.dumps(facts), encoding="utf-8")
    monkeypatch.setattr(follow, "LOOK_EVERY_S", 0.01)
    hers = ["publish", str(document), "--user", VENDOR, "--key", "KEY-J"]
    code, _, lines = desk.ask(*hers)
    assert (code, lines[-1]["code"]) == (1, "plan-refused")
    assert lines[-1]["message"].startswith(f"{document.parent / 'out.dat'}: It does not exist")
    (document.parent / "out.dat").write_bytes(b"result")
    code, answer, _ = desk.ask(*hers, "--comment", "Cleaned", "--dry-run")
    assert (code, answer["plan"]["comment"], engine.count("job")) == (0, "Cleaned", 0)
    create = engine.do_create

    def done_at_once(kind: str, data: Any, envelope: Any) -> Any:
        rows = create(kind, data, envelope)
        rows[0].update({"status": "done", "progress": 100, "size": 6} if kind == "job" else {})
        return rows

    monkeypatch.setattr(engine, "do_create", done_at_once)
    code, out, err = desk.run(*hers, "--comment", "Cleaned")
    assert code == 0
    assert "DATASET_001_1203: 2 files are at geoscan:share=proj002-outsourcing" in out
    assert "done" in err
    code, answer, _ = desk.ask(*hers, "--comment", "Cleaned")
    assert (answer["outcome"]["made"], answer["outcome"]["job"]["status"]) == ([], "done")


def test_a_refused_plan_is_shown_with_its_refusals(desk: Desk, engine: TinyEngine, tmp_path: Path) -> None:
    engine.add("share", code="proj002-outsourcing", path="proj002")
    document = tmp_path / "work/proj002/a.analyze"
    document.parent.mkdir(parents=True)
    document.write_text(json.dumps({"project": "proj002", "task": "T", "inputs": ["x"]}), encoding="utf-8")
    code, out, _ = desk.run("publish", str(document), "--user", VENDOR, "--key", "KEY-J", "--dry-run")
    assert code == 0
    assert "Refused proj002/a.analyze: It is outside the granted folder" in out
    assert "1 inputs" in out


def test_hosts_lists_every_adapter_with_where_it_was_found(desk: Desk) -> None:
    code, answer, _ = desk.ask("hosts")
    rows = {row["name"]: row for row in answer["hosts"]}
    assert code == 0
    assert {entry.name for entry in load_manifest().hosts} <= set(rows)
    assert rows["sheet"] == {
        "name": "sheet",
        "kind": "tracker",
        "usable": True,
        "found": "built in (accsyn_hosts.trackers.sheet)",
        "reason": "",
    }
    assert "generic" in desk.run("hosts")[1]


@pytest.mark.parametrize(("host", "name"), [("sheet", "tasks.csv"), ("generic", "accsyn_publish.py")])
def test_install_puts_the_start_up_file_in_place_and_never_over_another(
    desk: Desk, tmp_path: Path, host: str, name: str
) -> None:
    place = tmp_path / "in" / "here"
    code, answer, _ = desk.ask("install", host, "--dest", str(place))
    assert (code, answer["files"]) == (0, [str(place / name)])
    assert desk.run("install", host, "--dest", str(place))[0] == 0
    (place / name).write_text("mine", encoding="utf-8")
    code, _, err = desk.run("install", host, "--dest", str(place))
    assert (code, "exists and is another file" in err) == (1, True)
    assert (place / name).read_text(encoding="utf-8") == "mine"
    code, _, err = desk.run("install", host, "--dest", str(place / name))
    assert (code, "cannot be written" in err) == (1, True)


def test_the_installed_button_publishes_the_file_given_to_it(desk: Desk, tmp_path: Path) -> None:
    desk.run("install", "generic", "--dest", str(tmp_path))
    command = [sys.executable, str(tmp_path / "accsyn_publish.py"), "none.analyze"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "none.analyze does not exist" in done.stderr) == (1, True)


@pytest.mark.parametrize("command", [[], ["send"], ["publish"], ["watch"], ["hosts"], ["install"]])
def test_every_command_has_help(desk: Desk, command: List[str]) -> None:
    code, out, _ = desk.run(*command, "--help")
    assert (code, out.startswith("Usage: accsyn-plugins")) == (0, True)
