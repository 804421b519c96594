"""Tasks in a grid: which row is which task, which still wait, and what an update does to a row. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from accsyn_hosts.trackers.sheet.grid import HIDDEN, REQUIRED, WRITTEN, Grid, column_name, find_header
from accsyn_plugins.model import Assignment, Task, TaskUpdate, send_mark

TRACKER = "sheet"
KEEP_EFFECTS = 20
# a task nobody has started; another status means that somebody took care of it by hand
OPEN_STATUSES = frozenset(
    {"", "open", "new", "ready", "todo", "to do", "waiting", "not started", "assigned", "ready to start"}
)
NOTE = re.compile(r"(?:^| \| )accsyn: .*\Z", re.DOTALL)


class ColumnsMissingError(ValueError):
    """The titles lack something; the text names it."""


@dataclass(frozen=True)
class TaskRow:
    """A task, the row it stands in (as people count, from 1) and the keys of the effects it has seen."""

    number: int
    task: Task
    effects: tuple[str, ...]


class TaskTable:
    """The tasks of a grid."""

    def __init__(self, grid: Grid) -> None:
        """Find the titles; raises ColumnsMissingError."""
        self._grid = grid
        header = find_header(grid)
        titles = [column_name(title) for title in grid.row(header)] if header is not None else []
        missing = [name for name in REQUIRED if name not in titles]
        if header is None or missing:
            raise ColumnsMissingError(", ".join(missing or REQUIRED))
        self._header = header
        self._columns = {name: number for number, name in reversed(list(enumerate(titles))) if name}
        self._width = len(titles)

    def rows(self) -> Iterator[TaskRow]:
        """Every row that names a task."""
        for number in range(self._header + 1, self._grid.height()):
            cells = self._grid.row(number)
            values = {name: cells[at].strip() if at < len(cells) else "" for name, at in self._columns.items()}
            if values["task"]:
                yield TaskRow(number + 1, _task(values), tuple(values.get(HIDDEN, "").split()))

    def find(self, name: str) -> list[TaskRow]:
        """The rows of a task, called `TASK` or `PROJECT/TASK`."""
        return [row for row in self.rows() if name in (row.task.id, f"{row.task.project}/{row.task.id}")]

    def waiting(self) -> list[Assignment]:
        """The tasks that have an assignee and were not sent to that assignee yet."""
        return [Assignment(row.task, send_mark(row.task)) for row in self.rows() if _waits(row)]

    def update(self, row: TaskRow, update: TaskUpdate, key: str) -> bool:
        """Write an update into a row, unless its effect is there."""
        if key in row.effects:
            return False
        values = {
            "status": update.status,
            "job": update.job,
            "path": update.path,
            "version": next_version(row.task.version) if update.version == "+" else update.version,
            "assignee": update.assignee,
            "comment": merge_comment(row.task.comment, update),
            HIDDEN: " ".join(_effects(row.effects, update, key)),
        }
        for name, text in values.items():
            if text is not None:
                self._grid.write(row.number - 1, self._column(name), text)
        return True

    def _column(self, name: str) -> int:
        """The column's number; one that is missing is added on the right."""
        if name not in self._columns:
            self._grid.write(self._header, self._width, name)
            self._columns[name] = self._width
            self._width += 1
            if name == HIDDEN:
                self._grid.hide(self._columns[name])
        return self._columns[name]


def _task(values: dict[str, str]) -> Task:
    facts = {name: values.get(name, "") for name in (*WRITTEN, "assignee", "project")}
    return Task(id=values["task"], path=values["dataset path"], tracker=TRACKER, **facts)


def _waits(row: TaskRow) -> bool:
    """Assigned, not sent to this person, and either untouched or sent to somebody else before."""
    if not row.task.assignee or f"send-{send_mark(row.task)}-" in "".join(f"{key}\n" for key in row.effects):
        return False
    was_sent = any(key.startswith("send-") for key in row.effects)
    return was_sent or row.task.status.lower() in OPEN_STATUSES


def _effects(effects: tuple[str, ...], update: TaskUpdate, key: str) -> list[str]:
    """The keys to remember: a note of ours replaces an earlier note, so its key goes as well."""
    kept = [old for old in effects if update.note is None or not old.startswith("fail-")]
    return [*kept, key][-KEEP_EFFECTS:]


def next_version(version: str) -> str:
    """v003 -> v004, 9 -> 10; nothing yet is v001."""
    found = re.fullmatch(r"(.*?)(\d+)", version.strip())
    if not found:
        return f"{version.strip()}_v002" if version.strip() else "v001"
    return found[1] + str(int(found[2]) + 1).zfill(len(found[2]))


def merge_comment(old: str, update: TaskUpdate) -> str | None:
    """People's text first, then the new comment, then our note; None when nothing is to be written."""
    if update.comment is None and update.note is None:
        return None
    note = NOTE.search(old)
    text = NOTE.sub("", old)
    if update.comment and update.comment not in text:
        text = f"{text} | {update.comment}" if text else update.comment
    kept = note[0][note[0].index("accsyn: ") :] if note and update.note is None else ""
    sign = f"accsyn: {update.note}" if update.note else kept
    return " | ".join(part for part in (text, sign) if part)
