"""XLSX keeps what people made of it."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from openpyxl.styles import Font, PatternFill

from accsyn_plugins.manager import PluginManager
from accsyn_plugins.model import Task, TaskUpdate
from accsyn_plugins.testing import make_settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A workbook as a producer keeps it: a cover sheet, a title above the table, colours, widths, numbers, a formula."""
    book = openpyxl.Workbook()
    book.worksheets[0].title = "Cover"
    book.worksheets[0]["A1"] = "GeoScan"
    sheet = book.create_sheet("Tasks")
    sheet["A1"] = "Outsourcing, autumn"
    sheet.append([])
    titles = ["Project", "Task", "Dataset Path", "Assignee", "Status", "Comment", "Version", "Job", "Days", "Sum"]
    for column, title in enumerate(titles, start=1):
        cell = sheet.cell(3, column, title)
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="FFDDAA")
    for column, value in enumerate(["proj002", 17, "17", "jennifer@gda.com", "", "", "", "", 3.5], start=1):
        sheet.cell(4, column, value)
    sheet["J4"] = "=I4*2"
    sheet["E4"].fill = PatternFill("solid", fgColor="00FF00")
    sheet.column_dimensions["C"].width = 44
    sheet.freeze_panes = "A4"
    book.save(tmp_path / "tasks.xlsx")
    return tmp_path / "tasks.xlsx"


def test_a_change_keeps_formats_formulas_and_other_sheets(path: Path, manager: PluginManager) -> None:
    settings = make_settings({"sheet": str(path)})
    task = manager.hook.find_task(tracker="sheet", task="17", settings=settings)
    assert task == Task("17", "proj002", "17", "sheet", "jennifer@gda.com")
    update = TaskUpdate(status="sent to vendor", comment="=1+1", path="/p")
    assert manager.hook.update_task(task=task, update=update, key="k-1", settings=settings) is True
    book = openpyxl.load_workbook(path)
    sheet = book["Tasks"]
    assert book.sheetnames == ["Cover", "Tasks"]
    assert (book["Cover"]["A1"].value, sheet["A1"].value) == ("GeoScan", "Outsourcing, autumn")
    assert sheet["A3"].font.bold
    assert sheet["E4"].fill.fgColor.rgb == "0000FF00"
    assert sheet.column_dimensions["C"].width == 44
    assert sheet.freeze_panes == "A4"
    assert (sheet["B4"].value, sheet["I4"].value, sheet["J4"].value) == (17, 3.5, "=I4*2")
    assert (sheet["E4"].value, sheet["F4"].value, sheet["F4"].data_type) == ("sent to vendor", "=1+1", "s")


def test_the_column_of_effects_is_hidden_and_dressed_like_its_neighbour(path: Path, manager: PluginManager) -> None:
    settings = make_settings({"sheet": str(path)})
    task = manager.hook.find_task(tracker="sheet", task="17", settings=settings)
    manager.hook.update_task(task=task, update=TaskUpdate(status="s"), key="k-1", settings=settings)
    sheet = openpyxl.load_workbook(path)["Tasks"]
    assert (sheet["K3"].value, sheet["K4"].value) == ("accsyn", "k-1")
    assert sheet["K3"].font.bold
    assert sheet.column_dimensions["K"].hidden
