"""What everybody has already: `cp`, `rsync` and `rclone` over an ssh server that belongs to this run alone, `aria2c`, raw TCP.

A program that is not installed is left out with a sentence. None of them fsyncs unless its name says so.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from accsyn_engine.clock import SystemClock
from tests.benchmarks.line import A, B, Wan
from tests.benchmarks.loads import allocated

CLOCK = SystemClock()
SSHD = "/usr/sbin/sshd"
SSH_PORT, HTTP_PORT, IPERF_PORT = 22, 8080, 5201  # in a site's own network
START_S, IPERF_S = 15.0, 15
IPERF_RTTS = 40  # raw TCP gets at least so many round trips


@dataclass(frozen=True)
class Passage:
    """What a peer moved, and in what time; `is_whole` is false when it was stopped before its end."""

    bytes: int
    seconds: float
    is_whole: bool = True

    @property
    def mbit_per_s(self) -> float:
        return self.bytes * 8 / self.seconds / 1e6

    @property
    def row(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 3),
            "bytes": self.bytes,
            "mbit_per_s": round(self.mbit_per_s, 1),
            "is_whole": self.is_whole,
        }


Place = Callable[[], AbstractContextManager[None]]  # be at a site
Course = Callable[[Path, Path, float], Passage | None]  # moves a folder to a new folder in at most so many seconds
Courses = dict[str, Course]


def timed(
    command: Sequence[str], size: int, destination: Path, seconds: float, at: Place = nullcontext
) -> Passage | None:
    """Run a peer; stopped after `seconds`, what lies at the destination counts. None when it fails."""
    begun = CLOCK.monotonic()
    with at():
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
    try:
        _, complaint = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return Passage(allocated(destination), CLOCK.monotonic() - begun, is_whole=False)
    finally:
        _end(process)
    if process.returncode:
        print(f"{command[0]} is left out: {complaint.decode(errors='replace').strip()[-300:]}", file=sys.stderr)
        return None
    return Passage(size, CLOCK.monotonic() - begun)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stderr:
        process.stderr.close()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def has(what: str, *names: str) -> bool:
    """Whether the programs are installed; says so when not."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        print(f"{what} is left out: {', '.join(missing)} is not installed.", file=sys.stderr)
    return not missing


# --- on this machine --------------------------------------------------------------------------------------------------


def cp(source: Path, destination: Path, seconds: float) -> Passage | None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    return timed(("cp", "-a", str(source), str(destination)), size_of(source), destination, seconds)


def cp_synced(source: Path, destination: Path, seconds: float) -> Passage | None:
    copied = cp(source, destination, seconds)
    flushed = timed(("sync", "-f", str(destination)), 0, destination, seconds)
    return copied and flushed and Passage(copied.bytes, copied.seconds + flushed.seconds)


@contextmanager
def on_loopback(folder: Path) -> Iterator[Courses]:
    courses: Courses = {"cp": cp, "cp, then sync": cp_synced}
    with ssh_server(folder, "127.0.0.1", _free_port()) as door:
        if door:
            courses |= {
                "rsync -e ssh": partial(rsync, door, ()),
                "rsync --fsync -e ssh": partial(rsync, door, ("--fsync",)),
                "rclone over sftp": partial(rclone, door),
            }
        yield courses


# --- over a line ------------------------------------------------------------------------------------------------------


@contextmanager
def on_line(folder: Path, volume: Path, wan: Wan, *, is_tree: bool) -> Iterator[Courses]:
    """Peers that move from site a to site b; a tree goes by those that can carry one."""
    at_a, at_b = partial(wan.inside, "a"), partial(wan.inside, "b")
    courses: Courses = {}
    with ExitStack() as stack:
        door = stack.enter_context(ssh_server(folder, B, SSH_PORT, client=at_a, server=at_b))
        if door:
            courses |= {"rsync -e ssh": partial(rsync, door, ()), "rclone over sftp": partial(rclone, door)}
        if not is_tree and has("aria2c x16", "aria2c", "rclone"):
            stack.enter_context(web_server(volume, at_a))
            courses["aria2c x16"] = partial(aria2c, volume, at_b)
        if not is_tree and has("raw TCP x16", "iperf3"):
            courses["raw TCP x16 (iperf3)"] = partial(raw_tcp, wan)
        yield courses


@dataclass(frozen=True)
class SshDoor:
    """An ssh server of this run and the place from which its client calls."""

    address: str
    port: int
    key: Path
    client: Place

    @property
    def shell(self) -> str:
        quiet = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -q -F none"
        return f"ssh -p {self.port} -i {self.key} {quiet}"


