"""Places below volumes, on any platform's spelling."""

from __future__ import annotations

from typing import Optional

import pytest

from accsyn_plugins.paths import below, is_absolute, parent_of_project, place


@pytest.mark.parametrize(
    ("path", "folder", "rest"),
    [
        ("/vol/p/a.dat", "/vol", "p/a.dat"),
        ("/vol/p/a.dat", "/vol/", "p/a.dat"),
        ("/vol", "/vol", ""),
        ("/volume/a", "/vol", None),
        ("/vol/../etc/passwd", "/vol", None),
        (r"E:\WORK\GEOSCAN\p\a.dat", r"E:\WORK\GEOSCAN", "p/a.dat"),
        (r"e:\work\geoscan\P\a.dat", r"E:/WORK/GEOSCAN", "P/a.dat"),
        (r"\\alpha\production\p\a", r"\\alpha\production", "p/a"),
        ("//alpha/production/p/a", r"\\alpha\production", "p/a"),
        (r"E:\a", "/vol", None),
        (r"F:\WORK\a", r"E:\WORK", None),
    ],
)
def test_what_is_below_a_folder(path: str, folder: str, rest: Optional[str]) -> None:
    assert below(path, folder) == rest


def test_the_longest_root_holds_a_path() -> None:
    roots = {"production": "/vol", "small": "/vol/small", "other": "/other"}
    assert place("/vol/small/a", roots) == ("small", "a")
    assert place("/vol/big/a", roots) == ("production", "big/a")
    assert place("/vol", roots) is None
    assert place("/nowhere/a", roots) is None


@pytest.mark.parametrize(
    ("path", "parent"),
    [
        ("/home/j/proj002/a/b.dat", "/home/j"),
        ("/home/proj002/x/proj002/b.dat", "/home"),
        (r"E:\W\proj002\b.dat", r"E:\W"),
        ("/proj002/b.dat", "/"),
        ("/home/b.dat", None),
        ("/home/proj002", None),
    ],
)
def test_the_folder_that_holds_a_project(path: str, parent: Optional[str]) -> None:
    assert parent_of_project(path, "proj002") == parent


@pytest.mark.parametrize(
    ("path", "absolute"), [("/a", True), (r"C:\a", True), ("C:/a", True), ("a/b", False), ("", False)]
)
def test_what_is_absolute_on_some_platform(path: str, absolute: bool) -> None:
    assert is_absolute(path) is absolute
