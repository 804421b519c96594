"""A hook's command line taken apart: words, placeholders, program. Nothing here goes through a shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from accsyn_engine.hooks.errors import CommandUnreadableError, NoProgramError, ProgramRefusedError

INPUT = "${PATH_JSON_INPUT}"
OUTPUT = "${PATH_JSON_OUTPUT}"

# A Windows word: quotes keep blanks together, a backslash is an ordinary character (C:\hooks\done.py).
_WINDOWS_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')

# Whoever writes one of these means the Python the engine itself runs on, whatever else the machine has.
_PYTHONS = frozenset({"python", "python3", "python.exe", "python3.exe"})


def split_command(command: str, *, windows: bool) -> list[str]:
    """Split `command` into words by the rules of the platform it is written for.

    Raises CommandUnreadableError when it is empty or a quote is left open.
    """
    try:
        words = _split_windows(command) if windows else shlex.split(command)
    except ValueError as error:
        raise CommandUnreadableError(command=command, why=str(error)) from error
    if not words:
        raise CommandUnreadableError(command=command, why="it is empty")
    return words


def _split_windows(command: str) -> list[str]:
    if command.count('"') % 2:
        raise ValueError("No closing quotation")
    return [word.replace('"', "") for word in _WINDOWS_WORD.findall(command)]


def fill(words: list[str], *, input_path: str, output_path: str) -> list[str]:
    """Put the two paths in place of their placeholders; the input's path goes last when no word asks for it."""
    filled = [word.replace(INPUT, input_path).replace(OUTPUT, output_path) for word in words]
    named = any(INPUT in word for word in words)
    return filled if named else [*filled, input_path]


def find_program(words: list[str], *, command: str, interpreter: str, environment: Mapping[str, str]) -> list[str]:
    """Give the words with the program as a path.

    Raises NoProgramError when there is none of that name, ProgramRefusedError when it may not be executed.
    """
    name = words[0]
    if name in _PYTHONS:
        return [interpreter, *words[1:]]
    found = shutil.which(name, path=environment.get("PATH", ""))
    if found is not None:
        return [os.path.abspath(found), *words[1:]]  # noqa: PTH100 - the script runs in another folder; links stay links
    if os.path.dirname(name) and Path(name).exists():  # noqa: PTH120 - asks for a separator in the text, not for a folder
        raise ProgramRefusedError(command=command, program=name)
    raise NoProgramError(command=command, program=name)
