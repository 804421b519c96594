from __future__ import annotations

import pytest

from accsyn_engine.paths import (
    LeavesFolderError,
    PathError,
    basename,
    is_below,
    join,
    map_code,
    normalise,
)
from accsyn_engine.paths.relative import LONGEST


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("", ""),
        ("/", ""),
        (".", ""),
        ("a", "a"),
        ("/a/b/", "a/b"),
        ("a//b/./c", "a/b/c"),
        ("FROM_VENDORS\\jennifer@gda.com", "FROM_VENDORS/jennifer@gda.com"),
        ("\\a\\\\b", "a/b"),
        ("übung/été 1", "übung/été 1"),
        ("...", "..."),
        ("a..b", "a..b"),
    ],
)
def test_a_path_below_a_root_has_one_spelling(written: str, stored: str) -> None:
    assert normalise(written) == stored
    assert normalise(stored) == stored


@pytest.mark.parametrize("written", ["..", "a/../b", "a\\..\\b", "a/.."])
def test_a_path_that_leaves_its_folder_is_refused_with_its_text(written: str) -> None:
    with pytest.raises(LeavesFolderError) as caught:
        normalise(written)
    assert caught.value.message == f'The path {written!r} contains ".."; write the folder it leads to instead.'


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("a\0b", "the control character U+0000"),
        ("a\nb", "the control character U+000A"),
        ("a\x7f", "the control character U+007F"),
        ("a\x85", "the control character U+0085"),
        ("a\ud800", "U+D800, which is half a character"),
        ("a" * (LONGEST + 1), f"longer than {LONGEST} characters"),
    ],
)
def test_what_no_path_may_contain_is_named(written: str, reason: str) -> None:
    with pytest.raises(PathError, match=reason.replace("+", r"\+")) as caught:
        normalise(written)
    assert len(caught.value.message) < 200


def test_joining_nothing_adds_nothing() -> None:
    assert join("proj002", "", "/a\\b/") == "proj002/a/b"
    assert join("", "") == ""


@pytest.mark.parametrize(
    ("path", "ancestor", "case_sensitive", "expected"),
    [
        ("a/b", "a", True, True),
        ("a", "a", True, True),
        ("ab", "a", True, False),
        ("a", "a/b", True, False),
        ("anything", "", True, True),
        ("", "", True, True),
        ("", "a", True, False),
        ("A/b", "a", True, False),
        ("A/b", "a", False, True),
        ("ÜBUNG/x", "übung", False, True),
    ],
)
def test_below_is_decided_by_whole_names_and_the_volumes_case_rule(
    path: str, ancestor: str, case_sensitive: bool, expected: bool
) -> None:
    assert is_below(path, ancestor, case_sensitive) is expected


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("production", "ACCSYN_PRODUCTION_PATH"),
        ("proj-002.b", "ACCSYN_PROJ_002_B_PATH"),
        ("Größe", "ACCSYN_GR_SSE_PATH"),
    ],
)
def test_a_volumes_environment_variable_is_its_code_in_capitals(code: str, name: str) -> None:
    assert map_code(code) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("C:\\a\\b.dat", "b.dat"),
        ("C:/a/b.dat", "b.dat"),
        ("C:\\", ""),
        ("C:", ""),
        ("\\\\srv\\share\\x\\", "x"),
        ("//srv/share/x", "x"),
        ("/a/b\\c", "b\\c"),
        ("/a/b/", "b"),
        ("/", ""),
        ("a\\b", "b"),
        ("a/b:c", "b:c"),
        ("name", "name"),
    ],
)
def test_the_last_name_is_found_on_either_platform(path: str, name: str) -> None:
    assert basename(path) == name
