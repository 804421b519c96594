"""A sheet as a grid of texts, whatever file it came from; reading and writing whole contents as bytes, no files.

A grid changes only the cells it is told to; everything else is given back as it was.
"""

from __future__ import annotations

from typing import Protocol

HEADER_WITHIN = 20  # rows above the header may hold a title
REQUIRED = ("project", "task", "dataset path", "assignee")
WRITTEN = ("status", "comment", "version", "job")
HIDDEN = "accsyn"
SAME = {
    "dataset": "dataset path",
    "datasetpath": "dataset path",
    "source": "dataset path",
    "assigned to": "assignee",
    "vendor": "assignee",
}


class Grid(Protocol):
    """Cells by number; both numbers from 0."""

    def height(self) -> int:
        """How many rows there are, the header and rows above it among them."""
        ...

    def row(self, number: int) -> list[str]:
        """The texts of one row."""
        ...

    def write(self, row: int, column: int, text: str) -> None:
        """Put a text into a cell, which may lie just beyond the row's end."""
        ...

    def hide(self, column: int) -> None:
        """Take a column out of people's sight, where the file can."""
        ...

    def content(self) -> bytes:
        """The file's content."""
        ...


def column_name(title: str) -> str:
    """A title as we know it: lower case, single blanks, common other names replaced."""
    name = " ".join(title.replace("_", " ").replace("\ufeff", "").lower().split())
    return SAME.get(name, name)


def find_header(grid: Grid) -> int | None:
    """The number of the row with the titles: the first one that names a task and an assignee."""
    for number in range(min(grid.height(), HEADER_WITHIN)):
        names = {column_name(title) for title in grid.row(number)}
        if {"task", "assignee"} <= names:
            return number
    return None
