"""CSV is changed cell by cell; not a byte besides changes."""

from __future__ import annotations

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsyn_hosts.trackers.sheet.delimited import DelimitedGrid, UnfinishedError, scan

TITLES = "project,task,dataset path,assignee,status"
ROW = "proj002,DS_1,proj002/DS_1,jennifer@gda.com,"

DIALECTS = {
    "plain": (TITLES + "\n" + ROW + "\n").encode(),
    "no line end at the end": (TITLES + "\n" + ROW).encode(),
    "windows": (TITLES + "\r\n" + ROW + "\r\n").encode(),
    "old mac": (TITLES + "\r" + ROW + "\r").encode(),
    "mixed line ends": (TITLES + "\r\n" + ROW + "\n\n,,,,\r\n").encode(),
    "byte order mark": codecs.BOM_UTF8 + (TITLES + "\n" + ROW + "\n").encode(),
    "utf-16": codecs.BOM_UTF16_LE + (TITLES + "\n" + ROW + "\n").replace(",", "\t").encode("utf-16-le"),
    "utf-16 big end": codecs.BOM_UTF16_BE + (TITLES + "\n" + ROW + "\n").encode("utf-16-be"),
    "latin": (TITLES + ",n\xe5got\n" + ROW + ",\xf6\n").encode("cp1252"),
    "latin with undefined bytes": (TITLES + ",n\n" + ROW + ",").encode() + b"\x81\n",
    "semicolons": (TITLES + "\n" + ROW + "\n").replace(",", ";").encode(),
    "tabs": (TITLES + "\n" + ROW + "\n").replace(",", "\t").encode(),
    "bars": (TITLES + "\n" + ROW + "\n").replace(",", "|").encode(),
    "excel's first line": b"sep=;\r\n" + (TITLES + "\r\n" + ROW + "\r\n").replace(",", ";").encode(),
    "quoted throughout": b'"project","task","dataset path","assignee","status"\n"a","b","c","d","e ""f"" , g\nh"\n',
    "quoted for no reason": ('project,"task","dataset path",assignee,status\n' + ROW + "\n").encode(),
    "stray quotes": (TITLES + '\nproj002,DS 5" disk,"a"b,jennifer@gda.com,\n').encode(),
    "short rows": (TITLES + "\nproj002,DS_1\n" + ROW + "\n").encode(),
}


@pytest.mark.parametrize("content", DIALECTS.values(), ids=DIALECTS.keys())
def test_an_unchanged_sheet_is_given_back_to_the_byte(content: bytes) -> None:
    assert DelimitedGrid(content).content() == content


@pytest.mark.parametrize("content", DIALECTS.values(), ids=DIALECTS.keys())
def test_a_changed_cell_changes_its_own_bytes_only(content: bytes) -> None:
    grid = DelimitedGrid(content)
    before = [grid.row(number) for number in range(grid.height())]
    grid.write(1, 4, "sent to vendor")
    again = DelimitedGrid(grid.content())
    after = [again.row(number) for number in range(again.height())]
    before[1] += [""] * (5 - len(before[1]))
    before[1][4] = "sent to vendor"
    assert after == before
    grid.write(1, 4, "")
    assert len(grid.content()) <= len(content) + 6


def test_the_titles_decide_which_delimiter_it_is() -> None:
    content = b'Tasks, all of them;\nproject;task;dataset path;assignee\na, b;"c;d";e;f\n'
    assert DelimitedGrid(content).row(2) == ["a, b", "c;d", "e", "f"]


def test_what_an_encoding_cannot_say_is_replaced_and_not_fatal() -> None:
    grid = DelimitedGrid(DIALECTS["latin"])
    grid.write(1, 4, "日本")
    assert DelimitedGrid(grid.content()).row(1)[4] == "??"


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\tx", "\rx"])
def test_a_text_that_a_spreadsheet_would_calculate_is_marked_as_text(text: str) -> None:
    grid = DelimitedGrid(DIALECTS["plain"])
    grid.write(1, 4, text)
    assert DelimitedGrid(grid.content()).row(1)[4] == "'" + text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\r\n \n", "empty"),
        (b"\0" * 512, "empty"),
        (DIALECTS["plain"] + b"\0" * 64, "zero bytes"),
        ((TITLES + "\nproj002,DS_1,proj").encode(), "row 2 breaks off after 3 columns"),
        ((TITLES + '\nproj002,"DS_1').encode(), "a quoted cell never ends"),
        ((TITLES + "\nproj002,DS_\xe5").encode()[:-1], "in the middle of a character"),
    ],
)
def test_a_sheet_that_is_cut_off_is_noticed(content: bytes, words: str) -> None:
    with pytest.raises(UnfinishedError, match=words):
        DelimitedGrid(content)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@given(st.lists(st.lists(CELL, min_size=1, max_size=4), min_size=1, max_size=4), st.sampled_from(",;\t|"))
def test_what_pythons_writer_wrote_is_read_alike_and_given_back(rows: list[list[str]], delimiter: str) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    records = list(scan(stream.getvalue(), delimiter))
    assert "".join(delimiter.join(record.fields) + record.end for record in records) == stream.getvalue()
    found = [[field[1:-1].replace('""', '"') for field in record.fields] for record in records]
    assert found == rows
