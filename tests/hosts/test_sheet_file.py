"""The sheet's file among people and programs: open, half written, edited in the same moment, not to be written."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Callable, List, Optional

import pytest

from accsyn_hosts.trackers.sheet import file as sheet_file
from accsyn_hosts.trackers.sheet import swap as sheet_swap
from accsyn_hosts.trackers.sheet.errors import (
    SheetBusyError,
    SheetColumnsError,
    SheetContentError,
    SheetHalfWrittenError,
    SheetKindError,
    SheetMissingError,
    SheetOpenError,
    SheetRowGoneError,
    SheetTaskTwiceError,
    SheetWriteError,
)
from accsyn_hosts.trackers.sheet.file import SheetFile
from accsyn_hosts.trackers.sheet.grid import Grid
from accsyn_plugins.clock import SystemClock
from accsyn_plugins.errors import AccsynError
from accsyn_plugins.manager import PluginManager
from accsyn_plugins.model import Task, TaskUpdate
from accsyn_plugins.testing import make_settings
from tests.hosts.sheets import CsvSheet, XlsxSheet, row

TASK = Task("DS_1", "proj002", "proj002/DS_1", "sheet", "jennifer@gda.com")
SENT = TaskUpdate(status="sent to vendor", job="job 7")


@pytest.fixture
def sheet(tmp_path: Path) -> CsvSheet:
    made = CsvSheet(tmp_path / "tasks.csv")
    made.save([*made.load(), row(TASK), row(Task("DS_2", "proj002", "proj002/DS_2"))])
    return made


def update(manager: PluginManager, path: Path, task: Task = TASK, key: str = "send-x-1") -> Optional[bool]:
    settings = make_settings({"sheet": str(path)})
    done: Optional[bool] = manager.hook.update_task(task=task, update=SENT, key=key, settings=settings)
    return done


def find(manager: PluginManager, path: Path, name: str = "DS_1") -> Optional[Task]:
    settings = make_settings({"sheet": str(path)})
    task: Optional[Task] = manager.hook.find_task(tracker="sheet", task=name, settings=settings)
    return task


def refused(path: Path, call: Callable[[], object], kind: type[AccsynError]) -> str:
    """The sentence of the refusal; the folder and the file must be as before."""
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(kind) as caught:
        call()
    assert (path.read_bytes() if path.exists() else None) == before
    assert not list(path.parent.glob(".*.accsyn-tmp"))
    assert str(path) in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("mark", "content", "who"),
    [
        ("~$tasks.csv", b"\x05owner", "Excel"),
        (".~lock.tasks.csv#", b",Andrea,alpha,24.11.2026 03:36,file:///x;", "LibreOffice"),
        (".~lock.tasks.csv#", "Andrea å,u,alpha,24.11.2026 03:36,file:///x;".encode(), "LibreOffice by Andrea å"),
        (".~lock.tasks.csv#", b"\xff\xfe", "LibreOffice"),
    ],
)
def test_a_sheet_that_is_open_is_left_alone_and_says_where(
    manager: PluginManager, sheet: CsvSheet, mark: str, content: bytes, who: str
) -> None:
    (sheet.path.parent / mark).write_bytes(content)
    for call in (update, find):
        sentence = refused(sheet.path, partial(call, manager, sheet.path), SheetOpenError)
        assert f"is open in {who}; close it there" in sentence


@pytest.mark.parametrize("cut", [0, 1, 700])
def test_a_workbook_that_is_half_written_is_left_alone(manager: PluginManager, tmp_path: Path, cut: int) -> None:
    sheet = XlsxSheet(tmp_path / "tasks.xlsx")
    sheet.save([*sheet.load(), row(TASK)])
    sheet.path.write_bytes(sheet.path.read_bytes()[: cut or 2000])
    sentence = refused(sheet.path, lambda: update(manager, sheet.path), SheetHalfWrittenError)
    assert "only half written" in sentence


def test_a_csv_that_is_half_written_is_left_alone(manager: PluginManager, sheet: CsvSheet) -> None:
    sheet.path.write_bytes(sheet.path.read_bytes()[:-12])
    refused(sheet.path, lambda: update(manager, sheet.path), SheetHalfWrittenError)


def test_a_sheet_is_read_once_nobody_writes_any_more(
    manager: PluginManager, sheet: CsvSheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer in two halves: what is read is the whole, never the first half alone."""
    monkeypatch.setattr(sheet_file, "SETTLE_S", 0.1)
    whole = sheet.path.read_bytes()
    sheet.path.write_bytes(whole[:60])
    writer = threading.Timer(0.05, sheet.path.write_bytes, [whole])
    writer.start()
    found = find(manager, sheet.path)
    writer.join()
    assert found == TASK


