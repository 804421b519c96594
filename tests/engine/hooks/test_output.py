from __future__ import annotations

import pytest

from accsyn_engine.hooks.output import LIMIT, Output, last_line


@pytest.mark.parametrize("size", [0, 1, LIMIT // 2, LIMIT // 2 + 1, LIMIT])
@pytest.mark.parametrize("chunk", [1000, LIMIT * 4])
def test_output_up_to_the_limit_is_kept_whole(size, chunk):
    printed = bytes(97 + i % 26 for i in range(size))
    output = Output()
    for start in range(0, size, chunk):
        output.add(printed[start : start + chunk])
    assert output.text() == printed.decode()


def test_of_longer_output_the_start_and_the_end_are_kept_and_the_gap_is_named():
    output = Output()
    output.add(b"first words" + b"x" * 1_000_000)
    output.add(b"y" * 1_000_000 + b"last words")
    text = output.text()
    assert text.startswith("first words")
    assert text.endswith("last words")
    assert f"... {2_000_021 - LIMIT} bytes left out ..." in text
    assert len(text) < LIMIT + 100


def test_bytes_that_are_no_text_are_shown_as_replacement_characters():
    output = Output()
    output.add(b"\xff\xfe\x00ok\r\n")
    assert output.text() == "\ufffd\ufffd\ufffdok\n"


@pytest.mark.parametrize(("text", "line"), [("", ""), ("a\nb\n\n  \n", "b"), ("x" * 500, "x" * 200)])
def test_the_last_line_that_says_something_is_found(text, line):
    assert last_line(text) == line
