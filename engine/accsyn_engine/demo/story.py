"""The tutorial's story, step by step: each step is something a person or a program does, and is waited for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accsyn_engine.clock import Clock
from accsyn_engine.demo import dataset
from accsyn_engine.demo.evidence import Leg, compare
from accsyn_engine.demo.places import (
    ADMIN,
    DOCUMENT,
    PACKAGE,
    PROJECT,
    RESULT,
    TASK,
    VENDOR,
    VOLUME,
    WORKFLOW,
    WORKSPACE,
    Places,
)
from accsyn_engine.demo.processes import Child, Children, program
from accsyn_plugins.client import Row, Session
from accsyn_plugins.errors import AccsynError

LOOK_S = 0.02
STEP_S = 60.0  # the longest that one step may take
COMMENT = "cleaned and exported"

Step = Callable[[str], AbstractContextManager[Any]]


class StoryStuckError(AccsynError):
    """Something that should have happened did not."""

    code = "story-stuck"
    sentence = "Waited {seconds:g} s for {what}. The logs of all programs are in {logs}."


class HookScriptMissingError(AccsynError):
    """There is no hook script to configure."""

    code = "hook-script-missing"
    status = 404
    sentence = 'There is no hook script "{script}"; run the demo from a checkout of the repository.'


@dataclass(frozen=True)
class Telling:
    """How it went: both ways of the package, the sheet's row at the end, and how often the publish's hook ran."""

    legs: tuple[Leg, ...]
    row: dict[str, str]
    hook_runs: int

    @property
    def is_true(self) -> bool:
        """Everything arrived, the tracker was told, once."""
        told = self.row.get("status") == "pending review" and self.row.get("comment") == COMMENT
        return all(leg.is_whole for leg in self.legs) and told and self.hook_runs == 1


class Story:
    """One run of the story in one folder, with its programs."""

    def __init__(self, places: Places, children: Children, clock: Clock, *, hooks: Path, shape: dataset.Shape) -> None:
        self._places = places
        self._children = children
        self._clock = clock
        self._script = hooks / "job_done.py"
        self._shape = shape
        self._environment = places.environment()
        self._keys: dict[str, str] = {}
        self._url = ""
        self._count = 0

    def tell(self, step: Step) -> Telling:
        """Tell all of it; `step` is entered with a sentence for each part."""
        if not self._script.is_file():
            raise HookScriptMissingError(script=self._script)
        with step(f"{self._shape.about_bytes / 1e6:.0f} MB of survey data, made on the spot"):
            self._places.prepare()
            dataset.make(self._places.studio / PROJECT, TASK, self._shape)
        with step("GeoScan starts its engine, with the volume production on alpha"):
            self._start_engine()
        with step(f"The task sheet is watched as {WORKFLOW}"):
            self._watch()
        with step(f"{VENDOR} is written into the assignee column: package sent"):
            job = self._assign()
        with step("Jennifer's agent receives it without anyone clicking"):
            self._start_vendor()
            seconds = self._follow(job["id"])
            sent = Leg("to the vendor", seconds, compare(self._places.studio, self._places.vendor, PACKAGE))
        with step("Her analysis program cleans the survey and exports figures"):
            document = self._analyze()
        with step("She publishes back: checked against her rights, then sent"):
            published, seconds = self._publish(document, job["id"])
            back = Leg("back to GeoScan", seconds, compare(self._places.vendor, self._places.studio, (RESULT,)))
        with step("The hook on alpha tells the tracker: pending review"):
            row = self._wait(lambda: self._row_with("pending review"), "the sheet to show pending review")
        return Telling((sent, back), row, self._hook_runs(published["id"]))

    # --- the studio ---------------------------------------------------------------------------------------------------

    def _start_engine(self) -> None:
        volume = f"{VOLUME}={self._places.studio}"
        made = self._engine("init", "--workspace", WORKSPACE, "--admin", ADMIN, "--volume", volume, "--json")
        self._keys[ADMIN] = made["api_key"]
        command = [program("accsyn-engine"), "serve", "--data", str(self._places.engine), "--port", "0"]
        environment = {**self._environment, "ACCSYN_SHEET": str(self._places.sheet)}
        served = self._children.start("engine", command, environment, self._places.top)
        self._url = served.wait_for(r"https://[\w.\[\]:-]+:\d+", seconds=STEP_S)[0]
        self._engine("user", "invite", WORKFLOW, "--role", "employee", "--json")
        command_line = f'python3 "{self._script}" ${{PATH_JSON_INPUT}}'
        self._engine("hook", "set", "job-post-done-server", command_line, "--json")

    def _watch(self) -> None:
        environment = {**self._as_user(WORKFLOW), "ACCSYN_SHEET": str(self._places.sheet)}
        command = [program("accsyn-plugins"), "watch", "--tracker", "sheet"]
        self._watcher = self._children.start("watch", command, environment, self._places.top)

    def _assign(self) -> Row:
        self._places.write_row({**self._places.row(), "assignee": VENDOR})
        self._wait(lambda: self._row_with("sent to vendor"), "the sheet to show sent to vendor", self._watcher)
        return self._last_job()

    # --- the vendor ---------------------------------------------------------------------------------------------------

    def _start_vendor(self) -> None:
        environment = {**self._as_user(VENDOR), "ACCSYN_PRODUCTION_PATH": str(self._places.vendor)}
        command = [program("accsyn-engine"), "agent", "--server", self._url, "--user", VENDOR]
        command += ["--key", self._key(VENDOR), "--ca", str(self._places.ca)]
        command += ["--data", str(self._places.top / "jennifer" / "agent")]
        self._agent = self._children.start("agent", command, environment, self._places.top)

    def _analyze(self) -> Path:
        script = str(Path(__file__).with_name("analyze.py"))
        here, result = self._places.vendor / PROJECT / TASK, self._places.vendor / RESULT
        command = [sys.executable, script, str(here), str(result), PROJECT, TASK]
        self._children.start("analyze", command, self._environment, self._places.top).finish(seconds=STEP_S)
        return result / DOCUMENT

    def _publish(self, document: Path, sent: str) -> tuple[Row, float]:
        environment = {**self._as_user(VENDOR), "ACCSYN_PRODUCTION_PATH": str(self._places.vendor)}
        command = [program("accsyn-plugins"), "publish", str(document), "--comment", COMMENT]
        publish = self._children.start("publish", command, environment, self._places.top)
        job = self._wait(lambda: self._job_after(sent), "the publish to be submitted", publish)
        seconds = self._follow(job["id"])
        publish.finish(seconds=STEP_S)
        return job, seconds

    # --- what is looked at --------------------------------------------------------------------------------------------

    def _follow(self, ident: str) -> float:
        """Wait until the job is done; gives the seconds from its start to its last file in place."""
        started = self._wait(lambda: self._moving(ident), "the transfer to start", self._agent)
        begun = self._clock.monotonic()
        job = started if started["status"] == "done" else self._wait(lambda: self._landed(ident), "the files to land")
        seconds = self._clock.monotonic() - begun
        self._wait(lambda: self._job(ident)["status"] == "done", f"the job {job['name']} to be done", self._agent)
        return seconds

    def _moving(self, ident: str) -> Row | None:
        job = self._job(ident)
        return job if job["status"] in {"running", "done"} else None

    def _landed(self, ident: str) -> Row | None:
        job = self._job(ident)
        is_complete = job["files"] > 0 and job["files_done"] == job["files"] and job["bytes"] == job["size"]
        return job if is_complete or job["status"] == "done" else None

    def _job(self, ident: str) -> Row:
        job = self._admin().find_one(f"job WHERE id={ident}")
        if job is None:
            raise StoryStuckError(f"The job {ident} is gone.")
        if job["status"] in {"failed", "aborted"}:
            raise StoryStuckError(f"The job {job['name']} is {job['status']}: {job.get('error') or 'no reason given'}")
        return job

    def _last_job(self) -> Row:
        jobs = self._admin().find("job") + self._admin().find("job", finished=True)
        return max(jobs, key=lambda job: (job["created"], job["id"]))

    def _job_after(self, ident: str) -> Row | None:
        job = self._last_job()
        return job if job["id"] != ident else None

    def _hook_runs(self, job: str) -> int:
        return len(self._engine("hook", "runs", job, "--json")["runs"])

    def _row_with(self, status: str) -> dict[str, str] | None:
        row = self._places.row()
        return row if row.get("status") == status else None

    def _wait(self, look: Callable[[], Any], what: str, child: Child | None = None) -> Any:
        deadline = self._clock.monotonic() + STEP_S
        while not (found := look()):
            if child is not None and child.process.poll() is not None:
                child.finish(seconds=0)
            if self._clock.monotonic() > deadline:
                raise StoryStuckError(seconds=STEP_S, what=what, logs=self._places.logs)
            self._clock.sleep(LOOK_S)
        return found

    # --- commands -----------------------------------------------------------------------------------------------------

    def _engine(self, *arguments: str) -> Any:
        self._count += 1
        command = [program("accsyn-engine"), *arguments, "--data", str(self._places.engine)]
        name = f"{self._count:02d} {'-'.join(word for word in arguments[:2] if not word.startswith('-'))}"
        child = self._children.start(name, command, self._environment, self._places.top)
        child.finish(seconds=STEP_S)
        return json.loads(child.output)

    def _key(self, user: str) -> str:
        if user not in self._keys:
            self._keys[user] = self._engine("user", "key", user, "--json")["api_key"]
        return self._keys[user]

    def _as_user(self, user: str) -> dict[str, str]:
        who = {"ACCSYN_API_USER": user, "ACCSYN_API_KEY": self._key(user), "ACCSYN_WORKSPACE": WORKSPACE}
        return {**self._environment, **who, "ACCSYN_SERVER": self._url, "ACCSYN_CA": str(self._places.ca)}

    def _admin(self) -> Session:
        if not hasattr(self, "_session"):
            self._session = Session(WORKSPACE, ADMIN, self._keys[ADMIN], self._url, ca=str(self._places.ca))
        return self._session
