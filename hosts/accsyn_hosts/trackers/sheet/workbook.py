"""XLSX through openpyxl: cells are changed one by one, formats stay.

What openpyxl would drop on saving (charts, pictures and the like) is refused before anything is written.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from copy import copy
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter

from accsyn_hosts.trackers.sheet.delimited import UnfinishedError
from accsyn_hosts.trackers.sheet.grid import find_header

# parts of a workbook that would not survive, and what people call them
LOST = (
    (re.compile(r"xl/charts/"), "charts"),
    (re.compile(r"xl/media/"), "pictures"),
    (re.compile(r"xl/drawings/drawing"), "drawings"),
    (re.compile(r"xl/slicers/"), "slicers"),
    (re.compile(r"xl/threadedComments/"), "threaded comments"),
    (re.compile(r"xl/embeddings/"), "embedded objects"),
    (re.compile(r"xl/activeX/"), "controls"),
)


class WouldLoseError(ValueError):
    """Saving would drop something; the text says what."""


class WorkbookGrid:
    """The sheet of a workbook that holds the tasks."""

    def __init__(self, content: bytes, *, macros: bool = False) -> None:
        """Open the content; raises UnfinishedError when it is cut off."""
        self._parts = _parts(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # openpyxl warns of extensions; what matters is checked on saving
                self._book = openpyxl.load_workbook(io.BytesIO(content), keep_vba=macros)
        except Exception as error:  # openpyxl raises what its parsers raise
            raise UnfinishedError("the workbook cannot be parsed") from error
        self._sheet: Any = self._book.worksheets[0]
        for sheet in self._book.worksheets:
            self._sheet = sheet
            if find_header(self) is not None:
                return
        self._sheet = self._book.worksheets[0]

    def height(self) -> int:
        return int(self._sheet.max_row)

    def row(self, number: int) -> list[str]:
        cells = self._sheet.iter_rows(min_row=number + 1, max_row=number + 1, values_only=True)
        return [_text(value) for value in next(cells, ())]

    def write(self, row: int, column: int, text: str) -> None:
        cell = self._sheet.cell(row + 1, column + 1)
        is_new = cell.value is None and not cell.has_style and column
        cell.value = text or None
        if text:
            cell.data_type = "s"  # never a formula, whatever the text begins with
        if is_new:
            cell._style = copy(self._sheet.cell(row + 1, column)._style)  # noqa: SLF001 - openpyxl's own way to copy one

    def hide(self, column: int) -> None:
        self._sheet.column_dimensions[get_column_letter(column + 1)].hidden = True

    def content(self) -> bytes:
        """The workbook's bytes; raises WouldLoseError."""
        lost = [name for pattern, name in LOST if any(pattern.match(part) for part in self._parts)]
        if lost:
            raise WouldLoseError(" and ".join(lost))
        stream = io.BytesIO()
        self._book.save(stream)
        return stream.getvalue()


def _parts(content: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except zipfile.BadZipFile as error:
        raise UnfinishedError("it is no complete workbook") from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
