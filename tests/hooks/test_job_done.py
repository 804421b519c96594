"""The hook script, run by path as the engine runs it, with a real sheet."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, List

import pytest

from accsyn_hosts.trackers.sheet.errors import SheetOpenError
from accsyn_plugins.manager import build_manager
from accsyn_plugins.testing import make_settings

SCRIPT = Path(__file__).resolve().parents[2] / "hooks/job_done.py"
VENDOR = "jennifer@gda.com"
TITLES = ["project", "task", "dataset path", "assignee", "status", "comment", "version", "job"]
KEY = "a" * 24


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("accsyn_hook_job_done", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Studio:
    """A studio's server: a sheet, a folder of landed files, and the job's data."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sheet = folder, folder / "tasks.csv"
        self.save([["proj002", "DATASET_001_1203", "DATASET_001_1203", VENDOR, "sent to vendor", "", "", "job"]])
        self.link: Dict[str, str] = {
            "action": "publish",
            "tracker": "",
            "task": "DATASET_001_1203",
            "project": "proj002",
            "key": "k",
            "comment": "Cleaned",
            "status": "",
            "version": "",
        }
        self.user = VENDOR
        self.place = folder / "production/proj002/FROM_VENDORS" / VENDOR

    def save(self, rows: List[List[str]]) -> None:
        with self.sheet.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([TITLES, *rows])

    @property
    def row(self) -> Dict[str, str]:
        with self.sheet.open(newline="", encoding="utf-8") as stream:
            return next(iter(csv.DictReader(stream)))

    def data(self) -> Dict[str, Any]:
        tasks = {}
        for number, name in enumerate(["a.analyze", "cleaned_set.dat", "output/a_exported.dat"]):
            theirs = rf"E:\WORK\proj002\FROM_VENDORS\{VENDOR}" + "\\" + name.replace("/", "\\")
            ours = {"path": f"FROM_VENDORS/{VENDOR}/{name}", "path_abs": str(self.place / name)}
            tasks[str(number)] = {"status": "done", "source": {"path_abs": theirs}, "destination": ours}
        return {
            "hook": "post-done-server",
            "id": "1" * 24,
            "name": "n",
            "status": "done",
            "user_hr": self.user,
            "source_hr": f"user:{self.user}",
            "metadata": {"internal": {}, "external": {"accsyn_plugins": self.link}},
            "tasks": tasks,
        }

    def run(self, key: str = KEY, **environment: str) -> subprocess.CompletedProcess[str]:
        path = self.folder / "job.json"
        path.write_text(json.dumps(self.data()), encoding="utf-8")
        passed = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "ACCSYN_SHEET": str(self.sheet)}
        passed.update({"ACCSYN_HOOK_KEY": key, **environment})
        command = [sys.executable, str(SCRIPT), str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=passed)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def test_the_tracker_is_told_status_comment_version_and_path(studio: Studio) -> None:
    done = studio.run()
    assert (done.returncode, done.stderr) == (0, "")
    row = studio.row
    assert (row["status"], row["comment"], row["version"]) == ("pending review", "Cleaned", "v001")
    assert row["path"] == str(studio.place / "output/a_exported.dat")
    assert row["job"] == "job"
    assert "The tracker says: DATASET_001_1203 of proj002 is pending review." in done.stdout


def test_run_again_with_the_same_key_nothing_is_written_twice(studio: Studio) -> None:
    studio.run()
    before = studio.sheet.read_bytes()
    again = studio.run()
    assert (again.returncode, studio.sheet.read_bytes()) == (0, before)
    assert "knew of DATASET_001_1203" in again.stdout
    studio.run(key="b" * 24)
    assert studio.row["version"] == "v002"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("in progress", "in progress"),
        ("On Hold", "On Hold"),
        ("approved", "pending review"),
        ("=1+1", "pending review"),
    ],
)
def test_only_a_status_that_the_studio_allows_is_taken_over(studio: Studio, asked: str, told: str) -> None:
    studio.link["status"] = asked
    studio.run()
    assert studio.row["status"] == told


