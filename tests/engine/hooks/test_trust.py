"""A script runs only when nobody but the agent's user and root can change it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from accsyn_engine.hooks import check_command, run_hook
from accsyn_engine.hooks.errors import NoProgramError, NotTrustedError, ShellRefusedError
from accsyn_engine.hooks.trust import fault

only_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "hooks" / "done.py"
    path.parent.mkdir(mode=0o755)
    path.write_text("print('ran')\n")
    path.chmod(0o644)
    return path


def _run(path: Path):
    return run_hook(f"python3 {path}", {}, key="k")


def test_a_script_of_the_agents_own_user_runs(script: Path) -> None:
    assert (_run(script).error, _run(script).output) == (None, "ran\n")


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_script_others_can_write_is_not_run_and_the_sentence_says_what_to_do(script: Path, mode: int) -> None:
    script.chmod(mode)
    result = _run(script)
    assert (result.code, result.output) == ("hook-not-trusted", "")
    assert f"{script} can be changed by others" in result.error
    assert "chmod go-w" in result.error


def test_a_folder_others_can_write_is_as_bad_as_the_script_for_they_could_replace_it(script: Path) -> None:
    script.parent.chmod(0o775)
    assert f"{script.parent} can be changed by others" in _run(script).error


def test_a_folder_in_which_only_owners_replace_things_is_good(script: Path) -> None:
    script.parent.chmod(0o1777)
    assert _run(script).error is None


@only_root
def test_a_script_of_somebody_else_is_not_run(script: Path) -> None:
    os.chown(script, 12345, 12345)
    assert "belongs to another user" in _run(script).error


def test_a_link_does_not_hide_what_it_leads_to(script: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.py"
    link.symlink_to(script)
    assert fault(link) is None
    script.chmod(0o666)
    assert "can be changed by others" in _run(link).error


def test_a_script_behind_another_program_is_looked_at_too(script: Path) -> None:
    script.chmod(0o666)
    with pytest.raises(NotTrustedError):
        check_command(f"env LANG=C python3 {script}")


def test_the_engines_own_python_is_taken_as_it_is(script: Path) -> None:
    check_command(f"{sys.executable} {script}")


@pytest.mark.parametrize(
    "command",
    ["sh -c 'rm -rf /'", "/bin/bash -ec 'x'", "env sh -c x", "cmd /c del", "cmd.exe /C x", "powershell -Command x"],
)
def test_no_shell_is_involved(command: str) -> None:
    with pytest.raises(ShellRefusedError, match="put the lines into a script"):
        check_command(command)
    assert run_hook(command, {}, key="k").code == "hook-shell"


@pytest.mark.skipif(os.name != "posix", reason="a shell of this system")
def test_a_shell_script_by_its_path_is_a_program_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "done.sh"
    path.write_text("echo well\n")
    path.chmod(0o644)
    assert run_hook(f"sh {path}", {}, key="k").output == "well\n"


def test_a_program_that_does_not_exist_is_named_before_anything_runs() -> None:
    with pytest.raises(NoProgramError, match="nothing-here"):
        check_command("/nowhere/nothing-here ${PATH_JSON_INPUT}")
