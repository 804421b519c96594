"""Task sheets for tests, written and read without the product."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Dict, List, Mapping, Sequence

import openpyxl

from accsyn_plugins.manager import PluginManager
from accsyn_plugins.model import Task
from accsyn_plugins.testing import TrackerCase, make_settings

TITLES = ("Shot notes", "project", "task", "dataset path", "assignee", "status", "comment", "version", "job")


def row(task: Task) -> List[str]:
    return ["", task.project, task.id, task.path, task.assignee, task.status, task.comment, task.version, task.job]


class CsvSheet:
    def __init__(self, path: Path, delimiter: str = ",", encoding: str = "utf-8") -> None:
        self.path, self.delimiter, self.encoding = path, delimiter, encoding
        self.save([TITLES])

    def load(self) -> List[List[str]]:
        text = self.path.read_bytes().decode(self.encoding)
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter))

    def save(self, rows: Sequence[Sequence[str]]) -> None:
        stream = io.StringIO(newline="")
        csv.writer(stream, delimiter=self.delimiter).writerows(rows)
        self.path.write_bytes(stream.getvalue().encode(self.encoding))


class XlsxSheet:
    def __init__(self, path: Path) -> None:
        self.path = path
        book = openpyxl.Workbook()
        book.worksheets[0].append(list(TITLES))
        book.save(path)

    def load(self) -> List[List[str]]:
        sheet = openpyxl.load_workbook(self.path).worksheets[0]
        return [["" if value is None else str(value) for value in cells] for cells in sheet.iter_rows(values_only=True)]

    def save(self, rows: Sequence[Sequence[str]]) -> None:
        book = openpyxl.load_workbook(self.path)
        for number, cells in enumerate(rows, start=1):
            for column, text in enumerate(cells, start=1):
                book.worksheets[0].cell(number, column).value = text or None
        book.save(self.path)


def make_case(sheet: CsvSheet | XlsxSheet, manager: PluginManager) -> TrackerCase:
    def add(task: Task) -> None:
        sheet.save([*sheet.load(), row(task)])

    def assign(task: Task, person: str) -> None:
        rows = sheet.load()
        for cells in rows:
            if cells[2] == task.id:
                cells[4] = person
        sheet.save(rows)

    def kept(task: Task) -> Mapping[str, str]:
        titles, *rows = sheet.load()
        found: List[Dict[str, str]] = [dict(zip(titles, cells)) for cells in rows]
        return next(facts for facts in found if facts["task"] == task.id)

    settings = make_settings({"sheet": str(sheet.path)})
    return TrackerCase("sheet", manager, settings, add, assign, kept)
