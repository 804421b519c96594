"""A studio with a long past: an engine's database filled directly, in bulk, with as many jobs as a figure needs.

Every vendor has one job in ten; one job in a thousand is on a volume of its own, which only one employee
may see, so that lists are measured for those who see nearly everything and for those who see nearly nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import CTE, BigInteger, ColumnElement, Connection, case, func, insert, literal, select, update

from accsyn_engine.clock import SystemClock
from accsyn_engine.ids import Ids
from accsyn_engine.server.authority import write_certificates
from accsyn_engine.server.folder import Folder
from accsyn_engine.services import setup
from accsyn_engine.services.context import ENGINE, Caller, Context
from accsyn_engine.services.people import accounts
from accsyn_engine.services.records.rows import require_user
from accsyn_engine.store.schema import acl, job, job_volume, queue, share, task, user, workspace

ADMIN, EMPLOYEE, FEW = "andrea@geoscan.org", "employee@geoscan.org", "few@geoscan.org"
VENDORS = 10
RARE = 1000  # one job in so many is on the volume that few see
PEOPLE, JOBS, TASKS = 1 << 60, 2 << 60, 3 << 60  # where the numbers of each kind begin
DAY_MS = 86_400_000
URL = "https://127.0.0.1:8443"


@dataclass(frozen=True)
class Size:
    """How many jobs of each sort."""

    active: int
    finished: int

    @property
    def every(self) -> int:
        return self.active + self.finished


@dataclass(frozen=True)
class Studio:
    """A filled engine, open in this process."""

    context: Context
    folder: Path
    size: Size
    key: str  # of the admin

    def caller(self, code: str) -> Caller:
        with self.context.reading() as work:
            row = require_user(work, code)
        return Caller(row.id, row.code, row.role)

    @property
    def callers(self) -> dict[str, Caller]:
        """Who asks: one of each role, and the employee who sees one job in a thousand."""
        people = {"admin": ADMIN, "employee": EMPLOYEE, "employee, few jobs": FEW}
        return {name: self.caller(code) for name, code in people.items()} | {"standard": self.caller("vendor7@gda.com")}

    @property
    def newest_active(self) -> str:
        return f"{JOBS + self.size.every - 1:024x}"


def make_studio(folder: Path, size: Size, database: str = "") -> None:
    """Make an engine in `folder` and fill its database."""
    made = setup.initialise(
        data=folder,
        workspace="geoscan",
        admin=ADMIN,
        volumes=[("production", "/mnt/production"), ("rare", "/mnt/rare")],
        clock=SystemClock(),
        ids=Ids(),
        url=URL,
        database=database,
    )
    write_certificates(Folder(folder), workspace="geoscan", url=URL, now_ms=SystemClock().now_ms())
    (folder / "admin.key").write_text(made.api_key, encoding="ascii")
    context = setup.open_engine(folder, clock=SystemClock(), ids=Ids())
    try:
        with context.changing() as work:
            if context.database.is_sqlite:
                work.connection.exec_driver_sql("PRAGMA cache_size=-1000000")
            _people(work.connection, work.now)
            _jobs(work.connection, work.now, size, sqlite=context.database.is_sqlite)
    finally:
        context.database.close()
    if database:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")


@contextmanager
def opened(folder: Path, size: Size) -> Iterator[Studio]:
    """Open a filled engine in this process."""
    context = setup.open_engine(folder, clock=SystemClock(), ids=Ids())
    try:
        yield Studio(context, folder, size, (folder / "admin.key").read_text(encoding="ascii"))
    finally:
        context.database.close()


def key_of(studio: Studio, code: str) -> str:
    """Make an API key of a user."""
    with studio.context.changing() as work:
        return accounts.issue_key(work, ENGINE, require_user(work, code), "benchmark")


def _people(connection: Connection, now: int) -> None:
    codes = [(f"vendor{number}@gda.com", "standard") for number in range(VENDORS)]
    codes += [(EMPLOYEE, "employee"), (FEW, "employee")]
    rows = [
        {"id": f"{PEOPLE + number:024x}", "code": code, "name": code, "role": role}
        for number, (code, role) in enumerate(codes)
    ]
    stamp = {"status": "enabled", "metadata": {}, "created": now, "creator": ADMIN}
    connection.execute(insert(user), [row | stamp for row in rows])
    volumes = {row.code: row.id for row in connection.execute(select(share.c.id, share.c.code))}
    for number, volume in ((VENDORS, "production"), (VENDORS + 1, "rare")):
        grant = {"id": f"{number:024x}", "user_id": f"{PEOPLE + number:024x}", "share_id": volumes[volume], "path": ""}
        given = {"read": True, "write": True, "status": "enabled", "created": now, "creator": ADMIN}
        connection.execute(insert(acl).values(**grant, **given))


def _numbers(count: int) -> CTE:
    numbers = select(literal(0, BigInteger).label("i")).cte("numbers", recursive=True)
    return numbers.union_all(select(numbers.c.i + literal(1, BigInteger)).where(numbers.c.i < count - 1))


def _id(number: ColumnElement[int], start: int, *, sqlite: bool) -> ColumnElement[str]:
    number = number + literal(start, BigInteger)
    return func.printf("%024x", number) if sqlite else func.lpad(func.to_hex(number), 24, "0")


def _jobs(connection: Connection, now: int, size: Size, *, sqlite: bool) -> None:
    numbers = _numbers(size.every)
    i = numbers.c.i
    is_over = i < size.finished
    vendor = _id(i % VENDORS, PEOPLE, sqlite=sqlite)
    admin = connection.execute(select(user.c.id).where(user.c.code == ADMIN)).scalar_one()
    line = connection.execute(select(queue.c.id).where(queue.c.is_default)).scalar_one()
    studio = connection.execute(select(workspace.c.id)).scalar_one()
    status = case((is_over, "done"), (i % 20 == 3, "paused"), (i % 20 == 7, "failed"), else_="waiting")
    name = literal("Package ") + func.substr(_id(i, JOBS, sqlite=sqlite), 10)
    created = literal(now - 400 * DAY_MS, BigInteger) + i * 10
    values: dict[str, Any] = {
        "id": _id(i, JOBS, sqlite=sqlite),
        "code": name,
        "name": name,
        "code_folded": func.lower(name),
        "name_folded": func.lower(name),
        "type": 1,
        "status": status,
        "phase": "transfer",
        "user_id": admin,
        "queue_id": line,
        "source_type": "workspace",
        "source_id": studio,
        "destination_type": "user",
        "destination_id": vendor,
        "receiver_user_id": vendor,
        "priority": 500,
        "rank": 501_000,
        "size": 1_000_000,
        "bytes_done": case((is_over, 1_000_000), else_=0),
        "bytes_moved": case((is_over, 1_000_000), else_=0),
        "files": 3,
        "files_done": case((is_over, 3), else_=0),
        "speed": -1,
        "reason": case((status == "waiting", literal("waiting for a client of somebody (W#J055)"))),
        "waiting_for": case((status == "waiting", vendor)),
        "attempts": case((is_over, 1), else_=0),
        "metadata": literal({}, job.c.metadata.type),
        "settings": literal({}, job.c.settings.type),
        "hooks": literal([], job.c.hooks.type),
        "created": created,
        "creator": ADMIN,
        "finished": case((is_over, created + 5)),
    }
    _insert(connection, job, values, numbers)
    _volumes(connection, numbers, sqlite=sqlite)
    _tasks(connection, now, size, sqlite=sqlite)


def _insert(connection: Connection, table: Any, values: dict[str, Any], numbers: CTE) -> None:
    chosen = select(*(_typed(value, table.c[name]).label(name) for name, value in values.items())).select_from(numbers)
    connection.execute(insert(table).from_select(list(values), chosen))


def _typed(value: Any, column: Any) -> Any:
    return value if isinstance(value, ColumnElement) else literal(value, column.type)


def _volumes(connection: Connection, numbers: CTE, *, sqlite: bool) -> None:
    volumes = {row.code: row.id for row in connection.execute(select(share.c.id, share.c.code))}
    chosen = case((numbers.c.i % RARE == RARE - 1, volumes["rare"]), else_=volumes["production"])
    values = {"job_id": _id(numbers.c.i, JOBS, sqlite=sqlite), "volume_id": chosen}
    _insert(connection, job_volume, values, numbers)


def _tasks(connection: Connection, now: int, size: Size, *, sqlite: bool) -> None:
    """One task for every active job."""
    numbers = _numbers(size.active)
    volume = connection.execute(select(share.c.id).where(share.c.code == "production")).scalar_one()
    side = {"kind": "volume", "v": volume, "s": volume, "share_hr": "production", "path": "shot/plate.exr"}
    values = {
        "id": func.substr(_id(numbers.c.i, TASKS, sqlite=sqlite) + literal("-----------------"), 1, 36),
        "job_id": _id(numbers.c.i + size.finished, JOBS, sqlite=sqlite),
        "seq": 0,
        "uri": "0",
        "status": "queued",
        "source": literal(side | {"rel": "shot/plate.exr"}, task.c.source.type),
        "destination": literal({"kind": "relative", "user": "", "path": "shot/plate.exr"}, task.c.destination.type),
        "endpoints": "0" * 32,
        "priority": 500,
        "size": -1,
        "metadata": literal({}, task.c.metadata.type),
        "created": now,
    }
    _insert(connection, task, values, numbers)


def made_ready(studio: Studio, job_id: str) -> None:
    """Let the dispatcher have one of the waiting jobs."""
    with studio.context.changing() as work:
        work.connection.execute(
            update(job).where(job.c.id == job_id).values(status="waiting", ready_at=work.now, waiting_for=None)
        )
