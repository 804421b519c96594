"""CSV in all its dialects, changed cell by cell: delimiter, quoting, byte order mark and line ends stay as they are."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from accsyn_hosts.trackers.sheet.grid import column_name

DELIMITERS = ",;\t|"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate instead of show
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class UnfinishedError(ValueError):
    """The text ends in the middle of something."""


@dataclass
class Record:
    """One row as it stands in the file: each field with its quotes, and the line's end."""

    fields: list[str]
    end: str


class DelimitedGrid:
    """A CSV file's content."""

    def __init__(self, content: bytes) -> None:
        """Take the content apart; raises UnfinishedError when it is cut off."""
        if not content.strip(b"\0\r\n\t "):
            raise UnfinishedError("it is empty")
        self._mark, self._encoding = _encoding(content)
        text = content[len(self._mark) :].decode(self._encoding)
        if "\0" in text:
            raise UnfinishedError("it holds zero bytes")
        self._head, text = _separator_line(text)
        self._delimiter = self._head[4] if self._head else _delimiter(text)
        self._records = list(scan(text, self._delimiter))
        self._check_last_row()
        self._end = self._records[0].end or "\n"

    def height(self) -> int:
        return len(self._records)

    def row(self, number: int) -> list[str]:
        return [_shown(field) for field in self._records[number].fields]

    def write(self, row: int, column: int, text: str) -> None:
        fields = self._records[row].fields
        fields += [""] * (column + 1 - len(fields))
        fields[column] = self._quoted(text)

    def hide(self, column: int) -> None:
        """CSV has no hidden columns: the column is there for all to see."""

    def content(self) -> bytes:
        text = self._head + "".join(self._delimiter.join(r.fields) + r.end for r in self._records)
        return self._mark + text.encode(self._encoding)

    def _check_last_row(self) -> None:
        last = self._records[-1]
        if last.end == "" and len(last.fields) < len(self._records[0].fields) and len(self._records) > 1:
            raise UnfinishedError(f"row {len(self._records)} breaks off after {len(last.fields)} columns")

    def _quoted(self, text: str) -> str:
        if text.startswith(FORMULA):
            text = "'" + text
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            text = text.encode(self._encoding, "replace").decode(self._encoding)
        if any(sign in text for sign in (self._delimiter, '"', "\n", "\r")) or text != text.strip():
            return '"' + text.replace('"', '""') + '"'
        return text


def scan(text: str, delimiter: str) -> Iterator[Record]:
    """Take a text apart into rows without changing a character."""
    position, fields = 0, []
    while position < len(text):
        stop = _field_end(text, position, delimiter)
        fields.append(text[position:stop])
        sign = text[stop : stop + 1]
        position = stop + 1
        if sign != delimiter:
            end = "\r\n" if text.startswith("\r\n", stop) else sign
            position = stop + max(len(end), 1)
            yield Record(fields, end)
            fields = []
        elif position == len(text):
            yield Record([*fields, ""], "")
            fields = []


def _field_end(text: str, start: int, delimiter: str) -> int:
    position = start
    if text.startswith('"', start):
        position = _closing_quote(text, start + 1)
    while position < len(text) and text[position] not in (delimiter, "\r", "\n"):
        position += 1
    return position


def _closing_quote(text: str, position: int) -> int:
    while True:
        position = text.find('"', position)
        if position < 0:
            raise UnfinishedError("a quoted cell never ends")
        if not text.startswith('""', position):
            return position + 1
        position += 2


def _shown(field: str) -> str:
    if len(field) > 1 and field.startswith('"') and field.endswith('"'):
        return field[1:-1].replace('""', '"')
    return field


def _encoding(content: bytes) -> tuple[bytes, str]:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return mark, encoding
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end == len(content) and error.reason == "unexpected end of data":
            raise UnfinishedError("it ends in the middle of a character") from error
        return b"", "cp1252" if _fits(content, "cp1252") else "latin-1"
    return b"", "utf-8"


def _fits(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _separator_line(text: str) -> tuple[str, str]:
    """Excel's own first line `sep=;`."""
    line = text.splitlines(keepends=True)[0] if text else ""
    if line.lower().startswith("sep=") and len(line.strip("\r\n")) == 5:
        return line, text[len(line) :]
    return "", text


def _delimiter(text: str) -> str:
    """The one that makes most sense of the titles."""

    def known(delimiter: str) -> tuple[int, int]:
        best, columns = 0, 0
        for line in text.splitlines()[:20]:
            names = [column_name(_shown(part)) for part in line.split(delimiter)]
            best = max(best, len({"project", "task", "assignee", "status", "dataset path"} & set(names)))
            columns = max(columns, len(names))
        return best, columns

    return max(DELIMITERS, key=known)
