"""What `init` does: the database, the certificates, and the key the server agent will log in with, all or nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from accsyn_engine.clock import SystemClock
from accsyn_engine.ids import Ids
from accsyn_engine.server.authority import write_certificates
from accsyn_engine.server.folder import Folder, write_private
from accsyn_engine.services import setup
from accsyn_engine.services.people import accounts
from accsyn_plugins.errors import AccsynError


class EngineUrlError(AccsynError):
    """--url is none that clients can use."""

    code = "bad-url"
    sentence = '"{url}" is no address for an engine; write https://NAME:PORT.'


@dataclass(frozen=True)
class Founded:
    """What the founder needs to know; the key is not kept anywhere."""

    api_key: str
    ca: Path


def found_engine(data: Path, *, workspace: str, admin: str, volumes: list[tuple[str, str]], url: str) -> Founded:
    """Make a new engine; raises a sentence, and leaves nothing behind, when it cannot."""
    _check_url(url)
    folder = Folder(data.absolute())
    existed = folder.path.exists()
    clock, ids = SystemClock(), Ids()
    try:
        made = setup.initialise(
            data=folder.path, workspace=workspace, admin=admin, volumes=volumes, url=url, clock=clock, ids=ids
        )
        write_certificates(folder, workspace=workspace, url=url, now_ms=clock.now_ms())
        folder.agent.mkdir(mode=0o700)
        write_private(folder.agent_key, _agent_key(folder))
    except BaseException:
        if not existed:
            shutil.rmtree(folder.path, ignore_errors=True)  # half an engine is worse than none
        raise
    return Founded(made.api_key, folder.ca)


def _agent_key(folder: Folder) -> str:
    context = setup.open_engine(folder.path, clock=SystemClock(), ids=Ids())
    try:
        made = accounts.key(context, accounts.local_admin(context), label="server agent")
    finally:
        context.database.close()
    return str(made["api_key"])


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme == "https" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    if not is_good:
        raise EngineUrlError(url=url)
