"""A small world of real processes for the system tests: one studio with its engine, any number of vendors with agents.

Everything lies in one folder, listens on ports the kernel gave, and is gone when the world is closed: its processes are
found by a mark in their environment, so even those that outlive their parent on purpose.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from accsyn_engine.clock import SystemClock
from accsyn_engine.demo.processes import Child, Children, program
from accsyn_plugins.client import Session

ROOT = Path(__file__).resolve().parents[2]
MARK = "ACCSYN_TEST_WORLD"
ADMIN, WORKFLOW, VENDOR = "andrea@geoscan.org", "workflow@geoscan.org", "jennifer@gda.com"
DATASET = "DATASET_001_1203"
SENT, WORK = f"proj002/{DATASET}", f"proj002/FROM_VENDORS/{VENDOR}"
FINISHED = frozenset({"done", "failed", "aborted"})
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "COVERAGE_PROCESS_START")

Row = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Row:
        """The last JSON object on standard error, `{code, message}`."""
        return dict(json.loads(self.err.strip().splitlines()[-1]))


@dataclass
class World:
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    clock: SystemClock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        self.mark = secrets.token_hex(8)
        self.data, self.volume = self.folder / "e", self.folder / "production"
        self.vendor_volume = self.folder / "vendor volume"
        self.children = Children(self.folder / "logs", self.clock)
        self.url, self.admin_key = "", ""
        self.keys: dict[str, str] = {}
        self._sessions: dict[str, Session] = {}
        for path in (self.volume, self.vendor_volume, self.folder / "home"):
            path.mkdir(parents=True, exist_ok=True)
        base = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.environment = {**base, "HOME": str(self.folder / "home"), MARK: self.mark, **self.environment}

    # --- commands -----------------------------------------------------------------------------------------------------

    def run(
        self,
        name: str,
        *arguments: str,
        extra: Mapping[str, str] | None = None,
        check: bool = True,
        seconds: float = 60,
    ) -> Said:
        """Run `accsyn-engine` or `accsyn-plugins` to its end."""
        done = subprocess.run(
            [program(name), *arguments],
            cwd=self.folder,
            env={**self.environment, **(extra or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        said = Said(done.returncode, done.stdout, done.stderr)
        assert not check or said.code == 0, f"{name} {' '.join(arguments)}\n{said.out}\n{said.err}"
        assert "Traceback" not in said.err, said.err
        return said

    def engine(self, *arguments: str, **options: Any) -> Said:
        """Run `accsyn-engine ... --data DIR`, as the studio's administrator on the engine's machine."""
        return self.run("accsyn-engine", *arguments, "--data", str(self.data), **options)

    def plugins(self, *arguments: str, user: str, **options: Any) -> Said:
        """Run `accsyn-plugins ...` as `user`."""
        extra = {**self.as_user(user), **options.pop("extra", {})}
        return self.run("accsyn-plugins", *arguments, extra=extra, **options)

    def as_user(self, user: str) -> dict[str, str]:
        """The environment by which our programs and the official clients know who is calling."""
        return {
            "ACCSYN_SERVER": self.url,
            "ACCSYN_CA": str(self.data / "ca.pem"),
            "ACCSYN_WORKSPACE": "geoscan",
            "ACCSYN_API_USER": user,
            "ACCSYN_API_KEY": self.key(user),
        }

    # --- the studio ---------------------------------------------------------------------------------------------------

    def init(self, *more: str) -> Row:
        volume = f"production={self.volume}"
        said = self.engine(
            *("init", "--workspace", "geoscan", "--admin", ADMIN, "--volume", volume, "--json"),
            *("--url", "https://127.0.0.1:8443", *more),
        )
        self.admin_key = said.json["api_key"]
        self.keys[ADMIN] = self.admin_key
        return dict(said.json)

    def serve(self, *more: str) -> Child:
        """Start the engine; the second time on the same port, as somebody would who starts it again after a crash."""
        port = self.url.rpartition(":")[2] or "0"
        command = [program("accsyn-engine"), "serve", "--data", str(self.data), "--port", port, *more]
        if "--ports" not in more:
            command += ["--ports", self.ports]
        child = self.children.start("serve", command, self.environment, self.folder)
        found = child.wait_for(r"(https://[\w.\[\]:-]+:\d+)", seconds=30)
        self.url = found[1]
        return child

    @property
    def ports(self) -> str:
        """A range of transfer ports that no other world of this run uses."""
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
        first = 46_000 + worker * 200 + (int(self.mark, 16) % 9) * 20
        return f"{first}-{first + 19}"

    def server_agent_pid(self) -> int:
        return int((self.data / "agent" / "lock").read_text(encoding="ascii").split()[0])

    def invite(self, user: str, role: str = "standard") -> None:
        self.engine("user", "invite", user, "--role", role)

    def key(self, user: str) -> str:
        """The API key of a user, made at the first call."""
        if user not in self.keys:
            self.keys[user] = self.engine("user", "key", user, "--json").json["api_key"]
        return self.keys[user]

    def session(self, user: str = ADMIN) -> Session:
        if user not in self._sessions:
            self._sessions[user] = Session("geoscan", user, self.key(user), self.url, ca=str(self.data / "ca.pem"))
        return self._sessions[user]

    def share_with_vendor(self) -> Row:
        """The tutorial's share and its three grants, without the tracker; gives the vendor."""
        session = self.session()
        vendor = session.find_one(f"user WHERE code={VENDOR}") or session.create("user", {"code": VENDOR})
        share = session.create("share", {"code": "proj002-outsourcing", "parent": "production", "path": "proj002"})
        paths = {DATASET: False, "TO_VENDORS": False, f"FROM_VENDORS/{VENDOR}": True}
        for path, write in paths.items():
            entity = {"entity": f"user:{vendor['id']}", "target": f"share:{share['id']}", "path": path}
            session.create("acl", {**entity, "read": True, "write": write})
        return dict(vendor)

    # --- the vendor ---------------------------------------------------------------------------------------------------

    def agent(
        self, user: str = VENDOR, *more: str, name: str = "agent", mapped: bool = True, within: tuple[str, ...] = ()
    ) -> Child:
        """Start a vendor's agent and wait until it is online; `within` is a command that is to run it."""
        extra = (
            {**self.as_user(user), "ACCSYN_PRODUCTION_PATH": str(self.vendor_volume)} if mapped else self.as_user(user)
        )
        command = [program("accsyn-engine"), "agent", "--server", self.url, "--user", user]
        command += ["--key", self.key(user), "--ca", extra["ACCSYN_CA"], "--data", str(self.folder / name), *more]
        child = self.children.start(name, [*within, *command], {**self.environment, **extra}, self.folder)
        child.wait_for("connected to https://", seconds=30)
        return child

    # --- jobs and waiting ---------------------------------------------------------------------------------------------

    def until(self, holds: Callable[[], Any], what: str, *, seconds: float = 30, child: Child | None = None) -> Any:
        """Look until `holds` gives something true, and give that; the deadline is a failure that says what was awaited."""
        deadline = self.clock.monotonic() + seconds
        while True:
            answer = holds()
            if answer:
                return answer
            assert self.clock.monotonic() < deadline, f"Waited {seconds} s for {what}" + (
                f"; {child.name} said:\n{child.output[-3000:]}" if child else ""
            )
            self.clock.sleep(0.05)

    def job(self, ident: str, user: str = ADMIN) -> Row:
        found = self.session(user).find_one(f"job WHERE id={ident}")
        assert found is not None, f"job {ident} is gone"
        return found

    def finished(self, ident: str, *, seconds: float = 60, status: str = "done") -> Row:
        """Wait for the end of a job and insist on how it ended."""

        def ended() -> Row | None:
            row = self.job(ident)
            return row if row["status"] in FINISHED else None

        row: Row = self.until(ended, f"job {ident} to end; it is {self.job(ident)}", seconds=seconds)
        assert row["status"] == status, row
        return row

    def send(self, **more: Any) -> Row:
        """The studio's package to the vendor, as the tutorial's script creates it."""
        tasks = {"0": {"source": SENT, "destination": f"{VENDOR}:{SENT}"}}
        return dict(self.session().create("job", {"name": DATASET, "tasks": tasks, **more}))

    def publish_files(self, *names: str, **more: Any) -> Row:
        """Files of the vendor's copy back to the studio, under the vendor's own key."""
        tasks = {}
        for number, name in enumerate(names):
            source = self.vendor_volume / WORK / name
            place = f"geoscan:share=proj002-outsourcing/FROM_VENDORS/{VENDOR}/{name}"
            tasks[str(number)] = {"source": str(source), "destination": place}
        return dict(self.session(VENDOR).create("job", {"name": "result", "tasks": tasks, **more}))

    # --- the end ------------------------------------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """Everything alive that was started in this world, grandchildren with sessions of their own included."""
        found = []
        for process in psutil.process_iter():
            try:
                if self._is_ours(process) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        # The demo hands none of our variables on, but its programs are told their folders.
        named = any(str(self.folder) in word for word in process.cmdline())
        return process.environ().get(MARK) == self.mark or (named and process.pid != os.getpid())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions.values():
            session.close()
        self.children.__exit__()
        left = self.processes()
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)


def write_file(path: Path, size: int, seed: int = 0) -> Path:
    """A file of `size` bytes that no compression helps and that is the same in every run."""
    from blake3 import blake3

    path.parent.mkdir(parents=True, exist_ok=True)
    stream = blake3(f"{path.name} {seed}".encode())
    with path.open("wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(stream.digest(length=min(1 << 20, size - start), seek=start))
    os.utime(path, (1_572_220_800, 1_572_220_800))
    return path


def tree(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything below a folder: size, time and content of each file."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