@contextmanager
def ssh_server(
    folder: Path, address: str, port: int, *, client: Place = nullcontext, server: Place = nullcontext
) -> Iterator[SshDoor | None]:
    """Start sshd as an ordinary process with keys of its own; None where the programs are missing."""
    if not has("rsync and rclone over ssh", "ssh", "ssh-keygen", SSHD):
        yield None
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host", "user"):
        if not (folder / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # root's sshd insists on it; Debian makes it when its own server starts
    (folder / "config").write_text(
        f"Port {port}\nListenAddress {address}\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder / 'user.pub'}\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        "Subsystem sftp internal-sftp\nMaxStartups 100\nMaxSessions 100\n"
    )
    door = SshDoor(address, port, folder / "user", client)
    with background([SSHD, "-D", "-e", "-f", str(folder / "config")], server):
        _wait_for(address, port, client)
        yield door


@contextmanager
def web_server(volume: Path, at: Place) -> Iterator[None]:
    """Serve a folder at site a by plain HTTP with ranges."""
    with background(["rclone", "serve", "http", str(volume), "--addr", f"{A}:{HTTP_PORT}", "--config", ""], at):
        _wait_for(A, HTTP_PORT, at)
        yield


@contextmanager
def background(command: Sequence[str], at: Place) -> Iterator[None]:
    """A server that runs while the context lasts."""
    with at():
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str, port: int, at: Place) -> None:
    deadline = CLOCK.monotonic() + START_S
    while True:
        try:
            with at(), socket.create_connection((address, port), timeout=5):
                return
        except OSError:
            if CLOCK.monotonic() > deadline:
                sys.exit(f"The benchmark's own server at {address}:{port} does not answer.")
        CLOCK.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rsync(door: SshDoor, more: tuple[str, ...], source: Path, destination: Path, seconds: float) -> Passage | None:
    if not has("rsync over ssh", "rsync"):
        return None
    destination.mkdir(parents=True, exist_ok=True)
    place = f"{getpass.getuser()}@{door.address}:{destination}/"
    command = ("rsync", "-a", "-s", *more, "-e", door.shell, f"{source}/", place)
    return timed(command, size_of(source), destination, seconds, door.client)


def rclone(door: SshDoor, source: Path, destination: Path, seconds: float) -> Passage | None:
    if not has("rclone over sftp", "rclone"):
        return None
    destination.mkdir(parents=True, exist_ok=True)
    place = ["--sftp-host", door.address, "--sftp-port", str(door.port), "--sftp-user", getpass.getuser()]
    place += [
        "--sftp-key-file",
        str(door.key),
        "--transfers",
        "16",
        "--checkers",
        "16",
        "--retries",
        "1",
        "--config",
        "",
    ]
    # Its check of each file would start a shell there, and what that reads first is this machine's affair.
    place += ["--sftp-disable-hashcheck"]
    command = ("rclone", "copy", str(source), f":sftp:{destination}", *place)
    return timed(command, size_of(source), destination, seconds, door.client)


def aria2c(volume: Path, at: Place, source: Path, destination: Path, seconds: float) -> Passage | None:
    destination.mkdir(parents=True, exist_ok=True)
    (file,) = (path for path in source.rglob("*") if path.is_file())
    url = f"http://{A}:{HTTP_PORT}/{file.relative_to(volume).as_posix().replace(' ', '%20')}"
    command = (
        "aria2c",
        "-q",
        "-x16",
        "-s16",
        "-k1M",
        "--file-allocation=none",
        "--no-conf",
        "-d",
        str(destination),
        url,
    )
    return timed(command, file.stat().st_size, destination, seconds, at)


def raw_tcp(wan: Wan, _source: Path, _destination: Path, seconds: float) -> Passage | None:
    """Sixteen connections from memory to memory, without any encryption: what TCP can do here at best."""
    duration = int(min(max(IPERF_S, IPERF_RTTS * wan.line.rtt_ms / 1000), seconds))
    with iperf_server(wan):
        command = ["iperf3", "-c", B, "-p", str(IPERF_PORT), "-P", "16", "-t", str(duration), "-J"]
        with wan.inside("a"):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=duration + 60)
    try:
        received = json.loads(done.stdout)["end"]["sum_received"]
        return Passage(int(received["bytes"]), float(received["seconds"]))
    except (ValueError, KeyError):
        print(f"raw TCP is left out: {done.stdout.strip()[-300:]}", file=sys.stderr)
        return None


@contextmanager
def iperf_server(wan: Wan) -> Iterator[None]:
    """An iperf3 at site b that takes one test after the other."""
    at = partial(wan.inside, "b")
    with background(["iperf3", "-s", "-B", B, "-p", str(IPERF_PORT)], at):
        _wait_for_iperf(at)
        yield


def _wait_for_iperf(at: Place) -> None:
    """Wait until it listens, without a connection that it would take for a test."""
    deadline = CLOCK.monotonic() + START_S
    while CLOCK.monotonic() < deadline:
        with at():
            listening = Path("/proc/thread-self/net/tcp").read_text() + Path("/proc/thread-self/net/tcp6").read_text()
        if f":{IPERF_PORT:04X} " in listening:
            return
        CLOCK.sleep(0.05)
    sys.exit("iperf3 does not listen.")
