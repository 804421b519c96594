"""What everybody has already: `cp`, and `rsync` over an ssh server that belongs to this run alone."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from accsyn_engine.clock import SystemClock

CLOCK = SystemClock()
SSHD = "/usr/sbin/sshd"


def timed(*command: str) -> float:
    begun = CLOCK.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return CLOCK.monotonic() - begun


def cp(source: Path, destination: Path) -> float:
    destination.parent.mkdir(parents=True, exist_ok=True)
    return timed("cp", "-a", str(source), str(destination))


def cp_synced(source: Path, destination: Path) -> float:
    return cp(source, destination) + timed("sync", "-f", str(destination))


@contextmanager
def rsync_over_ssh(folder: Path) -> Iterator[dict[str, Callable[[Path, Path], float]]]:
    """Start an ssh server as an ordinary process with keys of its own; empty where the programs are missing."""
    missing = [name for name in ("rsync", "ssh", "ssh-keygen") if shutil.which(name) is None]
    if missing or not Path(SSHD).exists():
        print(f"rsync over ssh is left out: {', '.join(missing) or SSHD} is not installed", file=sys.stderr)
        yield {}
        return
    folder.mkdir(parents=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = _start(folder, port)
    shell = f"ssh -p {port} -i {folder / 'user'} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -q -F none"
    try:
        _wait(shell)
        yield {"rsync -e ssh": partial(_rsync, shell, ()), "rsync --fsync -e ssh": partial(_rsync, shell, ("--fsync",))}
    finally:
        server.terminate()
        server.wait()


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # root's sshd insists on it; Debian makes it when its own server starts
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder / 'user.pub'}\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    return subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)


def _wait(shell: str) -> None:
    deadline = CLOCK.monotonic() + 10
    while subprocess.run([*shell.split(), _there(), "true"], check=False).returncode:
        if CLOCK.monotonic() > deadline:
            sys.exit("The benchmark's own ssh server does not answer.")
        CLOCK.sleep(0.05)


def _there() -> str:
    return f"{getpass.getuser()}@127.0.0.1"


def _rsync(shell: str, more: tuple[str, ...], source: Path, destination: Path) -> float:
    destination.mkdir(parents=True, exist_ok=True)
    place = f"{_there()}:{destination}/"
    return timed("rsync", "-a", "-s", *more, "-e", shell, f"{source}/", place)
