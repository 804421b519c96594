"""A task sheet as the tracker: a CSV or XLSX file with a row a task.

Columns: project, task, dataset path, assignee, status, comment, version, job; `path` and `accsyn` (the keys of effects
that were written) are added when needed. Other columns and everything else in the file stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accsyn_hosts.trackers.sheet.errors import SheetColumnsError, SheetRowGoneError, SheetTaskTwiceError
from accsyn_hosts.trackers.sheet.file import SheetFile
from accsyn_hosts.trackers.sheet.grid import HIDDEN, REQUIRED, WRITTEN, Grid
from accsyn_hosts.trackers.sheet.tasks import TRACKER, ColumnsMissingError, TaskRow, TaskTable
from accsyn_plugins.clock import SystemClock
from accsyn_plugins.config import Settings
from accsyn_plugins.hookspecs import hookimpl
from accsyn_plugins.model import Assignment, Host, StartupFile, Task, TaskUpdate

TEMPLATE = ",".join((*REQUIRED, *WRITTEN, HIDDEN)) + "\n"


@hookimpl
def describe_host(settings: Settings) -> Host:
    """Usable once ACCSYN_SHEET names a file that is there."""
    path = settings.get("sheet")
    if not path:
        return Host(TRACKER, "tracker", usable=False, reason="ACCSYN_SHEET names no sheet.")
    there = Path(path).is_file()
    return Host(TRACKER, "tracker", there, "" if there else f"The sheet {path} does not exist.")


@hookimpl
def startup_files(host: str) -> Sequence[StartupFile] | None:
    """An empty sheet to begin with."""
    if host != TRACKER:
        return None
    return [StartupFile("tasks.csv", TEMPLATE.encode(), str(Path.cwd()))]


@hookimpl
def find_task(tracker: str, task: str, settings: Settings) -> Task | None:
    """A task by its name, or by PROJECT/TASK where two projects share one."""
    if tracker != TRACKER:
        return None
    file = _file(settings)
    rows = _table(file, file.read()).find(task)
    if len(rows) > 1:
        raise SheetTaskTwiceError(task=task, rows=" and ".join(str(row.number) for row in rows), sheet=file.path)
    return rows[0].task if rows else None


@hookimpl
def find_assignments(tracker: str, settings: Settings) -> Sequence[Assignment] | None:
    """The rows with an assignee whom the task was not sent to yet."""
    if tracker != TRACKER:
        return None
    file = _file(settings)
    return _table(file, file.read()).waiting()


@hookimpl
def update_task(task: Task, update: TaskUpdate, key: str, settings: Settings) -> bool | None:
    """Write into the task's row, once per key; the row is found again by project and task on each attempt."""
    if task.tracker != TRACKER:
        return None
    file = _file(settings)

    def edit(grid: Grid) -> bool:
        table = _table(file, grid)
        return table.update(_row(file, table, task), update, key)

    return file.change(edit)


def _file(settings: Settings) -> SheetFile:
    return SheetFile(settings.require("sheet"), SystemClock())


def _table(file: SheetFile, grid: Grid) -> TaskTable:
    try:
        return TaskTable(grid)
    except ColumnsMissingError as error:
        raise SheetColumnsError(sheet=file.path, missing=error, wanted=", ".join(REQUIRED)) from error


def _row(file: SheetFile, table: TaskTable, task: Task) -> TaskRow:
    rows = [row for row in table.rows() if (row.task.project, row.task.id) == (task.project, task.id)]
    same = [row for row in rows if row.task.assignee.lower() == task.assignee.lower()]
    if not rows:
        raise SheetRowGoneError(task=task.id, project=task.project, sheet=file.path)
    return (same or rows)[0]