def test_a_version_that_the_document_names_is_taken_over(studio: Studio) -> None:
    studio.link["version"] = "v042"
    studio.run()
    assert studio.row["version"] == "v042"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda studio: setattr(studio, "user", "omar@gda.com"), "is not assigned to omar@gda.com; nothing is told"),
        (lambda studio: studio.link.update(task="OTHER"), "has no task proj002/OTHER; nothing is told"),
        (lambda studio: studio.link.update(tracker="shotgrid"), "The tracker shotgrid has no task"),
        (lambda studio: studio.link.update(action="send"), "This job is no publish; nothing is told"),
        (lambda studio: studio.link.clear(), "This job is no publish; nothing is told"),
    ],
)
def test_a_job_that_is_no_publish_of_that_persons_task_changes_nothing(studio: Studio, change: Any, words: str) -> None:
    change(studio)
    before = studio.sheet.read_bytes()
    done = studio.run()
    assert (done.returncode, words in done.stdout) == (0, True)
    assert studio.sheet.read_bytes() == before


def test_a_tracker_that_the_studio_names_goes_before_the_vendors_word(studio: Studio) -> None:
    studio.link["tracker"] = "shotgrid"
    studio.run(ACCSYN_TRACKER="sheet")
    assert studio.row["status"] == "pending review"


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"])
def test_data_that_cannot_be_read_fail_with_a_sentence(studio: Studio, content: Any) -> None:
    path = studio.folder / "other.json"
    if content is not None:
        path.write_bytes(content)
    done = subprocess.run([sys.executable, str(SCRIPT), str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert str(path) in done.stderr


def test_without_its_argument_it_says_how_to_call_it() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (done.returncode, "job_done.py ${PATH_JSON_INPUT}" in done.stderr) == (2, True)


def test_a_sheet_that_is_missing_fails_with_its_sentence(studio: Studio) -> None:
    studio.sheet.unlink()
    done = studio.run()
    assert done.returncode == 1
    assert done.stderr.startswith(f"The task sheet {studio.sheet} cannot be opened")


def test_absolute_paths_are_rewritten_only_where_the_studio_wants_it(studio: Studio) -> None:
    (studio.place / "output").mkdir(parents=True)
    document = studio.place / "a.analyze"
    theirs = rf"E:\WORK\proj002\FROM_VENDORS\{VENDOR}\cleaned_set.dat"
    document.write_text(json.dumps({"dependencies": [theirs]}), encoding="utf-8")
    (studio.place / "cleaned_set.dat").write_bytes(b"x")
    studio.run()
    assert json.loads(document.read_text(encoding="utf-8"))["dependencies"] == [theirs]
    assert studio.run(ACCSYN_REMAP="true").returncode == 0
    assert json.loads(document.read_text(encoding="utf-8"))["dependencies"] == [str(studio.place / "cleaned_set.dat")]
    document.write_bytes(b"{")
    assert "stay as they are" in studio.run(ACCSYN_REMAP="true").stdout


def test_an_open_sheet_is_waited_for_and_then_given_up(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    script = load_script()
    lock = studio.folder / ".~lock.tasks.csv#"
    settings, manager = make_settings({"sheet": str(studio.sheet)}), build_manager(entry_points=False)
    publish = script.read_publish(studio.data())
    task = script.find_task(publish, manager, settings)
    lock.write_text("Andrea,", encoding="utf-8")
    waits: List[float] = []

    class Clock:
        def monotonic(self) -> float:
            return float(len(waits))

        def sleep(self, seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                lock.unlink()

    monkeypatch.setattr(script, "SystemClock", Clock)
    assert script.tell_tracker(task, publish, manager, settings) is True
    assert len(waits) == 3
    lock.write_text("Andrea,", encoding="utf-8")
    monkeypatch.setattr(script, "PATIENCE_S", 0.0)
    with pytest.raises(SheetOpenError):
        script.tell_tracker(task, publish, manager, settings)


def test_the_path_told_is_the_export_else_the_folder_of_all(studio: Studio) -> None:
    script = load_script()
    data = studio.data()
    for task in data["tasks"].values():
        task["destination"]["path_abs"] = task["destination"]["path_abs"].replace("_exported", "")
    assert script.choose_path(script.read_publish(data)) == str(studio.place)
    data["tasks"]["0"]["status"] = "excluded"
    assert len(list(script.landed(data))) == 2
    assert script.choose_path(script.read_publish({**data, "tasks": {}})) == ""