def test_a_sheet_that_never_rests_is_given_up(sheet: CsvSheet, monkeypatch: pytest.MonkeyPatch) -> None:
    class Restless(SystemClock):
        """Somebody writes whenever we wait."""

        def sleep(self, seconds: float) -> None:
            sheet.path.write_bytes(sheet.path.read_bytes() + b"\n")

    monkeypatch.setattr(sheet_file, "SETTLE_S", 10.0)
    monkeypatch.setattr(sheet_file, "PATIENCE_S", 0.02)
    with pytest.raises(SheetBusyError, match="being written all the time"):
        SheetFile(str(sheet.path), Restless()).read()


def edit_status(grid: Grid) -> bool:
    grid.write(1, 5, "sent to vendor")
    return True


def note(text: str) -> Callable[[List[List[str]]], object]:
    return lambda rows: rows[1].__setitem__(0, text)


def save(sheet: CsvSheet, change: Callable[[List[List[str]]], object]) -> None:
    """Save the way editors do: a new file takes the name."""
    rows = sheet.load()
    change(rows)
    other = sheet.path.with_suffix(".new")
    CsvSheet(other).save(rows)
    other.replace(sheet.path)


def meanwhile(sheet: CsvSheet, *changes: Callable[[List[List[str]]], object]) -> Callable[[Grid], bool]:
    """An edit during whose first rounds a person saves the sheet."""
    left = list(changes)

    def edit(grid: Grid) -> bool:
        if left:
            save(sheet, left.pop(0))
        return edit_status(grid)

    return edit


def test_a_row_edited_while_we_write_keeps_both_changes(sheet: CsvSheet) -> None:
    changes = (note("by Andrea"), lambda rows: rows.append(["", "proj002", "DS_3", "", "", "", "", "", ""]))
    assert SheetFile(str(sheet.path), SystemClock()).change(meanwhile(sheet, *changes)) is True
    rows = sheet.load()
    assert (rows[1][0], rows[1][5]) == ("by Andrea", "sent to vendor")
    assert [cells[2] for cells in rows] == ["task", "DS_1", "DS_2", "DS_3"]


@pytest.mark.parametrize("exchanges", [True, False])
@pytest.mark.parametrize("saves", [1, 2, 3])
def test_a_save_in_the_moment_of_the_swap_is_not_lost(
    sheet: CsvSheet, monkeypatch: pytest.MonkeyPatch, exchanges: bool, saves: int
) -> None:
    """The person saves between our last look and the swap; then again between that and the swap back."""
    swap, left = sheet_swap.swap, list(range(saves))

    def swap_late(path: Path, content: bytes) -> bytes:
        if left:
            save(sheet, note(f"save {left.pop(0)}"))
        return swap(path, content)

    monkeypatch.setattr(sheet_file, "swap", swap_late)
    if not exchanges:
        monkeypatch.setattr(sheet_swap, "_exchange", lambda one, other: False)
    assert SheetFile(str(sheet.path), SystemClock()).change(edit_status) is True
    beside = sheet.path.with_name("tasks.conflict.csv")
    kept = sheet.path.read_text(encoding="utf-8") + (beside.read_text(encoding="utf-8") if beside.exists() else "")
    assert f"save {saves - 1}" in kept
    assert sheet.load()[1][5] == "sent to vendor"
    assert beside.exists() == (saves > 1)


def test_a_row_that_moved_while_we_write_is_found_again(manager: PluginManager, sheet: CsvSheet) -> None:
    settings = make_settings({"sheet": str(sheet.path)})
    rows = sheet.load()
    sheet.save([rows[0], rows[2], rows[1]])
    manager.hook.update_task(task=TASK, update=SENT, key="k", settings=settings)
    assert [cells[5] for cells in sheet.load()] == ["status", "", "sent to vendor"]


def test_an_edit_that_fails_leaves_the_persons_sheet(sheet: CsvSheet) -> None:
    def edit(grid: Grid) -> bool:
        save(sheet, note("by Andrea"))
        raise SheetRowGoneError(sheet=sheet.path, task="DS_1", project="proj002")

    with pytest.raises(SheetRowGoneError):
        SheetFile(str(sheet.path), SystemClock()).change(edit)
    assert sheet.load()[1][0] == "by Andrea"


def test_somebody_who_saves_again_and_again_is_not_fought_for_ever(sheet: CsvSheet) -> None:
    changes = [note(str(number)) for number in range(99)]
    with pytest.raises(SheetBusyError, match="again and again"):
        SheetFile(str(sheet.path), SystemClock()).change(meanwhile(sheet, *changes))
    assert sheet.load()[1][5] == ""


