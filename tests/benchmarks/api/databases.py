"""Where the filled databases live: files, or a PostgreSQL server of our own that waits for the disk as in production."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

LOCALE = ("-E", "UTF8", "--locale", "C.UTF-8")


@dataclass(frozen=True)
class Databases:
    """One kind of database, and the folder of its engines."""

    kind: str
    top: Path
    server: str = ""  # the URL of a PostgreSQL server

    def url(self, name: str) -> str:
        """The URL of a new database; empty: the embedded file."""
        if not self.server:
            return ""
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        base, _, query = self.server.partition("?")
        return f"{base.rpartition('/')[0]}/{name}?{query}"


@contextmanager
def databases(kind: str, top: Path) -> Iterator[Databases]:
    """Databases of one kind, in a folder; a server runs only meanwhile."""
    top = top.absolute()
    top.mkdir(parents=True, exist_ok=True)
    if kind == "sqlite":
        yield Databases(kind, top)
        return
    with _server(top / "postgresql") as url:
        yield Databases(kind, top, url)


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    data = folder / "data"
    if not data.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if prefix:
            shutil.chown(folder, "postgres")
            folder.parent.chmod(0o755)
        _run([*prefix, str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", *LOCALE], folder)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c shared_buffers=256MB"
    control = [*prefix, str(binaries / "pg_ctl"), "-D", str(data), "-l", str(folder / "log")]
    _run([*control, "-o", options, "-w", "start"], folder)
    try:
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        _run([*control, "-m", "fast", "-w", "stop"], folder)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
