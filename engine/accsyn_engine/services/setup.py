"""Making a new engine, and opening one that was made."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from accsyn_engine import config
from accsyn_engine.clock import Clock
from accsyn_engine.config import EngineConfig
from accsyn_engine.ids import Ids
from accsyn_engine.query.functions import register_functions
from accsyn_engine.services import audit, feed
from accsyn_engine.services.context import ENGINE, Bell, Context, KeyDigest, Work
from accsyn_engine.services.errors import BadValueError
from accsyn_engine.services.moving import dispatch
from accsyn_engine.services.people.accounts import issue_key
from accsyn_engine.services.records.rows import address, require_user
from accsyn_engine.services.work import queues
from accsyn_engine.services.work.places import volume_path
from accsyn_engine.store.database import Database
from accsyn_engine.store.migrating import migrate
from accsyn_engine.store.schema import share, site, user
from accsyn_engine.store.schema import workspace as workspace_table
from accsyn_plugins.errors import AccsynError

SITES = (("hq", "Main site"), ("roaming", "Roaming"))
_CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


class FolderExistsError(AccsynError):
    """init never touches what is there."""

    code = "folder-exists"
    status = 409
    sentence = '"{folder}" exists already; choose a new folder, or start the engine in it with accsyn-engine serve.'


@dataclass(frozen=True)
class Initialised:
    """What a new engine hands out once."""

    api_key: str
    config: EngineConfig
    admin_id: str


def initialise(
    *,
    data: Path,
    workspace: str,
    admin: str,
    volumes: Sequence[tuple[str, str]],
    clock: Clock,
    ids: Ids,
    url: str = "https://localhost:8443",
    database: str = "",
) -> Initialised:
    """Make DIR with configuration, secret and database: workspace, admin with a key, volumes (the first the default).

    Raises FolderExistsError for a DIR that is there, BadValueError or PathError for what was mistyped; nothing is made
    then.
    """
    code, mail = _workspace_code(workspace), address(admin)
    paths = _volumes(volumes)
    settings = EngineConfig(data=data, workspace=code, url=url, database=database)
    try:
        data.mkdir(parents=True, mode=0o700)
    except FileExistsError as error:
        raise FolderExistsError(folder=data) from error
    secret = ids.random_bytes(64)
    _write_secret(settings.key_file, secret)
    (data / config.FILE).write_text(config.dump(settings), encoding="utf-8")
    context = _open(settings, KeyDigest(secret), clock, ids)
    try:
        with context.changing() as work:
            _fill(work, code, mail, paths)
            key = issue_key(work, ENGINE, require_user(work, mail), "init")
            return Initialised(key, settings, require_user(work, mail).id)
    finally:
        context.database.close()


def _workspace_code(text: str) -> str:
    code = text.strip().lower()
    if _CODE.fullmatch(code) is None:
        raise BadValueError(what=f'"{text}" is no code for a workspace; use letters, digits, "-", "_" and ".".')
    return code


def _volumes(volumes: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    if not volumes:
        raise BadValueError(what="An engine needs at least one volume; write --volume CODE=PATH.")
    codes = [code.strip() for code, _ in volumes]
    if len({code.lower() for code in codes}) != len(codes):
        raise BadValueError(what="Two volumes have the same code; give each its own.")
    for code in codes:
        if not code or len(code) > 254 or any(char in code for char in "/\\:= \t\n@"):
            raise BadValueError(what=f'"{code}" is no code for a volume; use letters, digits, "-", "_" and ".".')
    return [(code, volume_path(path)) for code, (_, path) in zip(codes, volumes, strict=True)]


def _write_secret(file: Path, secret: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secret)
        stream.flush()
        os.fsync(stream.fileno())


def _fill(work: Work, code: str, admin: str, volumes: list[tuple[str, str]]) -> None:
    stamp: dict[str, Any] = {"created": work.now, "creator": admin}
    ids = work.context.ids
    work.connection.execute(insert(workspace_table).values(id=ids.entity(), code=code, name=code, **stamp))
    for place, name in SITES:
        work.connection.execute(
            insert(site).values(id=ids.entity(), code=place, name=name, is_main=place == "hq", **stamp)
        )
    admin_id = ids.entity()
    work.connection.execute(
        insert(user).values(
            id=admin_id,
            code=admin,
            name=admin,
            role="admin",
            status="enabled",
            active=True,
            metadata={},
            **stamp,
        )
    )
    _make_volumes(work, volumes, stamp)
    for line, name, priority, is_default in queues.BUILT_IN:
        queues.add(work, ids.entity(), line, name, priority, is_default=is_default, creator=admin)
    audit.record(work, ENGINE, "workspace.init", "workspace", admin_id, code=code, admin=admin)


def _make_volumes(work: Work, volumes: list[tuple[str, str]], stamp: dict[str, Any]) -> None:
    for number, (volume, path) in enumerate(volumes):
        work.connection.execute(
            insert(share).values(
                id=work.context.ids.entity(),
                code=volume,
                name=volume,
                type="volume",
                path=path,
                case_sensitive="\\" not in path,
                is_default=number == 0,
                status="enabled",
                active=True,
                metadata={},
                **stamp,
            )
        )


def open_engine(data: Path, *, clock: Clock, ids: Ids) -> Context:
    """Open an engine's database, brought to the newest schema; close it with `context.database.close()`."""
    settings = config.load(data)
    context = _open(settings, KeyDigest(settings.key_file.read_bytes()), clock, ids)
    with context.changing() as work:
        dispatch.forgive_absence(work)
        feed.begin(work)
    return context


def _open(settings: EngineConfig, keys: KeyDigest, clock: Clock, ids: Ids) -> Context:
    database = Database(settings.database_url, register=register_functions)
    migrate(database)
    return Context(database, clock, ids, Bell(), settings, keys)
