"""Releases of the accsyn Python API from the package index, unmodified, each in a folder of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from accsyn_engine.demo.processes import program
from tests.system.world import World

PYTHON = f"py{sys.version_info[0]}{sys.version_info[1]}"


@dataclass(frozen=True)
class Official:
    """One release: a Python of its own that has nothing but tools to build with, and the folder of the release."""

    version: str
    python: Path
    folder: Path

    def run(self, world: World, *command: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        env = {**world.environment, **environment, "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(self.folder)}
        return subprocess.run(
            [str(self.python), *command],
            cwd=world.folder / "home",
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def answer(self, world: World, *command: str, environment: Mapping[str, str]) -> Any:
        done = self.run(world, *command, environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])


def release(config: pytest.Config, version: str) -> Official:
    """Install a release, once: it is kept in pytest's cache folder. What cannot be installed fails the test."""
    cache = config.cache
    assert cache is not None
    folder = cache.mkdir(f"accsyn-python-api-{PYTHON}")
    with (folder / "lock").open("w") as lock:  # workers of one run share the folder
        fcntl.flock(lock, fcntl.LOCK_EX)
        python = _builder(folder / "builder")
        _once(folder / version, lambda place: _install(python, version, place))
    return Official(version, python, folder / version)


def _builder(folder: Path) -> Path:
    python = folder / "bin" / "python"

    def make(place: Path) -> None:
        _run([sys.executable, "-m", "venv", str(place)])
        # Releases below 2 are built from source, without isolation: they need the first two at hand. The third is what
        # all of them call with; the older ones do not name it.
        _run([*_pip(python), "setuptools<81", "wheel", "requests"])

    _once(folder, make)
    return python


def _install(python: Path, version: str, place: Path) -> None:
    _run([*_pip(python), "--no-build-isolation", "--target", str(place), f"accsyn-python-api=={version}"])


def _pip(python: Path) -> list[str]:
    return [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _once(place: Path, make: Any) -> None:
    stamp = place / "complete"
    if not stamp.exists():
        shutil.rmtree(place, ignore_errors=True)
        make(place)
        stamp.touch()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""})
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


def credentials(world: World, user: str) -> dict[str, str]:
    """The environment by which every release knows who is calling."""
    return {
        "ACCSYN_DOMAIN": "geoscan",
        "ACCSYN_WORKSPACE": "geoscan",
        "ACCSYN_API_USER": user,
        "ACCSYN_API_KEY": world.key(user),
    }


def direct(world: World) -> str:
    """The arguments of Session() that point a client at an engine of one's own, over TLS."""
    parts = urlsplit(world.url)
    return json.dumps({"hostname": parts.hostname, "port": parts.port})


def start_relay(world: World, listen: str = "127.0.0.1:0") -> str:
    """Start the loopback relay; gives the value of ACCSYN_PROXY that leads to it."""
    command = [program("accsyn-engine"), "relay", "--server", world.url, "--ca", str(world.data / "ca.pem")]
    child = world.children.start("relay", [*command, "--listen", listen], world.environment, world.folder)
    return child.wait_for(r"ACCSYN_PROXY=(\S+)", seconds=20)[1]
