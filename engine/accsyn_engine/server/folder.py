"""The data folder of an engine: what lies where, and the lock that says who works on it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accsyn_engine.server.errors import FolderInUseError


@dataclass(frozen=True)
class Folder:
    """The files of DIR that are not the database's."""

    path: Path

    @property
    def ca(self) -> Path:
        """The certificate clients trust."""
        return self.path / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """The key that signs server certificates."""
        return self.path / "ca.key"

    @property
    def certificate(self) -> Path:
        """The server's own certificate."""
        return self.path / "server.pem"

    @property
    def certificate_key(self) -> Path:
        """The key of the server's certificate."""
        return self.path / "server.key"

    @property
    def lock(self) -> Path:
        """Held by the one process that works on the database."""
        return self.path / "lock"

    @property
    def control(self) -> Path:
        """The socket on which the running server takes its owner's commands."""
        return self.path / "control.sock"

    @property
    def agent(self) -> Path:
        """The data folder of the server agent."""
        return self.path / "agent"

    @property
    def agent_key(self) -> Path:
        """The API key with which the server agent logs in."""
        return self.agent / "key"


@contextmanager
def locked(folder: Folder) -> Iterator[None]:
    """Hold DIR/lock; raises FolderInUseError when somebody else does. A process that dies lets go of it."""
    handle = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUseError(folder=folder.path, who=_holder(handle)) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    pid = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
    return f" (process {pid})" if pid.isdigit() else ""


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    part = file.with_name(file.name + ".new")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
