"""The rule of `make test FULL=1`, tried on a small suite of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
SUITE = """
from __future__ import annotations
import pytest

@pytest.mark.skip(reason="no such machine")
def test_one(): ...

def test_two(): ...
"""


def run(folder: Path, allowed: str, *arguments: str) -> Tuple[int, str]:
    tests = folder / "tests"
    tests.mkdir()
    shutil.copy(CONFTEST, tests / "conftest.py")
    (tests / "skips.txt").write_text(allowed, encoding="utf-8")
    (tests / "test_small.py").write_text(SUITE, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = tests\nmarkers = system: x\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, "ACCSYN_FULL": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["alone", "two workers"])
def test_a_skip_that_is_on_the_list_passes(tmp_path: Path, arguments: List[str]) -> None:
    code, output = run(tmp_path, "tests/test_small.py::test_one -- no such machine\n", *arguments)
    assert code == 0, output


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["alone", "two workers"])
def test_a_skip_that_is_not_on_the_list_fails(tmp_path: Path, arguments: List[str]) -> None:
    code, output = run(tmp_path, "", *arguments)
    assert code == 1
    assert "tests/test_small.py::test_one was skipped and is not on tests/skips.txt" in output


def test_another_reason_than_the_listed_one_fails(tmp_path: Path) -> None:
    code, _ = run(tmp_path, "tests/test_small.py::test_one -- out of paper\n")
    assert code == 1


def test_a_line_whose_test_runs_again_fails(tmp_path: Path) -> None:
    listed = "tests/test_small.py::test_one -- no such machine\ntests/test_small.py::test_two -- tired\n"
    code, output = run(tmp_path, listed)
    assert code == 1
    assert "this line skips nothing any more; remove it: tests/test_small.py::test_two" in output


def test_a_line_for_a_test_that_is_gone_fails_the_whole_suite_only(tmp_path: Path) -> None:
    listed = "tests/test_small.py::test_one -- no such machine\ntests/test_gone.py::* -- gone\n"
    code, _ = run(tmp_path, listed)
    assert code == 1
    shutil.rmtree(tmp_path / "tests")
    code, output = run(tmp_path, listed, "tests/test_small.py")
    assert code == 0, output


def test_a_line_without_a_reason_stops_the_run(tmp_path: Path) -> None:
    code, output = run(tmp_path, "tests/test_small.py::test_one\n")
    assert code != 0
    assert "gives no reason" in output
