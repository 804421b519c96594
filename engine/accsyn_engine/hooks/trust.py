"""Which scripts an agent may run: those that nobody but its own user and the machine's administrator can change.

What counts is the program, what follows it, and whatever else in the command is a script; each file with every folder
above it, as written and where links lead. Windows keeps rights in lists that are not looked at here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from accsyn_engine.hooks.errors import NotTrustedError, ShellRefusedError

SCRIPTS = frozenset({".py", ".sh", ".bash", ".pl", ".rb", ".js", ".exe", ".bat", ".cmd", ".ps1"})
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "csh", "tcsh", "fish", "cmd", "powershell", "pwsh"})
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def refuse_shell(words: Sequence[str], *, command: str) -> None:
    """Raise ShellRefusedError for a command line handed to a shell as text, as in `sh -c '...'`."""
    for place, word in enumerate(words[:-1]):
        name = word.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
        options = (other.lower() for other in words[place + 1 :] if other[:1] in "-/")
        if name in SHELLS and any(_takes_text(name, option) for option in options):
            raise ShellRefusedError(command=command, shell=name)


def _takes_text(shell: str, option: str) -> bool:
    if shell == "cmd":
        return option in {"/c", "/k", "/r"}
    if shell in {"powershell", "pwsh"}:
        return option.startswith(("-c", "-e", "/c", "/e"))
    return option.startswith("-") and not option.startswith("--") and "c" in option


def check(words: Sequence[str], *, command: str, interpreter: str) -> None:
    """Raise NotTrustedError for a script that others can change; `interpreter`, the engine's own, is not looked at."""
    if os.name != "posix":
        return
    for file in _scripts(words, interpreter):
        why = fault(file)
        if why is not None:
            raise NotTrustedError(command=command, why=why)


def _scripts(words: Sequence[str], interpreter: str) -> Iterator[Path]:
    follows = next((place for place, word in enumerate(words) if place and not word.startswith("-")), 0)
    for place, word in enumerate(words):
        path = Path(word)
        if word == interpreter or not path.is_absolute() or not path.is_file():
            continue
        if place in {0, follows} or path.suffix.lower() in SCRIPTS or os.access(path, os.X_OK):
            yield path


def fault(file: Path) -> str | None:
    """Say who else can change a file, itself or by putting another one in its place; None: nobody."""
    for path in dict.fromkeys((*_chain(file), *_chain(file.resolve()))):
        if path.is_symlink():
            continue  # whoever may write its folder may change it; the folder is looked at
        state = path.stat()
        if state.st_uid not in {0, os.geteuid()}:
            return f"{path} belongs to another user than the agent's"
        if state.st_mode & _WRITABLE and not (path.is_dir() and state.st_mode & stat.S_ISVTX):
            return f"{path} can be changed by others"
    return None


def _chain(file: Path) -> tuple[Path, ...]:
    return (file, *file.parents)
