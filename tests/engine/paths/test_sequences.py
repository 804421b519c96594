"""Names with a counter: which files they stand for."""

from __future__ import annotations

import pytest

from accsyn_engine.paths import basename, parent, read_sequence


@pytest.mark.parametrize(
    ("name", "there", "frames"),
    [
        ("a.%04d.exr", ["a.0100.exr", "a.0099.exr", "a.12345.exr", "a.100.exr", "a.00100.exr"], [99, 100, 12345]),
        (
            "a.####.exr",
            ["a.0100.exr", "b.0100.exr", "a.0100.exr.bak", "a.-100.exr", "a.\u0661\u0661\u0661\u0661.exr"],
            [100],
        ),
        ("a%d", ["a1", "a01", "a", "a10"], [1, 10]),
        ("##.png", ["07.png", ".png", "7.png"], [7]),
        ("a.%03d.exr[9-11]", ["a.008.exr", "a.009.exr", "a.011.exr", "a.012.exr"], [9, 11]),
        ("%04d", ["0001", "1" * 19], [1]),
        ("aa%dbb", ["aabb", "aab", "aa1bb"], [1]),
    ],
)
def test_a_name_stands_for_its_frames_and_no_other_file(name: str, there: list[str], frames: list[int]) -> None:
    sequence = read_sequence(name)
    assert sequence is not None
    assert [number for number, _ in sequence.frames(there)] == frames


@pytest.mark.parametrize(
    "name",
    [
        "a.exr", "C#.txt", "100%.txt", "take[1-3]", "a.%02d.%04d.exr", "##_##", "a.%04d.exr[9-1]",
        "a.%04d.exr[0-1000000]", "a.%99d.exr", "a.%s.exr", "", "[1-2]",
    ],
)  # fmt: skip
def test_a_name_that_is_no_sequence_is_the_name_of_one_file(name: str) -> None:
    assert read_sequence(name) is None


@pytest.mark.parametrize(
    ("there", "missing"),
    [([100, 101, 105], "102-104"), ([], "100-105"), (range(100, 106), ""), ([101, 103, 104, 105], "100, 102")],
)
def test_frames_of_a_range_that_are_not_there_are_told(there: list[int], missing: str) -> None:
    sequence = read_sequence("a.%04d.exr[100-105]")
    assert sequence is not None
    assert sequence.missing(there) == missing


def test_of_many_gaps_only_the_first_are_told() -> None:
    sequence = read_sequence("a.%04d.exr[0-999999]")
    assert sequence is not None
    assert sequence.missing(range(0, 1_000_000, 2)).endswith("37, 39 and more")


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/a/b.%d", "/a"), ("/b.%d", "/"), ("C:\\b.%d", "C:\\"), ("C:\\a\\b.%d", "C:\\a"), ("a/b.%d", "a"), ("b.%d", ""),
        ("\\\\srv\\share\\b.%d", "\\\\srv\\share"), ("/a\\/b.%d", "/a\\"),
    ],
)  # fmt: skip
def test_the_folder_of_a_path_is_found_on_each_platform(path: str, folder: str) -> None:
    assert (parent(path), basename(path)) == (folder, "b.%d")
