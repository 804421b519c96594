from __future__ import annotations

import os
from pathlib import Path

import pytest

from accsyn_engine.hooks.command import fill, find_program, split_command
from accsyn_engine.hooks.environment import hook_environment
from accsyn_engine.hooks.errors import CommandUnreadableError, NoProgramError, ProgramRefusedError


@pytest.mark.parametrize(
    ("command", "windows", "words"),
    [
        (
            "python3 /srv/hooks/done.py ${PATH_JSON_INPUT}",
            False,
            ["python3", "/srv/hooks/done.py", "${PATH_JSON_INPUT}"],
        ),
        ("'/srv/my hooks/done.py' \"two words\"", False, ["/srv/my hooks/done.py", "two words"]),
        (
            r'python "C:\my hooks\done.py" ${PATH_JSON_INPUT}',
            True,
            ["python", r"C:\my hooks\done.py", "${PATH_JSON_INPUT}"],
        ),
        (r"\\alpha\hooks\new\done.exe -x", True, [r"\\alpha\hooks\new\done.exe", "-x"]),
        (r'done.exe "" x', True, ["done.exe", "", "x"]),
    ],
)
def test_a_command_is_split_by_its_platforms_rules_and_backslashes_survive_on_windows(command, windows, words):
    assert split_command(command, windows=windows) == words


@pytest.mark.parametrize(
    ("command", "windows"),
    [("", True), ("", False), ("   ", True), ("   ", False), ("python3 'open", False), ('"', True)],
)
def test_a_command_that_is_none_gets_a_sentence(command, windows):
    with pytest.raises(CommandUnreadableError, match="correct the hook's setting"):
        split_command(command, windows=windows)


def test_a_path_with_blanks_quotes_and_backslashes_stays_one_word():
    path = 'C:\\Temp folder\\it\'s "in" $HOME\\input.json'
    filled = fill(["done", "--in=${PATH_JSON_INPUT}", "${PATH_JSON_OUTPUT}"], input_path=path, output_path="out")
    assert filled == ["done", "--in=" + path, "out"]


def test_the_input_goes_last_when_the_command_does_not_ask_for_it():
    assert fill(["done", "${PATH_JSON_OUTPUT}"], input_path="in", output_path="out") == ["done", "out", "in"]


@pytest.mark.parametrize("name", ["python", "python3"])
def test_python_is_the_engines_own_interpreter_whatever_path_says(name):
    words = find_program(
        [name, "x.py"], command="", interpreter="/engine/bin/python3.11", environment={"PATH": "/usr/bin"}
    )
    assert words == ["/engine/bin/python3.11", "x.py"]


def test_a_program_is_looked_for_on_the_hooks_path_not_the_agents(tmp_path: Path):
    script = tmp_path / "done"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert find_program(["done"], command="done", interpreter="", environment={"PATH": str(tmp_path)}) == [str(script)]
    with pytest.raises(NoProgramError, match="no program 'done'"):
        find_program(["done"], command="done", interpreter="", environment={"PATH": "/nowhere"})


def test_a_file_that_may_not_be_executed_is_told_apart_from_a_missing_one(tmp_path: Path):
    script = tmp_path / "done.py"
    script.write_text("print()")
    with pytest.raises(ProgramRefusedError, match=r"make it executable or name its interpreter"):
        find_program([str(script)], command="x", interpreter="", environment={})
    with pytest.raises(NoProgramError):
        find_program([str(tmp_path / "other.py")], command="x", interpreter="", environment={})


def test_the_environment_of_a_hook_is_an_allow_list_without_secrets():
    environment = {
        "PATH": "/usr/bin",
        "HOME": "/home/a",
        "LC_ALL": "C.UTF-8",
        "SystemRoot": "C:\\Windows",
        "ACCSYN_SERVER": "https://x",
        "ACCSYN_API_KEY": "secret",
        "ACCSYN_SMTP_PASSWORD": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "PYTHONPATH": "/evil",
        "LD_PRELOAD": "/evil",
    }
    passed = hook_environment(environment, key="k1", interpreter="/engine/bin/python")
    assert passed == {
        "PATH": os.pathsep.join(["/engine/bin", "/usr/bin"]),
        "HOME": "/home/a",
        "LC_ALL": "C.UTF-8",
        "SystemRoot": "C:\\Windows",
        "ACCSYN_SERVER": "https://x",
        "ACCSYN_HOOK_KEY": "k1",
        "PYTHONUNBUFFERED": "1",
    }