def test_many_programs_at_once_lose_nothing(tmp_path: Path, manager: PluginManager) -> None:
    sheet = CsvSheet(tmp_path / "tasks.csv")
    tasks = [Task(f"DS_{number}", "p", f"p/{number}", "sheet", "a@b.com") for number in range(8)]
    sheet.save([*sheet.load(), *map(row, tasks)])
    threads = [threading.Thread(target=update, args=(manager, sheet.path, task)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [cells[5] for cells in sheet.load()[1:]] == ["sent to vendor"] * 8


def test_a_killed_program_leaves_no_lock(sheet: CsvSheet, manager: PluginManager) -> None:
    code = (
        "import os, sys, signal; from pathlib import Path\n"
        "from accsyn_hosts.trackers.sheet.lock import hold; from accsyn_plugins.clock import SystemClock\n"
        "with hold(Path(sys.argv[1]), SystemClock()): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(sheet.path)], check=False).returncode == -9
    assert update(manager, sheet.path) is True


def test_rights_and_a_link_to_the_sheet_stay(sheet: CsvSheet, manager: PluginManager, tmp_path: Path) -> None:
    sheet.path.chmod(0o664)
    link = tmp_path / "link" / "sheet.csv"
    link.parent.mkdir()
    link.symlink_to(sheet.path)
    assert update(manager, link) is True
    assert link.is_symlink()
    assert sheet.path.stat().st_mode & 0o777 == 0o664
    assert sheet.load()[1][5] == "sent to vendor"


def test_a_disk_that_is_full_changes_nothing(
    sheet: CsvSheet, manager: PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    sentence = refused(sheet.path, lambda: update(manager, sheet.path), SheetWriteError)
    assert "No space left on device" in sentence


def test_a_file_that_another_program_holds_counts_as_open(
    sheet: CsvSheet, manager: PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(path: Path, content: bytes) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sheet_file, "swap", held)
    assert "is open in another program" in refused(sheet.path, lambda: update(manager, sheet.path), SheetOpenError)


def test_a_missing_sheet_is_named(manager: PluginManager, tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    assert "No such file" in refused(path, lambda: find(manager, path), SheetMissingError)


def test_another_kind_of_file_is_refused(manager: PluginManager, tmp_path: Path) -> None:
    path = tmp_path / "tasks.ods"
    assert "save it as one of the two" in refused(path, lambda: find(manager, path), SheetKindError)


def test_missing_columns_are_named(manager: PluginManager, tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    path.write_text("project,task,assignee\na,b,c\n", encoding="utf-8")
    assert "no column dataset path" in refused(path, lambda: find(manager, path), SheetColumnsError)
    path.write_text("name,who\na,b\n", encoding="utf-8")
    assert "no column project, task, dataset path, assignee" in refused(
        path, lambda: find(manager, path), SheetColumnsError
    )


def test_two_rows_for_one_name_are_named_by_their_numbers(manager: PluginManager, sheet: CsvSheet) -> None:
    sheet.save([*sheet.load(), row(Task("DS_1", "proj003", "proj003/DS_1"))])
    sentence = refused(sheet.path, lambda: find(manager, sheet.path), SheetTaskTwiceError)
    assert "rows 2 and 4" in sentence
    assert find(manager, sheet.path, "proj002/DS_1") == TASK


def test_a_row_that_is_gone_is_an_error_that_names_the_task(manager: PluginManager, sheet: CsvSheet) -> None:
    gone = Task("DS_9", "proj002", "", "sheet")
    sentence = refused(sheet.path, lambda: update(manager, sheet.path, gone), SheetRowGoneError)
    assert "The task DS_9 of proj002 is no longer in" in sentence


def test_a_workbook_with_something_that_would_be_lost_is_not_written(manager: PluginManager, tmp_path: Path) -> None:
    from openpyxl import load_workbook
    from openpyxl.chart import BarChart, Reference

    sheet = XlsxSheet(tmp_path / "tasks.xlsx")
    sheet.save([*sheet.load(), row(TASK)])
    book = load_workbook(sheet.path)
    chart = BarChart()
    chart.add_data(Reference(book.worksheets[0], min_col=1, min_row=1, max_row=2))
    book.worksheets[0].add_chart(chart)
    book.save(sheet.path)
    sentence = refused(sheet.path, lambda: update(manager, sheet.path), SheetContentError)
    assert "holds charts and drawings, which would be lost" in sentence
    assert find(manager, sheet.path) == TASK
